//! Finds existing resources in the VPC that the network may adopt and that fit one of its slots.
//!
//! A resource with the tags of another network, another cluster or another tool is never adopted, unless the other cluster
//! left it to this one ([`super::super::transfer`]). From the adoption on, the network owns the resource, but the operator only
//! adds to it: whatever the resource had stays ([`super::super::adoptions`]). A resource that a network of the same name created
//! and left behind belongs to the network again, without that restriction.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    claims::{Claims, Phase},
    desired::{Desired, DesiredEndpoint},
    ids::{ResolverId, SecurityGroupId, SubnetId, ZoneId},
    observed::{Endpoint, EndpointState, ResolverEndpoint, ResolverState, Resources, SecurityGroup, parts::Parts},
    ownership::{ADOPTED_TAG, RESERVED_PREFIX, Tags, is_adopted},
    plan::step::Step,
    slot::{EndpointKey, GroupRole, Slot},
};

/// The resources that a slot could adopt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// No resource fits.
    None,
    /// Exactly one resource fits.
    One(Box<Step>),
    /// Several resources fit, and only a person can choose between them.
    Several(Vec<String>),
}

/// Finds the resources that fit a slot. No resource fits while the slot's claim shows that its own resource may exist.
pub(crate) fn candidate(desired: &Desired, resources: &Resources, claims: &Claims, slot: Slot) -> Candidate {
    match claims.get(slot).map(|claim| &claim.phase) {
        None | Some(Phase::Refused | Phase::Released) => {}
        Some(Phase::Pending { .. } | Phase::Held { .. } | Phase::Deleting { .. }) => return Candidate::None,
    }
    let epoch = claims.epoch_to_create(slot);
    let fitting = match slot {
        Slot::Group(role) => groups(desired, resources, role),
        Slot::Endpoint(key) => endpoints(desired, resources, key),
        Slot::Resolver => resolvers(desired, resources).into_iter().map(|id| id.to_string()).collect(),
    };
    match fitting.as_slice() {
        [] => Candidate::None,
        [id] => match resources.tags_of(slot, id) {
            Some((resource, present)) => {
                let is_own = left_behind(desired, present, slot) && !is_adopted(present);
                let had = (!is_own).then(|| Parts::of(resources, slot, id));
                if had.as_ref().is_some_and(|had| !had.fits()) {
                    return Candidate::None;
                }
                let tags = tags(desired, slot, epoch, present, is_own);
                Candidate::One(Box::new(Step::Adopt { slot, id: id.clone(), resource, tags, had }))
            }
            None => Candidate::None,
        },
        several => Candidate::Several(several.to_vec()),
    }
}

/// The tags that adoption adds. A resource that is not the network's own keeps the tags that it has.
fn tags(desired: &Desired, slot: Slot, epoch: u32, present: &Tags, is_own: bool) -> Tags {
    let mut tags = desired.identity.tags(&desired.tags, slot, epoch);
    if !is_own {
        tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
        tags.retain(|key, _| key.starts_with(RESERVED_PREFIX) || !present.contains_key(key));
    }
    tags.retain(|key, value| present.get(key) != Some(value));
    tags
}

/// Returns the desired state of an adopted endpoint: what it had, and what the network adds to it. Its policy, its private
/// DNS setting and its addresses stay as they are. An endpoint has one subnet per zone, so it gets no subnet in a zone in
/// which it had one.
pub(crate) fn adopted_endpoint(
    wanted: &DesiredEndpoint,
    endpoint: &Endpoint,
    had: &Parts,
    zones: &BTreeMap<SubnetId, ZoneId>,
) -> DesiredEndpoint {
    match wanted.clone() {
        DesiredEndpoint::Existing(id) => DesiredEndpoint::Existing(id),
        DesiredEndpoint::Gateway { service_name, mut route_tables, policy: _ } => {
            route_tables.extend(endpoint.route_tables.intersection(&had.route_tables).cloned());
            DesiredEndpoint::Gateway { service_name, route_tables, policy: endpoint.policy.clone() }
        }
        DesiredEndpoint::Interface { service_name, mut subnets, mut addresses, private_dns: _, policy: _ } => {
            let kept: BTreeSet<&SubnetId> = endpoint.subnets.intersection(&had.subnets).collect();
            let taken: BTreeSet<&ZoneId> = kept.iter().filter_map(|subnet| zones.get(*subnet)).collect();
            subnets.retain(|subnet| zones.get(subnet).is_none_or(|zone| !taken.contains(zone)));
            addresses.retain(|subnet, _| !kept.contains(subnet));
            subnets.extend(kept.into_iter().cloned());
            DesiredEndpoint::Interface {
                service_name,
                subnets,
                addresses,
                private_dns: endpoint.private_dns,
                policy: endpoint.policy.clone(),
            }
        }
    }
}

