//! `managementPolicy: Enforce`: executes the plan, unless the network is suspended.

use std::collections::BTreeSet;

use super::{
    Ended,
    apply::{self, Goal, Outcome},
    gather::Inputs,
    object::NetworkObject,
    observation::Observation,
};
use crate::{
    aws::Clouds,
    controller::{context::Context, stop::Stop, store::Store},
    model::{
        claims::Claims,
        desired::Desired,
        observed::{Observed, Resources},
        on_premises,
        plan::{Plan, plan, step::Step},
        replication_template,
        slot::Slot,
        status::{Verdict, inventory},
    },
};

/// The goal of a build: the network as its spec requires it.
struct Built<'a> {
    desired: &'a Desired,
    observed: Observed,
    managed_tags: BTreeSet<String>,
}

impl Goal for Built<'_> {
    fn plan(&self, claims: &Claims) -> Plan {
        plan(self.desired, &self.observed.resources, claims, &self.managed_tags)
    }

    fn resources(&mut self) -> &mut Resources {
        &mut self.observed.resources
    }

    fn verdict(&self, outcome: &Outcome) -> Verdict {
        let Outcome { plan, failures, changed, steps: _ } = outcome;
        Verdict::Built {
            plan: plan.clone(),
            failures: failures.clone(),
            changed: *changed,
            resolver: inventory::resolver_health(self.desired, &self.observed),
            endpoints: inventory::endpoints_available(self.desired, &self.observed),
            foreign_rules: inventory::foreign_rules(self.desired, &self.observed),
        }
    }
}

/// Executes the steps to the desired state that can run now, and writes the inventory to status.
pub(crate) async fn enforce<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    inputs: &Inputs,
    desired: &Desired,
    observation: Observation<C::Cloud>,
) -> Result<Ended, Stop> {
    let Observation { cloud, observed, mut claims, .. } = observation;
    let mut built = Built { desired, observed, managed_tags: object.managed_tags() };
    let plan = built.plan(&claims);
    let is_drift = object.was_in_sync_with(desired);
    let drifted: BTreeSet<Slot> = plan.steps.iter().filter(|_| is_drift).flat_map(Step::slots).collect();
    let outcome = if object.is_suspended() {
        Outcome { plan, ..Outcome::default() }
    } else {
        if !plan.steps.is_empty() {
            object.hold_with_class(&inputs.class).await?;
        }
        apply::carry_out(object, cloud.as_ref(), &mut claims, &mut built).await?
    };
    if !outcome.steps.is_empty() {
        context.metrics.per_network.repaired(&object.key(), &drifted);
    }
    let tags_are_settled = !outcome.changed && !outcome.plan.steps.iter().any(apply::is_tag_step);
    object.template = replication_template::report(&inputs.settings.replication, desired, &built.observed);
    inventory::write(object.status_mut(), &inputs.settings, desired, &built.observed, tags_are_settled);
    object.hand_over(on_premises::facts(&inputs.settings, desired, &built.observed, &outcome.plan));
    object.write_claims(&claims);
    Ok(Ended { verdict: built.verdict(&outcome), steps: outcome.steps })
}
