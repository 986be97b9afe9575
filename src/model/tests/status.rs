//! Tests of the conditions: each verdict gives conditions that are true, and that kstatus, Flux and Argo CD interpret
//! correctly.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    api::{ConditionType, Reason, conditions::find},
    model::{
        failure::{CallFailure, FailureClass},
        plan::{Blocker, Plan},
        preflight::checks::{Check, Finding},
        slot::{EndpointKey, GroupRole, Service, Slot},
        status::{ResolverHealth, StepFailure, Verdict, conditions::write},
        testing::Lab,
    },
};

const MGN: Slot = Slot::Endpoint(EndpointKey::interface(Service::Mgn));

fn failure(class: FailureClass, code: &str) -> CallFailure {
    CallFailure {
        class,
        operation: "ec2:CreateVpcEndpoint".to_owned(),
        code: code.to_owned(),
        message: String::new(),
        request_id: None,
    }
}

fn built(plan: Plan, failures: Vec<StepFailure>, changed: bool) -> Verdict {
    Verdict::Built {
        plan,
        failures,
        changed,
        resolver: ResolverHealth::Full,
        endpoints: (7, 7),
        foreign_rules: Vec::new(),
    }
}

fn planned(plan: Plan) -> Verdict {
    Verdict::Planned {
        plan,
        summary: "3 to create".to_owned(),
        under_way: false,
        resolver: ResolverHealth::Full,
        endpoints: (0, 7),
        foreign_rules: Vec::new(),
    }
}

fn failed(class: FailureClass) -> Verdict {
    built(Plan::default(), vec![StepFailure { slots: vec![MGN], failure: failure(class, "Code") }], false)
}

fn blocked(blocker: Blocker) -> Verdict {
    built(Plan { steps: Vec::new(), blockers: vec![blocker] }, Vec::new(), false)
}

fn conditions(verdicts: &[Verdict], suspended: bool) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for verdict in verdicts {
        write(&mut conditions, verdict, suspended, 3, Timestamp::UNIX_EPOCH);
        let deleting = matches!(verdict, Verdict::Deleting { .. });
        let violations = support::kstatus::violations(3, deleting, 3, &conditions);
        assert!(violations.is_empty(), "{violations:#?} after {verdict:#?}: {conditions:#?}");
    }
    conditions
}

fn state(conditions: &[Condition], type_: ConditionType) -> (String, String) {
    let condition = find(conditions, type_).expect("the condition is there");
    (condition.status.clone(), condition.reason.clone())
}

fn pair(status: &str, reason: Reason) -> (String, String) {
    (status.to_owned(), reason.as_str().to_owned())
}

/// Every possible result of a reconcile.
fn all_verdicts() -> Vec<Verdict> {
    let classes = [
        FailureClass::NotFound,
        FailureClass::AlreadyExists,
        FailureClass::Dependency,
        FailureClass::Throttled,
        FailureClass::NotSent,
        FailureClass::Unauthorized,
        FailureClass::Credentials,
        FailureClass::InUse,
        FailureClass::Quota,
        FailureClass::Conflict,
        FailureClass::Invalid,
        FailureClass::Transient,
        FailureClass::Unanswered,
        FailureClass::Unknown,
    ];
    let blockers = [
        Blocker::UnderWay { slot: MGN, state: "Pending".to_owned() },
        Blocker::NotVisible { slot: MGN },
        Blocker::AddressUnknown { slot: MGN, interface: "eni-1".into() },
        Blocker::Awaits { slot: MGN, needs: Slot::Group(GroupRole::Endpoints) },
        Blocker::Failed { slot: MGN, id: "vpce-1".to_owned(), message: "no".to_owned() },
        Blocker::Failed { slot: Slot::Resolver, id: "rslvr-1".to_owned(), message: "no".to_owned() },
        Blocker::NotOwned { slot: Slot::Group(GroupRole::Resolver), id: "sg-1".to_owned() },
        Blocker::InUse { slot: Slot::Group(GroupRole::Resolver), id: "sg-1".to_owned(), by: vec!["eni-1".to_owned()] },
        Blocker::MayArrive { slot: Slot::Group(GroupRole::Resolver) },
    ];
    let mut verdicts = vec![
        built(Plan::default(), Vec::new(), false),
        built(Plan::default(), Vec::new(), true),
        built(Lab::new().plan(), Vec::new(), true),
        Verdict::Rejected { reason: Reason::ClassNotFound, message: "no class".to_owned() },
        Verdict::Admitted,
        Verdict::Unfit(vec![Finding::new(Check::VpcFound, "no VPC".to_owned())]),
        Verdict::Broken("a panic".to_owned()),
        planned(Lab::new().plan()),
        planned(Plan { blockers: blockers[..1].to_vec(), ..Lab::new().plan() }),
        planned(Plan { blockers: blockers[5..6].to_vec(), ..Lab::new().plan() }),
    ];
    for class in classes {
        verdicts.push(Verdict::Unseen(failure(class, "Code")));
        verdicts.push(failed(class));
        verdicts.push(Verdict::Deleting {
            plan: Plan::default(),
            failures: vec![StepFailure { slots: vec![MGN], failure: failure(class, "Code") }],
            changed: false,
        });
    }
    for blocker in blockers {
        verdicts.push(blocked(blocker.clone()));
        verdicts.push(Verdict::Deleting {
            plan: Plan { steps: Vec::new(), blockers: vec![blocker] },
            failures: Vec::new(),
            changed: false,
        });
    }
    verdicts
}

