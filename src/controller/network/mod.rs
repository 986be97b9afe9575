//! Reconciles a network. The steps are:
//!
//! ```text
//! gather     class, ConfigMaps -> Settings, parsed once      Kubernetes, read
//! observe    -> Observed                                     AWS, read; complete or an error
//! inspect    the VPC lease                                   Kubernetes, read
//! preflight  -> Placement, or findings                       pure
//! desired    -> Desired                                      pure
//! acquire    the VPC lease                                   Kubernetes, write
//! apply      plan, claim, execute, until nothing can run     AWS, write
//! conclude   status, events, requeue                         Kubernetes, write
//! publish    the hand-off in a ConfigMap, if enabled         Kubernetes, write
//! ```

mod abandoned;
pub(crate) mod apply;
mod config_map;
pub(crate) mod deletion;
mod enforce;
pub(crate) mod events;
mod gather;
pub(crate) mod memory;
pub(crate) mod object;
mod observation;
mod owned;
pub(crate) mod preview;
mod requeue;
pub(crate) mod vpc_lease;

use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use self::{gather::Inputs, object::NetworkObject, observation::Observation, vpc_lease::Inspected};
use super::{
    class::limits,
    context::Context,
    runtime::Next,
    stop::Stop,
    store::{Key, Store, StoreError},
};
use crate::{
    api::{ConditionType, ManagementPolicy, conditions::find},
    aws::{Clouds, counting_requests},
    model::{
        desired::Desired,
        preflight::{self, Placement, checks::Finding},
        status::{Verdict, inventory},
    },
};

/// The result of a reconcile: its verdict, and the steps that it executed, one line each.
pub(crate) struct Ended {
    pub(crate) verdict: Verdict,
    pub(crate) steps: Vec<String>,
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, steps: Vec::new() }
    }
}

/// Reconciles one network.
///
/// # Errors
/// If a Kubernetes API request failed.
pub async fn reconcile<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Result<Next, StoreError> {
    let Some(network) = context.store.network(key).await? else {
        context.memories.forget(key);
        return Ok(Next::OnChange);
    };
    let begun = Instant::now();
    let mut object = NetworkObject::new(network, context);
    // Read once: writes during the reconcile return the object with later requests.
    let request = object.request();
    if let Some(request) = &request {
        context.memories.requested(key, &object.uid(), request);
    }
    // Boxed: the futures are so large that each copy counts on the stack.
    let work = Box::pin(async {
        if object.is_being_deleted() {
            deletion::delete(&mut object, context, key).await
        } else {
            build(&mut object, context, key).await
        }
    });
    let (ended, requests) = counting_requests(work).await;
    let Ended { verdict, steps } = match ended {
        Ok(ended) => ended,
        Err(Stop::Verdict(verdict)) => (*verdict).into(),
        Err(Stop::Gone) => {
            context.memories.forget(key);
            return Ok(Next::OnChange);
        }
        Err(Stop::Store(error)) => return Err(error),
    };
    let verdict = outdated(context, key, &object, verdict);
    preview::drop_if_void(&mut object, &verdict);
    if request.is_some() {
        object.status_mut().last_handled_reconcile_at = request;
    }
    config_map::record(&mut object);
    let mut is_new = object.conclude(&verdict).await?;
    if config_map::publish(&mut object).await {
        is_new |= object.conclude(&verdict).await?;
    }
    log(&object, is_new || !steps.is_empty() || verdict.has_failed(), begun.elapsed(), requests);
    Ok(requeue::next(context, key, &object, &verdict, &steps))
}

/// Logs the end of a reconcile: at level INFO if something changed or failed, or else at level DEBUG.
fn log<S: Store>(object: &NetworkObject<'_, S>, is_news: bool, time: Duration, requests: u32) {
    let conditions = object.network.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let (ready, reason) =
        find(conditions, ConditionType::Ready).map_or(("", ""), |ready| (ready.status.as_str(), ready.reason.as_str()));
    let milliseconds = time.as_millis();
    if is_news {
        tracing::info!(ready, reason, milliseconds, requests, "reconciled");
    } else {
        tracing::debug!(ready, reason, milliseconds, requests, "reconciled");
    }
}

