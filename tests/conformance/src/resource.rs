//! The kinds of resources that cases create: how to find those of a run, and how to delete one.

use std::fmt::Debug;

use aws_sdk_ec2::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    types::{AttachmentStatus, Filter, RouteTable, VpnGateway, VpnState},
};
use aws_sdk_route53::types::{HostedZone, VpcRegion};

use crate::{
    answers::{state_of, tag},
    network::filter,
    ownership::TAG,
    target::Target,
};

/// The length to which an error without a code is cut.
const LONGEST: usize = 200;

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ResolverEndpoint,
    VpcEndpoint,
    HostedZone,
    NetworkInterface,
    VpnGateway,
    Subnet,
    RouteTable,
    NetworkAcl,
    SecurityGroup,
    PrefixList,
    Vpc,
    DhcpOptions,
}

/// The kinds in the order of deletion: a kind comes before those that its resources use. VPCs are found last, because
/// they lead to hosted zones and Resolver endpoints.
pub(crate) const IN_ORDER: [Kind; 12] = [
    Kind::ResolverEndpoint,
    Kind::VpcEndpoint,
    Kind::HostedZone,
    Kind::NetworkInterface,
    Kind::VpnGateway,
    Kind::Subnet,
    Kind::RouteTable,
    Kind::NetworkAcl,
    Kind::SecurityGroup,
    Kind::PrefixList,
    Kind::Vpc,
    Kind::DhcpOptions,
];

/// Returns the code and the message of an error, or the reason why there is no answer.
fn text<E: ProvideErrorMetadata + std::error::Error + Debug + 'static, R: Debug + 'static>(
    error: SdkError<E, R>,
) -> String {
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or_default()),
        // The whole text contains the answer with its headers.
        None => DisplayErrorContext(error).to_string().chars().take(LONGEST).collect(),
    }
}

/// Sends a call for all pages, and returns the IDs of the items that the closure accepts.
macro_rules! list {
    ($call:expr, $id:expr) => {{
        let mut items = $call.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            found.extend($id(item.map_err(text)?));
        }
        Ok(found)
    }};
}

impl Kind {
    /// Finds the resources of the run that are not deleted yet.
    pub(crate) async fn find(self, target: &Target) -> Result<Vec<String>, String> {
        let (ec2, own) = (&target.ec2, || filter(&format!("tag:{TAG}"), target.run.name()));
        match self {
            Self::ResolverEndpoint => resolver_endpoints(target).await,
            Self::VpcEndpoint => {
                list!(ec2.describe_vpc_endpoints().filters(own()), |one: aws_sdk_ec2::types::VpcEndpoint| {
                    if state_of(&one).eq_ignore_ascii_case("deleted") { None } else { one.vpc_endpoint_id }
                })
            }
            Self::HostedZone => hosted_zones(target).await,
            Self::NetworkInterface => {
                list!(ec2.describe_network_interfaces().filters(own()), |one: aws_sdk_ec2::types::NetworkInterface| one
                    .network_interface_id)
            }
            // This call has no pages.
            Self::VpnGateway => {
                let found = ec2.describe_vpn_gateways().filters(own()).send().await.map_err(text)?;
                let gateways = found.vpn_gateways.unwrap_or_default().into_iter();
                Ok(gateways
                    .filter(|one| one.state != Some(VpnState::Deleted))
                    .filter_map(|one| one.vpn_gateway_id)
                    .collect())
            }
            Self::Subnet => {
                list!(ec2.describe_subnets().filters(own()), |one: aws_sdk_ec2::types::Subnet| one.subnet_id)
            }
            Self::RouteTable => {
                list!(ec2.describe_route_tables().filters(own()), |one: RouteTable| one.route_table_id)
            }
            Self::NetworkAcl => {
                list!(ec2.describe_network_acls().filters(own()), |one: aws_sdk_ec2::types::NetworkAcl| one
                    .network_acl_id)
            }
            Self::SecurityGroup => {
                list!(ec2.describe_security_groups().filters(own()), |one: aws_sdk_ec2::types::SecurityGroup| one
                    .group_id)
            }
            // This call has no filters for tags.
            Self::PrefixList => {
                let own_account = ec2.describe_managed_prefix_lists().filters(filter("owner-id", &target.account));
                list!(own_account, |one: aws_sdk_ec2::types::ManagedPrefixList| {
                    if tag(one.tags(), TAG) == Some(target.run.name()) { one.prefix_list_id } else { None }
                })
            }
            Self::Vpc => vpcs(target, own()).await,
            Self::DhcpOptions => {
                list!(ec2.describe_dhcp_options().filters(own()), |one: aws_sdk_ec2::types::DhcpOptions| one
                    .dhcp_options_id)
            }
        }
    }

