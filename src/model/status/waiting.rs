//! Derives the state of one condition from the failed calls, blockers and steps of a part of the network.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::StepFailure;
use crate::{
    api::{ADDRESS_CHANGE_ANNOTATION, ConditionStatus::False, Reason, conditions::State},
    model::{
        ids::join,
        ownership::OWNER_TAG,
        plan::{Blocker, Plan, step::Step},
        slot::Slot,
    },
};

/// Returns the state of the condition for some of the slots: failures first, then blockers, then planned steps.
/// `None` if there are none of these.
pub(super) fn part(plan: &Plan, failures: &[StepFailure], belongs: impl Fn(Slot) -> bool) -> Option<State> {
    let failed: Vec<&StepFailure> =
        failures.iter().filter(|failed| failed.slots.iter().copied().any(&belongs)).collect();
    // A failure that needs a person takes precedence over one that passes, and is reported for all slots that it
    // affects.
    if let Some(worst) = failed.iter().max_by_key(|failed| failed.failure.needs_person()) {
        let reason = worst.failure.reason();
        let alike = failed.iter().filter(|failed| failed.failure.reason() == reason);
        let slots: BTreeSet<Slot> =
            alike.flat_map(|failed| failed.slots.iter().copied()).filter(|slot| belongs(*slot)).collect();
        return Some((False, reason, format!("{}: {}", join(slots), worst.failure)));
    }
    let blockers: Vec<&Blocker> = plan.blockers.iter().filter(|blocker| blocker.slot().is_some_and(&belongs)).collect();
    // All blockers with the same reason are reported, because one annotation may have to allow several of them.
    let hard: Vec<State> = blockers.iter().filter_map(|blocker| hard(blocker)).collect();
    if let Some((status, reason, _)) = hard.first() {
        let alike = hard.iter().filter(|(_, why, _)| why == reason).map(|(_, _, message)| message.as_str());
        return Some((*status, *reason, alike.collect::<Vec<_>>().join("; ")));
    }
    let mut waiting: Vec<String> = blockers.iter().map(|blocker| waits_for(blocker)).collect();
    // Only the first step of each slot is reported: the creation of a resource includes its later changes.
    let mut planned: BTreeMap<Slot, &str> = BTreeMap::new();
    for step in &plan.steps {
        for slot in step.slots().into_iter().filter(|slot| belongs(*slot)) {
            planned.entry(slot).or_insert(name_of(step));
        }
    }
    waiting.extend(planned.into_iter().map(|(slot, name)| format!("{slot}: {name} planned")));
    waiting.sort();
    waiting.dedup();
    (!waiting.is_empty()).then(|| (False, Reason::Progressing, waiting.join("; ")))
}

/// The name of a step's action in a condition.
const fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } => "creation",
        Step::Adopt { .. } => "adoption",
        Step::Release { .. } => "release",
        Step::AuthorizeIngress { .. }
        | Step::RevokeIngress { .. }
        | Step::ModifyEndpoint { .. }
        | Step::AssociateResolverAddress { .. }
        | Step::DisassociateResolverAddress { .. } => "change",
        Step::SetTags { .. } | Step::RemoveTags { .. } => "change of tags",
        Step::DeleteEndpoints { .. } | Step::DeleteResolver { .. } | Step::DeleteGroup { .. } => "deletion",
    }
}

/// Returns the state of a condition for a blocker that only a person can resolve, and that has a reason of its own.
fn hard(blocker: &Blocker) -> Option<State> {
    match blocker {
        Blocker::Failed { slot: slot @ Slot::Resolver, id, message } => {
            Some((False, Reason::ActionNeeded, format!("{slot}: {id}: {message}")))
        }
        Blocker::Failed { slot, id, message } => Some((
            False,
            Reason::EndpointFailed,
            format!("{slot}: {id}: {message}; delete it in AWS, and the operator creates it again"),
        )),
        Blocker::NotOwned { slot, id } => Some((
            False,
            Reason::NotOwned,
            format!("{slot}: {id} has the name of the network's own resource, but not its owner tag; delete it in AWS"),
        )),
        Blocker::Ambiguous { slot, ids } => Some((
            False,
            Reason::AmbiguousAdoption,
            format!(
                "{slot}: several resources could be adopted: {}; tag all but one as managed by another tool, or select one in \
                 the spec with `mode` 'Existing'",
                ids.join(", ")
            ),
        )),
        Blocker::Duplicates { .. } => Some((False, Reason::NotOwned, waits_for(blocker))),
        Blocker::UnknownSlot { .. } | Blocker::InvalidTransfer(_) => {
            Some((False, Reason::DeletionBlocked, waits_for(blocker)))
        }
        Blocker::AddressChange { slot, id, subnet, from, to } => Some((
            False,
            Reason::AddressChangeRefused,
            format!(
                "{slot}: {id} has {from} in {subnet}, but the spec requests {to}, and clients of {from} would lose access; \
                 request {from} again, or allow the change with the annotation {ADDRESS_CHANGE_ANNOTATION}: '{slot}={id}'"
            ),
        )),
        Blocker::UnderWay { .. }
        | Blocker::NotVisible { .. }
        | Blocker::AddressUnknown { .. }
        | Blocker::MayArrive { .. }
        | Blocker::Awaits { .. }
        | Blocker::InUse { .. } => None,
    }
}

/// Returns the reason why a slot waits, in one line.
pub(super) fn waits_for(blocker: &Blocker) -> String {
    match blocker {
        Blocker::UnderWay { slot, state } => format!("{slot}: waiting for AWS, which reports '{state}'"),
        Blocker::NotVisible { slot } => format!("{slot}: created, but not listed by AWS"),
        Blocker::AddressUnknown { slot, interface } => {
            format!("{slot}: available; waiting until AWS lists its network interface {interface}")
        }
        Blocker::MayArrive { slot } => format!("{slot}: deleted; waiting until no earlier call can create it again"),
        Blocker::Awaits { slot, needs } => format!("{slot}: waiting for {needs}"),
        Blocker::Failed { slot, message, .. } => format!("{slot}: failed: {message}"),
        Blocker::NotOwned { slot, id } => format!("{slot}: foreign resource {id} has its name"),
        Blocker::Ambiguous { slot, ids } => format!("{slot}: several resources could be adopted: {}", ids.join(", ")),
        Blocker::Duplicates { slot, ids } => format!(
            "{slot}: several resources have the network's owner tags: {}; remove the tag '{OWNER_TAG}' from those that the \
             operator did not create",
            ids.join(", ")
        ),
        Blocker::UnknownSlot { slot, id } => format!(
            "{slot}: this version of the operator cannot delete {}, which a later version created; install that version \
             again",
            id.as_deref().unwrap_or("the resource")
        ),
        Blocker::InvalidTransfer(why) => why.to_string(),
        Blocker::AddressChange { slot, from, to, .. } => {
            format!("{slot}: the change from {from} to {to} is not allowed")
        }
        Blocker::InUse { slot, id, by } => {
            format!("{slot}: {id} is in use by {}; waiting until they are gone", by.join(", "))
        }
    }
}
