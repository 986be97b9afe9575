//! Tests that each rule detects its violations, and no others.

use jiff::Timestamp;
use mgnet::api::ConditionStatus::{self, False, True, Unknown};
use mgnet::api::ConditionType as Type;
use mgnet::api::conditions::{Presence, set};

use super::*;

/// Returns the conditions of a network of generation 2 at rest.
fn at_rest() -> Vec<Condition> {
    let mut conditions = Vec::new();
    for type_ in Type::ALL.into_iter().filter(|type_| type_.presence() != Presence::WhileTrue) {
        put(&mut conditions, type_, True, Reason::Ready);
    }
    conditions
}

/// Returns the conditions of the same network while an endpoint is created.
fn in_progress() -> Vec<Condition> {
    let mut conditions = at_rest();
    put(&mut conditions, Type::Ready, False, Reason::EndpointsPending);
    put(&mut conditions, Type::Reconciling, True, Reason::Progressing);
    conditions
}

fn put(conditions: &mut Vec<Condition>, type_: Type, status: ConditionStatus, reason: Reason) {
    set(conditions, type_, (status, reason, ""), 2, Timestamp::UNIX_EPOCH);
}

#[track_caller]
fn assert_violation(conditions: &[Condition], rule: &str) {
    let violations = super::violations(2, false, 2, conditions);
    assert!(violations.iter().any(|violation| violation.starts_with(rule)), "{rule} not in {violations:?}");
}

#[test]
fn good_statuses_break_no_rule() {
    assert_eq!(violations(2, false, 2, &at_rest()), [""; 0]);
    assert_eq!(violations(2, false, 2, &in_progress()), [""; 0]);

    let mut stalled = in_progress();
    stalled.retain(|condition| condition.type_ != "Reconciling");
    put(&mut stalled, Type::Stalled, True, Reason::QuotaExceeded);
    assert_eq!(violations(2, false, 2, &stalled), [""; 0]);

    let mut suspended = at_rest();
    put(&mut suspended, Type::Suspended, True, Reason::Suspended);
    assert_eq!(violations(2, false, 2, &suspended), [""; 0]);
    put(&mut suspended, Type::Ready, False, Reason::Suspended);
    assert_eq!(violations(2, false, 2, &suspended), [""; 0]);

    let mut deleting = at_rest();
    put(&mut deleting, Type::Ready, False, Reason::Deleting);
    assert_eq!(violations(2, true, 2, &deleting), [""; 0]);
}

#[test]
fn the_schema_default_breaks_no_rule() {
    let mut conditions = Vec::new();
    put(&mut conditions, Type::Ready, Unknown, Reason::Pending);
    conditions[0].observed_generation = None;
    assert_eq!(violations(1, false, -1, &conditions), [""; 0]);
}

#[test]
fn fail0002_ready_is_missing() {
    assert_violation(&at_rest()[1..], "FAIL0002");
    assert_violation(&[], "FAIL0002");
}

#[test]
fn fail0003_and_fail0001_ready_while_reconciling() {
    for status in [True, Unknown] {
        let mut conditions = in_progress();
        put(&mut conditions, Type::Ready, status, Reason::Ready);
        assert_violation(&conditions, "FAIL0003");
    }
}

#[test]
fn fail0004_and_fail0001_ready_while_stalled() {
    for status in [True, Unknown] {
        let mut conditions = at_rest();
        put(&mut conditions, Type::Ready, status, Reason::Ready);
        put(&mut conditions, Type::Stalled, True, Reason::InvalidSpec);
        assert_violation(&conditions, "FAIL0004");
    }
}

#[test]
fn fail0005_reconciling_and_stalled() {
    let mut conditions = in_progress();
    put(&mut conditions, Type::Stalled, True, Reason::InvalidSpec);
    assert_violation(&conditions, "FAIL0005");
}

#[test]
fn fail0006_the_status_is_ahead_of_the_object() {
    let violations = super::violations(1, false, 2, &in_progress());
    assert!(violations.iter().any(|violation| violation.starts_with("FAIL0006")), "{violations:?}");
}

#[test]
fn fail0007_and_fail0008_ready_for_an_older_generation() {
    let violations = super::violations(3, false, 2, &at_rest());
    for rule in ["FAIL0007", "FAIL0008"] {
        assert!(violations.iter().any(|violation| violation.starts_with(rule)), "{rule}: {violations:?}");
    }
}

