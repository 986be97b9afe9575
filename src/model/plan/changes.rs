//! Plans changes in place: compares an observed resource with its desired state, and orders the calls so that the
//! service is never interrupted.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    claims::Claims,
    desired::Desired,
    ids::{NetworkInterfaceId, RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, ZoneId},
    observed::{Endpoint, NetworkInterface, Permission, PrivateDns, Resources},
    ownership::{ADOPTED_TAG, RETAINED_TAG, TRANSFER_TAG},
    plan::step::{EndpointChange, Step},
    policy::Policy,
    slot::Slot,
};

/// Returns the change of a gateway endpoint's route tables and policy. One call may add and remove route tables,
/// because the two sets are disjoint.
pub(crate) fn gateway(endpoint: &Endpoint, wanted: &BTreeSet<RouteTableId>, policy: &Policy) -> EndpointChange {
    let present = &endpoint.route_tables;
    EndpointChange {
        add_route_tables: wanted.difference(present).cloned().collect(),
        remove_route_tables: present.difference(wanted).cloned().collect(),
        policy: (endpoint.policy != *policy).then(|| policy.clone()),
        ..EndpointChange::default()
    }
}

/// Ingress rules of a security group, by ID.
pub(crate) type Rules = BTreeMap<SecurityGroupRuleId, Permission>;

/// The desired state of an interface endpoint.
pub(crate) struct Interface<'a> {
    pub(crate) subnets: &'a BTreeSet<SubnetId>,
    pub(crate) addresses: &'a BTreeMap<SubnetId, Ipv4Addr>,
    pub(crate) groups: &'a BTreeSet<SecurityGroupId>,
    pub(crate) private_dns: PrivateDns,
    pub(crate) policy: &'a Policy,
}

/// The change of a published address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) subnet: SubnetId,
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
}

/// Returns the moves of an interface endpoint: the subnets in which the observed address differs from the fixed
/// address.
pub(crate) fn moves(
    endpoint: &Endpoint,
    interfaces: &BTreeMap<NetworkInterfaceId, NetworkInterface>,
    wanted: &BTreeMap<SubnetId, Ipv4Addr>,
) -> Vec<Move> {
    let present = endpoint.interfaces.iter().filter_map(|id| interfaces.get(id));
    present
        .filter_map(|interface| {
            let to = *wanted.get(&interface.subnet)?;
            let from = interface.ip.filter(|ip| *ip != to)?;
            Some(Move { subnet: interface.subnet.clone(), from, to })
        })
        .collect()
}

/// Returns the next change of an interface endpoint's subnets, addresses, groups, private DNS and policy. Additions
/// are made first, in a separate call. Removals follow when the endpoint is available again with the additions.
pub(crate) fn interface(
    endpoint: &Endpoint,
    wanted: &Interface<'_>,
    moves: &[Move],
    zones: &BTreeMap<SubnetId, ZoneId>,
) -> EndpointChange {
    let (add_subnets, remove_subnets) = subnet_change(&endpoint.subnets, wanted.subnets, zones);
    let fixed = add_subnets.iter().filter_map(|subnet| Some((subnet.clone(), *wanted.addresses.get(subnet)?)));
    // One move per call: AWS replaces the network interface in the subnet, and the other subnets serve meanwhile.
    let addresses = fixed.chain(moves.first().map(|one| (one.subnet.clone(), one.to))).collect();
    let (add_groups, remove_groups) = group_change(&endpoint.groups, wanted.groups);
    let additions = EndpointChange {
        addresses,
        add_subnets,
        add_groups,
        private_dns: (endpoint.private_dns != wanted.private_dns).then_some(wanted.private_dns),
        policy: (endpoint.policy != *wanted.policy).then(|| wanted.policy.clone()),
        ..EndpointChange::default()
    };
    let removals = EndpointChange { remove_subnets, remove_groups, ..EndpointChange::default() };
    if additions.is_empty() {
        return removals;
    }
    // A subnet that blocks its replacement in the same zone has to be removed in the same call.
    let swap = !additions.add_subnets.is_empty() && !removals.remove_subnets.is_empty();
    if swap { EndpointChange { remove_subnets: removals.remove_subnets, ..additions } } else { additions }
}

