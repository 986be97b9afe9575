//! What failed calls, blockers and steps say of a part of a network: the state of one condition.

use std::collections::BTreeSet;

use super::verdict::StepFailure;
use crate::{
    api::{ADDRESS_CHANGE_ANNOTATION, ConditionStatus::False, Reason, conditions::State},
    model::{
        ids::join,
        plan::{Blocker, Plan},
        slot::Slot,
    },
};

/// What is the matter with some of the slots; none if nothing is.
pub(super) fn part(plan: &Plan, failures: &[StepFailure], belongs: impl Fn(Slot) -> bool) -> Option<State> {
    let failed: Vec<&StepFailure> =
        failures.iter().filter(|failed| failed.slots.iter().copied().any(&belongs)).collect();
    // What somebody has to act on is said before what passes, and of all slots that it concerns.
    if let Some(worst) = failed.iter().max_by_key(|failed| failed.failure.needs_person()) {
        let reason = worst.failure.reason();
        let alike = failed.iter().filter(|failed| failed.failure.reason() == reason);
        let slots: BTreeSet<Slot> =
            alike.flat_map(|failed| failed.slots.iter().copied()).filter(|slot| belongs(*slot)).collect();
        return Some((False, reason, format!("{}: {}", join(slots), worst.failure)));
    }
    let blockers: Vec<&Blocker> = plan.blockers.iter().filter(|blocker| belongs(blocker.slot())).collect();
    // All of a kind are said: one word may allow several, and who says it has to know them.
    let hard: Vec<State> = blockers.iter().filter_map(|blocker| hard(blocker)).collect();
    if let Some((status, reason, _)) = hard.first() {
        let alike = hard.iter().filter(|(_, why, _)| why == reason).map(|(_, _, message)| message.as_str());
        return Some((*status, *reason, alike.collect::<Vec<_>>().join("; ")));
    }
    let mut waiting: Vec<String> = blockers.iter().map(|blocker| waits_for(blocker)).collect();
    for step in &plan.steps {
        waiting.extend(
            step.slots().into_iter().filter(|slot| belongs(*slot)).map(|slot| format!("{slot}: to be changed")),
        );
    }
    waiting.sort();
    waiting.dedup();
    (!waiting.is_empty()).then(|| (False, Reason::Progressing, waiting.join("; ")))
}

fn hard(blocker: &Blocker) -> Option<State> {
    match blocker {
        Blocker::Failed { slot: slot @ Slot::Resolver, id, message } => {
            Some((False, Reason::ActionNeeded, format!("{slot}: {id}: {message}")))
        }
        Blocker::Failed { slot, id, message } => Some((
            False,
            Reason::EndpointFailed,
            format!("{slot}: {id}: {message}; delete it in AWS to have it made again"),
        )),
        Blocker::NotOwned { slot, id } => Some((
            False,
            Reason::NotOwned,
            format!("{slot}: {id} has the name that the network's own would have, and not its owner tag; remove it"),
        )),
        Blocker::Ambiguous { slot, ids } => Some((
            False,
            Reason::AmbiguousAdoption,
            format!(
                "{slot}: several resources could be adopted: {}; tag all but one as somebody's, or name one in the spec with \
                 `mode` 'Existing'",
                ids.join(", ")
            ),
        )),
        Blocker::AddressChange { slot, id, subnet, from, to } => Some((
            False,
            Reason::AddressChangeRefused,
            format!(
                "{slot}: {id} has {from} in {subnet}, and the spec asks for {to}; who uses the address would lose it, so put \
                 {from} back, or allow it by the annotation {ADDRESS_CHANGE_ANNOTATION}: '{slot}={id}'"
            ),
        )),
        Blocker::UnderWay { .. }
        | Blocker::NotVisible { .. }
        | Blocker::MayArrive { .. }
        | Blocker::Awaits { .. }
        | Blocker::InUse { .. } => None,
    }
}

pub(super) fn waits_for(blocker: &Blocker) -> String {
    match blocker {
        Blocker::UnderWay { slot, state } => format!("{slot}: {state}"),
        Blocker::NotVisible { slot } => format!("{slot}: created, and not visible"),
        Blocker::MayArrive { slot } => format!("{slot}: gone; waits until no call that was sent before can arrive"),
        Blocker::Awaits { slot, needs } => format!("{slot}: waits for {needs}"),
        Blocker::Failed { slot, message, .. } => format!("{slot}: {message}"),
        Blocker::NotOwned { slot, id } => format!("{slot}: {id} is in its place"),
        Blocker::Ambiguous { slot, ids } => format!("{slot}: one of {}", ids.join(", ")),
        Blocker::AddressChange { slot, from, to, .. } => format!("{slot}: {from} is not changed to {to}"),
        Blocker::InUse { slot, id, by } => format!("{slot}: {id} is in use by {}", by.join(", ")),
    }
}