#[test]
fn fail0008_ready_with_an_outdated_condition() {
    let mut conditions = at_rest();
    conditions[4].observed_generation = Some(1);
    assert_violation(&conditions, "FAIL0008");
    conditions[4].observed_generation = None;
    assert_violation(&conditions, "FAIL0008");
}

#[test]
fn fail0009_ready_and_a_condition_of_another_generation() {
    let mut conditions = at_rest();
    conditions[4].observed_generation = Some(3);
    assert_violation(&conditions, "FAIL0009");
}

#[test]
fn generations_are_written_together_also_while_not_ready() {
    let mut conditions = in_progress();
    conditions[4].observed_generation = Some(1);
    assert_violation(&conditions, "generations");
}

#[test]
fn conditions_of_other_writers_are_not_checked() {
    let mut conditions = at_rest();
    conditions.push(Condition { type_: "Audited".to_owned(), observed_generation: Some(1), ..conditions[0].clone() });
    assert_eq!(violations(2, false, 2, &conditions), [""; 0]);
}

#[test]
fn conditions_that_must_be_absent_unless_true() {
    for type_ in [Type::Reconciling, Type::Stalled, Type::Suspended] {
        let mut conditions = at_rest();
        put(&mut conditions, type_, False, Reason::Ready);
        assert_violation(&conditions, "presence");
    }
}

#[test]
fn ready_while_deleting() {
    let violations = super::violations(2, true, 2, &at_rest());
    assert!(violations.iter().any(|violation| violation.starts_with("deletion")), "{violations:?}");
}

#[test]
fn stalled_with_a_reason_that_waiting_may_heal() {
    let mut conditions = in_progress();
    conditions.retain(|condition| condition.type_ != "Reconciling");
    put(&mut conditions, Type::Stalled, True, Reason::Throttled);
    assert_violation(&conditions, "stalled");
}

#[test]
fn not_ready_without_reconciling_or_stalled() {
    let mut conditions = in_progress();
    conditions.retain(|condition| condition.type_ != "Reconciling");
    assert_violation(&conditions, "waiting");
}

/// Returns the conditions of a class of generation 2 that the operator writes for a state of `Accepted`.
fn of_class(accepted: ConditionStatus, reason: Reason) -> Vec<Condition> {
    let mut conditions = Vec::new();
    mgnet::model::status::class::write(&mut conditions, (accepted, reason, String::new()), 2, Timestamp::UNIX_EPOCH);
    conditions
}

#[test]
fn the_statuses_of_classes_break_no_rule() {
    for reason in Reason::ALL {
        let unaccepted = if reason.heals_by_waiting() { Unknown } else { False };
        assert_eq!(violations_of_class(2, 2, &of_class(unaccepted, *reason)), [""; 0], "{reason}");
    }
    assert_eq!(violations_of_class(2, 2, &of_class(False, Reason::Deleting)), [""; 0]);
    assert_eq!(violations_of_class(2, 2, &of_class(True, Reason::Accepted)), [""; 0]);
}

#[test]
fn a_class_that_tools_would_misread_breaks_a_rule() {
    let refused = of_class(False, Reason::AccessDenied);
    let waiting = of_class(Unknown, Reason::Throttled);
    let without = |mut conditions: Vec<Condition>, type_: Type| {
        conditions.retain(|condition| condition.type_ != type_.as_str());
        conditions
    };
    let with = |mut conditions: Vec<Condition>, type_: Type, reason: Reason| {
        put(&mut conditions, type_, True, reason);
        conditions
    };
    for (case, conditions) in [
        ("refused, but current", without(refused.clone(), Type::Stalled)),
        ("waiting, but current", without(waiting.clone(), Type::Reconciling)),
        ("both", with(refused.clone(), Type::Reconciling, Reason::Progressing)),
        ("refused, but in progress", with(without(refused, Type::Stalled), Type::Reconciling, Reason::Progressing)),
        ("waiting, but failed", with(without(waiting, Type::Reconciling), Type::Stalled, Reason::Throttled)),
        ("accepted, but failed", with(of_class(True, Reason::Accepted), Type::Stalled, Reason::AccessDenied)),
    ] {
        assert_ne!(violations_of_class(2, 2, &conditions), [""; 0], "{case}");
    }
}
