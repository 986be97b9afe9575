//! Claims: the record that a create call may have been sent. Promise 1 (no duplicate, ever) rests on them.
//!
//! A slot's life is a sequence of epochs. In each, at most one resource is created, because everything that is ever sent
//! for it carries the same token, a function of uid, slot and epoch; AWS answers a repeated token with the resource that
//! exists. An epoch ends only when the resource has been seen to be gone.
//!
//! ```text
//!              reserve              created, or observed           observed deleting
//!  (none) ───────────────▶ Pending ──────────────────────▶ Held ──────────────────────▶ Deleting
//!                           ▲   │                             │ absent for the grace         │ absent
//!                   reserve │   │ refused                     ▼                              ▼
//!                           │   ▼                          Released ◀────────────────────────┘
//!                          Refused                            └─▶ Pending of the next epoch
//! ```
//!
//! The step to `Pending` is written to the API server with the object's `resourceVersion` before the call leaves. A
//! `Pending` claim is resolved by sending the recorded request again, also when the network is being deleted: that is
//! the only way to learn the id of what an unanswered call may have made. `Refused` keeps its epoch, as nothing was
//! made under its token; should that ever be wrong, the next call under the same token says so.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::text::hex;
use crate::{
    api::{ClaimPhase, ClaimStatus},
    model::{
        failure::FailureClass,
        observed::{Resources, resources::Life},
        ownership::{self, Identity},
        plan::step::{CreateRequest, Effect, Step},
        slot::Slot,
    },
};

/// The claims of one network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<Slot, Claim>);

/// The claim on one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Counts the resources that have filled the slot, from 1.
    pub epoch: u32,
    /// Where in its life the epoch is.
    pub phase: Phase,
}

/// The phases of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The create call may have been sent, and its outcome is not known. Without a request only if status was tampered
    /// with; then the network's present wish is sent under the same token.
    Pending {
        /// The call as it was sent.
        request: Option<CreateRequest>,
    },
    /// AWS refused the call: nothing exists.
    Refused,
    /// The resource exists; its id is missing while AWS has only said that the token or name is taken.
    Held {
        /// The resource.
        id: Option<String>,
    },
    /// The resource was seen going.
    Deleting {
        /// The resource.
        id: String,
    },
    /// The resource was seen to be gone.
    Released,
}

/// The token of everything that is sent for one slot in one epoch: 64 hexadecimal digits, the most that EC2 takes
/// (EC2 Developer Guide, "Ensuring idempotency").
pub fn token(uid: &str, slot: Slot, epoch: u32) -> String {
    hex(&Sha256::digest(format!("mgnet/{uid}/{slot}/{epoch}")))
}

impl Claims {
    /// Reads claims from status. What cannot be read counts as never written: tokens are derived and resources carry
    /// their epoch in a tag, so that the truth is found again.
    pub fn from_status(status: &[ClaimStatus]) -> Self {
        Self(status.iter().filter_map(|claim| Some((claim.slot.parse().ok()?, Claim::from_status(claim)?))).collect())
    }

    /// Writes claims for status.
    pub fn to_status(&self, uid: &str) -> Vec<ClaimStatus> {
        self.0
            .iter()
            .map(|(slot, claim)| {
                let (phase, id, request) = match &claim.phase {
                    Phase::Pending { request } => (ClaimPhase::Pending, None, request.as_ref()),
                    Phase::Refused => (ClaimPhase::Refused, None, None),
                    Phase::Held { id } => (ClaimPhase::Held, id.clone(), None),
                    Phase::Deleting { id } => (ClaimPhase::Deleting, Some(id.clone()), None),
                    Phase::Released => (ClaimPhase::Released, None, None),
                };
                ClaimStatus {
                    slot: slot.to_string(),
                    epoch: claim.epoch.into(),
                    phase,
                    token: token(uid, *slot, claim.epoch),
                    id,
                    request: request.and_then(|request| serde_json::to_string(request).ok()),
                }
            })
            .collect()
    }

    /// The claim on a slot.
    pub fn get(&self, slot: Slot) -> Option<&Claim> {
        self.0.get(&slot)
    }