#[test]
fn no_sequence_of_verdicts_violates_kstatus() {
    let verdicts = all_verdicts();
    for first in &verdicts {
        for second in &verdicts {
            for suspended in [false, true] {
                // `conditions` checks the rules after each. A deletion cannot be undone.
                if !matches!(first, Verdict::Deleting { .. }) || matches!(second, Verdict::Deleting { .. }) {
                    let deleting =
                        matches!(second, Verdict::Deleting { .. }) || matches!(first, Verdict::Deleting { .. });
                    conditions(&[first.clone(), second.clone()], suspended && !deleting);
                }
            }
        }
    }
}

#[test]
fn ready_is_true_only_when_no_step_remains_and_none_just_ran() {
    for (case, verdict) in all_verdicts().into_iter().enumerate() {
        let conditions = conditions(&[verdict], false);
        assert_eq!(state(&conditions, ConditionType::Ready).0 == "True", case == 0, "case {case}: {conditions:#?}");
    }
}

#[test]
fn the_seven_conditions_always_exist() {
    use ConditionType::{Accepted, EndpointsReady, NetworkResolved, Ready, ResolverReady, SecurityGroupsReady, Synced};
    for verdict in all_verdicts() {
        let conditions = conditions(&[verdict], false);
        for type_ in [Ready, Accepted, NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced] {
            assert!(find(&conditions, type_).is_some(), "{type_} is missing");
        }
    }
}

#[test]
fn only_a_failure_that_needs_a_person_stalls() {
    let stalls = |verdict| find(&conditions(&[verdict], false), ConditionType::Stalled).is_some();
    for class in [FailureClass::Quota, FailureClass::Conflict, FailureClass::Invalid, FailureClass::Unauthorized] {
        assert!(stalls(failed(class)), "{class:?}");
    }
    for class in [FailureClass::Throttled, FailureClass::Transient, FailureClass::Dependency, FailureClass::Unknown] {
        assert!(!stalls(failed(class)), "{class:?}");
    }
    assert!(stalls(Verdict::Unfit(vec![Finding::new(Check::TwoZones, "…".to_owned())])));
}

#[test]
fn a_complete_network_stays_ready_while_aws_does_not_answer() {
    let complete = built(Plan::default(), Vec::new(), false);
    let unseen = Verdict::Unseen(failure(FailureClass::Throttled, "RequestLimitExceeded"));
    let throttled = conditions(&[complete.clone(), unseen], false);
    assert_eq!(state(&throttled, ConditionType::Ready), pair("True", Reason::Ready));
    assert_eq!(state(&throttled, ConditionType::Synced), pair("Unknown", Reason::Throttled));

    let mut later = conditions(&[complete], false);
    write(&mut later, &Verdict::Unseen(failure(FailureClass::Transient, "Timeout")), false, 4, Timestamp::UNIX_EPOCH);
    assert_eq!(state(&later, ConditionType::Ready).0, "False", "another generation was never complete");
}

#[test]
fn a_change_of_a_complete_network_is_reported_as_drift() {
    let complete = built(Plan::default(), Vec::new(), false);
    let repaired = conditions(&[complete.clone(), built(Plan::default(), Vec::new(), true)], false);
    assert_eq!(state(&repaired, ConditionType::Synced), pair("False", Reason::DriftDetected));
    let Verdict::Built { plan, failures, changed, resolver, endpoints, .. } = complete else { unreachable!() };
    let foreign_rules = vec!["sg-1: icmp from 0.0.0.0/0".to_owned()];
    let foreign = Verdict::Built { plan, failures, changed, resolver, endpoints, foreign_rules };
    let conditions = conditions(&[foreign], false);
    assert_eq!(state(&conditions, ConditionType::Synced), pair("False", Reason::DriftDetected));
    assert_eq!(
        state(&conditions, ConditionType::Ready),
        pair("True", Reason::Ready),
        "a foreign rule is not an outage"
    );
}

