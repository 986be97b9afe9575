//! Writes a [`Verdict`] into the conditions of a network, once at the end of every reconcile, including a failed one.
//!
//! `Ready` is true only if the last complete observation equals the desired state of this generation of the spec.
//! `Stalled` exists only while a person has to act, and `Reconciling` while any other work remains. They never exist
//! together.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    approval,
    verdict::{ResolverHealth, StepFailure, Verdict},
    waiting::{part, waits_for},
};
use crate::{
    api::{
        ConditionStatus::{False, True, Unknown},
        ConditionType::{
            self, Accepted, EndpointsReady, NetworkResolved, OnPremisesCurrent, ReplicationTemplateReady,
            ResolverReady, SecurityGroupsReady, Synced,
        },
        Reason,
        conditions::{State, find, is_true, remove, set},
    },
    model::{
        failure::CallFailure,
        plan::{Blocker, Plan},
        preflight::checks::Finding,
        replication_template::TemplateReport,
        slot::Slot,
    },
    text::shorten,
};

/// The longest message of a condition, in characters. The limit of the API server is 32,768.
const LONGEST_MESSAGE: usize = 2048;

/// Writes a verdict into the conditions of a network.
pub fn write(conditions: &mut Vec<Condition>, verdict: &Verdict, suspended: bool, generation: i64, now: Timestamp) {
    // `Unknown`: it was true before AWS was not observed for too long.
    let was_ready = find(conditions, ConditionType::Ready)
        .is_some_and(|ready| ready.status != False.as_str() && ready.observed_generation == Some(generation));
    // The `Suspended` condition exists only during a suspension, so its last transition is the start of the suspension.
    let since = find(conditions, ConditionType::Suspended).map_or(now, |before| before.last_transition_time.0);
    let details = details(conditions, verdict);
    let ready = ready(verdict, suspended, was_ready, &details);
    let unfinished = ready.0 != True && !suspended;
    let stalled = unfinished && !ready.1.heals_by_waiting() && ready.1 != Reason::DeletionBlocked;
    let reconciling = (unfinished && !stalled).then(|| {
        let reason = if verdict.has_failed() { Reason::ProgressingWithRetry } else { Reason::Progressing };
        (True, reason, ready.2.clone())
    });
    let stalled = stalled.then(|| (True, approval::stalled(ready.1), ready.2.clone()));
    let suspended = suspended.then(|| {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let message = format!(
            "`spec.suspend` is true since {since}: the operator changes nothing in AWS; set it to false to resume"
        );
        (True, Reason::Suspended, message)
    });
    let permanent = details.into_iter().map(|(type_, state)| (type_, Some(state)));
    let others = [
        (ConditionType::Reconciling, reconciling),
        (ConditionType::Stalled, stalled),
        (ConditionType::Suspended, suspended),
        (ConditionType::Ready, Some(ready)),
    ];
    for (type_, state) in permanent.chain(others) {
        put(conditions, type_, state, generation, now);
    }
}

/// Writes what is known about MGN's replication template. No other condition depends on it.
pub fn write_template(conditions: &mut Vec<Condition>, report: &TemplateReport, generation: i64, now: Timestamp) {
    let state = match report {
        TemplateReport::Unchanged => before(conditions, ReplicationTemplateReady),
        TemplateReport::Absent => None,
        TemplateReport::Known(state) => Some(state.clone()),
    };
    put(conditions, ReplicationTemplateReady, state, generation, now);
}

/// Writes whether the on-premises teams have acknowledged the hand-off. No other condition depends on it.
pub fn write_on_premises(conditions: &mut Vec<Condition>, state: Option<State>, generation: i64, now: Timestamp) {
    put(conditions, OnPremisesCurrent, state, generation, now);
}

fn put(conditions: &mut Vec<Condition>, type_: ConditionType, state: Option<State>, generation: i64, now: Timestamp) {
    match state {
        Some((status, reason, message)) => {
            set(conditions, type_, (status, reason, shorten(&message, LONGEST_MESSAGE)), generation, now);
        }
        None => remove(conditions, type_),
    }
}

