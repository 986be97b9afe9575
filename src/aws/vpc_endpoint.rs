//! Reads and changes VPC endpoints. Parameters with a surprising default are always sent: type, security groups,
//! private DNS and address type.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use aws_sdk_ec2::types::{
    self, DnsOptionsSpecification, DnsRecordIpType, Filter, IpAddressType, ResourceType, SubnetConfiguration,
    VpcEndpointType,
};

use crate::{
    aws::{
        endpoint_service, filter,
        request::{Action, error, unusable},
        session::Session,
        tags,
    },
    model::{
        failure::CallFailure,
        ids::{EndpointId, RouteTableId, SubnetId, VpcId},
        observed::{Endpoint, EndpointState, PrivateDns},
        ownership::{CLUSTER_TAG, Identity, OWNER_TAG, Tags},
        plan::step::{CreateRequest, Effect, EndpointChange},
        policy::Policy,
        slot::{EndpointKey, EndpointType},
    },
};

impl Session {
    /// Reads all endpoints in a VPC.
    pub(super) async fn endpoints_in(&self, vpc: &VpcId) -> Result<BTreeMap<EndpointId, Endpoint>, CallFailure> {
        self.endpoints(filter::filter("vpc-id", [vpc.as_str()])).await
    }

    /// Reads the endpoints that the network owns, in all VPCs.
    pub(super) async fn owned_endpoints(
        &self,
        identity: &Identity,
    ) -> Result<BTreeMap<EndpointId, Endpoint>, CallFailure> {
        self.endpoints(filter::tag(OWNER_TAG, &identity.uid)).await
    }

    /// Reads the endpoints that networks of a cluster created, in all VPCs.
    pub(super) async fn endpoints_made_by(&self, cluster: &str) -> Result<BTreeMap<EndpointId, Endpoint>, CallFailure> {
        self.endpoints(filter::tag(CLUSTER_TAG, cluster)).await
    }

    async fn endpoints(&self, filter: Filter) -> Result<BTreeMap<EndpointId, Endpoint>, CallFailure> {
        let endpoints = self.caller.list(
            Action::ec2("DescribeVpcEndpoints"),
            |token| {
                let request = self.ec2.describe_vpc_endpoints().filters(filter.clone()).max_results(1000);
                request.set_next_token(token).send()
            },
            |page| (page.vpc_endpoints, page.next_token),
        );
        Ok(endpoints.await?.into_iter().filter_map(|endpoint| read(endpoint, &self.region)).collect())
    }

    /// Calls `CreateVpcEndpoint` for an interface endpoint.
    pub(super) async fn create_interface_endpoint(
        &self,
        token: &str,
        desired: &CreateRequest,
    ) -> Result<Effect, CallFailure> {
        let action = Action::ec2("CreateVpcEndpoint");
        let CreateRequest::InterfaceEndpoint {
            vpc,
            service_name,
            subnets,
            addresses,
            groups,
            private_dns,
            policy,
            tags,
        } = desired
        else {
            return Err(unusable(action, "the request was not for an interface endpoint"));
        };
        let key = endpoint_service::key(&self.region, service_name, EndpointType::Interface.as_str());
        let request = self
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .vpc_id(vpc.as_str())
            .service_name(service_name)
            .set_subnet_ids(texts(subnets))
            .set_subnet_configurations(configurations(addresses))
            .set_security_group_ids(texts(groups))
            .ip_address_type(IpAddressType::Ipv4)
            .private_dns_enabled(*private_dns != PrivateDns::Disabled)
            .set_dns_options(dns_options(key, *private_dns))
            .set_policy_document(document(policy))
            .tag_specifications(tags::specification(ResourceType::VpcEndpoint, tags))
            .client_token(token);
        let answer = self.caller.call(action, || request.clone().send()).await?;
        self.created(action, answer.vpc_endpoint, tags)
    }