    /// The epoch that a create call for the slot belongs to: the one that is open, or the next.
    pub fn epoch_to_create(&self, slot: Slot) -> u32 {
        self.0.get(&slot).map_or(1, |claim| match claim.phase {
            Phase::Released => claim.epoch.saturating_add(1),
            Phase::Pending { .. } | Phase::Refused | Phase::Held { .. } | Phase::Deleting { .. } => claim.epoch,
        })
    }

    /// Takes in what was observed. `overdue` are the slots whose resource has been missing from complete observations
    /// for longer than AWS's eventual consistency explains.
    pub fn settle(&mut self, identity: &Identity, resources: &Resources, overdue: &BTreeSet<Slot>) {
        for slot in self.0.keys().copied().chain(resources.slots(identity)).collect::<BTreeSet<Slot>>() {
            let held = resources.held(identity, slot);
            let known = self.0.get(&slot);
            let epoch = known.map_or(0, |claim| claim.epoch);
            // What is left of an earlier epoch says nothing about this one, least of all while its call is unanswered.
            let unanswered = known.is_some_and(|claim| matches!(claim.phase, Phase::Pending { .. }));
            let found = held.into_iter().find(|held| held.epoch >= epoch || (held.life == Life::Live && !unanswered));
            let phase = match (found, known.map(|claim| &claim.phase)) {
                (Some(found), _) => {
                    let phase = match found.life {
                        Life::Live => Phase::Held { id: Some(found.id) },
                        Life::Deleting => Phase::Deleting { id: found.id },
                        Life::Deleted => Phase::Released,
                    };
                    Some((epoch.max(found.epoch), phase))
                }
                // A list that still shows it counts for more than an answer that does not find it.
                (None, Some(Phase::Deleting { id })) if !resources.lists_unread(slot, Some(id)) => {
                    Some((epoch, Phase::Released))
                }
                (None, Some(Phase::Held { .. })) if overdue.contains(&slot) => Some((epoch, Phase::Released)),
                (None, _) => None,
            };
            if let Some((epoch, phase)) = phase {
                self.0.insert(slot, Claim { epoch, phase });
            }
        }
    }

    /// The slots whose resource is held and not among the observed: it is gone, not visible yet, or could not be read. So may be
    /// one that is going.
    pub fn missing(&self, identity: &Identity, resources: &Resources) -> BTreeSet<Slot> {
        let is_missing = |slot: Slot, phase: &Phase| match phase {
            Phase::Held { .. } => resources.held(identity, slot).is_empty(),
            Phase::Deleting { id } => resources.lists_unread(slot, Some(id)),
            Phase::Pending { .. } | Phase::Refused | Phase::Released => false,
        };
        self.0.iter().filter(|(slot, claim)| is_missing(**slot, &claim.phase)).map(|(slot, _)| *slot).collect()
    }

    /// Of the missing, those that no list shows either, and the epoch of each: once that has been so for long enough, they are gone.
    pub fn absent(&self, identity: &Identity, resources: &Resources) -> BTreeMap<Slot, u32> {
        let missing = self.missing(identity, resources);
        let is_absent = |slot: Slot, phase: &Phase| match phase {
            Phase::Held { id } => missing.contains(&slot) && !resources.lists_unread(slot, id.as_deref()),
            _ => false,
        };
        let absent = self.0.iter().filter(|(slot, claim)| is_absent(**slot, &claim.phase));
        absent.map(|(slot, claim)| (*slot, claim.epoch)).collect()
    }

    /// The slots of groups that were ever claimed. Their create calls carry no token: one that arrives after its group has been
    /// deleted makes another.
    pub fn groups(&self) -> Vec<Slot> {
        self.0.keys().filter(|slot| matches!(slot, Slot::Group(_))).copied().collect()
    }

    /// Claims the slots of the create steps. True if something has to be stored before the steps may run.
    pub fn reserve(&mut self, steps: &[Step]) -> bool {
        let mut changed = false;
        for step in steps {
            let Step::Create { slot, request, .. } = step else { continue };
            let claim =
                Claim { epoch: self.epoch_to_create(*slot), phase: Phase::Pending { request: Some(request.clone()) } };
            changed |= self.0.insert(*slot, claim.clone()).as_ref() != Some(&claim);
        }
        changed
    }

