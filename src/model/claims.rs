//! Claims: the record that a create call may have been sent. Promise 1 (no duplicates) depends on them.
//!
//! The history of a slot is a sequence of epochs. At most one resource is created in each epoch, because all create
//! calls of the epoch carry the same token, a function of UID, slot and epoch: AWS answers a repeated token with the
//! resource that exists. An epoch ends only when the operator has observed that the resource is gone.
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
//! If a reserved call was certainly not sent, its slot returns to the claim that it had before.
//!
//! Before the call is sent, the `Pending` phase is written to the API server, conditional on the `resourceVersion` of
//! the object. The operator resolves a `Pending` claim by sending the recorded request again, even during deletion:
//! that is the only way to learn the ID of a resource that an unanswered call may have created. `Refused` keeps its
//! epoch, because nothing was created under its token. If that is ever wrong, AWS reports it in the next call with
//! the same token.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use sha2::{Digest, Sha256};

use crate::text::hex;
use crate::{
    api::{ClaimPhase, ClaimStatus},
    model::{
        adoptions::Adoptions,
        failure::FailureClass,
        ids::ResolverId,
        observed::{Resources, parts::Parts, resources::Life},
        ownership::{self, Identity},
        plan::step::{CreateRequest, Effect, Step},
        slot::{Slot, UnknownSlot},
    },
};

/// The claims of one network, and the records of its adopted resources, which are stored together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    by_slot: BTreeMap<Slot, Claim>,
    adoptions: Adoptions,
    /// The claims on slots that this version does not know. A later version stored them, and they stay as they are.
    unknown: Vec<ClaimStatus>,
}

/// The claim on one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The number of the resource in its slot, counted from 1.
    pub epoch: u32,
    /// The phase of the epoch.
    pub phase: Phase,
}

/// The phases of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The create call may have been sent, and its outcome is unknown. The request is missing if a later version stored it
    /// in a form that this one cannot read, or if the status was edited by hand. The currently desired request is then
    /// sent with the same token.
    Pending {
        /// The request as it was sent.
        request: Option<CreateRequest>,
    },
    /// AWS refused the call, so nothing exists.
    Refused,
    /// The resource exists. Its ID is missing if AWS has only reported that the token or name is taken.
    Held {
        /// The ID of the resource.
        id: Option<String>,
    },
    /// The resource is being deleted.
    Deleting {
        /// The ID of the resource.
        id: String,
    },
    /// The resource is gone.
    Released,
}

/// Returns the token of all create calls for one slot in one epoch: 64 hexadecimal digits, the most that EC2 accepts
/// (EC2 Developer Guide, "Ensuring idempotency").
pub fn token(uid: &str, slot: impl Display, epoch: u32) -> String {
    hex(&Sha256::digest(format!("mgnet/{uid}/{slot}/{epoch}")))
}

impl Claims {
    /// Reads the claims of the network with this UID from status. A claim on an unknown slot is kept unchanged if its token
    /// shows that an operator wrote it. Other entries that cannot be parsed are ignored: tokens are derived, and resources
    /// have their epoch in a tag, so the operator finds the true state again.
    pub fn from_status(uid: &str, status: &[ClaimStatus]) -> Self {
        let mut claims = Self::default();
        for stored in status {
            let Some(claim) = Claim::from_status(stored) else { continue };
            match stored.slot.parse() {
                Ok(slot) => drop(claims.by_slot.insert(slot, claim)),
                Err(UnknownSlot { .. }) if stored.token == token(uid, &stored.slot, claim.epoch) => {
                    claims.unknown.push(stored.clone());
                }
                Err(UnknownSlot { .. }) => {}
            }
        }
        claims
    }

    /// Adds the records of adopted resources. A record of an unknown slot needs a claim on it.
    #[must_use]
    pub fn with_adoptions(self, mut adoptions: Adoptions) -> Self {
        adoptions.retain_unknown(|slot| self.unknown.iter().any(|claim| claim.slot == slot));
        Self { adoptions, ..self }
    }

    /// Returns the records of adopted resources.
    pub const fn adoptions(&self) -> &Adoptions {
        &self.adoptions
    }

    /// Returns what an adopted resource had. None if the network did not adopt it.
    pub fn had(&self, slot: Slot, id: &str) -> Option<&Parts> {
        self.adoptions.had(slot, id)
    }

    /// Converts the claims for status.
    pub fn to_status(&self, uid: &str) -> Vec<ClaimStatus> {
        let known = self.by_slot.iter().map(|(slot, claim)| {
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
        });
        known.chain(self.unknown.iter().cloned()).collect()
    }

