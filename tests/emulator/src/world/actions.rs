//! The table of all actions, and the dispatch of calls to them.

use serde_json::Value;

use super::{
    Context,
    action::{Action, Service},
    ec2::{
        availability_zone, cidr_reservation, dhcp_options, endpoint_service, managed_prefix_list, network_acl,
        network_interface, prefix_list, route, route_table, security_group, subnet, tag, vpc, vpc_endpoint,
        vpn_gateway,
    },
    error::AwsError,
    mgn,
    parameters::{self, Style},
    resolver, route53, sts,
};

/// An action without its types.
pub(super) struct Entry {
    service: Service,
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Context<'_>, &Value) -> Result<Value, AwsError>,
}

const fn entry<A: Action>() -> Entry {
    Entry { service: A::SERVICE, name: A::NAME, run: run::<A> }
}

const ACTIONS: &[Entry] = &[
    entry::<availability_zone::DescribeAvailabilityZones>(),
    entry::<cidr_reservation::CreateSubnetCidrReservation>(),
    entry::<cidr_reservation::DeleteSubnetCidrReservation>(),
    entry::<cidr_reservation::GetSubnetCidrReservations>(),
    entry::<dhcp_options::AssociateDhcpOptions>(),
    entry::<dhcp_options::CreateDhcpOptions>(),
    entry::<dhcp_options::DeleteDhcpOptions>(),
    entry::<dhcp_options::DescribeDhcpOptions>(),
    entry::<endpoint_service::DescribeVpcEndpointServices>(),
    entry::<network_acl::CreateNetworkAcl>(),
    entry::<network_acl::DeleteNetworkAcl>(),
    entry::<network_acl::DescribeNetworkAcls>(),
    entry::<network_acl::ReplaceNetworkAclAssociation>(),
    entry::<network_acl::entry::CreateNetworkAclEntry>(),
    entry::<network_acl::entry::DeleteNetworkAclEntry>(),
    entry::<network_acl::entry::ReplaceNetworkAclEntry>(),
    entry::<network_interface::CreateNetworkInterface>(),
    entry::<network_interface::DeleteNetworkInterface>(),
    entry::<network_interface::DescribeNetworkInterfaces>(),
    entry::<managed_prefix_list::CreateManagedPrefixList>(),
    entry::<managed_prefix_list::DeleteManagedPrefixList>(),
    entry::<managed_prefix_list::ModifyManagedPrefixList>(),
    entry::<managed_prefix_list::list::DescribeManagedPrefixLists>(),
    entry::<managed_prefix_list::list::GetManagedPrefixListEntries>(),
    entry::<prefix_list::DescribePrefixLists>(),
    entry::<route::CreateRoute>(),
    entry::<route::DeleteRoute>(),
    entry::<route::DisableVgwRoutePropagation>(),
    entry::<route::EnableVgwRoutePropagation>(),
    entry::<route_table::AssociateRouteTable>(),
    entry::<route_table::CreateRouteTable>(),
    entry::<route_table::DeleteRouteTable>(),
    entry::<route_table::DescribeRouteTables>(),
    entry::<route_table::DisassociateRouteTable>(),
    entry::<security_group::CreateSecurityGroup>(),
    entry::<security_group::DeleteSecurityGroup>(),
    entry::<security_group::DescribeSecurityGroups>(),
    entry::<security_group::association::AssociateSecurityGroupVpc>(),
    entry::<security_group::association::DescribeSecurityGroupVpcAssociations>(),
    entry::<security_group::association::DisassociateSecurityGroupVpc>(),
    entry::<security_group::authorize::AuthorizeSecurityGroupEgress>(),
    entry::<security_group::authorize::AuthorizeSecurityGroupIngress>(),
    entry::<security_group::revoke::RevokeSecurityGroupEgress>(),
    entry::<security_group::revoke::RevokeSecurityGroupIngress>(),
    entry::<security_group::rules::DescribeSecurityGroupRules>(),
    entry::<security_group::modify::ModifySecurityGroupRules>(),
    entry::<security_group::modify::UpdateSecurityGroupRuleDescriptionsEgress>(),
    entry::<security_group::modify::UpdateSecurityGroupRuleDescriptionsIngress>(),
    entry::<subnet::CreateSubnet>(),
    entry::<subnet::DeleteSubnet>(),
    entry::<subnet::DescribeSubnets>(),
    entry::<tag::CreateTags>(),
    entry::<tag::DeleteTags>(),
    entry::<tag::DescribeTags>(),
    entry::<vpc::CreateVpc>(),
    entry::<vpc::DeleteVpc>(),
    entry::<vpc::DescribeVpcs>(),
    entry::<vpc::attribute::DescribeVpcAttribute>(),
    entry::<vpc::attribute::ModifyVpcAttribute>(),
    entry::<vpc::attribute::ModifyVpcTenancy>(),
    entry::<vpc::cidr_block::AssociateVpcCidrBlock>(),
    entry::<vpc::cidr_block::DisassociateVpcCidrBlock>(),
    entry::<vpc_endpoint::create::CreateVpcEndpoint>(),
    entry::<vpc_endpoint::delete::DeleteVpcEndpoints>(),
    entry::<vpc_endpoint::describe::DescribeVpcEndpoints>(),
    entry::<vpc_endpoint::modify::ModifyVpcEndpoint>(),
    entry::<vpn_gateway::AttachVpnGateway>(),
    entry::<vpn_gateway::CreateVpnGateway>(),
    entry::<vpn_gateway::DeleteVpnGateway>(),
    entry::<vpn_gateway::DescribeVpnGateways>(),
    entry::<vpn_gateway::DetachVpnGateway>(),
    entry::<mgn::CreateReplicationConfigurationTemplate>(),
    entry::<mgn::DeleteReplicationConfigurationTemplate>(),
    entry::<mgn::DescribeReplicationConfigurationTemplates>(),
    entry::<mgn::InitializeService>(),
    entry::<mgn::UpdateReplicationConfigurationTemplate>(),
    entry::<resolver::addresses::AssociateResolverEndpointIpAddress>(),
    entry::<resolver::addresses::DisassociateResolverEndpointIpAddress>(),
    entry::<resolver::addresses::ListResolverEndpointIpAddresses>(),
    entry::<resolver::create::CreateResolverEndpoint>(),
    entry::<resolver::delete::DeleteResolverEndpoint>(),
    entry::<resolver::list::GetResolverEndpoint>(),
    entry::<resolver::list::ListResolverEndpoints>(),
    entry::<resolver::tags::ListTagsForResource>(),
    entry::<resolver::tags::TagResource>(),
    entry::<resolver::tags::UntagResource>(),
    entry::<resolver::update::UpdateResolverEndpoint>(),
    entry::<route53::association::AssociateVpcWithHostedZone>(),
    entry::<route53::association::CreateVpcAssociationAuthorization>(),
    entry::<route53::association::DisassociateVpcFromHostedZone>(),
    entry::<route53::list::ListHostedZonesByVpc>(),
    entry::<route53::zone::CreateHostedZone>(),
    entry::<route53::zone::DeleteHostedZone>(),
    entry::<route53::zone::GetHostedZone>(),
    entry::<sts::AssumeRole>(),
    entry::<sts::GetCallerIdentity>(),
];

