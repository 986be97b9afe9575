//! Checks whether the fixed addresses of a network are available. Without this check, AWS would reject them one by
//! one while the network is being built.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::model::{
    ids::{NetworkInterfaceId, SubnetId},
    observed::{NetworkInterface, Observed, ResolverEndpoint},
    ownership::{Identity, Tags},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    settings::Settings,
    slot::{GroupRole, Slot},
};

/// Checks all fixed addresses.
pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
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
            add(format!("must not use {ip} twice, but {other} requests it, too; choose another"));
        }
        let Some(range) = observed.subnets.get(subnet).map(|subnet| subnet.cidr) else {
            add(format!("must name subnets of the network's VPC, but {subnet} is not one; correct `subnetID`"));
            continue;
        };
        if !subnets.endpoints.contains(subnet) {
            add(format!(
                "must name subnets that `spec.subnets.endpoints` selects, but {subnet} is not one; correct it"
            ));
        } else if !range.contains(&ip) {
            add(format!("must be in the range of {subnet}, but {ip} is not in {range}; choose another"));
        } else if is_reserved(range, ip) {
            add(format!(
                "must not be an address that AWS reserves, but {ip} is one of the first four or the last of {range}; \
                 choose another"
            ));
        } else if let Some((id, occupant)) = occupant(identity, settings, observed, (slot, subnet, ip)) {
            let description = if occupant.description.is_empty() { "no description" } else { &occupant.description };
            let way = match owner_of(identity, observed, id) {
                Some(other) => format!("move {other} to another address first"),
                None => "choose another or free it".to_owned(),
            };
            add(format!("must be free, but {ip} belongs to {id} ({description}); {way}"));
        }
    }
    findings
}

/// Whether AWS reserves the address: the first four addresses of a subnet and its last (VPC User Guide, "Subnet CIDR
/// blocks").
fn is_reserved(range: Ipv4Net, ip: Ipv4Addr) -> bool {
    let offset = u32::from(ip) - u32::from(range.network());
    offset < 4 || ip == range.broadcast()
}

/// Returns the network interface that has the address, unless it belongs to the network's own resource in that slot,
/// or to one that the network may adopt for it.
fn occupant<'a>(
    identity: &Identity,
    settings: &Settings,
    observed: &'a Observed,
    (slot, subnet, ip): (Slot, &SubnetId, Ipv4Addr),
) -> Option<(&'a NetworkInterfaceId, &'a NetworkInterface)> {
    let resources = &observed.resources;
    let takes = |tags: &Tags| {
        identity.owns(tags) || identity.may_adopt(settings.adoption, &settings.transfers_from, tags, slot)
    };
    let fills = |id: &NetworkInterfaceId, interface: &NetworkInterface| match slot {
        Slot::Endpoint(key) => {
            let mut all = resources.endpoints.values().filter(|endpoint| endpoint.interfaces.contains(id));
            match all.next() {
                Some(endpoint) => endpoint.key == Some(key) && takes(&endpoint.tags),
                // A resource that was just created may have visible interfaces before any list shows it.
                None => {
                    resources.group(identity, GroupRole::Endpoints).is_some_and(|own| interface.groups.contains(&own))
                }
            }
        }
        Slot::Resolver => {
            let stands = |resolver: &ResolverEndpoint| {
                resolver.addresses.values().any(|one| one.subnet == *subnet && one.ip == Some(ip))
            };
            resources.resolvers.values().any(|resolver| takes(&resolver.tags) && stands(resolver))
                || resources.group(identity, GroupRole::Resolver).is_some_and(|own| interface.groups.contains(&own))
        }
        Slot::Group(_) => false,
    };
    resources
        .interfaces
        .iter()
        .find(|(id, interface)| interface.subnet == *subnet && interface.ip == Some(ip) && !fills(id, interface))
}

/// Returns the slot of the network's own endpoint to which an interface belongs.
fn owner_of(identity: &Identity, observed: &Observed, id: &NetworkInterfaceId) -> Option<Slot> {
    let mut all = observed.resources.endpoints.values().filter(|endpoint| endpoint.interfaces.contains(id));
    all.find(|endpoint| identity.owns(&endpoint.tags)).and_then(|endpoint| endpoint.key).map(Slot::Endpoint)
}
