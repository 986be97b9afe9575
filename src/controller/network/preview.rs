//! `managementPolicy: Plan`: the network is looked at, and what would be done is told instead of done.
//!
//! Nothing is written to AWS, and nothing is taken in Kubernetes for a network that has nothing in AWS: no finalizer and no
//! claim. What it has already keeps its finalizer, so that it is deleted properly.

use crate::{
    api::ManagementPolicy,
    controller::{
        network::{
            is_tag_step,
            object::Subject,
            requeue::{Error, passes},
        },
        store::Store,
    },
    model::{
        claims::Claims,
        desired::Desired,
        observed::Observed,
        plan::{Plan, plan},
        preview::{forecast::forecast, status},
        settings::Settings,
        status::{conditions::Verdict, inventory},
    },
};

/// Foretells what 'Enforce' would do, and writes it into status.
pub(crate) async fn look_ahead<S: Store>(
    subject: &mut Subject<'_, S>,
    settings: &Settings,
    desired: &Desired,
    observed: &Observed,
    claims: &Claims,
) -> Result<Verdict, Error> {
    let (resources, managed) = (&observed.resources, subject.managed_tags());
    if resources.any_held(&desired.identity) {
        subject.hold().await?;
    }
    let foreseen = forecast(desired, resources, claims, &managed);
    let blockers = plan(desired, resources, claims, &managed).blockers;
    let settled = !foreseen.steps.iter().any(|foreseen| is_tag_step(&foreseen.step));
    let drifted = subject.was_in_sync_with(&status::digest(desired));
    let status = subject.status_mut();
    let region = status.region.clone().unwrap_or_default();
    let shown = status::status(&foreseen, desired, resources, &region, drifted);
    let summary = shown.summary.clone();
    inventory::write(status, settings, desired, observed, settled);
    status.plan = Some(shown);
    subject.write_claims(claims);

    let (resolver, endpoints) = (desired.resolver.is_some(), inventory::endpoints_available(desired, observed));
    let foreign_rules = inventory::foreign_rules(desired, observed);
    if foreseen.steps.is_empty() {
        // Whatever holds it up would hold it up under 'Enforce', too.
        let plan = Plan { steps: Vec::new(), blockers };
        return Ok(Verdict::Built { plan, failures: Vec::new(), changed: false, resolver, endpoints, foreign_rules });
    }
    let under_way = blockers.iter().any(passes);
    let steps = foreseen.steps.into_iter().map(|foreseen| foreseen.step).collect();
    let plan = Plan { steps, blockers: foreseen.blockers };
    Ok(Verdict::Planned { plan, summary, under_way, resolver, endpoints, foreign_rules })
}

/// Takes a plan out of status that nobody is to approve any more.
pub(crate) fn drop_unless_planning<S: Store>(subject: &mut Subject<'_, S>, settings: &Settings) {
    match settings.management {
        ManagementPolicy::Plan => {}
        ManagementPolicy::Enforce => subject.status_mut().plan = None,
    }
}

/// Takes a plan out of status that is not true any more, by how the reconcile ended.
pub(crate) fn drop_if_void<S: Store>(subject: &mut Subject<'_, S>, verdict: &Verdict) {
    match verdict {
        Verdict::Rejected { .. } | Verdict::Unfit(_) | Verdict::Deleting { .. } => subject.status_mut().plan = None,
        // What was planned when AWS was last seen is the best that is known while it is not seen.
        Verdict::Unseen(_) | Verdict::Broken(_) | Verdict::Built { .. } | Verdict::Planned { .. } => {}
    }
}
