//! Writes the result of a class's reconcile into its conditions.
//!
//! kstatus does not know `Accepted`, and treats an object without `Ready`, `Reconciling` and `Stalled` as current once it is
//! observed. `Stalled` therefore reports a class that needs a person, and `Reconciling` one that waits: Flux and Helm then
//! end at the first, and wait for the second, before they apply the networks of the class.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::{
    ConditionStatus::{False, True, Unknown},
    ConditionType::{self, Accepted, Reconciling, Stalled},
    Reason,
    conditions::{State, remove, set},
};

/// Writes the conditions of a class whose `Accepted` has this state. At most one of `Stalled` and `Reconciling` exists.
pub fn write(conditions: &mut Vec<Condition>, accepted: State, generation: i64, now: Timestamp) {
    let waits = waits(&accepted);
    for type_ in [Reconciling, Stalled] {
        match &waits {
            Some((present, reason)) if *present == type_ => {
                set(conditions, type_, (True, *reason, accepted.2.clone()), generation, now);
            }
            Some(_) | None => remove(conditions, type_),
        }
    }
    set(conditions, Accepted, accepted, generation, now);
}

/// The condition that explains why the class is not accepted, and its reason. None if the class is accepted.
fn waits((status, reason, _): &State) -> Option<(ConditionType, Reason)> {
    match status {
        True => None,
        False | Unknown if !reason.heals_by_waiting() => Some((Stalled, *reason)),
        // Only a deletion waits for something else than AWS.
        False | Unknown if *reason == Reason::Deleting => Some((Reconciling, Reason::Progressing)),
        False | Unknown => Some((Reconciling, Reason::ProgressingWithRetry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ConditionStatus;

    /// The conditions of a class after a sequence of states of `Accepted`, as `Type=Status Reason`.
    fn after(states: &[(ConditionStatus, Reason)]) -> Vec<String> {
        let mut conditions = Vec::new();
        for (status, reason) in states {
            write(&mut conditions, (*status, *reason, "in words".to_owned()), 2, Timestamp::UNIX_EPOCH);
        }
        assert!(conditions.iter().all(|one| one.message == "in words" && one.observed_generation == Some(2)));
        conditions.iter().map(|one| format!("{}={} {}", one.type_, one.status, one.reason)).collect()
    }

    #[test]
    fn a_refused_class_is_stalled() {
        let refused = (False, Reason::AccessDenied);
        assert_eq!(after(&[refused]), ["Accepted=False AccessDenied", "Stalled=True AccessDenied"]);
    }

    #[test]
    fn a_class_that_waits_for_aws_is_reconciling() {
        let waiting = ["Accepted=Unknown Throttled", "Reconciling=True ProgressingWithRetry"];
        assert_eq!(after(&[(Unknown, Reason::Throttled)]), waiting);
        assert_eq!(after(&[(False, Reason::AccountMismatch), (Unknown, Reason::Throttled)]), waiting);
    }

    #[test]
    fn an_accepted_class_is_neither() {
        for before in [(False, Reason::AccessDenied), (Unknown, Reason::AwsError), (False, Reason::Deleting)] {
            assert_eq!(after(&[before, (True, Reason::Accepted)]), ["Accepted=True Accepted"]);
        }
    }

    #[test]
    fn a_class_that_is_being_deleted_waits_for_its_networks() {
        let deleting = after(&[(False, Reason::AccessDenied), (False, Reason::Deleting)]);
        assert_eq!(deleting, ["Accepted=False Deleting", "Reconciling=True Progressing"]);
    }
}
