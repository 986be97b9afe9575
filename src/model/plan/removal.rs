//! Plans the deletion of owned resources: all endpoints in one call, except a gateway endpoint that the S3 interface
//! endpoint needs until it is gone; the Resolver endpoint in parallel; then the security groups that no network interface
//! uses any more. Adopted resources are released instead, unless the network's policy is to delete them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Blocker, Plan, release::Release, step::Step};
use crate::{
    api::AdoptedDeletionPolicy,
    model::{
        ids::{EndpointId, ResolverId, SecurityGroupId},
        observed::{EndpointState, PrivateDns, ResolverState, Resources, resources::Life},
        ownership::{Identity, OWNER_TAG},
        slot::{EndpointKey, GroupRole, Slot},
    },
};

/// The owned resources to delete or release.
pub(super) struct Surplus<'a> {
    release: Release<'a>,
    adopted: AdoptedDeletionPolicy,
    released: Vec<(Slot, String)>,
    endpoints: BTreeMap<EndpointId, EndpointKey>,
    resolvers: BTreeSet<ResolverId>,
    groups: BTreeMap<SecurityGroupId, GroupRole>,
    under_way: Vec<Blocker>,
    duplicates: Vec<Blocker>,
}

impl<'a> Surplus<'a> {
    /// Creates an empty surplus, with the policy for adopted resources.
    pub(super) const fn new(release: Release<'a>, adopted: AdoptedDeletionPolicy) -> Self {
        Self {
            release,
            adopted,
            released: Vec::new(),
            endpoints: BTreeMap::new(),
            resolvers: BTreeSet::new(),
            groups: BTreeMap::new(),
            under_way: Vec::new(),
            duplicates: Vec::new(),
        }
    }

    /// Whether the live resource of the slot is released instead of deleted.
    pub(super) fn releases(&self, identity: &Identity, slot: Slot) -> bool {
        let live = self.release.resources.live(identity, slot);
        live.is_some_and(|id| self.is_released(slot, &id))
    }

    fn is_released(&self, slot: Slot, id: &str) -> bool {
        self.adopted == AdoptedDeletionPolicy::Release && self.release.is_adopted(slot, id)
    }

    /// Adds every resource that fills the slot.
    pub(super) fn add(&mut self, identity: &Identity, slot: Slot) {
        let resources = self.release.resources;
        if let Some(ids) = resources.duplicates(identity, slot) {
            self.duplicates.push(Blocker::Duplicates { slot, ids });
            return;
        }
        for held in resources.held(identity, slot) {
            match (held.life, slot) {
                (Life::Live, _) if self.is_released(slot, &held.id) => self.released.push((slot, held.id)),
                (Life::Deleted, _) => {}
                (Life::Deleting, Slot::Resolver) if resources.stuck_resolvers.contains(&held.id.as_str().into()) => {
                    self.resolvers.insert(held.id.into());
                }
                (Life::Deleting, _) => {
                    self.under_way.push(Blocker::UnderWay { slot, state: "Deleting".to_owned() });
                }
                (Life::Live, Slot::Endpoint(key)) => {
                    self.endpoints.insert(held.id.into(), key);
                }
                (Life::Live, Slot::Resolver) => {
                    self.resolvers.insert(held.id.into());
                }
                (Life::Live, Slot::Group(role)) => {
                    self.groups.insert(held.id.into(), role);
                }
            }
        }
    }

    /// Plans the deletion or release of the added resources.
    pub(super) fn plan(self, plan: &mut Plan) {
        let Self { release, adopted: _, released, endpoints, resolvers, groups, under_way, duplicates } = self;
        let resources = release.resources;
        plan.blockers.extend(duplicates);
        for (slot, id) in &released {
            release.plan(*slot, id, plan);
        }
        // Security groups wait until no list of AWS contains the endpoints that use them.
        let deleting = !endpoints.is_empty() || !resolvers.is_empty() || !under_way.is_empty();
        plan.blockers.extend(under_way);
        let (endpoints, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) =
            endpoints.into_iter().partition(|(_, key)| *key != EndpointKey::S3_GATEWAY || !needs_gateway(resources));
        plan.blockers.extend(waiting.into_values().map(|key| Blocker::Awaits {
            slot: Slot::Endpoint(key),
            needs: Slot::Endpoint(EndpointKey::S3_INTERFACE),
        }));
        if !endpoints.is_empty() {
            plan.steps.push(Step::DeleteEndpoints { endpoints });
        }
        for resolver in resolvers {
            // AWS rejects the deletion of a Resolver endpoint that it is still creating or updating. These states end by
            // themselves.
            let state = resources.resolvers.get(&resolver).map(|resolver| &resolver.state);
            if let Some(state @ (ResolverState::Creating | ResolverState::Updating)) = state {
                plan.blockers.push(Blocker::UnderWay { slot: Slot::Resolver, state: state.as_str().to_owned() });
            } else {
                plan.steps.push(Step::DeleteResolver { resolver });
            }
        }
        for (group, role) in groups {
            let slot = Slot::Group(role);
            let by: Vec<String> = resources
                .interfaces_of(&group)
                .into_iter()
                .map(|id| match resources.interfaces.get(&id).map(|interface| interface.description.as_str()) {
                    Some("") | None => id.to_string(),
                    Some(description) => format!("{id} ({description})"),
                })
                .collect();
            // A later change of an endpoint of the same owner will detach this group.
            let owner = resources.groups.get(&group).and_then(|group| group.tags.get(OWNER_TAG));
            let holder = resources.endpoints.values().find(|endpoint| {
                endpoint.groups.contains(&group)
                    && endpoint.tags.get(OWNER_TAG) == owner
                    && !matches!(endpoint.state, EndpointState::Deleting | EndpointState::Deleted)
            });
            if let Some(key) = holder.and_then(|endpoint| endpoint.key).filter(|_| !deleting) {
                plan.blockers.push(Blocker::Awaits { slot, needs: Slot::Endpoint(key) });
            } else if !by.is_empty() {
                plan.blockers.push(Blocker::InUse { slot, id: group.to_string(), by });
            } else if !deleting {
                plan.steps.push(Step::DeleteGroup { role, group });
            }
        }
    }
}

/// Whether an owned S3 interface endpoint still exists whose private DNS names are for the inbound resolver only. AWS
/// refuses to delete the gateway endpoint before it (S3 User Guide, "AWS PrivateLink for Amazon S3").
fn needs_gateway(resources: &Resources) -> bool {
    resources.endpoints.values().any(|endpoint| {
        endpoint.key == Some(EndpointKey::S3_INTERFACE)
            && endpoint.private_dns == PrivateDns::InboundResolverOnly
            && endpoint.tags.contains_key(OWNER_TAG)
            && endpoint.state != EndpointState::Deleted
    })
}
