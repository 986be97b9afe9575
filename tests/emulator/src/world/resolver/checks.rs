//! The checks of Resolver. Source, unless noted otherwise: Route 53 API Reference, CreateResolverEndpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{Direction, IpAddressRequest, Protocol};
use crate::world::{
    Context,
    address::{self, Unavailable},
    ec2::subnet::Subnet,
    error::AwsError,
    ids::{ResourceId, SecurityGroupId, VpcId},
    tags::Tag,
};

/// Returns an `InvalidParameterException`.
pub(super) fn parameter(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterException", message)
}

/// Returns an `InvalidRequestException`.
pub(super) fn request(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidRequestException", message)
}

/// Returns the error for a value that violates a constraint of the API model. The code is ASSUMED (`ASSUMPTIONS.md`,
/// "Wire").
pub(super) fn constraint(member: &str, rule: &str) -> AwsError {
    let message = format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {rule}");
    AwsError::new("ValidationException", message)
}

/// Source: aws-sdk-route53resolver, model of `Name`: up to 64 characters, `(?!^[0-9]+$)([a-zA-Z0-9\-_' ']+)`.
pub(super) fn check_name(name: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_' ".contains(c);
    let digits_only = name.chars().all(|c| c.is_ascii_digit());
    if name.len() <= 64 && name.chars().all(allowed) && (!digits_only || name.is_empty()) {
        return Ok(());
    }
    Err(constraint("name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9\\-_' ']+)"))
}

/// Checks which protocols can be combined. Source: Route 53 API Reference, CreateResolverEndpoint, Protocols.
pub(super) fn check_protocols(direction: Direction, protocols: &BTreeSet<Protocol>) -> Result<(), AwsError> {
    let fits = match direction {
        Direction::Inbound => !(protocols.contains(&Protocol::DoH) && protocols.contains(&Protocol::DoHFips)),
        Direction::Outbound => !protocols.contains(&Protocol::DoHFips),
        Direction::InboundDelegation => protocols.iter().all(|protocol| *protocol == Protocol::Do53),
    };
    if fits && (1..=2).contains(&protocols.len()) {
        Ok(())
    } else {
        Err(parameter("The combination of protocols is not supported for this direction."))
    }
}

/// Returns the tags of a create call or of TagResource: up to 200, without `aws:` keys.
pub(super) fn check_tags(tags: &[Tag]) -> Result<(), AwsError> {
    if tags.len() > 200 {
        return Err(AwsError::new("LimitExceededException", "A resource can have at most 200 tags."));
    }
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(AwsError::new("InvalidTagException", format!("The tag '{key}' is not valid.")));
        }
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(AwsError::new("InvalidTagException", "Tag keys must not start with 'aws:'."));
        }
    }
    Ok(())
}

/// Returns the subnet of an address request.
///
/// Source: Route 53 Developer Guide, "Considerations when creating inbound and outbound endpoints", and VPC User
/// Guide, "Share your VPC": participants cannot create Resolver endpoints in a VPC that they do not own. The codes,
/// including `InvalidParameterException` for an unknown subnet, are ASSUMED (`ASSUMPTIONS.md`, "Codes").
pub(super) fn subnet<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a Subnet, AwsError> {
    if context.is_shared(|region| &region.subnets, id) {
        let message = format!("The subnet '{id}' is in a VPC that another account owns and shares.");
        return Err(request(message));
    }
    let found = context.region().subnets.find(id, context.sight());
    found.map(|(_, subnet)| subnet).map_err(|_| parameter(format!("[RSLVR-00402] The subnet '{id}' does not exist.")))
}

/// Returns the groups of an endpoint in a VPC. That an unknown group, or a group of another VPC, is
/// `InvalidParameterException` is ASSUMED (`ASSUMPTIONS.md`, "Codes").
pub(super) fn groups(
    context: &Context<'_>,
    ids: &[String],
    vpc: &VpcId,
) -> Result<BTreeSet<SecurityGroupId>, AwsError> {
    if ids.is_empty() {
        return Err(parameter("A resolver endpoint needs at least one security group."));
    }
    let mut groups = BTreeSet::new();
    for id in ids {
        // Source: an answer of CreateResolverEndpoint in the snapshots of LocalStack (2023-09), which were recorded from AWS.
        SecurityGroupId::parse(id)
            .map_err(|error| parameter(format!("[RSLVR-00408] Malformed security group ID: \"{}\".", error.message)))?;
        let found = context.region().security_groups.find(id, context.sight());
        let (id, group) = found.map_err(|_| parameter(format!("The security group '{id}' does not exist.")))?;
        if group.vpc != *vpc {
            return Err(parameter(format!("The security group '{id}' is not in the VPC '{vpc}'.")));
        }
        groups.insert(id);
    }
    let most = context.options.quotas.security_groups_per_interface;
    if groups.len() > most {
        let message = format!("A resolver endpoint can have at most {most} security groups.");
        return Err(AwsError::new("LimitExceededException", message));
    }
    Ok(groups)
}

/// Returns the addresses for requests in one VPC. Addresses that a request does not fix are chosen.
///
/// Source of `RSLVR-00405`: quoted in public issues, for an IP address that is reserved or outside the range of its
/// subnet.
pub(super) fn addresses<'a>(
    context: &'a Context<'_>,
    requests: &[IpAddressRequest],
) -> Result<Vec<(&'a Subnet, Ipv4Addr)>, AwsError> {
    let region = context.region();
    let mut fixed = BTreeMap::new();
    for (at, IpAddressRequest { subnet_id, ip }) in requests.iter().enumerate() {
        let subnet = subnet(context, subnet_id)?;
        let Some(text) = ip else { continue };
        let address: Ipv4Addr =
            text.parse().map_err(|_| parameter(format!("The IP address '{text}' is not an IPv4 address.")))?;
        match address::obstacle(region, subnet, address) {
            None => {}
            Some(Unavailable::OutOfRange | Unavailable::Reserved) => {
                let message =
                    format!("[RSLVR-00405] IP address '{address}' is not in subnet CIDR range or is reserved.");
                return Err(parameter(message));
            }
            Some(Unavailable::InUse) => {
                return Err(parameter(format!("IP address '{address}' is already in use.")));
            }
        }
        if fixed.values().any(|other| *other == address) {
            return Err(parameter(format!("IP address '{address}' is given twice.")));
        }
        fixed.insert(at, address);
    }
    let mut kept: Vec<Ipv4Addr> = fixed.values().copied().collect();
    let mut seeds = region.ids.clone();
    let mut places = Vec::new();
    for (at, IpAddressRequest { subnet_id, .. }) in requests.iter().enumerate() {
        let subnet = subnet(context, subnet_id)?;
        let address = match fixed.get(&at) {
            Some(address) => *address,
            None => address::choose(region, subnet, &kept, seeds.next_number()).map_err(|_| {
                parameter(format!("The subnet '{}' does not have enough free addresses.", subnet.id.as_str()))
            })?,
        };
        kept.push(address);
        places.push((subnet, address));
    }
    Ok(places)
}
