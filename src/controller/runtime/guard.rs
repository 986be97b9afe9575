//! The guard around every reconcile: it catches a panic, cancels a reconcile that hangs, and reports both in status.
//!
//! Without the guard, kube-runtime would propagate the panic of one reconcile and end the whole controller.

use std::{any::Any, collections::BTreeSet, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::time::Instant;

use super::{
    Next,
    backoff::jittered,
    metrics::{ObjectKind, Outcome},
};
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

/// How long it may take to report a failed reconcile in status.
const REPORT_WITHIN: Duration = Duration::from_secs(15);

/// The delay before the next reconcile of an object that has changed since it was read.
const RETRY_AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// Reconciles one network, and returns when to reconcile it again, even if the reconcile panics or hangs.
pub async fn network<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key) -> Next {
    let begun = Instant::now();
    let deadline = context.settings.deadline;
    let attempt = AssertUnwindSafe(network::reconcile(context, key)).catch_unwind();
    let ended = tokio::time::timeout(deadline, attempt).await;
    let ended_with = |outcome| context.metrics.reconciles.ended(ObjectKind::Network, outcome, begun.elapsed());
    let broken = match ended {
        Ok(Ok(Ok(next))) => {
            ended_with(Outcome::Success);
            return next;
        }
        Ok(Ok(Err(error))) => {
            ended_with(outcome_of(&error));
            return after_error(context, key, &error);
        }
        Ok(Err(panic)) => {
            ended_with(Outcome::Panic);
            let panic = panic_message(panic.as_ref());
            format!("the operator panicked on this network: {panic}; report this as a bug. The operator retries")
        }
        Err(_) => {
            ended_with(Outcome::Timeout);
            format!("the reconcile took longer than {} s and was canceled; the operator retries", deadline.as_secs())
        }
    };
    tracing::error!(%key, broken, "reconcile failed");
    let reported = report(context, key, Verdict::Broken(broken));
    match tokio::time::timeout(REPORT_WITHIN, AssertUnwindSafe(reported).catch_unwind()).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%key, %error, "the failed reconcile could not be reported in status"),
        Ok(Err(_)) | Err(_) => tracing::warn!(%key, "the failed reconcile could not be reported in status"),
    }
    Next::After(context.memories.delay_after_breakdown(key))
}

async fn report<C: Clouds, S: Store>(context: &Context<C, S>, key: &Key, verdict: Verdict) -> Result<(), StoreError> {
    let Some(network) = context.store.network(key).await? else { return Ok(()) };
    NetworkObject::new(network, context).conclude(&verdict).await.map(drop)
}

/// The outcome of a reconcile that ended with that error.
const fn outcome_of(error: &StoreError) -> Outcome {
    match error {
        StoreError::Conflict | StoreError::Gone => Outcome::Conflict,
        StoreError::Undecodable(_) | StoreError::Invalid(_) | StoreError::Denied(_) | StoreError::Other(_) => {
            Outcome::Error
        }
    }
}

fn after_error<C, S>(context: &Context<C, S>, key: &Key, error: &StoreError) -> Next {
    match error {
        // Another client wrote the object first: it is read again shortly afterwards.
        StoreError::Conflict | StoreError::Gone => {
            tracing::debug!(%key, %error, "the object has changed; reconciling it again");
            Next::After(RETRY_AFTER_CONFLICT)
        }
        StoreError::Undecodable(_) => {
            // Either the stored object is invalid and remains so, or a proxy corrupted the response. The error is the
            // same.
            tracing::error!(%key, %error, "an object cannot be read; retrying at the next resync");
            Next::After(jittered(context.settings.resync))
        }
        StoreError::Invalid(_) => {
            context.metrics.reconciles.rejected(ObjectKind::Network);
            tracing::error!(%key, %error, "a write was rejected; retrying with back-off");
            Next::After(context.memories.delay_after_breakdown(key).min(context.settings.resync))
        }
        StoreError::Denied(_) => {
            tracing::warn!(%key, %error, "Kubernetes API request denied; retrying with back-off");
            Next::After(context.memories.delay_after_breakdown(key).min(context.settings.resync))
        }
        StoreError::Other(source) => {
            let source: &dyn std::error::Error = source.as_ref();
            tracing::warn!(%key, error = source, "Kubernetes API request failed; retrying with back-off");
            Next::After(context.memories.delay_after_breakdown(key).min(context.settings.resync))
        }
    }
}

/// Reconciles one class, guarded like [`network()`].
pub async fn class<C: Clouds, S: Store>(
    context: &Context<C, S>,
    name: &str,
    known_use: impl Fn(&MigrationNetworkClass) -> Use,
) -> Next {
    let (begun, retry) = (Instant::now(), context.settings.resync);
    let attempt = AssertUnwindSafe(class::reconcile(context, name, known_use)).catch_unwind();
    let ended = tokio::time::timeout(context.settings.deadline, attempt).await;
    let ended_with = |outcome| context.metrics.reconciles.ended(ObjectKind::Class, outcome, begun.elapsed());
    match ended {
        Ok(Ok(Ok(next))) => {
            ended_with(Outcome::Success);
            next
        }
        Ok(Ok(Err(error))) => {
            ended_with(outcome_of(&error));
            match error {
                StoreError::Conflict | StoreError::Gone => return Next::After(RETRY_AFTER_CONFLICT),
                StoreError::Invalid(_) => context.metrics.reconciles.rejected(ObjectKind::Class),
                StoreError::Undecodable(_) | StoreError::Denied(_) | StoreError::Other(_) => {}
            }
            tracing::warn!(class = name, %error, "reconcile failed; retrying at the next resync");
            Next::After(retry)
        }
        Ok(Err(panic)) => {
            ended_with(Outcome::Panic);
            tracing::error!(
                class = name,
                panic = panic_message(panic.as_ref()),
                "reconcile panicked; retrying at the next resync"
            );
            Next::After(retry)
        }
        Err(_) => {
            ended_with(Outcome::Timeout);
            tracing::error!(
                class = name,
                "reconcile exceeded its deadline and was canceled; retrying at the next resync"
            );
            Next::After(retry)
        }
    }
}

/// Releases the VPC leases of networks that no longer exist, guarded like [`network()`].
pub async fn vpc_leases<C: Clouds, S: Store>(context: &Context<C, S>, known: &BTreeSet<String>) -> Next {
    let attempt = AssertUnwindSafe(vpc_lease::sweep(&context.store, known)).catch_unwind();
    match tokio::time::timeout(context.settings.deadline, attempt).await {
        Ok(Ok(Ok(left))) => context.metrics.reconciles.set_vpc_leases(left),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "stale VPC leases could not be released; retrying at the next resync");
        }
        Ok(Err(panic)) => tracing::error!(
            panic = panic_message(panic.as_ref()),
            "the release of stale VPC leases panicked; retrying at the next resync"
        ),
        Err(_) => tracing::error!("the release of stale VPC leases exceeded its deadline and was canceled"),
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
