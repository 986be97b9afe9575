//! Edits in place: what differs between a resource and what is wanted of it, as calls that never leave a gap.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    desired::Desired,
    ids::{ResolverId, RouteTableId, SecurityGroupId, SubnetId, ZoneId},
    observed::{Endpoint, PrivateDns, ResolverAddress, ResolverEndpoint, Resources},
    slot::Slot,
    step::{EndpointChange, Step},
};

/// Route tables of a gateway endpoint. One call may add and remove: the tables are different ones.
pub(super) fn gateway(present: &BTreeSet<RouteTableId>, wanted: &BTreeSet<RouteTableId>) -> EndpointChange {
    EndpointChange {
        add_route_tables: wanted.difference(present).cloned().collect(),
        remove_route_tables: present.difference(wanted).cloned().collect(),
        ..EndpointChange::default()
    }
}

/// Subnets, group and private DNS of an interface endpoint. Additions go first, in a call of their own; removals follow
/// once the endpoint is available again with what was added.
pub(super) fn interface(
    endpoint: &Endpoint,
    subnets: &BTreeSet<SubnetId>,
    group: &SecurityGroupId,
    private_dns: PrivateDns,
    zones: &BTreeMap<SubnetId, ZoneId>,
) -> EndpointChange {
    let (add_subnets, remove_subnets) = subnet_change(&endpoint.subnets, subnets, zones);
    let additions = EndpointChange {
        add_subnets,
        add_groups: if endpoint.groups.contains(group) { BTreeSet::new() } else { BTreeSet::from([group.clone()]) },
        private_dns: (endpoint.private_dns != private_dns).then_some(private_dns),
        ..EndpointChange::default()
    };
    let removals = EndpointChange {
        remove_subnets,
        remove_groups: endpoint.groups.iter().filter(|present| *present != group).cloned().collect(),
        ..EndpointChange::default()
    };
    if additions.is_empty() {
        return removals;
    }
    // A subnet that alone stands in the way of another in its zone has to leave in the same call.
    let swap = !additions.add_subnets.is_empty() && !removals.remove_subnets.is_empty();
    if swap { EndpointChange { remove_subnets: removals.remove_subnets, ..additions } } else { additions }
}

/// Which subnets to add and remove now. An endpoint has one subnet a zone, so a subnet cannot be added while another
/// stands in its zone: then that one leaves first, if others remain to serve meanwhile, else both go in one call.
fn subnet_change(
    present: &BTreeSet<SubnetId>,
    wanted: &BTreeSet<SubnetId>,
    zones: &BTreeMap<SubnetId, ZoneId>,
) -> (BTreeSet<SubnetId>, BTreeSet<SubnetId>) {
    let surplus: BTreeSet<SubnetId> = present.difference(wanted).cloned().collect();
    let missing: BTreeSet<SubnetId> = wanted.difference(present).cloned().collect();
    let taken: BTreeSet<&ZoneId> = present.iter().filter_map(|subnet| zones.get(subnet)).collect();
    let addable: BTreeSet<SubnetId> =
        missing.iter().filter(|subnet| zones.get(*subnet).is_none_or(|zone| !taken.contains(zone))).cloned().collect();
    if !addable.is_empty() {
        return (addable, BTreeSet::new());
    }
    if surplus.len() < present.len() || missing.is_empty() {
        return (BTreeSet::new(), surplus);
    }
    // Everything present is to be replaced within its zone: zone by zone while there are several, in one call at last.
    match surplus.first() {
        Some(first) if surplus.len() > 1 => (BTreeSet::new(), BTreeSet::from([first.clone()])),
        Some(_) | None => (missing, surplus),
    }
}

/// The next address to add to or remove from a Resolver endpoint: one call each, one at a time, additions first, never
/// below two, and never below what is wanted.
pub(super) fn resolver_addresses(
    id: &ResolverId,
    resolver: &ResolverEndpoint,
    subnets: &BTreeSet<SubnetId>,
) -> Option<Step> {
    let standing = |address: &&ResolverAddress| !address.is_broken() && !address.is_leaving();
    let served: BTreeSet<&SubnetId> =
        resolver.addresses.values().filter(standing).map(|address| &address.subnet).collect();
    if let Some(subnet) = subnets.iter().find(|subnet| !served.contains(subnet)) {
        return Some(Step::AssociateResolverAddress { resolver: id.clone(), subnet: subnet.clone() });
    }
    let mut kept = BTreeSet::new();
    let surplus = resolver.addresses.iter().find(|(_, address)| {
        !address.is_leaving()
            && (address.is_broken() || !subnets.contains(&address.subnet) || !kept.insert(&address.subnet))
    });
    let enough = resolver.addresses.values().filter(standing).count() > 2;
    match surplus {
        Some((address_id, address)) if enough || address.is_broken() => {
            Some(Step::DisassociateResolverAddress { resolver: id.clone(), address: address_id.clone() })
        }
        Some(_) | None => None,
    }
}

/// Tags of everything that the network has and wants.
pub(super) fn tags(desired: &Desired, resources: &Resources, managed: &BTreeSet<String>, steps: &mut Vec<Step>) {
    let identity = &desired.identity;
    let wanted_slots = desired
        .groups
        .keys()
        .map(|role| Slot::Group(*role))
        .chain(desired.endpoints.keys().map(|key| Slot::Endpoint(*key)))
        .chain(desired.resolver.iter().map(|_| Slot::Resolver));
    for slot in wanted_slots {
        let Some((resource, present)) = resources.live(identity, slot).and_then(|id| resources.tags_of(slot, &id))
        else {
            continue;
        };
        let wanted = identity.standing_tags(&desired.tags, slot);
        let set: BTreeMap<_, _> = wanted
            .iter()
            .filter(|(key, value)| present.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let keys: BTreeSet<_> =
            managed.iter().filter(|key| present.contains_key(*key) && !wanted.contains_key(*key)).cloned().collect();
        if !set.is_empty() {
            steps.push(Step::SetTags { slot, resource: resource.clone(), tags: set });
        }
        if !keys.is_empty() {
            steps.push(Step::RemoveTags { slot, resource, keys });
        }
    }
}
