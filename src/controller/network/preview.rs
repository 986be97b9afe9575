//! `managementPolicy: Plan`: the operator observes the network, and reports which calls it would make instead of making them.
//!
//! It writes nothing to AWS, and nothing to Kubernetes but status for a network that has nothing in AWS: no finalizer and no
//! claim. A network that has resources keeps its finalizer, so that it is deleted properly.

use super::{apply::is_tag_step, object::NetworkObject, observation::Observation, requeue::aws_is_at_work};
use crate::{
    api::ManagementPolicy,
    controller::store::{Store, StoreError},
    model::{
        desired::Desired,
        plan::{Plan, plan},
        preview::{forecast::forecast, status},
        settings::Settings,
        status::{Verdict, inventory},
    },
};

/// Forecasts what 'Enforce' would do, and writes it to status.
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
    inventory::write(object.status_mut(), settings, desired, observed, tags_are_settled);
    object.status_mut().plan = Some(shown);
    object.write_claims(claims);

    let (resolver, endpoints) = (desired.resolver.is_some(), inventory::endpoints_available(desired, observed));
    let foreign_rules = inventory::foreign_rules(desired, observed);
    if foreseen.steps.is_empty() {
        // What blocks it would block it under 'Enforce', too.
        let plan = Plan { steps: Vec::new(), blockers: now.blockers };
        return Ok(Verdict::Built { plan, failures: Vec::new(), changed: false, resolver, endpoints, foreign_rules });
    }
    let under_way = aws_is_at_work(&now);
    let steps = foreseen.steps.into_iter().map(|foreseen| foreseen.step).collect();
    let plan = Plan { steps, blockers: foreseen.blockers };
    Ok(Verdict::Planned { plan, summary, under_way, resolver, endpoints, foreign_rules })
}

/// Removes the plan from the status of a network that is not only planned any more.
pub(crate) fn drop_unless_planning<S: Store>(object: &mut NetworkObject<'_, S>, settings: &Settings) {
    match settings.management {
        ManagementPolicy::Plan => {}
        ManagementPolicy::Enforce => object.status_mut().plan = None,
    }
}

/// Removes a plan from status that is not true any more, by how the reconcile ended.
pub(crate) fn drop_if_void<S: Store>(object: &mut NetworkObject<'_, S>, verdict: &Verdict) {
    match verdict {
        Verdict::Rejected { .. } | Verdict::Unfit(_) | Verdict::Deleting { .. } => object.status_mut().plan = None,
        // What was planned when AWS was last seen is the best that is known while it is not seen.
        Verdict::Unseen(_) | Verdict::Broken(_) | Verdict::Built { .. } | Verdict::Planned { .. } => {}
    }
}
