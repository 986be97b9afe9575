//! Adoption: which resources that are in the VPC already may become the network's own, and fit one of its slots.
//!
//! What carries the tags of another network, of another cluster or of another tool is never taken. What is taken is only
//! tagged; from then on it is the network's own, and is brought to what is wanted as if the network had made it.

use crate::model::{
    desired::Desired,
    ids::{ResolverId, SecurityGroupId},
    observed::{EndpointState, ResolverEndpoint, ResolverState, Resources, SecurityGroup},
    ownership::{ADOPTED_TAG, NAME_TAG, Tags},
    plan::step::Step,
    slot::{EndpointKey, GroupRole, Slot},
};

/// What there is to adopt for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// Nothing.
    None,
    /// This one.
    One(Box<Step>),
    /// Several fit, and only people can tell which is meant.
    Several(Vec<String>),
}

/// Finds what fits a slot. `epoch` is that of the claim which the resource will fill.
pub(crate) fn candidate(desired: &Desired, resources: &Resources, slot: Slot, epoch: u32) -> Candidate {
    let fitting = match slot {
        Slot::Group(role) => groups(desired, resources, role),
        Slot::Endpoint(key) => endpoints(desired, resources, key),
        Slot::Resolver => resolvers(desired, resources).into_iter().map(|id| id.to_string()).collect(),
    };
    match fitting.as_slice() {
        [] => Candidate::None,
        [id] => match resources.tags_of(slot, id) {
            Some((resource, present)) => {
                let tags = tags(desired, slot, epoch, present);
                Candidate::One(Box::new(Step::Adopt { slot, id: id.clone(), resource, tags }))
            }
            None => Candidate::None,
        },
        several => Candidate::Several(several.to_vec()),
    }
}

/// The network's tags; a name that somebody gave to the resource stays.
fn tags(desired: &Desired, slot: Slot, epoch: u32, present: &Tags) -> Tags {
    let mut tags = desired.identity.tags(&desired.tags, slot, epoch);
    if present.contains_key(NAME_TAG) && !desired.tags.contains_key(NAME_TAG) {
        tags.remove(NAME_TAG);
    }
    tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
    tags.retain(|key, value| present.get(key) != Some(value));
    tags
}

fn may_have(desired: &Desired, tags: &Tags, slot: Slot) -> bool {
    desired.identity.may_adopt(desired.adoption, tags, slot)
}

fn endpoints(desired: &Desired, resources: &Resources, key: EndpointKey) -> Vec<String> {
    let fits = |state: &EndpointState| matches!(state, EndpointState::Available | EndpointState::Pending);
    let all = resources.endpoints.iter().filter(|(_, endpoint)| endpoint.key == Some(key) && fits(&endpoint.state));
    let (left, others): (Vec<_>, Vec<_>) = all
        .filter(|(_, endpoint)| may_have(desired, &endpoint.tags, Slot::Endpoint(key)))
        .partition(|(_, endpoint)| desired.identity.left_behind(&endpoint.tags, Slot::Endpoint(key)));
    // The network's own legacy before what merely fits.
    let fitting = if left.is_empty() { others } else { left };
    fitting.into_iter().map(|(id, _)| id.to_string()).collect()
}

/// A group is only taken if the network left it behind, or with the Resolver endpoint that has it for life.
fn groups(desired: &Desired, resources: &Resources, role: GroupRole) -> Vec<String> {
    let slot = Slot::Group(role);
    let left: Vec<String> = resources
        .groups
        .iter()
        .filter(|(_, group)| may_have(desired, &group.tags, slot) && desired.identity.left_behind(&group.tags, slot))
        .map(|(id, _)| id.to_string())
        .collect();
    if !left.is_empty() || role != GroupRole::Resolver {
        return left;
    }
    match resolvers(desired, resources).as_slice() {
        [only] => {
            resources.resolvers.get(only).and_then(only_group).map(SecurityGroupId::to_string).into_iter().collect()
        }
        // Whoever has to tell which is meant chooses among them, not among groups, which they may share.
        others => others.iter().map(ResolverId::to_string).collect(),
    }
}

/// A Resolver endpoint keeps its groups for life, so that it fits only with the one group that goes with it.
fn resolvers(desired: &Desired, resources: &Resources) -> Vec<ResolverId> {
    let own = resources.group(&desired.identity, GroupRole::Resolver);
    let fits = |resolver: &ResolverEndpoint| {
        let state = matches!(resolver.state, ResolverState::Operational | ResolverState::Updating);
        let group = only_group(resolver).and_then(|id| resources.groups.get_key_value(id));
        state
            && group.is_some_and(|(id, group)| match &own {
                Some(own) => own == id,
                None => is_free(desired, group),
            })
    };
    resources
        .resolvers
        .iter()
        .filter(|(_, resolver)| may_have(desired, &resolver.tags, Slot::Resolver) && fits(resolver))
        .map(|(id, _)| id.clone())
        .collect()
}

/// The default group of a VPC is everybody's.
fn is_free(desired: &Desired, group: &SecurityGroup) -> bool {
    let slot = Slot::Group(GroupRole::Resolver);
    group.name != "default" && may_have(desired, &group.tags, slot)
}

fn only_group(resolver: &ResolverEndpoint) -> Option<&SecurityGroupId> {
    if resolver.groups.len() == 1 { resolver.groups.first() } else { None }
}
