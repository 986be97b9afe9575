//! Plans the steps from observed to desired that can run now, and the blockers of the other steps.
//!
//! Planning is pure, total and deterministic. A plan contains only the next steps, not all of them: the caller runs
//! the steps, applies their effects to the observation, and plans again until no step remains. The order follows from
//! what each step requires: security groups, their rules, the gateway endpoint, then the S3 interface endpoint. The
//! other endpoints and the Resolver endpoint are created in parallel. A replacement is in place before the resource
//! that it replaces is removed.

pub(crate) mod adoption;
mod blocker;
mod calls;
pub(crate) mod changes;
pub mod deletion;
mod endpoints;
mod release;
mod removal;
mod resolver;
pub(crate) mod resolver_addresses;
mod security_groups;
pub mod step;
mod surplus;

use std::collections::BTreeSet;

pub use self::blocker::Blocker;
use self::{
    adoption::Candidate,
    changes::Move,
    step::{CreateRequest, Step},
};
use super::{
    claims::{Claims, Phase, token},
    desired::{Chosen, Desired},
    observed::{Resources, resources::Life},
    ownership::Tags,
    slot::Slot,
};

/// The next steps, and the reasons that block the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps that can run now, in order.
    pub steps: Vec<Step>,
    /// The reasons why the other steps cannot run yet.
    pub blockers: Vec<Blocker>,
}

impl Plan {
    /// Whether the network is at rest: observed equals desired.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.blockers.is_empty()
    }

    /// Whether the addresses of the resource in a slot may still change. Two blockers do not count: until a person allows a fixed
    /// address, the present one stays, and a resource that awaits another slot keeps its addresses.
    pub fn may_change_addresses(&self, slot: Slot) -> bool {
        let changes = |step: &Step| step.changes_addresses() && step.slots().contains(&slot);
        let is_harmless = |blocker: &Blocker| matches!(blocker, Blocker::AddressChange { .. } | Blocker::Awaits { .. });
        let awaits = |blocker: &Blocker| blocker.slot() == Some(slot) && !is_harmless(blocker);
        self.steps.iter().any(changes) || self.blockers.iter().any(awaits)
    }
}

/// Plans the next steps. `managed_tags` are the keys of the user tags that the operator has set before. The operator
/// removes those of them that are no longer desired, and does not change other tags.
pub fn plan(desired: &Desired, resources: &Resources, claims: &Claims, managed_tags: &BTreeSet<String>) -> Plan {
    let mut planner = Planner { desired, resources, claims, plan: Plan::default() };
    for (role, group) in &desired.groups {
        if !planner.has_duplicates(Slot::Group(*role)) {
            planner.group(*role, group);
        }
    }
    // Resources with fixed addresses are planned first. If AWS chose an address for another endpoint before that, it
    // could take one of the fixed addresses.
    for chosen in [Chosen::Nowhere, Chosen::Somewhere, Chosen::Everywhere] {
        for (key, endpoint) in desired.endpoints.iter().filter(|(_, endpoint)| endpoint.chosen() == chosen) {
            if !planner.has_duplicates(Slot::Endpoint(*key)) {
                planner.endpoint(*key, endpoint);
            }
        }
        let is_next = desired.resolver.as_ref().is_some_and(|resolver| resolver.chosen() == chosen);
        if is_next && !planner.has_duplicates(Slot::Resolver) {
            planner.any_resolver();
        }
    }
    planner.no_longer_wanted(managed_tags);
    changes::tags(desired, resources, claims, managed_tags, &mut planner.plan.steps);
    planner.plan
}

struct Planner<'a> {
    desired: &'a Desired,
    resources: &'a Resources,
    claims: &'a Claims,
    plan: Plan,
}

impl Planner<'_> {
    fn block(&mut self, blocker: Blocker) {
        self.plan.blockers.push(blocker);
    }

    /// Blocks a slot with several live resources.
    fn has_duplicates(&mut self, slot: Slot) -> bool {
        let Some(ids) = self.resources.duplicates(&self.desired.identity, slot) else { return false };
        self.block(Blocker::Duplicates { slot, ids });
        true
    }

    /// Plans the adoption or creation of a missing resource, depending on the claim of its slot.
    fn create(&mut self, slot: Slot, request: impl FnOnce(Tags) -> CreateRequest) {
        if self.adopt(slot) {
            return;
        }
        let identity = &self.desired.identity;
        let epoch = self.claims.epoch_to_create(slot);
        let request = match self.claims.get(slot).map(|claim| &claim.phase) {
            // An unanswered call is repeated unchanged. Later changes of the spec are applied after it was answered.
            Some(Phase::Pending { request: Some(recorded) }) if recorded.fits(slot, identity) => recorded.clone(),
            Some(Phase::Pending { .. } | Phase::Refused | Phase::Released) | None => {
                request(identity.tags(&self.desired.tags, slot, epoch))
            }
            Some(Phase::Held { .. } | Phase::Deleting { .. }) => return self.block(Blocker::NotVisible { slot }),
        };
        self.plan.steps.push(Step::Create { slot, token: token(&identity.uid, slot, epoch), request });
    }

    /// Plans the adoption of a resource for the slot. Returns false if no resource fits.
    fn adopt(&mut self, slot: Slot) -> bool {
        match adoption::candidate(self.desired, self.resources, self.claims, slot) {
            Candidate::None => return false,
            Candidate::One(step) => self.plan.steps.push(*step),
            Candidate::Several(ids) => self.block(Blocker::Ambiguous { slot, ids }),
        }
        true
    }

    /// Whether AWS is still deleting a resource of the slot.
    fn is_deleting(&self, slot: Slot) -> bool {
        self.resources.held(&self.desired.identity, slot).iter().any(|held| held.life == Life::Deleting)
    }

    /// Splits changes of published addresses into the allowed changes, and the blockers for those that are not allowed.
    fn allowed(&self, slot: Slot, id: &str, moves: Vec<Move>) -> (Vec<Move>, Vec<Blocker>) {
        if self.desired.address_changes.contains(&(slot, id.to_owned())) {
            return (moves, Vec::new());
        }
        let refused = moves.into_iter().map(|Move { subnet, from, to }| Blocker::AddressChange {
            slot,
            id: id.to_owned(),
            subnet,
            from,
            to,
        });
        (Vec::new(), refused.collect())
    }
}
