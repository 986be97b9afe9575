//! Writes a forecast into `status.plan`, with its counts, its duration and its cost.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::text::{hex, shorten};
use crate::{
    api::{MOST_CALLS, PlanCost, PlanReason, PlanStatus, PlannedCall},
    model::{
        desired::Desired,
        observed::Resources,
        plan::step::Step,
        preview::{
            cost::{self, Billed},
            forecast::{Cause, Forecast, is_new},
        },
        request_rates,
        slot::Slot,
    },
};

/// Returns the plan of a forecast. `present` are the resources as observed. `drifted` means that AWS has matched the
/// desired state before, so that every difference is drift.
pub fn status(forecast: &Forecast, desired: &Desired, present: &Resources, region: &str, drifted: bool) -> PlanStatus {
    let steps = || forecast.steps.iter().map(|foreseen| &foreseen.step);
    let calls = forecast.steps.iter().take(MOST_CALLS).map(|foreseen| {
        let step = &foreseen.step;
        PlannedCall {
            action: step.action().to_string(),
            slots: distinct(step.slots().iter().map(ToString::to_string)),
            resource_ids: distinct(
                step.resource_ids().into_iter().filter(|id| !is_new(id)).map(|id| shorten(&id, 256)),
            ),
            what: shorten(&step.to_string(), 512),
            reason: reason(foreseen.cause, drifted),
        }
    });
    let (create, update, delete) = counts(steps());
    let mut plan = PlanStatus {
        hash: hash(steps().map(Step::in_full)),
        summary: String::new(),
        create: number(create),
        update: number(update),
        delete: number(delete),
        call_count: number(forecast.steps.len()),
        estimated_seconds: whole_seconds(request_rates::seconds(steps().map(Step::action))),
        cost: Some(price(forecast, desired, present, region)),
        calls: calls.collect(),
    };
    plan.summary = summary(&plan, forecast.is_whole);
    plan
}

/// Returns a digest of the desired state. It stays the same until a change of the spec, the class or the VPC changes
/// the desired state.
pub fn digest(desired: &Desired) -> String {
    let Desired {
        identity: _,
        vpc,
        zones: _,
        subnets: _,
        groups,
        existing_groups,
        endpoints,
        resolver,
        adoption: _,
        transfers_from: _,
        adopted_deletion: _,
        address_changes: _,
        tags,
        skipped: _,
    } = desired;
    hash([format!("{vpc} {groups:?} {existing_groups:?} {endpoints:?} {resolver:?} {tags:?}")])
}

fn summary(plan: &PlanStatus, is_whole: bool) -> String {
    let PlanStatus { hash, create, update, delete, call_count, .. } = plan;
    if *call_count == 0 {
        return "nothing to create, change or delete".to_owned();
    }
    let calls = if *call_count == 1 { "call" } else { "calls" };
    let more = if is_whole { "" } else { " and more" };
    format!(
        "{create} to create, {update} to change, {delete} to delete by {call_count} {calls}{more}; set \
         `spec.managementPolicy` to 'Enforce' to carry out plan {hash}"
    )
}

fn reason(cause: Cause, drifted: bool) -> PlanReason {
    match cause {
        Cause::Unanswered => PlanReason::Unanswered,
        Cause::Missing | Cause::Differs | Cause::NoLongerWanted if drifted => PlanReason::Drift,
        Cause::Missing => PlanReason::Missing,
        Cause::Differs => PlanReason::DiffersFromSpec,
        Cause::NoLongerWanted => PlanReason::NoLongerWanted,
    }
}

/// Returns the number of resources that are created, changed and deleted. A resource that is created and then gets
/// its rules counts as created only.
fn counts<'a>(steps: impl Iterator<Item = &'a Step>) -> (usize, usize, usize) {
    let (mut create, mut update, mut delete) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for step in steps {
        let slots: Vec<Slot> = step.slots();
        match step {
            Step::Create { .. } => create.extend(slots),
            Step::DeleteEndpoints { .. } | Step::DeleteResolver { .. } | Step::DeleteGroup { .. } => {
                delete.extend(slots);
            }
            Step::Adopt { .. }
            | Step::Release { .. }
            | Step::AuthorizeIngress { .. }
            | Step::RevokeIngress { .. }
            | Step::ModifyEndpoint { .. }
            | Step::AssociateResolverAddress { .. }
            | Step::DisassociateResolverAddress { .. }
            | Step::SetTags { .. }
            | Step::RemoveTags { .. } => update.extend(slots),
        }
    }
    update.retain(|slot| !create.contains(slot) && !delete.contains(slot));
    (create.len(), update.len(), delete.len())
}

fn price(forecast: &Forecast, desired: &Desired, present: &Resources, region: &str) -> PlanCost {
    let Some(rates) = cost::rates(region) else {
        let source = format!("the operator has no rates for Region '{region}'; see calculator.aws");
        return PlanCost { source: shorten(&source, 256), ..PlanCost::default() };
    };
    let monthly = |resources| Some(Billed::of(&desired.identity, resources).monthly_usd(rates));
    PlanCost {
        monthly_usd: monthly(&forecast.resources),
        current_monthly_usd: monthly(present),
        rates_as_of: Some(rates.as_of.to_owned()),
        source: shorten(rates.source, 256),
    }
}

/// Returns a hash of twelve hexadecimal digits.
fn hash(parts: impl IntoIterator<Item = String>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
        digest.update("\n");
    }
    hex(digest.finalize().iter().take(6))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Rounds up to whole seconds. The cast saturates, and plans take minutes at most.
#[expect(clippy::cast_possible_truncation, reason = "whole seconds far below the range's end")]
fn whole_seconds(seconds: f64) -> i64 {
    seconds.ceil() as i64
}

/// Returns distinct texts, at most 32: the schema has sets of this size.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().take(32).collect()
}
