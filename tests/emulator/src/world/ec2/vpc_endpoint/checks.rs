//! The checks of an endpoint, except for its subnets and its policy: DNS options, private DNS, routes.

use std::collections::BTreeSet;

use super::{DnsOptionsRequest, VpcEndpoint};
use crate::world::{
    Context, Region,
    catalogue::{self, EndpointType},
    ec2::route::Destination,
    error::AwsError,
    ids::{PrefixListId, RouteTableId, VpcEndpointId, VpcId},
    route53,
};

/// Whether a service has both endpoint types; only then does `PrivateDnsOnlyForInboundResolverEndpoint` exist. In China,
/// the two have different service names.
pub(super) fn has_inbound_only(context: &Context<'_>, short_name: &str) -> bool {
    let offers = catalogue::offers(&context.caller.region, context.options);
    let types: BTreeSet<EndpointType> =
        offers.iter().filter(|offer| offer.short_name == short_name).map(|offer| offer.endpoint_type).collect();
    types.len() == 2
}

/// Checks that the DNS options of a request are valid for the endpoint.
pub(super) fn check_dns_options(
    context: &Context<'_>,
    endpoint_type: EndpointType,
    short_name: &str,
    options: &DnsOptionsRequest,
) -> Result<(), AwsError> {
    let inbound_only = options.private_dns_only_for_inbound_resolver_endpoint;
    match endpoint_type {
        // Source: hashicorp/terraform-provider-aws issue 45846, which quotes AWS.
        EndpointType::Gateway if inbound_only.is_some() => Err(AwsError::parameter(
            "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints.",
        )),
        // Source: hashicorp/terraform-provider-aws issues 32355 and 46102, which quotes AWS.
        EndpointType::Interface if inbound_only.is_some() && !has_inbound_only(context, short_name) => {
            Err(AwsError::parameter("PrivateDnsOnlyForInboundResolverEndpoint not supported for this service."))
        }
        EndpointType::Gateway | EndpointType::Interface => check_record_type(options),
    }
}

/// Source: EC2 API Reference, DnsOptionsSpecification. All subnets of the emulator are IPv4 only.
fn check_record_type(options: &DnsOptionsRequest) -> Result<(), AwsError> {
    match options.dns_record_ip_type.as_deref() {
        None | Some("ipv4" | "service-defined") => Ok(()),
        Some(other @ ("ipv6" | "dualstack")) => Err(AwsError::parameter(format!(
            "The DNS record IP type {other} is not compatible with the IP address type ipv4."
        ))),
        Some(other) => Err(AwsError::value(format!("Value ({other}) for parameter DnsRecordIpType is invalid."))),
    }
}

/// All subnets of the emulator are IPv4 only. Source: EC2 API Reference, CreateVpcEndpoint, IpAddressType.
pub(super) fn check_ip_address_type(asked: Option<&str>) -> Result<(), AwsError> {
    match asked {
        None | Some("ipv4") => Ok(()),
        Some(other @ ("ipv6" | "dualstack")) => Err(AwsError::parameter(format!(
            "The IP address type {other} is not supported by the subnets of the endpoint."
        ))),
        Some(other) => Err(AwsError::value(format!("Value ({other}) for parameter IpAddressType is invalid."))),
    }
}

/// Checks that an interface endpoint can have private DNS. `itself` is the endpoint that is modified.
pub(super) fn check_private_dns(
    context: &Context<'_>,
    vpc: &VpcId,
    names: &[String],
    itself: Option<&VpcEndpointId>,
) -> Result<(), AwsError> {
    let region = context.region();
    // Source: EC2 API Reference, CreateVpcEndpoint, PrivateDnsEnabled: both attributes must be true.
    if !region.vpcs.get(vpc).is_some_and(|vpc| vpc.dns_support && vpc.dns_hostnames) {
        return Err(AwsError::parameter(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}"
        )));
    }
    // Source: hashicorp/terraform-provider-aws issue 17535, which quotes AWS. That an endpoint conflicts until it is
    // gone is ASSUMED (`ASSUMPTIONS.md`, "Private DNS").
    let others = region.vpc_endpoints.values().filter(|other| {
        other.vpc == *vpc && other.exists() && other.private_dns && itself.is_none_or(|itself| *itself != other.id)
    });
    let taken: BTreeSet<&String> = others.flat_map(|other| &other.private_names).collect();
    // Source: hashicorp/terraform-provider-aws issue 37783 shows that AWS creates a hosted zone for each endpoint, and a VPC is
    // associated with one zone of a name only. That only the same name conflicts is ASSUMED (`ASSUMPTIONS.md`, "Hosted zones").
    let zones = context.hosted_zones.of_vpc(&context.caller.region, vpc);
    let zones: BTreeSet<&str> = zones.map(|zone| zone.name.as_str()).collect();
    let conflicts = |name: &&String| taken.contains(name) || zones.contains(&*route53::zone_name(name));
    match names.iter().find(conflicts) {
        None => Ok(()),
        Some(name) => Err(AwsError::parameter(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {vpc}"
        ))),
    }
}

/// Checks that the VPC has the gateway endpoint that inbound-only private DNS requires.
///
/// Source: S3 User Guide, "AWS PrivateLink for Amazon S3", and hashicorp/terraform-provider-aws issue 33689 for the text.
pub(super) fn check_inbound_only(
    region: &Region,
    vpc: &VpcId,
    short_name: &str,
    record_ip_type: &str,
) -> Result<(), AwsError> {
    let gateway = region.vpc_endpoints.values().find(|other| is_gateway_of(other, vpc, short_name) && other.stays());
    let Some(gateway) = gateway else {
        return Err(AwsError::parameter(format!(
            "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {vpc} must have a Gateway endpoint for the \
             service."
        )));
    };
    if gateway.record_ip_type == "service-defined" || gateway.record_ip_type == record_ip_type {
        return Ok(());
    }
    Err(AwsError::parameter(format!(
        "The DnsRecordIpType of the Gateway endpoint {} must be service-defined or {record_ip_type}.",
        gateway.id
    )))
}

fn is_gateway_of(endpoint: &VpcEndpoint, vpc: &VpcId, short_name: &str) -> bool {
    endpoint.endpoint_type == EndpointType::Gateway && endpoint.vpc == *vpc && endpoint.short_name == short_name
}

/// Returns the route tables that a caller names for a gateway endpoint of a VPC.
///
/// Source of `RouteAlreadyExists`: EC2 API Reference, "Error codes", and eksctl-io/eksctl issue 2510.
pub(super) fn resolve_route_tables(
    context: &Context<'_>,
    named: &[String],
    vpc: &VpcId,
    prefix_list: &PrefixListId,
) -> Result<BTreeSet<RouteTableId>, AwsError> {
    let region = context.region();
    let mut tables = BTreeSet::new();
    for id in named {
        let (id, table) = region.route_tables.find(id, context.sight())?;
        if table.vpc != *vpc {
            return Err(AwsError::parameter(format!("Route table {id} and VPC {vpc} belong to different networks.")));
        }
        let rival = |other: &VpcEndpoint| other.routes_through(&id) && other.prefix_list.as_ref() == Some(prefix_list);
        let custom = table.own_routes.contains_key(&Destination::PrefixList(prefix_list.clone()));
        if custom || region.vpc_endpoints.values().any(rival) {
            return Err(AwsError::new(
                "RouteAlreadyExists",
                format!("route table {id} already has a route with destination-prefix-list-id {prefix_list}"),
            ));
        }
        tables.insert(id);
    }
    Ok(tables)
}
