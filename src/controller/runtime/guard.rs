//! The guard around every reconcile: a panic is caught, a hang is ended, and both are told in the object's status.
//!
//! kube-runtime re-throws the panic of one reconcile and ends the whole controller with it.

use std::{any::Any, collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;

use crate::{
    api::MigrationNetworkClass,
    aws::Clouds,
    controller::{
        class::usage::Use,
        context::Context,
        network::{
            object::Subject,
            requeue::{Error, Next},
            vpc_lease,
        },
        runtime::backoff::jittered,
        store::{Key, Store, StoreError},
    },
    model::status::conditions::Verdict,
};

/// Reconciles one network, come what may, and says when to look again.
pub async fn network<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Next {
    let deadline = context.settings.deadline;
    let attempt = AssertUnwindSafe(crate::controller::network::reconcile(context, key)).catch_unwind();
    let broken = match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(Ok(next))) => return next,
        Ok(Ok(Err(error))) => return after_error(context, key, &error),
        Ok(Err(panic)) => format!("the operator failed on this network: {}", panic_message(panic.as_ref())),
        Err(_) => format!("the reconcile took longer than {} s and was ended", deadline.as_secs()),
    };
    tracing::error!(%key, broken, "a reconcile broke");
    let told = tell(context, key, Verdict::Broken(broken));
    match tokio::time::timeout(Duration::from_secs(15), AssertUnwindSafe(told).catch_unwind()).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%key, %error, "the breakdown could not be put into status"),
        Ok(Err(_)) | Err(_) => tracing::warn!(%key, "the breakdown could not be put into status"),
    }
    Next::After(context.delay_after_breakdown(key))
}

async fn tell<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key, verdict: Verdict) -> Result<(), Error> {
    let Some(network) = context.store.network(key).await? else { return Ok(()) };
    Subject::new(network, &context.store, context.now()).conclude(&verdict).await
}

fn after_error<C, S>(context: &Context<C, S>, key: &Key, error: &Error) -> Next {
    match error {
        // Somebody was faster: look again at once, at what they wrote.
        Error::Store(StoreError::Conflict | StoreError::Gone) => {
            tracing::debug!(%key, %error, "the object moved on");
            Next::After(Duration::from_millis(200))
        }
        Error::Store(StoreError::Undecodable(_)) => {
            // An object that is stored so stays so, and an answer that a proxy has spoiled does not: the two look alike.
            tracing::error!(%key, %error, "an object cannot be read");
            Next::After(jittered(context.settings.resync))
        }
        Error::Store(StoreError::Other(source)) => {
            let source: &dyn std::error::Error = source.as_ref();
            tracing::warn!(%key, error = source, "the Kubernetes API failed");
            Next::After(context.delay_after_breakdown(key).min(context.settings.resync))
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
    let attempt = AssertUnwindSafe(crate::controller::class::reconcile(context, name, heard_of)).catch_unwind();
    match tokio::time::timeout(context.settings.deadline, attempt).await {
        Ok(Ok(Ok(next))) => next,
        Ok(Ok(Err(Error::Store(StoreError::Conflict | StoreError::Gone)))) => Next::After(Duration::from_millis(200)),
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

/// Looks for claims of networks that are gone, with the same care.
pub async fn claims<C: Clouds, S: Store>(context: &Context<C, S>, heard_of: &BTreeSet<String>) -> Next {
    let attempt = AssertUnwindSafe(vpc_lease::drop_stale(&context.store, heard_of)).catch_unwind();
    match tokio::time::timeout(context.settings.deadline, attempt).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "claims were not looked at"),
        Ok(Err(panic)) => tracing::error!(panic = panic_message(panic.as_ref()), "a look at claims broke"),
        Err(_) => tracing::error!("a look at claims took too long and was ended"),
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
