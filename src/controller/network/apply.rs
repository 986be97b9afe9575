//! Executes plans in waves of steps, until no further step can run now. Claims for a wave are stored before it runs.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{events, object::NetworkObject};
use crate::{
    aws::Cloud,
    controller::store::{Store, StoreError},
    model::{
        claims::Claims,
        failure::CallFailure,
        observed::Resources,
        plan::{
            Plan,
            step::{Effect, Step},
        },
        slot::Slot,
        status::{StepFailure, Verdict},
    },
};

/// The goal of a plan: the built network, or the deleted one.
pub(crate) trait Goal {
    /// The steps that can run now.
    fn plan(&self, claims: &Claims) -> Plan;

    /// The observed resources, to which the effects of executed steps are applied.
    fn resources(&mut self) -> &mut Resources;

    /// The verdict on the network after that outcome, from which status is written.
    fn verdict(&self, outcome: &Outcome) -> Verdict;
}

/// The outcome of executing plans.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The remaining plan.
    pub(crate) plan: Plan,
    /// The calls that failed.
    pub(crate) failures: Vec<StepFailure>,
    /// Whether AWS has changed, or may have changed.
    pub(crate) changed: bool,
    /// The steps that were executed, one line each.
    pub(crate) steps: Vec<String>,
}

/// The maximum number of waves. No network needs as many: groups, rules, gateway, S3 interface, and a few edits.
const MOST_WAVES: usize = 12;

/// How long after a claim was stored its calls may begin. A call is abandoned 30 s after it has begun (`crate::aws`).
/// Both times together are shorter than the grace for which a deletion waits for calls that may still arrive.
const CLAIM_IS_GOOD_FOR: Duration = Duration::from_secs(10);

/// Whether the step creates a resource, for which a claim is stored first.
const fn creates(step: &Step) -> bool {
    matches!(step, Step::Create { .. })
}

/// Whether the step changes tags only.
pub(crate) const fn is_tag_step(step: &Step) -> bool {
    matches!(step, Step::SetTags { .. } | Step::RemoveTags { .. })
}

/// Plans and executes until no step can run now. A slot whose step failed is not retried in the same reconcile.
///
/// # Errors
/// If a claim could not be stored. In this case no create call was sent for it.
pub(crate) async fn carry_out<S: Store, G: Goal>(
    object: &mut NetworkObject<'_, S>,
    cloud: &impl Cloud,
    claims: &mut Claims,
    goal: &mut G,
) -> Result<Outcome, StoreError> {
    let mut work = Work { cloud, claims, goal, outcome: Outcome::default(), failed: BTreeSet::new() };
    work.outcome.plan = work.goal.plan(work.claims);
    for _ in 0..MOST_WAVES {
        let mut wave = work.outcome.plan.steps.clone();
        wave.retain(|step| !step.slots().iter().any(|slot| work.failed.contains(slot)));
        if wave.is_empty() {
            break;
        }
        let goes_on = work.wave(object, wave).await?;
        work.outcome.plan = work.goal.plan(work.claims);
        if !goes_on {
            break;
        }
    }
    Ok(work.outcome)
}

struct Work<'a, C, G> {
    cloud: &'a C,
    claims: &'a mut Claims,
    goal: &'a mut G,
    outcome: Outcome,
    failed: BTreeSet<Slot>,
}

impl<C: Cloud, G: Goal> Work<'_, C, G> {
    /// Stores the claims of one wave and executes its steps. False if further calls would fail for the same reason.
    async fn wave<S: Store>(&mut self, object: &mut NetworkObject<'_, S>, wave: Vec<Step>) -> Result<bool, StoreError> {
        let since = Instant::now();
        // The claims are stored even if they have not changed because a call is repeated. Such a write changes
        // nothing, but the API server confirms that the object has not changed since it was read.
        if self.claims.reserve(&wave) || wave.iter().any(creates) {
            // The claim is stored with conditions that are true while the call is under way.
            let under_way = Outcome { plan: self.outcome.plan.clone(), changed: true, ..Outcome::default() };
            object.store_claims(self.claims, &self.goal.verdict(&under_way)).await?;
        }
        for step in wave {
            if creates(&step) && since.elapsed() > CLAIM_IS_GOOD_FOR {
                // The step is planned and claimed again in the next wave.
                break;
            }
            match self.cloud.execute(&step).await {
                Ok(effect) => self.executed(object, &step, &effect).await,
                Err(failure) => {
                    let goes_on = !failure.class.stops_the_rest();
                    self.failed(&step, failure);
                    if !goes_on {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    async fn executed<S: Store>(&mut self, object: &NetworkObject<'_, S>, step: &Step, effect: &Effect) {
        self.outcome.changed = true;
        self.outcome.steps.push(step.to_string());
        self.claims.done(step, effect);
        self.goal.resources().apply(step, effect);
        tracing::info!(%step, "step completed");
        if let Some(announcement) = events::of_step(step, effect) {
            object.store.announce(&object.network, announcement).await;
        }
        let refused = refused_in(step, effect);
        self.failed.extend(refused.iter().flat_map(|failure| failure.slots.iter().copied()));
        self.outcome.failures.extend(refused);
    }

    fn failed(&mut self, step: &Step, failure: CallFailure) {
        tracing::warn!(%failure, %step, "step failed");
        self.claims.failed(step, failure.class);
        // It is unknown whether the call took effect, so the observation may be outdated.
        self.outcome.changed = true;
        self.failed.extend(step.slots());
        self.outcome.failures.push(StepFailure { slots: step.slots(), failure });
    }
}

/// The parts of an accepted step that AWS refused.
fn refused_in(step: &Step, effect: &Effect) -> Vec<StepFailure> {
    match (step, effect) {
        (Step::DeleteEndpoints { endpoints }, Effect::EndpointsDeleting { refused }) => refused
            .iter()
            .filter_map(|(id, failure): (_, &CallFailure)| {
                Some(StepFailure { slots: vec![Slot::Endpoint(*endpoints.get(id)?)], failure: failure.clone() })
            })
            .collect(),
        _ => Vec::new(),
    }
}