    /// Begins to delete a resource. What prevents the deletion may need another attempt.
    pub(crate) async fn delete(self, target: &Target, id: &str) -> Result<(), String> {
        let ec2 = &target.ec2;
        match self {
            Self::ResolverEndpoint => {
                let call = target.resolver.delete_resolver_endpoint().resolver_endpoint_id(id);
                call.send().await.map(drop).map_err(text)
            }
            Self::VpcEndpoint => {
                let answer = ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await.map_err(text)?;
                match answer.unsuccessful().first().and_then(|item| item.error()) {
                    Some(error) => {
                        Err(format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default()))
                    }
                    None => Ok(()),
                }
            }
            Self::HostedZone => target.route53.delete_hosted_zone().id(id).send().await.map(drop).map_err(text),
            Self::NetworkInterface => {
                ec2.delete_network_interface().network_interface_id(id).send().await.map(drop).map_err(text)
            }
            Self::VpnGateway => delete_vpn_gateway(target, id).await,
            Self::Subnet => delete_subnet(target, id).await,
            Self::RouteTable => delete_route_table(target, id).await,
            Self::NetworkAcl => ec2.delete_network_acl().network_acl_id(id).send().await.map(drop).map_err(text),
            Self::SecurityGroup => delete_group(target, id).await,
            Self::PrefixList => {
                ec2.delete_managed_prefix_list().prefix_list_id(id).send().await.map(drop).map_err(text)
            }
            Self::Vpc => ec2.delete_vpc().vpc_id(id).send().await.map(drop).map_err(text),
            Self::DhcpOptions => ec2.delete_dhcp_options().dhcp_options_id(id).send().await.map(drop).map_err(text),
        }
    }
}

async fn vpcs(target: &Target, own: Filter) -> Result<Vec<String>, String> {
    list!(target.ec2.describe_vpcs().filters(own), |one: aws_sdk_ec2::types::Vpc| one.vpc_id)
}

/// Finds the Resolver endpoints in the VPCs of the run that have its tag.
async fn resolver_endpoints(target: &Target) -> Result<Vec<String>, String> {
    let mut own = Vec::new();
    for vpc in vpcs(target, filter(&format!("tag:{TAG}"), target.run.name())).await? {
        let by_vpc = aws_sdk_route53resolver::types::Filter::builder().name("HostVPCId").values(&vpc).build();
        let found = target.resolver.list_resolver_endpoints().filters(by_vpc).send().await.map_err(text)?;
        for endpoint in found.resolver_endpoints() {
            let (Some(id), Some(arn)) = (endpoint.id(), endpoint.arn()) else { continue };
            let tags = target.resolver.list_tags_for_resource().resource_arn(arn).send().await.map_err(text)?;
            if tags.tags().iter().any(|tag| tag.key() == TAG && tag.value() == target.run.name()) {
                own.push(id.to_owned());
            }
        }
    }
    Ok(own)
}