    /// Takes in what a step did.
    pub fn done(&mut self, step: &Step, effect: &Effect) {
        match (step, effect) {
            (Step::Create { slot, .. }, Effect::GroupCreated(id, _)) => self.hold(*slot, Some(id.to_string())),
            (Step::Create { slot, .. }, Effect::EndpointCreated(id, _)) => self.hold(*slot, Some(id.to_string())),
            (Step::Create { slot, .. }, Effect::ResolverCreated(id, _)) => self.hold(*slot, Some(id.to_string())),
            (Step::DeleteEndpoints { endpoints }, Effect::EndpointsDeleting { refused }) => {
                for (id, key) in endpoints.iter().filter(|(id, _)| !refused.contains_key(*id)) {
                    self.set(Slot::Endpoint(*key), Phase::Deleting { id: id.to_string() });
                }
            }
            (Step::Adopt { slot, id, tags, .. }, _) => {
                let claim = Claim { epoch: ownership::epoch(tags), phase: Phase::Held { id: Some(id.clone()) } };
                self.0.insert(*slot, claim);
            }
            (Step::DeleteResolver { resolver }, _) => {
                self.set(Slot::Resolver, Phase::Deleting { id: resolver.to_string() });
            }
            (Step::DeleteGroup { role, group }, _) => {
                self.set(Slot::Group(*role), Phase::Deleting { id: group.to_string() });
            }
            _ => {}
        }
    }

    /// Takes in that a step failed.
    pub fn failed(&mut self, step: &Step, class: FailureClass) {
        let Step::Create { slot, .. } = step else { return };
        if class.is_refusal() {
            self.set(*slot, Phase::Refused);
        } else if class == FailureClass::AlreadyExists {
            self.hold(*slot, None);
        }
    }

    fn hold(&mut self, slot: Slot, id: Option<String>) {
        self.set(slot, Phase::Held { id });
    }

    /// Gives up on unanswered calls that cannot be sent again, which only happens to a status that was tampered with:
    /// then what the lists show has to do.
    pub fn drop_unusable(&mut self, identity: &Identity) {
        for (slot, claim) in &mut self.0 {
            if let Phase::Pending { request } = &claim.phase
                && !request.as_ref().is_some_and(|request| request.fits(*slot, identity))
            {
                claim.phase = Phase::Refused;
            }
        }
    }

    /// Whether no resource and no unanswered call can exist any more.
    pub fn all_resolved(&self) -> bool {
        self.0.values().all(|claim| match claim.phase {
            Phase::Refused | Phase::Released => true,
            Phase::Pending { .. } | Phase::Held { .. } | Phase::Deleting { .. } => false,
        })
    }

    /// The slots with an unanswered create call, and the call to send again.
    pub fn pending(&self) -> impl Iterator<Item = (Slot, u32, Option<&CreateRequest>)> {
        self.0.iter().filter_map(|(slot, claim)| match &claim.phase {
            Phase::Pending { request } => Some((*slot, claim.epoch, request.as_ref())),
            Phase::Refused | Phase::Held { .. } | Phase::Deleting { .. } | Phase::Released => None,
        })
    }

    fn set(&mut self, slot: Slot, phase: Phase) {
        if let Some(claim) = self.0.get_mut(&slot) {
            claim.phase = phase;
        }
    }
}

impl Claim {
    fn from_status(status: &ClaimStatus) -> Option<Self> {
        let epoch = u32::try_from(status.epoch).ok().filter(|epoch| *epoch > 0)?;
        let id = status.id.clone().filter(|id| !id.is_empty());
        let phase = match (status.phase, id) {
            (ClaimPhase::Pending, _) => Phase::Pending {
                request: status.request.as_deref().and_then(|request| serde_json::from_str(request).ok()),
            },
            (ClaimPhase::Refused, _) => Phase::Refused,
            (ClaimPhase::Held, id) => Phase::Held { id },
            (ClaimPhase::Deleting, Some(id)) => Phase::Deleting { id },
            (ClaimPhase::Deleting, None) => Phase::Held { id: None },
            (ClaimPhase::Released, _) => Phase::Released,
        };
        Some(Self { epoch, phase })
    }
}