fn run<A: Action>(context: &mut Context<'_>, parameters: &Value) -> Result<Value, AwsError> {
    let request: A = parameters::read(parameters, style(A::SERVICE))?;
    let answer = request.run(context)?;
    serde_json::to_value(answer).map_err(|error| AwsError::new("InternalError", error.to_string()))
}

fn style(service: Service) -> Style {
    match service {
        Service::Ec2 | Service::Sts => Style::Form,
        Service::Mgn | Service::Resolver => Style::Json,
        Service::Route53 => Style::Xml,
    }
}

/// Returns the action with this name.
///
/// Source of `InvalidAction`: EC2 API Reference, "Error codes". Resolver: AWS JSON 1.1 protocol.
pub(super) fn find(service: Service, name: &str) -> Result<&'static Entry, AwsError> {
    ACTIONS.iter().find(|entry| entry.service == service && entry.name == name).ok_or_else(|| match service {
        Service::Ec2 | Service::Sts => {
            AwsError::new("InvalidAction", format!("The action {name} is not valid for this web service."))
        }
        Service::Mgn | Service::Resolver | Service::Route53 => {
            AwsError::new("UnknownOperationException", format!("Unknown operation {name}"))
        }
    })
}

/// Returns the service that has an action of this name, for protocols that do not name the service.
pub(super) fn service_of(name: &str) -> Option<Service> {
    ACTIONS.iter().find(|entry| entry.name == name).map(|entry| entry.service)
}

/// Whether a call has neither IDs, nor filters, nor a page size.
pub(super) fn lists_everything(parameters: &Value) -> bool {
    parameters.as_object().is_none_or(serde_json::Map::is_empty)
}

/// Removes `DryRun` from the parameters of an EC2 call; all EC2 calls accept it.
pub(super) fn split_dry_run(service: Service, parameters: &Value) -> Result<(Value, bool), AwsError> {
    let mut parameters = parameters.clone();
    if service != Service::Ec2 {
        return Ok((parameters, false));
    }
    let dry_run = match parameters.as_object_mut().and_then(|fields| fields.remove("DryRun")) {
        None => false,
        Some(Value::Bool(flag)) => flag,
        Some(Value::String(text)) if text == "true" => true,
        Some(Value::String(text)) if text == "false" => false,
        Some(other) => return Err(AwsError::value(format!("Value {other} for parameter DryRun is invalid."))),
    };
    Ok((parameters, dry_run))
}
