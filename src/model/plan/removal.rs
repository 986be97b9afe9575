//! Removal: endpoints in one call, the Resolver beside it, then the groups that nothing holds any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ids::{EndpointId, ResolverId, SecurityGroupId},
    observed::{EndpointState, ResolverState, Resources, resources::Life},
    ownership::{Identity, OWNER_TAG},
    plan::{Blocker, Plan, step::Step},
    slot::{EndpointKey, GroupRole, Slot},
};

/// Resources of the network's own that are to go.
#[derive(Debug, Default)]
pub(crate) struct Surplus {
    endpoints: BTreeMap<EndpointId, EndpointKey>,
    resolvers: BTreeSet<ResolverId>,
    groups: BTreeMap<SecurityGroupId, GroupRole>,
    under_way: Vec<Blocker>,
}

impl Surplus {
    /// Adds all that fills a slot.
    pub(crate) fn add(&mut self, resources: &Resources, identity: &Identity, slot: Slot) {
        for held in resources.held(identity, slot) {
            match (held.life, slot) {
                (Life::Deleted, _) => {}
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

    /// Plans its removal.
    pub(crate) fn plan(self, resources: &Resources, plan: &mut Plan) {
        let Self { endpoints, resolvers, groups, under_way } = self;
        // Groups wait until the endpoints that hold them are gone from every list.
        let going = !endpoints.is_empty() || !resolvers.is_empty() || !under_way.is_empty();
        plan.blockers.extend(under_way);
        if !endpoints.is_empty() {
            plan.steps.push(Step::DeleteEndpoints { endpoints });
        }
        for resolver in resolvers {
            // Deletion of a resolver endpoint that is being created or changed is refused; it comes to rest by itself.
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
            // An endpoint of the same owner lets go of it by a change that is still to come.
            let owner = resources.groups.get(&group).and_then(|group| group.tags.get(OWNER_TAG));
            let holder = resources.endpoints.values().find(|endpoint| {
                endpoint.groups.contains(&group)
                    && endpoint.tags.get(OWNER_TAG) == owner
                    && !matches!(endpoint.state, EndpointState::Deleting | EndpointState::Deleted)
            });
            if let Some(key) = holder.and_then(|endpoint| endpoint.key).filter(|_| !going) {
                plan.blockers.push(Blocker::Awaits { slot, needs: Slot::Endpoint(key) });
            } else if !by.is_empty() {
                plan.blockers.push(Blocker::InUse { slot, id: group.to_string(), by });
            } else if !going {
                plan.steps.push(Step::DeleteGroup { role, group });
            }
        }
    }
}
