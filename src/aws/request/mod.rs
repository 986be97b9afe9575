//! Sends requests to AWS. Each request waits for the rate limit, is sent, logged and retried ([`retry`]), and its
//! failure is classified ([`error`]).

pub(super) mod error;
pub(super) mod rate_limit;
mod retry;
pub(super) mod truncated_xml;

use std::{cell::Cell, future::Future};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use tokio::time::Instant;

pub(super) use self::retry::Caller;
pub(super) use crate::model::request_rates::Action;
use crate::{
    aws::metrics::RequestMetrics,
    model::failure::{CallFailure, FailureClass},
};

tokio::task_local! {
    /// The number of requests that the current task has sent in [`counting_requests`].
    static SENT: Cell<u32>;
}

/// Awaits a future, and returns its output and the number of requests that it sent.
pub async fn counting_requests<F: Future>(future: F) -> (F::Output, u32) {
    SENT.scope(Cell::new(0), async {
        let output = future.await;
        (output, SENT.with(Cell::get))
    })
    .await
}

/// Sends one request without waiting for the rate limit.
pub(crate) async fn send<O, E>(
    metrics: &RequestMetrics,
    action: Action,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, CallFailure>
where
    O: RequestId,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // Fails outside of `counting_requests`, where no count is kept.
    let _ = SENT.try_with(|sent| sent.set(sent.get() + 1));
    let begun = Instant::now();
    let answer = request.await.map_err(|sdk_error| error::failure(action, &sdk_error));
    let time = begun.elapsed();
    metrics.answered(action, answer.as_ref().err(), time);
    let milliseconds = time.as_millis();
    match &answer {
        Ok(output) => tracing::debug!(%action, milliseconds, request_id = output.request_id(), "answered"),
        Err(CallFailure { class, code, request_id, .. }) => {
            tracing::debug!(%action, milliseconds, ?class, code, request_id, "failed");
        }
    }
    answer
}

/// Returns the failure for an answer that arrived but cannot be used: the call may have taken effect.
pub(crate) fn unusable(action: Action, why: &str) -> CallFailure {
    CallFailure {
        class: FailureClass::Transient,
        operation: action.to_string(),
        code: "UnusableAnswer".to_owned(),
        message: format!("AWS answered, but {why}"),
        request_id: None,
    }
}

/// Turns `NotFound` into success: the resource that the call removes is already gone.
pub(crate) fn absent_is_done<T>(result: Result<T, CallFailure>) -> Result<Option<T>, CallFailure> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.class == FailureClass::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
