//! The conditions of a network whose plan waits for approval (`managementPolicy: Plan`).
//!
//! `Stalled` has the reason `AwaitingApproval`, so that kstatus reports a failure at once and Argo CD reports
//! Suspended. `Ready`, `Synced` and the condition of each part that the plan changes have the reason
//! `ChangesPlanned`.

use crate::api::{
    ConditionStatus::{False, True},
    ConditionType, Reason,
    conditions::State,
};

/// Returns the conditions that `Ready` summarizes. Changes that would be in progress with 'Enforce' are reported as
/// planned.
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

/// Returns the state of `Ready`. Problems that approval alone would not resolve take precedence.
pub(crate) fn ready(details: &[(ConditionType, State)], suspended: bool, summary: &str) -> State {
    let problem = details
        .iter()
        .map(|(_, state)| state)
        .find(|(status, reason, _)| *status != True && !reason.heals_by_waiting() && *reason != Reason::ChangesPlanned);
    if let Some((_, reason, message)) = problem {
        return (False, *reason, message.clone());
    }
    let reason = if suspended { Reason::Suspended } else { Reason::ChangesPlanned };
    (False, reason, summary.to_owned())
}

/// Returns the reason of `Stalled` that corresponds to a reason of `Ready`.
pub(crate) const fn stalled(ready: Reason) -> Reason {
    match ready {
        Reason::ChangesPlanned => Reason::AwaitingApproval,
        other => other,
    }
}