fn ready(verdict: &Verdict, suspended: bool, was_ready: bool, details: &[(ConditionType, State)]) -> State {
    match verdict {
        Verdict::Rejected { reason, message } => (False, *reason, message.clone()),
        Verdict::Admitted => (False, Reason::Progressing, "the class admits the network; building starts".to_owned()),
        Verdict::Unfit(findings) => unfit(findings),
        // A network that was complete in the last observation counts as complete until another observation shows a
        // difference. But if the role can no longer access the account, a person has to act.
        Verdict::Unseen(failure) if was_ready && !failure.needs_person() => {
            (True, Reason::Ready, format!("complete in the last observation, but the current one failed: {failure}"))
        }
        Verdict::LongUnseen(failure) if was_ready && !failure.needs_person() => {
            (Unknown, failure.reason(), format!("not observed completely for too long: {failure}"))
        }
        Verdict::Unseen(failure) | Verdict::LongUnseen(failure) => (False, failure.reason(), failure.to_string()),
        Verdict::Broken(message) => (False, Reason::InternalError, message.clone()),
        Verdict::Deleting { plan, failures, .. } => deleting(plan, failures),
        Verdict::Planned { summary, .. } => approval::ready(details, suspended, summary),
        Verdict::Built { plan, failures, changed, endpoints: (available, wanted), resolver, .. } => {
            if plan.is_done() && failures.is_empty() && !changed {
                let resolver = match resolver {
                    ResolverHealth::Disabled => "resolver disabled",
                    ResolverHealth::Full => "resolver operational",
                    ResolverHealth::Reduced => "resolver with reduced capacity while AWS repairs it",
                };
                return (True, Reason::Ready, format!("{available} of {wanted} endpoints available, {resolver}"));
            }
            let problem = details
                .iter()
                .map(|(_, state)| state)
                .find(|(status, reason, _)| *status == False && !reason.heals_by_waiting());
            if let Some((_, reason, message)) = problem {
                return (False, *reason, message.clone());
            }
            if suspended {
                let message =
                    "changes are pending, but `spec.suspend` is true; set it to false to apply them".to_owned();
                return (False, Reason::Suspended, message);
            }
            let waits = |wanted: ConditionType| {
                details.iter().find(|(type_, state)| *type_ == wanted && state.0 != True).map(|(_, state)| &state.2)
            };
            if let Some(message) = waits(ConditionType::SecurityGroupsReady) {
                (False, Reason::Progressing, message.clone())
            } else if let Some(message) = waits(ConditionType::EndpointsReady) {
                (False, Reason::EndpointsPending, message.clone())
            } else if let Some(message) = waits(ConditionType::ResolverReady) {
                (False, Reason::ResolverPending, message.clone())
            } else {
                (False, Reason::Progressing, "changes applied; waiting for AWS to confirm them".to_owned())
            }
        }
    }
}

