//! Sends requests to AWS. Each request waits for the rate limit, is sent, logged and retried ([`retry`]), and its
//! failure is classified ([`error`]).

pub(super) mod error;
pub(super) mod rate_limit;
mod retry;
pub(super) mod truncated_xml;

use std::future::Future;

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use tokio::time::Instant;

pub(super) use self::retry::Caller;
use crate::model::failure::{CallFailure, FailureClass};
pub(super) use crate::model::request_rates::Action;

/// Sends one request without waiting for the rate limit.
pub(crate) async fn send<O, E>(
    action: Action,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, CallFailure>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let begun = Instant::now();
    let answer = request.await;
    let milliseconds = begun.elapsed().as_millis();
    match answer {
        Ok(output) => {
            tracing::debug!(%action, milliseconds, "answered");
            Ok(output)
        }
        Err(sdk_error) => {
            let failure = error::failure(action, &sdk_error);
            tracing::debug!(%action, milliseconds, class = ?failure.class, code = failure.code, "failed");
            Err(failure)
        }
    }
}

/// Returns the failure for an answer that arrived but cannot be used: the call may have taken effect.
pub(crate) fn unusable(action: Action, why: &str) -> CallFailure {
    CallFailure {
        class: FailureClass::Transient,
        operation: action.to_string(),
        code: "UnusableAnswer".to_owned(),
        message: format!("AWS answered, but {why}"),
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
