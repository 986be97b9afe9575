//! Executes plans: wave after wave of steps, each wave claimed before it runs, until no step can run now.

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

/// What plans lead to.
pub(crate) trait Goal {
    /// The steps that can run now.
    fn plan(&self, claims: &Claims) -> Plan;

    /// The observed resources, which take in the effects of steps.
    fn resources(&mut self) -> &mut Resources;

    /// What status says of the network after that outcome.
    fn verdict(&self, outcome: &Outcome) -> Verdict;
}

/// What became of plans.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What is left to do.
    pub(crate) plan: Plan,
    /// The calls that failed.
    pub(crate) failures: Vec<StepFailure>,
    /// Whether AWS was changed, or may have been.
    pub(crate) changed: bool,
    /// The steps that were executed, one line each.
    pub(crate) steps: Vec<String>,
}

/// More waves than any network needs: groups, rules, gateway, S3 interface, and a few edits.
const MOST_WAVES: usize = 12;

/// For how long after a claim was stored its calls may begin. A call is given up 30 s after it has begun (`crate::aws`); both
/// together are shorter than the grace for which a deletion waits for calls that may still arrive.
const CLAIM_IS_GOOD_FOR: Duration = Duration::from_secs(10);

/// Whether the step creates a resource, for which a claim is stored first.
const fn creates(step: &Step) -> bool {
    matches!(step, Step::Create { .. })
}

/// Whether the step changes tags only.
pub(crate) const fn is_tag_step(step: &Step) -> bool {
    matches!(step, Step::SetTags { .. } | Step::RemoveTags { .. })
}

/// Plans and executes until no step can run now. A slot whose step failed is not tried again here.
///
/// # Errors
/// If a claim could not be stored: then nothing was created on its strength.
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
    /// Claims and executes the steps of one wave. False if further calls would fail alike.
    async fn wave<S: Store>(&mut self, object: &mut NetworkObject<'_, S>, wave: Vec<Step>) -> Result<bool, StoreError> {
        let since = Instant::now();
        // Also where the claims do not change, as those of calls that are sent again: nothing is written then, but the API
        // server confirms that the object is as it was read.
        if self.claims.reserve(&wave) || wave.iter().any(creates) {
            // The claim is stored with conditions that are true while the call is under way.
            let under_way = Outcome { plan: self.outcome.plan.clone(), changed: true, ..Outcome::default() };
            object.store_claims(self.claims, &self.goal.verdict(&under_way)).await?;
        }
        for step in wave {
            if creates(&step) && since.elapsed() > CLAIM_IS_GOOD_FOR {
                // It is planned and claimed again.
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
        tracing::info!(%step, "done in AWS");
        if let Some(announcement) = events::of_step(step, effect) {
            object.store.announce(&object.network, announcement).await;
        }
        let refused = refused_in(step, effect);
        self.failed.extend(refused.iter().flat_map(|failure| failure.slots.iter().copied()));
        self.outcome.failures.extend(refused);
    }

    fn failed(&mut self, step: &Step, failure: CallFailure) {
        tracing::warn!(%failure, %step, "a step failed");
        self.claims.failed(step, failure.class);
        // Whether the call took effect is not known, so what was observed may no longer be true.
        self.outcome.changed = true;
        self.failed.extend(step.slots());
        self.outcome.failures.push(StepFailure { slots: step.slots(), failure });
    }
}

/// What AWS refused of a step that it accepted as a whole.
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