/// Finds the hosted zones of the VPCs of the run whose caller reference begins with its name.
async fn hosted_zones(target: &Target) -> Result<Vec<String>, String> {
    let mut own = Vec::new();
    for vpc in vpcs(target, filter(&format!("tag:{TAG}"), target.run.name())).await? {
        let call = target.route53.list_hosted_zones_by_vpc().vpc_id(&vpc);
        let found = call.vpc_region(VpcRegion::from(target.region.as_str())).send().await.map_err(text)?;
        for zone in found.hosted_zone_summaries() {
            // The zones of endpoints belong to a service of AWS.
            if zone.owner().and_then(|owner| owner.owning_account()) != Some(&target.account) {
                continue;
            }
            let got = target.route53.get_hosted_zone().id(zone.hosted_zone_id()).send().await.map_err(text)?;
            let reference = got.hosted_zone().map(HostedZone::caller_reference).unwrap_or_default();
            if reference.starts_with(target.run.name()) {
                own.push(zone.hosted_zone_id().to_owned());
            }
        }
    }
    Ok(own)
}

async fn delete_vpn_gateway(target: &Target, id: &str) -> Result<(), String> {
    let found = target.ec2.describe_vpn_gateways().vpn_gateway_ids(id).send().await.map_err(text)?;
    for attachment in found.vpn_gateways().iter().flat_map(VpnGateway::vpc_attachments) {
        if let (Some(vpc), Some(AttachmentStatus::Attached)) = (attachment.vpc_id(), attachment.state()) {
            target.ec2.detach_vpn_gateway().vpn_gateway_id(id).vpc_id(vpc).send().await.map_err(text)?;
        }
    }
    target.ec2.delete_vpn_gateway().vpn_gateway_id(id).send().await.map(drop).map_err(text)
}

/// Deletes a subnet. If that fails, its CIDR reservations are deleted for the next attempt.
async fn delete_subnet(target: &Target, id: &str) -> Result<(), String> {
    let Err(error) = target.ec2.delete_subnet().subnet_id(id).send().await else { return Ok(()) };
    if let Ok(found) = target.ec2.get_subnet_cidr_reservations().subnet_id(id).send().await {
        for reservation in found.subnet_ipv4_cidr_reservations() {
            let call = target.ec2.delete_subnet_cidr_reservation();
            call.set_subnet_cidr_reservation_id(reservation.subnet_cidr_reservation_id.clone())
                .send()
                .await
                .map_err(text)?;
        }
    }
    Err(text(error))
}

/// Deletes a route table. If that fails, its associations are removed for the next attempt.
async fn delete_route_table(target: &Target, id: &str) -> Result<(), String> {
    let Err(error) = target.ec2.delete_route_table().route_table_id(id).send().await else { return Ok(()) };
    let found = target.ec2.describe_route_tables().route_table_ids(id).send().await.map_err(text)?;
    for association in found.route_tables().iter().flat_map(RouteTable::associations) {
        let call = target.ec2.disassociate_route_table();
        call.set_association_id(association.route_table_association_id.clone()).send().await.map_err(text)?;
    }
    Err(text(error))
}

/// Deletes a group. If that fails, its rules and its associations with other VPCs are removed for the next attempt: two
/// groups can refer to each other.
async fn delete_group(target: &Target, id: &str) -> Result<(), String> {
    let ec2 = &target.ec2;
    let Err(error) = ec2.delete_security_group().group_id(id).send().await else { return Ok(()) };
    let found = ec2.describe_security_group_rules().filters(filter("group-id", id)).send().await.map_err(text)?;
    for rule in found.security_group_rules.unwrap_or_default() {
        let ids = Some(rule.security_group_rule_id.into_iter().collect());
        if rule.is_egress == Some(true) {
            let call = ec2.revoke_security_group_egress().group_id(id).set_security_group_rule_ids(ids);
            call.send().await.map_err(text)?;
        } else {
            let call = ec2.revoke_security_group_ingress().group_id(id).set_security_group_rule_ids(ids);
            call.send().await.map_err(text)?;
        }
    }
    let associations = ec2.describe_security_group_vpc_associations().filters(filter("group-id", id)).send().await;
    for association in associations.map_err(text)?.security_group_vpc_associations() {
        let call = ec2.disassociate_security_group_vpc().group_id(id);
        call.set_vpc_id(association.vpc_id.clone()).send().await.map_err(text)?;
    }
    Err(text(error))
}