    /// Calls `CreateVpcEndpoint` for a gateway endpoint, which has no security groups, addresses or private DNS.
    pub(super) async fn create_gateway_endpoint(
        &self,
        token: &str,
        vpc: &VpcId,
        service_name: &str,
        route_tables: &BTreeSet<RouteTableId>,
        policy: &Policy,
        tags: &Tags,
    ) -> Result<Effect, CallFailure> {
        let request = self
            .ec2
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .vpc_id(vpc.as_str())
            .service_name(service_name)
            .set_route_table_ids(texts(route_tables))
            .set_policy_document(document(policy))
            .tag_specifications(tags::specification(ResourceType::VpcEndpoint, tags))
            .client_token(token);
        let action = Action::ec2("CreateVpcEndpoint");
        let answer = self.caller.call(action, || request.clone().send()).await?;
        self.created(action, answer.vpc_endpoint, tags)
    }

    fn created(
        &self,
        action: Action,
        endpoint: Option<types::VpcEndpoint>,
        tags: &Tags,
    ) -> Result<Effect, CallFailure> {
        let read = endpoint.and_then(|endpoint| read(endpoint, &self.region));
        let (id, mut endpoint) = read.ok_or_else(|| unusable(action, "the answer contains no endpoint"))?;
        if endpoint.tags.is_empty() {
            endpoint.tags.clone_from(tags);
        }
        Ok(Effect::EndpointCreated(id, endpoint))
    }

    /// Calls `ModifyVpcEndpoint` with all changes in one call.
    pub(super) async fn modify_endpoint(
        &self,
        key: EndpointKey,
        endpoint: &EndpointId,
        change: &EndpointChange,
    ) -> Result<Effect, CallFailure> {
        let EndpointChange {
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            add_route_tables,
            remove_route_tables,
            private_dns,
            addresses,
            policy,
        } = change;
        let request = self
            .ec2
            .modify_vpc_endpoint()
            .vpc_endpoint_id(endpoint.as_str())
            .set_add_subnet_ids(texts(add_subnets))
            .set_remove_subnet_ids(texts(remove_subnets))
            .set_add_security_group_ids(texts(add_groups))
            .set_remove_security_group_ids(texts(remove_groups))
            .set_add_route_table_ids(texts(add_route_tables))
            .set_remove_route_table_ids(texts(remove_route_tables))
            .set_subnet_configurations(configurations(addresses))
            .set_policy_document(policy.as_ref().and_then(document))
            .set_reset_policy((*policy == Some(Policy::FullAccess)).then_some(true))
            .set_private_dns_enabled(private_dns.map(|private_dns| private_dns != PrivateDns::Disabled))
            .set_dns_options(private_dns.and_then(|private_dns| dns_options(Some(key), private_dns)));
        self.caller.call(Action::ec2("ModifyVpcEndpoint"), || request.clone().send()).await?;
        Ok(Effect::Accepted)
    }

    /// Calls `DeleteVpcEndpoints` for all endpoints in one call, which returns 200 and lists the endpoints that it
    /// did not delete. The gateway endpoint is last, because the private DNS of the S3 interface endpoint may need
    /// it.
    pub(super) async fn delete_endpoints(
        &self,
        endpoints: &BTreeMap<EndpointId, EndpointKey>,
    ) -> Result<Effect, CallFailure> {
        let mut refused = BTreeMap::new();
        let (gateways, interfaces): (Vec<_>, Vec<_>) =
            endpoints.iter().partition(|(_, key)| key.endpoint_type == EndpointType::Gateway);
        let ids: Vec<String> = interfaces.into_iter().chain(gateways).map(|(id, _)| id.to_string()).collect();
        if !ids.is_empty() {
            let action = Action::ec2("DeleteVpcEndpoints");
            let request = self.ec2.delete_vpc_endpoints().set_vpc_endpoint_ids(Some(ids));
            let answer = self.caller.call(action, || request.clone().send()).await?;
            for item in answer.unsuccessful.unwrap_or_default() {
                let (code, message) = item.error.map(|error| (error.code, error.message)).unwrap_or_default();
                let failure = error::item_failure(action, code.as_deref(), message.as_deref());
                if let Some(id) = item.resource_id {
                    refused.insert(id.into(), failure);
                }
            }
        }
        Ok(Effect::EndpointsDeleting { refused })
    }
}

