//! Conditions of a network that waits for a word: its plan is known, and is carried out only once it is approved.
//!
//! kstatus is to fail at once and Argo CD to say Suspended, so `Stalled` says `AwaitingApproval`; `Ready`, `Synced` and
//! whatever the plan would change say `ChangesPlanned`.

use crate::api::{
    ConditionStatus::{False, True},
    ConditionType, Reason,
    conditions::State,
};

/// The conditions behind `Ready`: what would be at work under 'Enforce' is planned here.
pub(crate) fn details(as_enforced: Vec<(ConditionType, State)>, summary: &str) -> Vec<(ConditionType, State)> {
    as_enforced
        .into_iter()
        .map(|(type_, state)| match (type_, state) {
            (ConditionType::Synced, _) => (type_, (False, Reason::ChangesPlanned, summary.to_owned())),
            (_, (False, Reason::Progressing, message)) => (type_, (False, Reason::ChangesPlanned, message)),
            (_, state) => (type_, state),
        })
        .collect()
}

/// `Ready`. What approval alone would not heal comes first.
pub(crate) fn ready(details: &[(ConditionType, State)], suspended: bool, summary: &str) -> State {
    let troubled = details
        .iter()
        .map(|(_, state)| state)
        .find(|(status, reason, _)| *status != True && !reason.heals_by_waiting() && *reason != Reason::ChangesPlanned);
    if let Some((_, reason, message)) = troubled {
        return (False, *reason, message.clone());
    }
    let reason = if suspended { Reason::Suspended } else { Reason::ChangesPlanned };
    (False, reason, summary.to_owned())
}

/// The reason of `Stalled` for a reason of `Ready`.
pub(crate) const fn stalled(ready: Reason) -> Reason {
    match ready {
        Reason::ChangesPlanned => Reason::AwaitingApproval,
        other => other,
    }
}