/// Returns the security groups of an adopted endpoint: those that it had, and those that the network adds.
pub(crate) fn adopted_groups(
    wanted: BTreeSet<SecurityGroupId>,
    endpoint: &Endpoint,
    had: &Parts,
) -> BTreeSet<SecurityGroupId> {
    endpoint.groups.intersection(&had.groups).cloned().chain(wanted).collect()
}

/// Whether the adoption policy and the tags of a resource allow its adoption.
fn may_adopt(desired: &Desired, tags: &Tags, slot: Slot) -> bool {
    desired.identity.may_adopt(desired.adoption, &desired.transfers_from, tags, slot)
}

/// Whether an earlier network of the same name left the resource to this one.
fn left_behind(desired: &Desired, tags: &Tags, slot: Slot) -> bool {
    desired.identity.left_behind(&desired.transfers_from, tags, slot)
}

fn endpoints(desired: &Desired, resources: &Resources, key: EndpointKey) -> Vec<String> {
    let fits = |state: &EndpointState| matches!(state, EndpointState::Available | EndpointState::Pending);
    let all = resources.endpoints.iter().filter(|(_, endpoint)| endpoint.key == Some(key) && fits(&endpoint.state));
    let (retained, others): (Vec<_>, Vec<_>) = all
        .filter(|(_, endpoint)| !endpoint.is_requester_managed && !endpoint.is_ipv6_only)
        .filter(|(_, endpoint)| may_adopt(desired, &endpoint.tags, Slot::Endpoint(key)))
        .partition(|(_, endpoint)| left_behind(desired, &endpoint.tags, Slot::Endpoint(key)));
    // Resources that the network itself left behind take precedence over others that fit.
    let fitting = if retained.is_empty() { others } else { retained };
    fitting.into_iter().map(|(id, _)| id.to_string()).collect()
}

/// The security groups that fit a role. A group is adopted only if the network left it behind, or together with the
/// Resolver endpoint that keeps it for its lifetime.
fn groups(desired: &Desired, resources: &Resources, role: GroupRole) -> Vec<String> {
    let slot = Slot::Group(role);
    let left: Vec<String> = resources
        .groups
        .iter()
        .filter(|(_, group)| may_adopt(desired, &group.tags, slot) && left_behind(desired, &group.tags, slot))
        .map(|(id, _)| id.to_string())
        .collect();
    if !left.is_empty() || role != GroupRole::Resolver {
        return left;
    }
    match resolvers(desired, resources).as_slice() {
        [only] => {
            resources.resolvers.get(only).and_then(only_group).map(SecurityGroupId::to_string).into_iter().collect()
        }
        // The user has to choose between the Resolver endpoints. Their groups would not identify them, because several
        // endpoints can share a group.
        others => others.iter().map(ResolverId::to_string).collect(),
    }
}

/// The Resolver endpoints that fit. A Resolver endpoint cannot change its groups, so it fits only together with its
/// one group.
fn resolvers(desired: &Desired, resources: &Resources) -> Vec<ResolverId> {
    let own = resources.group(&desired.identity, GroupRole::Resolver);
    let fits = |resolver: &ResolverEndpoint| {
        let works = matches!(resolver.state, ResolverState::Operational | ResolverState::Updating);
        let group = only_group(resolver).and_then(|id| resources.groups.get_key_value(id));
        works
            && resolver.answers_ipv4_dns
            && group.is_some_and(|(id, group)| match &own {
                Some(own) => own == id,
                None => is_free(desired, group),
            })
    };
    resources
        .resolvers
        .iter()
        .filter(|(_, resolver)| may_adopt(desired, &resolver.tags, Slot::Resolver) && fits(resolver))
        .map(|(id, _)| id.clone())
        .collect()
}

/// Whether the network may adopt the group. The default group of a VPC is never adopted, because other resources use
/// it, too.
fn is_free(desired: &Desired, group: &SecurityGroup) -> bool {
    let slot = Slot::Group(GroupRole::Resolver);
    group.name != "default" && may_adopt(desired, &group.tags, slot)
}

/// The group of a Resolver endpoint that has exactly one.
fn only_group(resolver: &ResolverEndpoint) -> Option<&SecurityGroupId> {
    if resolver.groups.len() == 1 { resolver.groups.first() } else { None }
}
