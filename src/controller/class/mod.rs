//! One reconcile of one class: whether its account can be reached, how many networks use it, and its finalizer.

pub(crate) mod finalizer;
pub(crate) mod limits;
pub(crate) mod resolve;
pub(crate) mod usage;

use kube::ResourceExt;

use self::usage::Use;
use super::{
    context::Context,
    runtime::{Next, backoff::jittered},
    store::{Store, StoreError},
};
use crate::{
    api::{ConditionStatus, ConditionType, FINALIZER, MigrationNetworkClass, Reason, conditions},
    aws::Clouds,
};

/// Reconciles a class: whether its account can be reached with its role, and who uses it. `heard_of` counts its networks
/// among those that the operator has heard of: to list all of them again for every class would be their square. Nothing
/// that cannot be taken back is done by it.
///
/// # Errors
/// If the Kubernetes API could not be read or written.
pub(crate) async fn reconcile<C: Clouds, S: Store>(
    context: &Context<C, S>,
    name: &str,
    heard_of: impl Fn(&MigrationNetworkClass) -> Use,
) -> Result<Next, StoreError> {
    let Some(mut class) = context.store.class(name).await? else { return Ok(Next::OnChange) };
    let before = class.status.clone();
    let generation = class.metadata.generation.unwrap_or_default();
    let connected = context.clouds.connect(&resolve::account(&class.spec)).await;
    let in_use = heard_of(&class);
    let going = class.metadata.deletion_timestamp.is_some();
    let held = class.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    if held && in_use.networks == 0 && usage::is_unused(&context.store, &class).await? {
        context.store.set_class_finalizer(&class, false).await?;
        // The patch is an event of its own, unless the class is gone with it.
        return Ok(Next::OnChange);
    }
    if !held && !going && in_use.networks > 0 {
        context.store.set_class_finalizer(&class, true).await?;
        return Ok(Next::OnChange);
    }
    let state = match connected {
        _ if going => (ConditionStatus::False, Reason::Deleting, finalizer::is_kept(in_use.networks)),
        Ok(_) => (
            ConditionStatus::True,
            Reason::Accepted,
            format!("account {} was reached in {}", class.spec.account.id, class.spec.region),
        ),
        Err(failure) if failure.needs_person() => (ConditionStatus::False, failure.reason(), failure.to_string()),
        Err(failure) => (ConditionStatus::Unknown, failure.reason(), failure.to_string()),
    };
    let status = class.status.get_or_insert_default();
    status.observed_generation = generation;
    status.networks = Some(in_use.networks);
    status.ready_networks = Some(in_use.ready);
    conditions::set(&mut status.conditions, ConditionType::Accepted, state, generation, context.now());
    if class.status != before {
        context.store.write_class_status(&class).await?;
    }
    // The counts follow within one resync. Reaching the account costs no call: whose the credentials are is remembered for
    // an hour.
    Ok(Next::After(jittered(context.settings.resync)))
}