#[test]
fn the_condition_names_the_resource_that_blocks_a_deletion() {
    let blocker = Blocker::InUse {
        slot: Slot::Group(GroupRole::Replication),
        id: "sg-1".to_owned(),
        by: vec!["eni-1 (replication server)".to_owned()],
    };
    let verdict = Verdict::Deleting {
        plan: Plan { steps: Vec::new(), blockers: vec![blocker] },
        failures: Vec::new(),
        changed: false,
    };
    let conditions = conditions(&[verdict], false);
    let ready = find(&conditions, ConditionType::Ready).expect("it is there");
    assert_eq!(ready.reason, "DeletionBlocked");
    assert!(ready.message.contains("sg-1 is in use by eni-1 (replication server)"), "{}", ready.message);
}

#[test]
fn suspension_is_reported_and_does_not_change_ready() {
    let complete = conditions(&[built(Plan::default(), Vec::new(), false)], true);
    assert_eq!(state(&complete, ConditionType::Suspended), pair("True", Reason::Suspended));
    assert_eq!(state(&complete, ConditionType::Ready), pair("True", Reason::Ready));
    let due = conditions(&[built(Lab::new().plan(), Vec::new(), false)], true);
    assert_eq!(state(&due, ConditionType::Ready), pair("False", Reason::Suspended));
    assert!(find(&due, ConditionType::Reconciling).is_none());
}

#[test]
fn a_plan_waits_only_for_approval() {
    let waits = conditions(&[planned(Lab::new().plan())], false);
    let reported = |type_| find(&waits, type_).map(|condition| (condition.reason.as_str(), condition.message.as_str()));
    assert_eq!(state(&waits, ConditionType::Ready), pair("False", Reason::ChangesPlanned));
    assert_eq!(state(&waits, ConditionType::Synced), pair("False", Reason::ChangesPlanned));
    assert_eq!(state(&waits, ConditionType::SecurityGroupsReady), pair("False", Reason::ChangesPlanned));
    assert_eq!(reported(ConditionType::Stalled), Some(("AwaitingApproval", "3 to create")));
    assert_eq!(reported(ConditionType::Reconciling), None, "no work is in progress");

    // A problem that needs a person takes precedence, because approval alone would not complete the network.
    let foreign = Blocker::NotOwned { slot: Slot::Group(GroupRole::Resolver), id: "sg-1".to_owned() };
    let blocked = conditions(&[planned(Plan { blockers: vec![foreign], ..Lab::new().plan() })], false);
    assert_eq!(state(&blocked, ConditionType::Stalled), pair("True", Reason::NotOwned));
    assert_eq!(state(&blocked, ConditionType::Synced), pair("False", Reason::ChangesPlanned));

    let suspended = conditions(&[planned(Lab::new().plan())], true);
    assert_eq!(state(&suspended, ConditionType::Ready), pair("False", Reason::Suspended));
    assert!(find(&suspended, ConditionType::Stalled).is_none());
}

#[test]
fn suspension_keeps_reporting_when_it_began() {
    let at = |second| Timestamp::constant(second, 500_000_000);
    let complete = built(Plan::default(), Vec::new(), false);
    let mut conditions = Vec::new();
    write(&mut conditions, &complete, true, 3, at(1_764_000_000));
    let first = find(&conditions, ConditionType::Suspended).cloned().expect("it is there");
    assert!(first.message.contains("since 2025-11-24T16:00:00Z"), "{}", first.message);
    // The conditions as the API server returns them: it stores whole seconds.
    conditions = serde_json::from_str(&serde_json::to_string(&conditions).unwrap()).unwrap();
    let stored = conditions.clone();
    write(&mut conditions, &complete, true, 3, at(1_764_000_600));
    assert_eq!(conditions, stored, "a later reconcile does not change it");
    write(&mut conditions, &complete, false, 4, at(1_764_000_700));
    write(&mut conditions, &complete, true, 5, at(1_764_000_800));
    let again = find(&conditions, ConditionType::Suspended).cloned().expect("it is there again");
    assert!(again.message.contains("since 2025-11-24T16:13:20Z"), "{}", again.message);
}

fn message(conditions: &[Condition], type_: ConditionType) -> &str {
    &find(conditions, type_).expect("the condition is there").message
}

fn waits(slot: Slot) -> Blocker {
    Blocker::UnderWay { slot, state: "at work".to_owned() }
}

