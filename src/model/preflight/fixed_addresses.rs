//! Fixed addresses: whether those that a network asks for can be had. AWS would refuse them one by one, in the middle of
//! the work.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::site::Site;
use crate::model::{
    checks::{Check, Finding},
    ids::{EndpointId, NetworkInterfaceId, SubnetId},
    observed::{NetworkInterface, Observed},
    owner::Identity,
    slot::{GroupRole, Slot},
};

/// Checks them all.
pub(super) fn find(site: &Site<'_>) -> Vec<Finding> {
    let Site { identity, settings, observed, subnets, .. } = *site;
    let mut findings = Vec::new();
    let mut asked: BTreeMap<Ipv4Addr, Slot> = BTreeMap::new();
    for (slot, subnet, ip) in settings.fixed_addresses() {
        let field = match slot {
            Slot::Endpoint(key) => format!("spec.endpoints[{key}].addresses"),
            Slot::Group(_) | Slot::Resolver => "spec.resolver.addresses".to_owned(),
        };
        let mut add = |message: String| {
            findings.push(Finding::new(Check::FixedAddressesFree, format!("`{field}` {message}")));
        };
        if let Some(other) = asked.insert(ip, slot) {
            add(format!("must not use {ip} twice, and {other} is to have it, too; choose another"));
        }
        let Some(range) = observed.subnets.get(subnet).map(|subnet| subnet.cidr) else {
            add(format!("must name subnets of the network's VPC, and {subnet} is not one; correct `subnetID`"));
            continue;
        };
        if !subnets.endpoints.contains(subnet) {
            add(format!(
                "must name subnets that `spec.subnets.endpoints` selects, and {subnet} is not one; correct it"
            ));
        } else if !range.contains(&ip) {
            add(format!("must be in the range of {subnet}, and {ip} is not in {range}; choose another"));
        } else if is_reserved(range, ip) {
            add(format!(
                "must not be an address that AWS keeps for itself, and {ip} is one of the first four or the last of \
                 {range}; choose another"
            ));
        } else if let Some((id, occupant)) = occupant(identity, observed, subnet, ip) {
            let description = if occupant.description.is_empty() { "nothing said" } else { &occupant.description };
            add(format!("must be free, and {ip} belongs to {id} ({description}); choose another or free it"));
        }
    }
    findings
}

/// The first four addresses of a subnet and its last (VPC User Guide, "Subnet CIDR blocks").
fn is_reserved(range: Ipv4Net, ip: Ipv4Addr) -> bool {
    let offset = u32::from(ip) - u32::from(range.network());
    offset < 4 || ip == range.broadcast()
}

/// Whoever has an address and is not the network itself.
fn occupant<'a>(
    identity: &Identity,
    observed: &'a Observed,
    subnet: &SubnetId,
    ip: Ipv4Addr,
) -> Option<(&'a NetworkInterfaceId, &'a NetworkInterface)> {
    let text = ip.to_string();
    let resources = &observed.resources;
    let is_own = |id: &NetworkInterfaceId, interface: &NetworkInterface| {
        let of_endpoint = resources.endpoints.iter().any(|(_, endpoint): (&EndpointId, _)| {
            endpoint.interfaces.contains(id)
                && (identity.owns(&endpoint.tags)
                    || endpoint.key.is_some_and(|key| identity.left_behind(&endpoint.tags, Slot::Endpoint(key))))
        });
        let of_resolver = resources.groups.iter().any(|(group, found)| {
            let slot = Slot::Group(GroupRole::Resolver);
            interface.groups.contains(group)
                && (resources.group(identity, GroupRole::Resolver).as_ref() == Some(group)
                    || identity.left_behind(&found.tags, slot))
        });
        of_endpoint || of_resolver
    };
    resources
        .interfaces
        .iter()
        .find(|(id, interface)| interface.subnet == *subnet && interface.ip == text && !is_own(id, interface))
}
