//! Writes a [`Verdict`] into the conditions of a network, once at the end of every reconcile, including a failed one.
//!
//! `Ready` is true only if the last complete observation equals the desired state of this generation of the spec.
//! `Stalled` exists only while a person has to act, and `Reconciling` while any other work remains. They never exist
//! together.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    approval,
    verdict::{StepFailure, Verdict},
    waiting::{part, waits_for},
};
use crate::{
    api::{
        ConditionStatus::{False, True, Unknown},
        ConditionType, Reason,
        conditions::{State, find, is_true, remove, set},
    },
    model::{
        plan::{Blocker, Plan},
        preflight::checks::Finding,
        slot::Slot,
    },
    text::shorten,
};

/// The longest message of a condition, in characters. The limit of the API server is 32,768.
const LONGEST_MESSAGE: usize = 2048;

/// Writes a verdict into the conditions of a network.
pub fn write(conditions: &mut Vec<Condition>, verdict: &Verdict, suspended: bool, generation: i64, now: Timestamp) {
    let was_ready = find(conditions, ConditionType::Ready)
        .is_some_and(|ready| ready.status == True.as_str() && ready.observed_generation == Some(generation));
    // The `Suspended` condition exists only during a suspension, so its last transition is the start of the suspension.
    let since = find(conditions, ConditionType::Suspended).map_or(now, |before| before.last_transition_time.0);
    let details = details(conditions, verdict);
    let ready = ready(verdict, suspended, was_ready, &details);
    let unfinished = ready.0 != True && !suspended;
    let stalled = unfinished && !ready.1.heals_by_waiting() && ready.1 != Reason::DeletionBlocked;
    let trouble = match verdict {
        Verdict::Built { failures, .. } | Verdict::Deleting { failures, .. } => !failures.is_empty(),
        Verdict::Unseen(_) | Verdict::Broken(_) => true,
        Verdict::Rejected { .. } | Verdict::Unfit(_) | Verdict::Planned { .. } => false,
    };
    let reconciling = (unfinished && !stalled).then(|| {
        let reason = if trouble { Reason::ProgressingWithRetry } else { Reason::Progressing };
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
        match state {
            Some((status, reason, message)) => {
                set(conditions, type_, (status, reason, shorten(&message, LONGEST_MESSAGE)), generation, now);
            }
            None => remove(conditions, type_),
        }
    }
}

fn ready(verdict: &Verdict, suspended: bool, was_ready: bool, details: &[(ConditionType, State)]) -> State {
    match verdict {
        Verdict::Rejected { reason, message } => (False, *reason, message.clone()),
        Verdict::Unfit(findings) => unfit(findings),
        // A network that was complete in the last observation counts as complete until another observation shows a
        // difference. But if the role can no longer access the account, a person has to act.
        Verdict::Unseen(failure) if was_ready && !failure.needs_person() => {
            (True, Reason::Ready, format!("complete in the last observation, but the current one failed: {failure}"))
        }
        Verdict::Unseen(failure) => (False, failure.reason(), failure.to_string()),
        Verdict::Broken(message) => (False, Reason::InternalError, message.clone()),
        Verdict::Deleting { plan, failures, .. } => deleting(plan, failures),
        Verdict::Planned { summary, .. } => approval::ready(details, suspended, summary),
        Verdict::Built { plan, failures, changed, endpoints: (available, wanted), resolver, .. } => {
            if plan.is_done() && failures.is_empty() && !changed {
                let resolver = if *resolver { "resolver operational" } else { "resolver disabled" };
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
    use ConditionType::{Accepted, EndpointsReady, NetworkResolved, ResolverReady, SecurityGroupsReady, Synced};

    let same = |type_, reason: Reason, message: &str| {
        // Keeps the previous state of the condition. Without one, the state is unknown.
        let state = find(previous, type_).map_or((Unknown, Reason::Pending, String::new()), |condition| {
            let status = [True, False].into_iter().find(|status| status.as_str() == condition.status);
            let reason = Reason::parse(&condition.reason).unwrap_or(reason);
            (status.unwrap_or(Unknown), reason, condition.message.clone())
        });
        let state = if state.2.is_empty() { (state.0, state.1, message.to_owned()) } else { state };
        (type_, state)
    };
    let waiting = |types: &[ConditionType], message: &str| -> Vec<(ConditionType, State)> {
        types.iter().map(|type_| same(*type_, Reason::Pending, message)).collect()
    };
    let accepted = (Accepted, (True, Reason::Accepted, "the class admits the network".to_owned()));
    match verdict {
        Verdict::Rejected { reason, message } => {
            let mut details = vec![(Accepted, (False, *reason, message.clone()))];
            let rest = [NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            details.extend(waiting(&rest, "not checked until the network is accepted"));
            details
        }
        Verdict::Unseen(failure) => {
            let mut details = vec![accepted];
            if failure.needs_person() {
                details.push((NetworkResolved, (False, failure.reason(), failure.to_string())));
            } else {
                details.push(same(
                    NetworkResolved,
                    Reason::Pending,
                    "waiting for the first complete observation of AWS",
                ));
            }
            details.extend(waiting(
                &[SecurityGroupsReady, EndpointsReady, ResolverReady],
                "waiting for the first complete observation of AWS",
            ));
            details.push((Synced, (Unknown, failure.reason(), failure.to_string())));
            details
        }
        Verdict::Unfit(findings) => {
            let mut details = vec![accepted, (NetworkResolved, unfit(findings))];
            let rest = [SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            details.extend(waiting(&rest, "waiting for the VPC to pass the preflight"));
            details
        }
        Verdict::Broken(_) => {
            let all = [Accepted, NetworkResolved, SecurityGroupsReady, EndpointsReady, ResolverReady, Synced];
            waiting(&all, "unknown, because the reconcile failed")
        }
        Verdict::Deleting { plan, failures, .. } => {
            let mut details = waiting(&[Accepted, NetworkResolved], "the network is being deleted");
            let mut report = |type_, belongs: &dyn Fn(Slot) -> bool| {
                let left = part(plan, failures, belongs).map(|(_, _, message)| message);
                details.push((
                    type_,
                    (False, Reason::Deleting, left.unwrap_or_else(|| "nothing is left to delete or retain".to_owned())),
                ));
            };
            report(SecurityGroupsReady, &|slot| matches!(slot, Slot::Group(_)));
            report(EndpointsReady, &|slot| matches!(slot, Slot::Endpoint(_)));
            report(ResolverReady, &|slot| slot == Slot::Resolver);
            details.push((
                Synced,
                (
                    False,
                    Reason::Deleting,
                    "the operator is deleting or retaining the network's resources in AWS".to_owned(),
                ),
            ));
            details
        }
        Verdict::Planned { plan, summary, resolver, endpoints, foreign_rules, under_way: _ } => {
            let as_enforced = Verdict::Built {
                plan: plan.clone(),
                failures: Vec::new(),
                changed: false,
                resolver: *resolver,
                endpoints: *endpoints,
                foreign_rules: foreign_rules.clone(),
            };
            approval::details(self::details(previous, &as_enforced), summary)
        }
        Verdict::Built { plan, failures, changed, resolver, endpoints: (available, wanted), foreign_rules } => {
            let resolved = "the VPC and its subnets passed the preflight".to_owned();
            let groups = part(plan, failures, |slot| matches!(slot, Slot::Group(_)));
            let endpoints = part(plan, failures, |slot| matches!(slot, Slot::Endpoint(_)));
            let inbound = part(plan, failures, |slot| slot == Slot::Resolver);
            let inbound = inbound.unwrap_or_else(|| {
                if *resolver {
                    (True, Reason::Operational, "the Resolver endpoint is operational".to_owned())
                } else {
                    (
                        True,
                        Reason::Disabled,
                        "`spec.resolver.mode` is 'Disabled'; use hosts files on premises".to_owned(),
                    )
                }
            });
            let all_available = (True, Reason::Available, format!("{available} of {wanted} endpoints available"));
            vec![
                accepted,
                (NetworkResolved, (True, Reason::Resolved, resolved)),
                (SecurityGroupsReady, groups.unwrap_or((True, Reason::Available, "all rules are in place".to_owned()))),
                (EndpointsReady, endpoints.unwrap_or(all_available)),
                (ResolverReady, inbound),
                (Synced, synced(previous, plan, *changed || !failures.is_empty(), foreign_rules)),
            ]
        }
    }
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
    let in_use: Vec<String> =
        plan.blockers.iter().filter(|blocker| matches!(blocker, Blocker::InUse { .. })).map(waits_for).collect();
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