/// A network does not stay Ready without limit if its account cannot be observed.
fn outdated<C: Clouds, S: Store>(
    context: &Context<C, S>,
    key: &Key,
    object: &NetworkObject<'_, S>,
    verdict: Verdict,
) -> Verdict {
    match verdict {
        Verdict::Unseen(failure)
            if context.memories.unobserved_for(key, &object.uid()) >= context.settings.ready_without_observation() =>
        {
            Verdict::LongUnseen(failure)
        }
        verdict => verdict,
    }
}

/// Builds and maintains the resources that the network requires.
async fn build<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    key: &Key,
) -> Result<Ended, Stop> {
    object.restore_finalizer().await?;
    let inputs = gather::gather(object, context).await?;
    let mut observation = observation::observe(object, context, key, &inputs).await?;
    let lease = vpc_lease::inspect(object, &inputs, &observation).await?;
    let placement = place(object, context, &inputs, &observation, lease.as_ref()).await?;
    let desired = Desired::resolve(observation.identity.clone(), &inputs.settings, &placement);
    observation.settle_claims(object, context, key);
    observation.record_additions_of_others(object, &desired);
    let transfer = preflight::transfer::check(&object.transfer(&context.cluster), inputs.settings.deletion);
    report_warnings(object, &placement, &desired, &observation, transfer);
    limits::check_services(&inputs.limits, &inputs.settings, &desired)?;
    limits::check_subnets(&inputs.limits, &desired, &observation.observed)?;
    let ended = match inputs.settings.management {
        ManagementPolicy::Plan => preview::preview(object, &inputs.settings, &desired, &observation).await?.into(),
        ManagementPolicy::Enforce => {
            vpc_lease::acquire(object, context, &inputs, lease, &observation).await?;
            enforce::enforce(object, context, &inputs, &desired, observation).await?
        }
    };
    object.record_sync(&desired, &ended.verdict);
    Ok(ended)
}

/// Adds the warnings about adoption and about a transfer to those of the preflight.
fn report_warnings<C, S: Store>(
    object: &mut NetworkObject<'_, S>,
    placement: &Placement,
    desired: &Desired,
    observation: &Observation<C>,
    transfer: Option<Finding>,
) {
    let mut warnings = placement.warnings.clone();
    warnings.extend(transfer);
    warnings.extend(preflight::adoption::check(desired, &observation.observed.resources, &observation.claims));
    object.status_mut().preflight_warnings = inventory::warnings(&warnings);
}

/// Runs the preflight. If another network has precedence in the VPC, only the conflict is reported, and not the
/// findings: the other network may belong to another tenant.
async fn place<C: Clouds, S: Store>(
    object: &mut NetworkObject<'_, S>,
    context: &Context<C, S>,
    inputs: &Inputs,
    observation: &Observation<C::Cloud>,
    lease: Option<&Inspected>,
) -> Result<Placement, Stop> {
    let Observation { identity, pinned_vpc, observed, .. } = observation;
    let today = TimeZone::UTC.to_datetime(object.now).date();
    match preflight::check(identity, &inputs.settings, pinned_vpc.as_ref(), observed, today) {
        Ok(placement) => {
            object.status_mut().preflight_warnings = inventory::warnings(&placement.warnings);
            Ok(placement)
        }
        Err(findings) => {
            if let Some(lease) = lease {
                vpc_lease::check_precedence(object, context, lease, observation.is_established()).await?;
            }
            object.status_mut().preflight_warnings = inventory::warnings(&findings);
            Err(Verdict::Unfit(findings).into())
        }
    }
}
