//! The plan: the steps from observed to desired that can run now, and what the rest waits for.
//!
//! Pure, total and deterministic. It plans a frontier, not a script: run the steps, take in their effects, plan again,
//! until no step is left. Order is therefore a matter of what each step needs to be there before it:
//! groups, their rules, the gateway endpoint, the S3 interface endpoint; other endpoints and the Resolver beside it.
//! What is added is in place before what it replaces is removed.

pub(crate) mod adoption;
mod blocker;
mod calls;
pub(crate) mod changes;
pub mod deletion;
mod endpoints;
mod removal;
mod resolver;
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

/// What to do now, and what has to happen elsewhere first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Steps that can run now, in order.
    pub steps: Vec<Step>,
    /// Why the rest cannot.
    pub blockers: Vec<Blocker>,
}

impl Plan {
    /// Whether observed is desired.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.blockers.is_empty()
    }
}

/// Plans the next steps. `managed_tags` are the keys of user tags that the operator has set before: those of them that
/// are no longer wanted are removed, other tags are left alone.
pub fn plan(desired: &Desired, resources: &Resources, claims: &Claims, managed_tags: &BTreeSet<String>) -> Plan {
    let mut planner = Planner { desired, resources, claims, plan: Plan::default() };
    for (role, group) in &desired.groups {
        planner.group(*role, group);
    }
    // AWS chooses among what is free. Whatever asks for its addresses by number comes first, or AWS might have given one of
    // them to another endpoint of the network a moment before.
    for chosen in [Chosen::Nowhere, Chosen::Somewhere, Chosen::Everywhere] {
        for (key, endpoint) in desired.endpoints.iter().filter(|(_, endpoint)| endpoint.chosen() == chosen) {
            planner.endpoint(*key, endpoint);
        }
        if desired.resolver.as_ref().is_some_and(|resolver| resolver.chosen() == chosen) {
            planner.any_resolver();
        }
    }
    planner.no_longer_wanted();
    changes::tags(desired, resources, managed_tags, &mut planner.plan.steps);
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

    /// Plans the adoption or creation of what is missing from a slot, by its claim.
    fn create(&mut self, slot: Slot, request: impl FnOnce(Tags) -> CreateRequest) {
        if self.adopt(slot) {
            return;
        }
        let identity = &self.desired.identity;
        let epoch = self.claims.epoch_to_create(slot);
        let request = match self.claims.get(slot).map(|claim| &claim.phase) {
            // An unanswered call is sent again as it was; what has changed since is edited afterwards.
            Some(Phase::Pending { request: Some(recorded) }) if recorded.fits(slot, identity) => recorded.clone(),
            Some(Phase::Pending { .. } | Phase::Refused | Phase::Released) | None => {
                request(identity.tags(&self.desired.tags, slot, epoch))
            }
            Some(Phase::Held { .. } | Phase::Deleting { .. }) => return self.block(Blocker::NotVisible { slot }),
        };
        self.plan.steps.push(Step::Create { slot, token: token(&identity.uid, slot, epoch), request });
    }

    /// Plans the adoption of what is there for a slot. False if nothing is, or if the slot's own resource may be.
    fn adopt(&mut self, slot: Slot) -> bool {
        match self.claims.get(slot).map(|claim| &claim.phase) {
            None | Some(Phase::Refused | Phase::Released) => {}
            Some(Phase::Pending { .. } | Phase::Held { .. } | Phase::Deleting { .. }) => return false,
        }
        match adoption::candidate(self.desired, self.resources, slot, self.claims.epoch_to_create(slot)) {
            Candidate::None => return false,
            Candidate::One(step) => self.plan.steps.push(*step),
            Candidate::Several(ids) => self.block(Blocker::Ambiguous { slot, ids }),
        }
        true
    }

    fn is_deleting(&self, slot: Slot) -> bool {
        self.resources.held(&self.desired.identity, slot).iter().any(|held| held.life == Life::Deleting)
    }

    /// Parts changes of published addresses into those that somebody has allowed, and what is said of the others.
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