/// Returns `DnsOptions`, which AWS accepts only for services with both endpoint types
/// (hashicorp/terraform-provider-aws issue 32355). If `PrivateDnsOnlyForInboundResolverEndpoint` is left out, it is
/// true as soon as private DNS is enabled.
fn dns_options(key: Option<EndpointKey>, private_dns: PrivateDns) -> Option<DnsOptionsSpecification> {
    let inbound_only = match private_dns {
        PrivateDns::Enabled => Some(false),
        PrivateDns::InboundResolverOnly => Some(true),
        PrivateDns::Disabled => None,
    };
    (key == Some(EndpointKey::S3_INTERFACE)).then(|| {
        DnsOptionsSpecification::builder()
            .dns_record_ip_type(DnsRecordIpType::Ipv4)
            .set_private_dns_only_for_inbound_resolver_endpoint(inbound_only)
            .build()
    })
}

/// Returns the fixed addresses for a request, or no list if there are none.
fn configurations(addresses: &BTreeMap<SubnetId, Ipv4Addr>) -> Option<Vec<SubnetConfiguration>> {
    let one = |(subnet, ip): (&SubnetId, &Ipv4Addr)| {
        SubnetConfiguration::builder().subnet_id(subnet.as_str()).ipv4(ip.to_string()).build()
    };
    (!addresses.is_empty()).then(|| addresses.iter().map(one).collect())
}

/// Returns the policy for a request. A request without a policy means full access.
fn document(policy: &Policy) -> Option<String> {
    match policy {
        Policy::FullAccess => None,
        Policy::Document(document) => Some(document.clone()),
    }
}

/// Returns the IDs for a request, or no list if there are none.
fn texts<T: ToString>(ids: &BTreeSet<T>) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect())
}

fn read(endpoint: types::VpcEndpoint, region: &str) -> Option<(EndpointId, Endpoint)> {
    let id = endpoint.vpc_endpoint_id?.into();
    let service_name = endpoint.service_name.unwrap_or_default();
    let endpoint_type = endpoint.vpc_endpoint_type.as_ref().map_or("", VpcEndpointType::as_str);
    let key = endpoint_service::key(region, &service_name, endpoint_type);
    let inbound_only = endpoint.dns_options.and_then(|dns| dns.private_dns_only_for_inbound_resolver_endpoint);
    // A gateway endpoint has no private DNS, whatever AWS reports.
    let enabled = endpoint.private_dns_enabled == Some(true) && key != Some(EndpointKey::S3_GATEWAY);
    let private_dns = match (enabled, inbound_only) {
        (false, _) => PrivateDns::Disabled,
        (true, Some(true)) if key == Some(EndpointKey::S3_INTERFACE) => PrivateDns::InboundResolverOnly,
        (true, _) => PrivateDns::Enabled,
    };
    let last_error = endpoint.last_error.map(|error| [error.code, error.message].into_iter().flatten());
    let last_error = last_error.map(|words| words.collect::<Vec<_>>().join(": "));
    let failure = endpoint.failure_reason.filter(|text| !text.is_empty()).or(last_error);
    let endpoint = Endpoint {
        key,
        service_name,
        // The state is read as text: the SDK's variants are spelled differently from EC2's values and never match.
        state: EndpointState::parse(endpoint.state.as_ref().map_or("", types::State::as_str)),
        failure: failure.filter(|text| !text.is_empty()).map(|text| error::readable(&text)),
        subnets: set(endpoint.subnet_ids),
        groups: endpoint
            .groups
            .unwrap_or_default()
            .into_iter()
            .filter_map(|group| group.group_id)
            .map(Into::into)
            .collect(),
        route_tables: set(endpoint.route_table_ids),
        interfaces: set(endpoint.network_interface_ids),
        is_requester_managed: endpoint.requester_managed == Some(true),
        is_ipv6_only: endpoint.ip_address_type == Some(IpAddressType::Ipv6),
        private_dns,
        policy: Policy::observed(endpoint.policy_document.as_deref()),
        dns_names: endpoint.dns_entries.unwrap_or_default().into_iter().filter_map(|entry| entry.dns_name).collect(),
        tags: tags::from_ec2(endpoint.tags),
    };
    Some((id, endpoint))
}

