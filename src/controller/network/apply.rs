//! Carrying out a plan: wave after wave of steps, each wave claimed before it runs, until nothing is left that can run now.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use crate::{
    aws::Cloud,
    controller::{
        network::{events, object::Subject, requeue::Error},
        store::Store,
    },
    model::{
        claims::Claims,
        failure::CallFailure,
        observed::Resources,
        plan::{
            Plan,
            step::{Effect, Step},
        },
        slot::Slot,
        status::conditions::{StepFailure, Verdict},
    },
};

/// What came of carrying out plans.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What is left.
    pub(crate) plan: Plan,
    /// What went wrong.
    pub(crate) failures: Vec<StepFailure>,
    /// Whether AWS was changed, or may have been.
    pub(crate) changed: bool,
    /// The steps that were carried out, as lines.
    pub(crate) done: Vec<String>,
}

/// More waves than any network needs: groups, rules, gateway, S3 interface, and a few edits.
const MOST_WAVES: usize = 12;

/// For how long after a claim was stored its calls may begin. A call is given up 30 s after it has begun (`crate::aws`); both
/// together are shorter than the grace for which a deletion waits for what may be on its way.
const CLAIM_IS_GOOD_FOR: Duration = Duration::from_secs(10);

const fn creates(step: &Step) -> bool {
    matches!(step, Step::Create { .. })
}

/// Plans and carries out until no step is left that can run now. Steps that failed are not tried again here.
///
/// # Errors
/// If a claim could not be stored: then nothing was created on its strength.
pub(crate) async fn carry_out<S: Store>(
    subject: &mut Subject<'_, S>,
    cloud: &impl Cloud,
    claims: &mut Claims,
    resources: &mut Resources,
    plan: impl Fn(&Resources, &Claims) -> Plan,
    say: impl Fn(&Plan, &Resources) -> Verdict,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome { plan: plan(resources, claims), ..Outcome::default() };
    let mut failed: BTreeSet<Slot> = BTreeSet::new();
    'waves: for _ in 0..MOST_WAVES {
        let mut wave = outcome.plan.steps.clone();
        wave.retain(|step| !step.slots().iter().any(|slot| failed.contains(slot)));
        if wave.is_empty() {
            break;
        }
        let since = Instant::now();
        // Also where the claims are as they were, as those of calls that are sent again are: nothing is written then, and it is
        // made sure that the object is as it was read.
        if claims.reserve(&wave) || wave.iter().any(creates) {
            // The claim goes out with conditions that are true while the call is under way.
            let verdict = say(&outcome.plan, resources);
            subject.store_claims(claims, &verdict).await?;
        }
        for step in wave {
            if creates(&step) && since.elapsed() > CLAIM_IS_GOOD_FOR {
                // It is planned and claimed anew.
                break;
            }
            match cloud.execute(&step).await {
                Ok(effect) => {
                    outcome.changed = true;
                    outcome.done.push(step.to_string());
                    let refused = take_in(claims, resources, &step, &effect);
                    announce(subject, &step, &effect).await;
                    failed.extend(refused.iter().flat_map(|failure| failure.slots.iter().copied()));
                    outcome.failures.extend(refused);
                }
                Err(failure) => {
                    tracing::warn!(%failure, %step, "a step failed");
                    claims.failed(&step, failure.class);
                    // Whether the call took effect is not known, so what was observed may no longer be true.
                    outcome.changed = true;
                    let stop = failure.class.stops_the_rest();
                    failed.extend(step.slots());
                    outcome.failures.push(StepFailure { slots: step.slots(), failure });
                    if stop {
                        outcome.plan = plan(resources, claims);
                        break 'waves;
                    }
                }
            }
        }
        outcome.plan = plan(resources, claims);
    }
    Ok(outcome)
}

async fn announce<S: Store>(subject: &Subject<'_, S>, step: &Step, effect: &Effect) {
    tracing::info!(%step, "done in AWS");
    if let Some(announcement) = events::of_step(step, effect) {
        subject.store.announce(&subject.network, announcement).await;
    }
}

/// What an accepted step changes in claims and observation, and what of it AWS refused all the same.
fn take_in(claims: &mut Claims, resources: &mut Resources, step: &Step, effect: &Effect) -> Vec<StepFailure> {
    claims.done(step, effect);
    resources.apply(step, effect);
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