fn deleted(blockers: Vec<Blocker>, failures: Vec<StepFailure>) -> Vec<Condition> {
    conditions(&[Verdict::Deleting { plan: Plan { steps: Vec::new(), blockers }, failures, changed: false }], false)
}

#[test]
fn retries_and_waiting_have_different_reasons() {
    let reason = |verdict| state(&conditions(&[verdict], false), ConditionType::Reconciling).1;
    assert_eq!(reason(failed(FailureClass::Throttled)), "ProgressingWithRetry");
    assert_eq!(reason(blocked(waits(MGN))), "Progressing");
    let retried = vec![StepFailure { slots: vec![MGN], failure: failure(FailureClass::Transient, "Timeout") }];
    assert_eq!(state(&deleted(Vec::new(), retried), ConditionType::Reconciling).1, "ProgressingWithRetry");
    assert_eq!(state(&deleted(vec![waits(MGN)], Vec::new()), ConditionType::Reconciling).1, "Progressing");
}

#[test]
fn ready_reports_the_first_part_that_waits() {
    let group = waits(Slot::Group(GroupRole::Endpoints));
    let (endpoint, resolver) = (waits(MGN), waits(Slot::Resolver));
    let ready = |blockers: &[&Blocker]| {
        let blockers = blockers.iter().copied().cloned().collect();
        let conditions = conditions(&[built(Plan { steps: Vec::new(), blockers }, Vec::new(), false)], false);
        let (_, reason) = state(&conditions, ConditionType::Ready);
        (reason, message(&conditions, ConditionType::Ready).to_owned())
    };
    let waiting = |reason: Reason, slot: Slot| {
        (reason.as_str().to_owned(), format!("{slot}: waiting for AWS, which reports 'at work'"))
    };
    let first = waiting(Reason::Progressing, Slot::Group(GroupRole::Endpoints));
    assert_eq!(ready(&[&group, &endpoint, &resolver]), first);
    assert_eq!(ready(&[&endpoint, &resolver]), waiting(Reason::EndpointsPending, MGN));
    assert_eq!(ready(&[&resolver]), waiting(Reason::ResolverPending, Slot::Resolver));
}

#[test]
fn each_condition_reports_only_its_own_part() {
    use ConditionType::{EndpointsReady, ResolverReady, SecurityGroupsReady};
    for (slot, own) in [
        (Slot::Group(GroupRole::Endpoints), SecurityGroupsReady),
        (MGN, EndpointsReady),
        (Slot::Resolver, ResolverReady),
    ] {
        let (built, deleted) = (conditions(&[blocked(waits(slot))], false), deleted(vec![waits(slot)], Vec::new()));
        for type_ in [SecurityGroupsReady, EndpointsReady, ResolverReady] {
            assert_eq!(state(&built, type_).0 == "False", type_ == own, "{slot}: {type_}");
            assert_eq!(
                message(&deleted, type_) == "nothing is left to delete or retain",
                type_ != own,
                "{slot}: {type_}"
            );
        }
    }
}

#[test]
fn a_condition_keeps_its_state_while_nothing_new_is_known() {
    let broken = Verdict::Broken("a panic".to_owned());
    let after = |first: Verdict| conditions(&[first, broken.clone()], false);
    let complete = after(built(Plan::default(), Vec::new(), false));
    assert_eq!(state(&complete, ConditionType::EndpointsReady), pair("True", Reason::Available));
    let waiting = after(blocked(waits(MGN)));
    assert_eq!(state(&waiting, ConditionType::EndpointsReady), pair("False", Reason::Progressing));
    let never = conditions(std::slice::from_ref(&broken), false);
    assert_eq!(state(&never, ConditionType::EndpointsReady), pair("Unknown", Reason::Pending));
}

#[test]
fn a_network_whose_role_loses_access_is_no_longer_ready() {
    let lost = Verdict::Unseen(failure(FailureClass::Unauthorized, "AccessDenied"));
    let conditions = conditions(&[built(Plan::default(), Vec::new(), false), lost], false);
    assert_eq!(state(&conditions, ConditionType::Ready), pair("False", Reason::AccessDenied));
    assert_eq!(state(&conditions, ConditionType::NetworkResolved), pair("False", Reason::AccessDenied));
}