/// Returns the conditions that `Ready` summarizes.
fn details(previous: &[Condition], verdict: &Verdict) -> Vec<(ConditionType, State)> {
    match verdict {
        Verdict::Rejected { reason, message } => {
            let mut details = vec![(Accepted, (False, *reason, message.clone()))];
            let rest = [NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            details.extend(kept(previous, &rest, "not checked until the network is accepted"));
            details
        }
        Verdict::Admitted => {
            let rest = [NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            let rest = kept(previous, &rest, "waiting for the first plan");
            std::iter::once(accepted()).chain(rest).collect()
        }
        Verdict::Unseen(failure) | Verdict::LongUnseen(failure) => unobserved(previous, failure),
        Verdict::Unfit(findings) => {
            let mut details = vec![accepted(), (NetworkResolved, unfit(findings))];
            let rest = [SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            details.extend(kept(previous, &rest, "waiting for the VPC to pass the preflight"));
            details
        }
        Verdict::Broken(_) => {
            let all = [Accepted, NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            kept(previous, &all, "unknown, because the reconcile failed").collect()
        }
        Verdict::Deleting { plan, failures, .. } => details_of_deletion(previous, plan, failures),
        Verdict::Planned { plan, summary, resolver, endpoints, foreign_rules, under_way: _ } => {
            let mut as_enforced = parts(plan, &[], *resolver, *endpoints);
            as_enforced.push((Synced, synced(previous, plan, false, foreign_rules)));
            approval::details(as_enforced, summary)
        }
        Verdict::Built { plan, failures, changed, resolver, endpoints, foreign_rules } => {
            let mut details = parts(plan, failures, *resolver, *endpoints);
            details.push((Synced, synced(previous, plan, *changed || !failures.is_empty(), foreign_rules)));
            details
        }
    }
}

/// The conditions as they were. Without a previous one, the state is unknown and has this message.
fn kept(
    previous: &[Condition],
    types: &[ConditionType],
    message: &str,
) -> impl Iterator<Item = (ConditionType, State)> {
    types.iter().map(move |type_| {
        let (status, reason, kept) = before(previous, *type_).unwrap_or((Unknown, Reason::Pending, String::new()));
        (*type_, (status, reason, if kept.is_empty() { message.to_owned() } else { kept }))
    })
}

/// The condition as it was, if it existed.
fn before(previous: &[Condition], type_: ConditionType) -> Option<State> {
    let condition = find(previous, type_)?;
    let status = [True, False].into_iter().find(|status| status.as_str() == condition.status);
    let reason = Reason::parse(&condition.reason).unwrap_or(Reason::Pending);
    Some((status.unwrap_or(Unknown), reason, condition.message.clone()))
}

fn accepted() -> (ConditionType, State) {
    (Accepted, (True, Reason::Accepted, "the class admits the network".to_owned()))
}

/// The conditions of a network whose AWS account was not observed.
fn unobserved(previous: &[Condition], failure: &CallFailure) -> Vec<(ConditionType, State)> {
    const WAITING: &str = "waiting for the first complete observation of AWS";
    let mut details = vec![accepted()];
    if failure.needs_person() {
        details.push((NetworkResolved, (False, failure.reason(), failure.to_string())));
    } else {
        details.extend(kept(previous, &[NetworkResolved], WAITING));
    }
    details.extend(kept(previous, &[SecurityGroupsReady, EndpointsReady, ResolverReady], WAITING));
    details.push((Synced, (Unknown, failure.reason(), failure.to_string())));
    details
}

fn details_of_deletion(previous: &[Condition], plan: &Plan, failures: &[StepFailure]) -> Vec<(ConditionType, State)> {
    // Blockers without a slot concern all parts.
    let of_no_slot = plan.blockers.iter().filter(|blocker| blocker.slot().is_none()).map(waits_for).next();
    let report = |type_, belongs: fn(Slot) -> bool| {
        let left = part(plan, failures, belongs).map(|(_, _, message)| message).or_else(|| of_no_slot.clone());
        (type_, (False, Reason::Deleting, left.unwrap_or_else(|| "nothing is left to delete or retain".to_owned())))
    };
    let mut details: Vec<_> = kept(previous, &[Accepted, NetworkResolved], "the network is being deleted").collect();
    details.extend([
        report(SecurityGroupsReady, is_group),
        report(EndpointsReady, is_endpoint),
        report(ResolverReady, is_resolver),
    ]);
    let message = "the operator is deleting or retaining the network's resources in AWS".to_owned();
    details.push((Synced, (False, Reason::Deleting, message)));
    details
}

/// The conditions of the parts of a network that is built or being built. `available` of `desired` endpoints are
/// available.
fn parts(
    plan: &Plan,
    failures: &[StepFailure],
    resolver: ResolverHealth,
    (available, desired): (usize, usize),
) -> Vec<(ConditionType, State)> {
    let groups = || (True, Reason::Available, "all rules are in place".to_owned());
    let endpoints = || (True, Reason::Available, format!("{available} of {desired} endpoints available"));
    let resolver = || {
        let (reason, message) = match resolver {
            ResolverHealth::Disabled => {
                (Reason::Disabled, "`spec.resolver.mode` is 'Disabled'; use hosts files on premises")
            }
            ResolverHealth::Full => (Reason::Operational, "the Resolver endpoint is operational"),
            ResolverHealth::Reduced => (
                Reason::Operational,
                "warning: AWS reports 'AUTO_RECOVERING': it repairs the Resolver endpoint, and fewer addresses answer \
                 meanwhile",
            ),
        };
        (True, reason, message.to_owned())
    };
    let passed = "the VPC and its subnets passed the preflight".to_owned();
    vec![
        accepted(),
        (NetworkResolved, (True, Reason::Resolved, passed)),
        (SecurityGroupsReady, part(plan, failures, is_group).unwrap_or_else(groups)),
        (EndpointsReady, part(plan, failures, is_endpoint).unwrap_or_else(endpoints)),
        (ResolverReady, part(plan, failures, is_resolver).unwrap_or_else(resolver)),
    ]
}

const fn is_group(slot: Slot) -> bool {
    matches!(slot, Slot::Group(_))
}

const fn is_endpoint(slot: Slot) -> bool {
    matches!(slot, Slot::Endpoint(_))
}

const fn is_resolver(slot: Slot) -> bool {
    matches!(slot, Slot::Resolver)
}

fn synced(previous: &[Condition], plan: &Plan, acted: bool, foreign_rules: &[String]) -> State {
    let was_ready = is_true(previous, ConditionType::Ready);
    if !foreign_rules.is_empty() {
        let message =
            format!("foreign rules found and kept; delete them if they are not intended: {}", foreign_rules.join("; "));
        (False, Reason::DriftDetected, message)
    } else if plan.is_done() && !acted {
        (True, Reason::InSync, "AWS matches the desired state".to_owned())
    } else if was_ready {
        (False, Reason::DriftDetected, "drift detected; restoring the desired state".to_owned())
    } else {
        (False, Reason::Progressing, "the operator is applying changes".to_owned())
    }
}

fn deleting(plan: &Plan, failures: &[StepFailure]) -> State {
    let blocks = |blocker: &&Blocker| {
        matches!(
            blocker,
            Blocker::InUse { .. }
                | Blocker::Duplicates { .. }
                | Blocker::UnknownSlot { .. }
                | Blocker::InvalidTransfer(_)
        )
    };
    let in_use: Vec<String> = plan.blockers.iter().filter(blocks).map(waits_for).collect();
    let all: Vec<String> = plan.blockers.iter().map(waits_for).collect();
    let under_way = all.len() > in_use.len() || !plan.steps.is_empty();
    if let Some(failed) = failures.iter().find(|failed| failed.failure.needs_person()) {
        (False, failed.failure.reason(), failed.failure.to_string())
    } else if !in_use.is_empty() && !under_way {
        (False, Reason::DeletionBlocked, in_use.join("; "))
    } else if let Some(failed) = failures.first() {
        (False, Reason::Deleting, failed.failure.to_string())
    } else if all.is_empty() {
        (False, Reason::Deleting, "the operator is deleting or retaining the network's resources in AWS".to_owned())
    } else {
        (False, Reason::Deleting, all.join("; "))
    }
}

fn unfit(findings: &[Finding]) -> State {
    // Only blocking findings are reported here. Warnings have their own list in status.
    let blocking = || findings.iter().filter_map(|finding| Some((finding.reason()?, finding)));
    let reason = blocking().next().map_or(Reason::Progressing, |(reason, _)| reason);
    (False, reason, blocking().map(|(_, finding)| finding.to_string()).collect::<Vec<_>>().join("; "))
}