/// The default quota of security groups of a network interface (Amazon VPC quotas: five, adjustable up to 16).
const MOST_GROUPS: usize = 5;

/// Returns the security groups to add and to remove now. The new groups are added first, unless old and new groups together
/// exceed the quota: then as few old groups as possible are removed first. One group always remains.
pub(crate) fn group_change(
    present: &BTreeSet<SecurityGroupId>,
    wanted: &BTreeSet<SecurityGroupId>,
) -> (BTreeSet<SecurityGroupId>, BTreeSet<SecurityGroupId>) {
    let surplus: BTreeSet<SecurityGroupId> = present.difference(wanted).cloned().collect();
    let missing: BTreeSet<SecurityGroupId> = wanted.difference(present).cloned().collect();
    let room = MOST_GROUPS.saturating_sub(present.len());
    if missing.len() <= room || surplus.is_empty() {
        return (missing, surplus);
    }
    if room > 0 {
        return (missing.into_iter().take(room).collect(), BTreeSet::new());
    }
    let removable = surplus.len().min(present.len().saturating_sub(1)).min(missing.len());
    (BTreeSet::new(), surplus.into_iter().take(removable).collect())
}

/// Returns the subnets to add and to remove now. An endpoint has one subnet per zone, so a subnet cannot be added
/// while the endpoint has another subnet in its zone. That subnet is removed first if other subnets remain to serve
/// meanwhile. If none remain, one call adds and removes.
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
    // Every subnet is replaced within its zone: one zone at a time while there are several, and the last one in one
    // call.
    match surplus.first() {
        Some(first) if surplus.len() > 1 => (BTreeSet::new(), BTreeSet::from([first.clone()])),
        Some(_) | None => (missing, surplus),
    }
}

/// Plans the tag changes of every desired resource that the network owns. Tags that a resource had when the network adopted
/// it stay.
pub(crate) fn tags(
    desired: &Desired,
    resources: &Resources,
    claims: &Claims,
    managed: &BTreeSet<String>,
    steps: &mut Vec<Step>,
) {
    let identity = &desired.identity;
    let wanted_slots = desired
        .groups
        .keys()
        .map(|role| Slot::Group(*role))
        .chain(desired.endpoints.keys().map(|key| Slot::Endpoint(*key)))
        .chain(desired.resolver.iter().map(|_| Slot::Resolver));
    for slot in wanted_slots {
        if resources.duplicates(identity, slot).is_some() {
            continue;
        }
        let Some(id) = resources.live(identity, slot) else { continue };
        let Some((resource, present)) = resources.tags_of(slot, &id) else { continue };
        let mut wanted = identity.standing_tags(&desired.tags, slot);
        let had = claims.had(slot, &id).map(|had| &had.tag_keys);
        let is_foreign = |key: &String| had.is_some_and(|had| had.contains(key));
        wanted.retain(|key, _| !is_foreign(key));
        if had.is_some() {
            wanted.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
        }
        let set: BTreeMap<_, _> = wanted
            .iter()
            .filter(|(key, value)| present.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        // These tags are removed when a network has adopted the resource again.
        let of_retention = [RETAINED_TAG, TRANSFER_TAG].map(str::to_owned);
        let keys: BTreeSet<_> = managed
            .iter()
            .chain(&of_retention)
            .filter(|key| present.contains_key(*key) && !wanted.contains_key(*key) && !is_foreign(key))
            .cloned()
            .collect();
        // Removed first, because old and new tags together may exceed the quota of 50 tags.
        if !keys.is_empty() {
            steps.push(Step::RemoveTags { slot, resource: resource.clone(), keys });
        }
        if !set.is_empty() {
            steps.push(Step::SetTags { slot, resource, tags: set });
        }
    }
}