#[test]
fn a_failure_that_needs_a_person_comes_first_and_names_all_slots() {
    const EC2: Slot = Slot::Endpoint(EndpointKey::interface(Service::Ec2));
    const SSM: Slot = Slot::Endpoint(EndpointKey::interface(Service::Ssm));
    let of = |slot, class, code: &str| StepFailure { slots: vec![slot], failure: failure(class, code) };
    let failures = vec![
        of(MGN, FailureClass::Quota, "VpcEndpointLimitExceeded"),
        of(EC2, FailureClass::Throttled, "RequestLimitExceeded"),
        of(SSM, FailureClass::Quota, "VpcEndpointLimitExceeded"),
        of(Slot::Resolver, FailureClass::Quota, "LimitExceededException"),
    ];
    let conditions = conditions(&[built(Plan::default(), failures, false)], false);
    assert_eq!(state(&conditions, ConditionType::EndpointsReady), pair("False", Reason::QuotaExceeded));
    let text = message(&conditions, ConditionType::EndpointsReady);
    assert_eq!(text, format!("{MGN}, {SSM}: ec2:CreateVpcEndpoint: VpcEndpointLimitExceeded"));

    let first = Blocker::NotOwned { slot: Slot::Group(GroupRole::Endpoints), id: "sg-1".to_owned() };
    let second = Blocker::NotOwned { slot: Slot::Group(GroupRole::Resolver), id: "sg-2".to_owned() };
    let other =
        Blocker::Failed { slot: Slot::Group(GroupRole::Replication), id: "sg-3".to_owned(), message: String::new() };
    let plan = Plan { steps: Vec::new(), blockers: vec![first, other, second] };
    let conditions = self::conditions(&[built(plan, Vec::new(), false)], false);
    let text = message(&conditions, ConditionType::SecurityGroupsReady);
    assert!(text.contains("sg-1") && text.contains("sg-2") && !text.contains("sg-3"), "{text}");
}

#[test]
fn a_deletion_is_blocked_only_when_no_other_work_remains() {
    let used = || Blocker::InUse {
        slot: Slot::Group(GroupRole::Replication),
        id: "sg-1".to_owned(),
        by: vec!["eni-1".to_owned()],
    };
    let ready = |conditions: &[Condition]| state(conditions, ConditionType::Ready);
    assert_eq!(ready(&deleted(vec![used()], Vec::new())), pair("False", Reason::DeletionBlocked));
    let deleting = deleted(vec![used(), waits(MGN)], Vec::new());
    assert_eq!(ready(&deleting), pair("False", Reason::Deleting));
    let text = message(&deleting, ConditionType::Ready);
    assert!(text.contains("sg-1 is in use by eni-1") && text.contains("at work"), "{text}");
    let plan = Plan { blockers: vec![used()], ..Lab::new().plan() };
    let acting = conditions(&[Verdict::Deleting { plan, failures: Vec::new(), changed: true }], false);
    assert_eq!(ready(&acting), pair("False", Reason::Deleting));

    let nothing = deleted(Vec::new(), Vec::new());
    assert_eq!(ready(&nothing), pair("False", Reason::Deleting));
    assert_eq!(
        message(&nothing, ConditionType::Ready),
        "the operator is deleting or retaining the network's resources in AWS"
    );
    let of = |class, code: &str| StepFailure { slots: vec![MGN], failure: failure(class, code) };
    let retried = deleted(vec![waits(MGN)], vec![of(FailureClass::Transient, "Timeout")]);
    assert_eq!(ready(&retried), pair("False", Reason::Deleting));
    assert_eq!(message(&retried, ConditionType::Ready), "ec2:CreateVpcEndpoint: Timeout");
    let denied = [of(FailureClass::Transient, "Timeout"), of(FailureClass::Unauthorized, "UnauthorizedOperation")];
    assert_eq!(ready(&deleted(vec![waits(MGN)], denied.into())), pair("False", Reason::AccessDenied));
}

#[test]
fn each_failure_class_has_its_reason() {
    for (class, code, reason) in [
        (FailureClass::AccountMismatch, "AccountMismatch", Reason::AccountMismatch),
        (FailureClass::Unauthorized, "UnauthorizedOperation", Reason::AccessDenied),
        (FailureClass::RouteConflict, "RouteAlreadyExists", Reason::NotOwned),
        (FailureClass::Conflict, "InvalidParameter", Reason::PrivateDnsConflict),
    ] {
        assert_eq!(failure(class, code).reason(), reason, "{code}");
    }
}

#[test]
fn a_long_message_is_truncated_visibly() {
    let truncated = |length: usize| {
        let rejected = Verdict::Rejected { reason: Reason::InvalidSpec, message: "é".repeat(length) };
        message(&conditions(&[rejected], false), ConditionType::Ready).to_owned()
    };
    assert_eq!(truncated(2048), "é".repeat(2048));
    assert_eq!(truncated(2049), format!("{}…", "é".repeat(2047)));
}
