//! Reconciles a class: checks access to its account, counts the networks that use it, and maintains its finalizer.

pub(crate) mod finalizer;
pub(crate) mod limits;
pub(crate) mod resolve;
pub(crate) mod usage;

use kube::ResourceExt;

use self::usage::Use;
use super::{
    context::Context,
    reconcile_request,
    runtime::{Next, backoff::jittered},
    store::{Announcement, Store, StoreError},
};
use crate::{
    api::{ConditionStatus, FINALIZER, MigrationNetworkClass, Reason},
    aws::Clouds,
    model::{failure::CallFailure, settings::limits::omitted, status::class as conditions},
};

/// Reconciles a class: checks that its role can reach its account, and reports how many networks use it. `known_use`
/// counts the networks in the cache, because listing all networks once per class would be quadratic. No irreversible
/// decision depends on that count.
///
/// # Errors
/// If a Kubernetes API request failed.
pub(crate) async fn reconcile<C: Clouds, S: Store>(
    context: &Context<C, S>,
    name: &str,
    known_use: impl Fn(&MigrationNetworkClass) -> Use,
) -> Result<Next, StoreError> {
    let Some(mut class) = context.store.class(name).await? else { return Ok(Next::OnChange) };
    let before = class.status.clone();
    let generation = class.metadata.generation.unwrap_or_default();
    let handled = before.as_ref().and_then(|status| status.last_handled_reconcile_at.as_ref());
    let request = reconcile_request::unhandled(&class.metadata, handled);
    let account = resolve::account(&context.cluster, &class);
    let connected = context.clouds.connect(&account).await;
    let in_use = known_use(&class);
    let is_being_deleted = class.metadata.deletion_timestamp.is_some();
    let held = class.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if held && in_use.networks == 0 && usage::is_unused(&context.store, &class).await? {
        context.store.set_class_finalizer(&class, false).await?;
        // The patch triggers the next reconcile, unless the class is deleted.
        return Ok(Next::OnChange);
    }
    if !held && !is_being_deleted && in_use.networks > 0 {
        context.store.set_class_finalizer(&class, true).await?;
        return Ok(Next::OnChange);
    }
    let state = match connected {
        _ if is_being_deleted => (ConditionStatus::False, Reason::Deleting, finalizer::is_kept(in_use.networks)),
        Ok(_) => (
            ConditionStatus::True,
            Reason::Accepted,
            format!("account {} was reached in {}", class.spec.account.id, class.spec.region),
        ),
        Err(failure) if failure.needs_person() => (ConditionStatus::False, failure.reason(), explained(&failure)),
        Err(failure) => (ConditionStatus::Unknown, failure.reason(), explained(&failure)),
    };
    report_omitted_limits(context, &class).await;
    let status = class.status.get_or_insert_default();
    status.observed_generation = generation;
    if request.is_some() {
        status.last_handled_reconcile_at = request;
    }
    status.external_id = account.role.map(|role| role.external_id);
    status.networks = Some(in_use.networks);
    status.ready_networks = Some(in_use.ready);
    conditions::write(&mut status.conditions, state, generation, context.now());
    if class.status != before {
        context.store.write_class_status(&class).await?;
    }
    // The counts are updated within one resync. The access check needs no call: the identity of the credentials is
    // cached for an hour.
    Ok(Next::After(jittered(context.settings.resync)))
}

/// The message of a failed connection. If AWS denies the role, the remedy names the external ID, which only the status of
/// the class shows.
fn explained(failure: &CallFailure) -> String {
    if failure.is_of_role() {
        format!("{failure}; the role's trust policy must allow the operator's role with the ID in `status.externalID`")
    } else {
        failure.to_string()
    }
}

/// Publishes an event once for each generation of a class without the limits that protect other workloads in the VPC.
async fn report_omitted_limits<C: Clouds, S: Store>(context: &Context<C, S>, class: &MigrationNetworkClass) {
    let omitted = omitted(class.spec.limits.as_ref());
    let is_known = class.status.as_ref().map(|status| status.observed_generation) == class.metadata.generation;
    if is_known || omitted.is_empty() {
        return;
    }
    let fields = omitted.iter().map(|field| format!("`spec.limits.{field}`")).collect::<Vec<_>>().join(", ");
    let announcement = Announcement {
        warning: true,
        reason: "LimitsOmitted".to_owned(),
        action: format!("Check {}", omitted.join(" ")),
        note: format!(
            "the class does not set {fields}: its networks can restrict what other clients in the VPC reach through S3, \
             EC2 and Systems Manager; set the limits, or keep the VPC for migrations only"
        ),
    };
    context.store.announce_on_class(class, announcement).await;
}
