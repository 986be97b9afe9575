//! Executes plans in waves of steps, until no further step can run now. Claims for a wave are stored before it runs.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{events, object::NetworkObject};
use crate::{
    aws::Cloud,
    controller::store::{Store, StoreError},
    model::{
        claims::Claims,
        failure::{CallFailure, FailureClass, Reach},
        observed::Resources,
        plan::{
            Plan,
            step::{Effect, Step},
        },
        request_rates::Action,
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

/// How many calls in a row may stay without an answer. After that, AWS counts as unreachable, and each further call would
/// only use up the deadline of the reconcile.
const MOST_UNANSWERED: usize = 2;

/// Whether the step creates a resource, for which a claim is stored first.
const fn creates(step: &Step) -> bool {
    matches!(step, Step::Create { .. })
}

/// Whether the step deletes resources.
const fn deletes(step: &Step) -> bool {
    matches!(step, Step::DeleteEndpoints { .. } | Step::DeleteResolver { .. } | Step::DeleteGroup { .. })
}

/// Whether the step changes tags only.
pub(crate) const fn is_tag_step(step: &Step) -> bool {
    matches!(step, Step::SetTags { .. } | Step::RemoveTags { .. })
}

/// Plans and executes until no step can run now. A slot whose step failed is not retried in the same reconcile, and all
/// other slots continue, unless the failure affects them, too.
///
/// # Errors
/// If a claim could not be stored. In this case no create call was sent for it.
pub(crate) async fn carry_out<S: Store, G: Goal>(
    object: &mut NetworkObject<'_, S>,
    cloud: &impl Cloud,
    claims: &mut Claims,
    goal: &mut G,
) -> Result<Outcome, StoreError> {
    let mut work = Work { cloud, claims, goal, outcome: Outcome::default(), failed: Failed::default() };
    work.outcome.plan = work.goal.plan(work.claims);
    for _ in 0..MOST_WAVES {
        let mut wave = work.outcome.plan.steps.clone();
        wave.retain(|step| work.failed.permits(step));
        if wave.is_empty() {
            break;
        }
        work.wave(object, wave).await?;
        work.outcome.plan = work.goal.plan(work.claims);
    }
    Ok(work.outcome)
}

struct Work<'a, C, G> {
    cloud: &'a C,
    claims: &'a mut Claims,
    goal: &'a mut G,
    outcome: Outcome,
    failed: Failed,
}

/// What failed in this reconcile, and is not tried again before the next one.
#[derive(Debug, Default)]
struct Failed {
    slots: BTreeSet<Slot>,
    actions: BTreeSet<Action>,
    everything: bool,
    /// The number of calls without an answer since the last call with one.
    unanswered: usize,
}

impl Failed {
    /// Whether a step may be executed.
    fn permits(&self, step: &Step) -> bool {
        self.permits_call(step) && !step.slots().iter().any(|slot| self.slots.contains(slot))
    }

    /// Whether a step of the current wave may be executed: other steps of the wave for the same slot do not depend on
    /// each other.
    fn permits_call(&self, step: &Step) -> bool {
        !self.everything && self.unanswered < MOST_UNANSWERED && !self.actions.contains(&step.action())
    }

    fn add(&mut self, step: &Step, class: FailureClass) {
        self.slots.extend(step.slots());
        self.unanswered = if class == FailureClass::Unanswered { self.unanswered + 1 } else { 0 };
        match class.reach() {
            Reach::Slot => {}
            Reach::Action => drop(self.actions.insert(step.action())),
            Reach::Everything => self.everything = true,
        }
    }
}

impl<C: Cloud, G: Goal> Work<'_, C, G> {
    /// Stores the claims of one wave and executes its steps.
    async fn wave<S: Store>(&mut self, object: &mut NetworkObject<'_, S>, wave: Vec<Step>) -> Result<(), StoreError> {
        let since = Instant::now();
        let before = self.claims.clone();
        // The claims are stored even if they have not changed because a call is repeated. Such a write changes
        // nothing, but the API server confirms that the object has not changed since it was read. An ID that was observed in
        // AWS is recorded before the resource is deleted.
        let recorded = object.claims();
        let mut deleted = wave.iter().filter(|step| deletes(step)).flat_map(Step::resource_ids);
        let finds = deleted.any(|id| !recorded.records(&id));
        if self.claims.reserve(&wave) || wave.iter().any(creates) || finds {
            // A call that AWS has refused before probably fails again, so the conditions stay as they are.
            let repeats = |step: &Step| step.slots().into_iter().all(|slot| before.is_refused(slot));
            if wave.iter().all(repeats) {
                object.store_claims(self.claims, None).await?;
            } else {
                // The claims are stored with conditions that are true while the calls are under way.
                let under_way = Outcome { plan: self.outcome.plan.clone(), changed: true, ..Outcome::default() };
                object.store_claims(self.claims, Some(&self.goal.verdict(&under_way))).await?;
            }
        }
        for step in wave {
            // A create step whose claim has expired is planned and claimed again in the next wave.
            let may_run = self.failed.permits_call(&step) && !(creates(&step) && since.elapsed() > CLAIM_IS_GOOD_FOR);
            if !may_run {
                self.claims.not_sent(&step, &before);
                continue;
            }
            match self.cloud.execute(&step).await {
                Ok(effect) => self.executed(object, &step, &effect).await,
                Err(failure) => self.failed(&step, failure, &before),
            }
        }
        Ok(())
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
        self.failed.unanswered = 0;
        let refused = refused_in(step, effect);
        self.failed.slots.extend(refused.iter().flat_map(|failure| failure.slots.iter().copied()));
        self.outcome.failures.extend(refused);
    }

    fn failed(&mut self, step: &Step, failure: CallFailure, before: &Claims) {
        tracing::warn!(%failure, %step, "step failed");
        if failure.class == FailureClass::NotSent {
            self.claims.not_sent(step, before);
        } else {
            self.claims.failed(step, failure.class);
        }
        // It is unknown whether the call took effect, so the observation may be outdated.
        self.outcome.changed = true;
        self.failed.add(step, failure.class);
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