    /// Returns the unknown slots that may hold a resource, each with the ID of its resource. Only the version that claimed
    /// them can delete these resources.
    pub fn of_unknown_slots(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let may_exist = |claim: &&ClaimStatus| Claim::from_status(claim).is_some_and(|claim| claim.may_exist());
        self.unknown.iter().filter(may_exist).map(|claim| (claim.slot.as_str(), claim.id.as_deref()))
    }

    /// Returns the claim on a slot.
    pub fn get(&self, slot: Slot) -> Option<&Claim> {
        self.by_slot.get(&slot)
    }

    /// Returns the epoch of a create call for the slot: the open epoch, or the next one.
    pub fn epoch_to_create(&self, slot: Slot) -> u32 {
        self.by_slot.get(&slot).map_or(1, |claim| match claim.phase {
            Phase::Released => claim.epoch.saturating_add(1),
            Phase::Pending { .. } | Phase::Refused | Phase::Held { .. } | Phase::Deleting { .. } => claim.epoch,
        })
    }

    /// Updates the claims from an observation. `overdue` are the slots whose resource has been missing from complete
    /// observations for longer than the eventual consistency of AWS explains.
    pub fn settle(&mut self, identity: &Identity, resources: &Resources, overdue: &BTreeSet<Slot>) {
        for slot in self.by_slot.keys().copied().chain(resources.slots(identity)).collect::<BTreeSet<Slot>>() {
            let held = resources.held(identity, slot);
            let known = self.by_slot.get(&slot);
            let epoch = known.map_or(0, |claim| claim.epoch);
            // The remains of an earlier epoch prove nothing about this one, least of all while its call is
            // unanswered.
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
                // A list that still contains the resource outweighs a "not found" answer.
                (None, Some(Phase::Deleting { id })) if !resources.lists_unread(slot, Some(id)) => {
                    Some((epoch, Phase::Released))
                }
                (None, Some(Phase::Held { .. })) if overdue.contains(&slot) => Some((epoch, Phase::Released)),
                (None, _) => None,
            };
            if let Some((epoch, phase)) = phase {
                self.by_slot.insert(slot, Claim { epoch, phase });
            }
        }
        let Self { by_slot, adoptions, unknown: _ } = self;
        adoptions.settle(identity, resources, |slot, id| {
            by_slot.get(&slot).is_some_and(|claim| claim.phase == Phase::Held { id: Some(id.to_owned()) })
        });
    }

    /// Records what others have added to adopted resources: everything that the steps would remove from these, if nothing
    /// but the resources has changed since the last steps. Returns true if there was anything.
    pub fn absorb(&mut self, steps: &[Step]) -> bool {
        self.adoptions.absorb(steps)
    }

    /// Returns the slots whose held resource is not among the observed ones: it is gone, not visible yet, or could
    /// not be read. A resource that is being deleted may be missing, too.
    pub fn missing(&self, identity: &Identity, resources: &Resources) -> BTreeSet<Slot> {
        let is_missing = |slot: Slot, phase: &Phase| match phase {
            Phase::Held { .. } => resources.held(identity, slot).is_empty(),
            Phase::Deleting { id } => resources.lists_unread(slot, Some(id)),
            Phase::Pending { .. } | Phase::Refused | Phase::Released => false,
        };
        self.by_slot.iter().filter(|(slot, claim)| is_missing(**slot, &claim.phase)).map(|(slot, _)| *slot).collect()
    }

    /// Returns those missing slots whose resource is in no list either, with their epochs. The resources count as
    /// gone after the absence grace.
    pub fn absent(&self, identity: &Identity, resources: &Resources) -> BTreeMap<Slot, u32> {
        let missing = self.missing(identity, resources);
        let is_absent = |slot: Slot, phase: &Phase| match phase {
            Phase::Held { id } => missing.contains(&slot) && !resources.lists_unread(slot, id.as_deref()),
            _ => false,
        };
        let absent = self.by_slot.iter().filter(|(slot, claim)| is_absent(**slot, &claim.phase));
        absent.map(|(slot, claim)| (*slot, claim.epoch)).collect()
    }

    /// Returns the slots of all security groups that were ever claimed. Their create calls carry no token: a call
    /// that arrives after its group has been deleted creates another group.
    pub fn groups(&self) -> Vec<Slot> {
        self.by_slot.keys().filter(|slot| matches!(slot, Slot::Group(_))).copied().collect()
    }

    /// Whether nothing was ever claimed, or the status with the claims was lost.
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty() && self.unknown.is_empty()
    }

    /// Whether AWS refused the last create call for the slot.
    pub fn is_refused(&self, slot: Slot) -> bool {
        self.by_slot.get(&slot).is_some_and(|claim| claim.phase == Phase::Refused)
    }

    /// Whether the slot may hold a resource.
    pub fn may_exist(&self, slot: Slot) -> bool {
        self.by_slot.get(&slot).is_some_and(Claim::may_exist)
    }

    /// Whether a claim records the resource with this ID.
    pub fn records(&self, id: &str) -> bool {
        let of_known_slots = self.by_slot.values().any(|claim| match &claim.phase {
            Phase::Held { id: Some(known) } | Phase::Deleting { id: known } => known == id,
            Phase::Held { id: None } | Phase::Pending { .. } | Phase::Refused | Phase::Released => false,
        });
        of_known_slots || self.of_unknown_slots().any(|(_, known)| known == Some(id))
    }

    /// Returns the ID of the claimed Resolver endpoint, if one exists.
    pub fn resolvers(&self) -> BTreeSet<ResolverId> {
        match self.by_slot.get(&Slot::Resolver).map(|claim| &claim.phase) {
            Some(Phase::Held { id: Some(id) } | Phase::Deleting { id }) => BTreeSet::from([id.as_str().into()]),
            Some(Phase::Held { id: None } | Phase::Pending { .. } | Phase::Refused | Phase::Released) | None => {
                BTreeSet::new()
            }
        }
    }

    /// Claims the slots of the create steps, and records what the resources of adoption steps have. Returns true if the
    /// claims must be stored before the steps may run.
    pub fn reserve(&mut self, steps: &[Step]) -> bool {
        let mut changed = false;
        for step in steps {
            changed |= self.adoptions.reserve(step);
            let Step::Create { slot, request, .. } = step else { continue };
            let claim =
                Claim { epoch: self.epoch_to_create(*slot), phase: Phase::Pending { request: Some(request.clone()) } };
            changed |= self.by_slot.insert(*slot, claim.clone()).as_ref() != Some(&claim);
        }
        changed
    }

    /// Records the effect of a step.
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
                self.by_slot.insert(*slot, claim);
            }
            (Step::Release { slot, .. }, _) => {
                self.set(*slot, Phase::Released);
                self.adoptions.forget(*slot);
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

    /// Records the failure of a step.
    pub fn failed(&mut self, step: &Step, class: FailureClass) {
        let Step::Create { slot, .. } = step else { return };
        if class.is_refusal() {
            self.set(*slot, Phase::Refused);
        } else if class == FailureClass::AlreadyExists {
            self.hold(*slot, None);
        }
    }

    /// Takes back the claim of a create step that was not sent: the slot gets the claim that it had before the step was
    /// reserved, which may be an older unanswered call.
    pub fn not_sent(&mut self, step: &Step, before: &Self) {
        let Step::Create { slot, .. } = step else { return };
        match before.get(*slot) {
            Some(claim) => drop(self.by_slot.insert(*slot, claim.clone())),
            None => drop(self.by_slot.remove(slot)),
        }
    }

    fn hold(&mut self, slot: Slot, id: Option<String>) {
        self.set(slot, Phase::Held { id });
    }

    /// Gives up unanswered calls that cannot be sent again, because a later version stored them, or because the status was
    /// edited by hand. What they may have created counts as existing, until complete observations have not listed it for the
    /// absence grace.
    pub fn give_up_unusable(&mut self, identity: &Identity) {
        for (slot, claim) in &mut self.by_slot {
            if let Phase::Pending { request } = &claim.phase
                && !request.as_ref().is_some_and(|request| request.fits(*slot, identity))
            {
                claim.phase = Phase::Held { id: None };
            }
        }
    }

    /// Whether no resource and no unanswered call can exist anymore.
    pub fn all_resolved(&self) -> bool {
        !self.by_slot.values().any(Claim::may_exist) && self.of_unknown_slots().next().is_none()
    }

    /// Returns the slots with an unanswered create call, and the request to send again.
    pub fn pending(&self) -> impl Iterator<Item = (Slot, u32, Option<&CreateRequest>)> {
        self.by_slot.iter().filter_map(|(slot, claim)| match &claim.phase {
            Phase::Pending { request } => Some((*slot, claim.epoch, request.as_ref())),
            Phase::Refused | Phase::Held { .. } | Phase::Deleting { .. } | Phase::Released => None,
        })
    }

    fn set(&mut self, slot: Slot, phase: Phase) {
        if let Some(claim) = self.by_slot.get_mut(&slot) {
            claim.phase = phase;
        }
    }
}

impl Claim {
    /// Whether the resource of the epoch exists, or an unanswered call may have created it.
    fn may_exist(&self) -> bool {
        match self.phase {
            Phase::Refused | Phase::Released => false,
            Phase::Pending { .. } | Phase::Held { .. } | Phase::Deleting { .. } => true,
        }
    }

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
