//! The guard around every reconcile: it catches a panic, ends a hang, and reports both in the object's status.
//!
//! kube-runtime re-throws the panic of one reconcile and ends the whole controller with it.

use std::{any::Any, collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;

use super::{Next, backoff::jittered};
use crate::{
    api::MigrationNetworkClass,
    aws::Clouds,
    controller::{
        class::{self, usage::Use},
        context::Context,
        network::{self, object::NetworkObject, vpc_lease},
        store::{Key, Store, StoreError},
    },
    model::status::Verdict,
};

/// How long the report of a breakdown may take.
const REPORT_WITHIN: Duration = Duration::from_secs(15);

/// When an object that changed since it was read is reconciled again.
const RETRY_AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// Reconciles one network, come what may, and says when to look again.
pub async fn network<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Next {
    let deadline = context.settings.deadline;
    let attempt = AssertUnwindSafe(network::reconcile(context, key)).catch_unwind();
    let broken = match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(Ok(next))) => return next,
        Ok(Ok(Err(error))) => return after_error(context, key, &error),
        Ok(Err(panic)) => format!("the operator failed on this network: {}", panic_message(panic.as_ref())),
        Err(_) => format!("the reconcile took longer than {} s and was ended", deadline.as_secs()),
    };
    tracing::error!(%key, broken, "a reconcile broke");
    let told = tell(context, key, Verdict::Broken(broken));
    match tokio::time::timeout(REPORT_WITHIN, AssertUnwindSafe(told).catch_unwind()).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%key, %error, "the breakdown could not be put into status"),
        Ok(Err(_)) | Err(_) => tracing::warn!(%key, "the breakdown could not be put into status"),
    }
    Next::After(context.memories.delay_after_breakdown(key))
}

async fn tell<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key, verdict: Verdict) -> Result<(), StoreError> {
    let Some(network) = context.store.network(key).await? else { return Ok(()) };
    NetworkObject::new(network, &context.store, context.now()).conclude(&verdict).await
}

fn after_error<C, S>(context: &Context<C, S>, key: &Key, error: &StoreError) -> Next {
    match error {
        // Somebody was faster: look again at once, at what they wrote.
        StoreError::Conflict | StoreError::Gone => {
            tracing::debug!(%key, %error, "the object moved on");
            Next::After(RETRY_AFTER_CONFLICT)
        }
        StoreError::Undecodable(_) => {
            // An object that is stored so stays so, and an answer that a proxy has spoiled does not: the two look alike.
            tracing::error!(%key, %error, "an object cannot be read");
            Next::After(jittered(context.settings.resync))
        }
        StoreError::Other(source) => {
            let source: &dyn std::error::Error = source.as_ref();
            tracing::warn!(%key, error = source, "the Kubernetes API failed");
            Next::After(context.memories.delay_after_breakdown(key).min(context.settings.resync))
        }
    }
}

/// Reconciles one class, with the same care.
pub async fn class<C: Clouds, S: Store>(
    context: &Context<C, S>,
    name: &str,
    heard_of: impl Fn(&MigrationNetworkClass) -> Use,
) -> Next {
    let retry = context.settings.resync;
    let attempt = AssertUnwindSafe(class::reconcile(context, name, heard_of)).catch_unwind();
    match tokio::time::timeout(context.settings.deadline, attempt).await {
        Ok(Ok(Ok(next))) => next,
        Ok(Ok(Err(StoreError::Conflict | StoreError::Gone))) => Next::After(RETRY_AFTER_CONFLICT),
        Ok(Ok(Err(error))) => {
            tracing::warn!(class = name, %error, "a class was not reconciled");
            Next::After(retry)
        }
        Ok(Err(panic)) => {
            tracing::error!(class = name, panic = panic_message(panic.as_ref()), "a reconcile broke");
            Next::After(retry)
        }
        Err(_) => {
            tracing::error!(class = name, "a reconcile took too long and was ended");
            Next::After(retry)
        }
    }
}

/// Releases the VPC leases of networks that are gone, with the same care.
pub async fn vpc_leases<C: Clouds, S: Store>(context: &Context<C, S>, known: &BTreeSet<String>) -> Next {
    let attempt = AssertUnwindSafe(vpc_lease::sweep(&context.store, known)).catch_unwind();
    match tokio::time::timeout(context.settings.deadline, attempt).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "VPC leases were not checked"),
        Ok(Err(panic)) => tracing::error!(panic = panic_message(panic.as_ref()), "the check of VPC leases failed"),
        Err(_) => tracing::error!("the check of VPC leases took too long and was ended"),
    }
    Next::After(jittered(context.settings.resync))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