fn set<T: From<String> + Ord>(ids: Option<Vec<String>>) -> BTreeSet<T> {
    ids.unwrap_or_default().into_iter().map(T::from).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{DnsOptions, LastError, State, VpcEndpoint};

    use super::*;
    use crate::model::slot::Service;

    fn endpoint(service: &str, endpoint_type: &str, state: &str) -> types::builders::VpcEndpointBuilder {
        VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-1")
            .service_name(format!("com.amazonaws.eu-west-1.{service}"))
            .vpc_endpoint_type(VpcEndpointType::from(endpoint_type))
            .state(State::from(state))
    }

    fn read_one(endpoint: types::builders::VpcEndpointBuilder) -> Endpoint {
        read(endpoint.build(), "eu-west-1").expect("it has an id").1
    }

    #[test]
    fn states_are_read_regardless_of_case() {
        for (word, state) in [
            ("available", EndpointState::Available),
            ("Available", EndpointState::Available),
            ("pendingAcceptance", EndpointState::Pending),
            ("deleting", EndpointState::Deleting),
            ("deleted", EndpointState::Deleted),
            ("partial", EndpointState::Unknown("partial".to_owned())),
            ("resting", EndpointState::Unknown("resting".to_owned())),
        ] {
            assert_eq!(read_one(endpoint("mgn", "Interface", word)).state, state);
        }
    }

    #[test]
    fn private_dns_depends_on_service_and_type() {
        let inbound = |only| DnsOptions::builder().private_dns_only_for_inbound_resolver_endpoint(only).build();
        for (service, endpoint_type, enabled, options, expected) in [
            ("s3", "Interface", true, Some(true), PrivateDns::InboundResolverOnly),
            ("s3", "Interface", true, Some(false), PrivateDns::Enabled),
            ("s3", "Interface", false, Some(true), PrivateDns::Disabled),
            ("mgn", "Interface", true, None, PrivateDns::Enabled),
            ("mgn", "Interface", true, Some(true), PrivateDns::Enabled),
            ("s3", "Gateway", true, None, PrivateDns::Disabled),
        ] {
            let endpoint = endpoint(service, endpoint_type, "available").private_dns_enabled(enabled);
            assert_eq!(read_one(endpoint.set_dns_options(options.map(inbound))).private_dns, expected);
        }
    }

    #[test]
    fn only_endpoints_that_networks_use_have_a_key() {
        let key = |service, endpoint_type| read_one(endpoint(service, endpoint_type, "available")).key;
        assert_eq!(key("s3", "Gateway"), Some(EndpointKey::S3_GATEWAY));
        assert_eq!(key("mgn", "interface"), Some(EndpointKey::interface(Service::Mgn)));
        assert_eq!(key("dynamodb", "Gateway"), None);
        assert_eq!(key("s3", "GatewayLoadBalancer"), None);
    }

    #[test]
    fn dns_options_are_sent_only_for_s3() {
        assert_eq!(dns_options(Some(EndpointKey::interface(Service::Mgn)), PrivateDns::Enabled), None);
        let flag = |private_dns| {
            let options = dns_options(Some(EndpointKey::S3_INTERFACE), private_dns).expect("S3 has them");
            options.private_dns_only_for_inbound_resolver_endpoint()
        };
        assert_eq!(flag(PrivateDns::InboundResolverOnly), Some(true));
        assert_eq!(flag(PrivateDns::Enabled), Some(false));
        assert_eq!(flag(PrivateDns::Disabled), None);
    }

    #[test]
    fn the_reason_of_a_failure_is_kept() {
        let error = LastError::builder().code("Code").message("what happened").build();
        let failed = endpoint("mgn", "Interface", "failed");
        assert_eq!(read_one(failed.clone().last_error(error)).failure.as_deref(), Some("Code: what happened"));
        assert_eq!(read_one(failed.failure_reason("why")).failure.as_deref(), Some("why"));
    }
}
