//! `managementPolicy: Plan`: the operator observes the network, and reports the calls that it would make instead of
//! making them.
//!
//! It writes nothing to AWS. For a network without resources in AWS it writes only status to Kubernetes, and the ConfigMap
//! with the hand-off if the class enables it: no finalizer and no claim. A network with resources keeps its finalizer, so that its deletion also deletes the resources.

use super::{apply::is_tag_step, object::NetworkObject, observation::Observation, requeue::aws_is_at_work};
use crate::{
    controller::store::{Store, StoreError},
    model::{
        desired::Desired,
        on_premises,
        plan::{Plan, plan},
        preview::{forecast::forecast, status},
        replication_template,
        settings::Settings,
        status::{Verdict, inventory},
    },
};

/// Forecasts the steps of 'Enforce', and writes them to status.
pub(crate) async fn preview<C, S: Store>(
    object: &mut NetworkObject<'_, S>,
    settings: &Settings,
    desired: &Desired,
    observation: &Observation<C>,
) -> Result<Verdict, StoreError> {
    let Observation { observed, claims, .. } = observation;
    let (resources, managed) = (&observed.resources, object.managed_tags());
    if resources.any_held(&desired.identity) {
        object.hold().await?;
    }
    let foreseen = forecast(desired, resources, claims, &managed);
    let now = plan(desired, resources, claims, &managed);
    let tags_are_settled = !foreseen.steps.iter().any(|foreseen| is_tag_step(&foreseen.step));
    let drifted = object.was_in_sync_with(desired);
    let region = object.status_mut().region.clone().unwrap_or_default();
    let shown = status::status(&foreseen, desired, resources, &region, drifted);
    let summary = shown.summary.clone();
    object.template = replication_template::report(&settings.replication, desired, observed);
    inventory::write(object.status_mut(), settings, desired, observed, tags_are_settled);
    object.hand_over(on_premises::facts(settings, desired, observed, &now));
    object.status_mut().plan = Some(shown);
    object.write_claims(claims);

    let resolver = inventory::resolver_health(desired, observed);
    let endpoints = inventory::endpoints_available(desired, observed);
    let foreign_rules = inventory::foreign_rules(desired, observed);
    if foreseen.steps.is_empty() {
        // The same blockers would apply under 'Enforce'.
        let plan = Plan { steps: Vec::new(), blockers: now.blockers };
        return Ok(Verdict::Built { plan, failures: Vec::new(), changed: false, resolver, endpoints, foreign_rules });
    }
    let under_way = aws_is_at_work(&now);
    let steps = foreseen.steps.into_iter().map(|foreseen| foreseen.step).collect();
    let plan = Plan { steps, blockers: foreseen.blockers };
    Ok(Verdict::Planned { plan, summary, under_way, resolver, endpoints, foreign_rules })
}

/// Removes the plan from status if the verdict makes it invalid.
pub(crate) fn drop_if_void<S: Store>(object: &mut NetworkObject<'_, S>, verdict: &Verdict) {
    match verdict {
        Verdict::Rejected { .. } | Verdict::Unfit(_) | Verdict::Deleting { .. } => object.status_mut().plan = None,
        // While AWS cannot be observed, the plan from the last observation is the best available.
        Verdict::Admitted
        | Verdict::Unseen(_)
        | Verdict::LongUnseen(_)
        | Verdict::Broken(_)
        | Verdict::Built { .. }
        | Verdict::Planned { .. } => {}
    }
}
