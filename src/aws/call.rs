//! The one way that a request leaves: it waits for its turn, is sent, is logged, and its failure is classified.

use std::{future::Future, sync::Arc, time::Instant};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use super::{error, limits::Limits};
pub(super) use crate::model::rates::Action;

use crate::model::failure::{CallFailure, FailureClass};

/// Sends requests, at the rates of one account and Region.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    limits: Arc<Limits>,
}

impl Caller {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits }
    }

    /// Sends one request.
    pub(super) fn call<O, E>(
        &self,
        action: Action,
        request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    ) -> impl Future<Output = Result<O, CallFailure>>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        // The SDK's futures are 20 kB each; boxed, they do not add up in the futures that await them.
        let request = Box::pin(request);
        async move {
            self.limits.admit(action).await?;
            send(action, request).await
        }
    }

    /// Reads a list to its end, page by page.
    pub(super) async fn list<T, O, E, F>(
        &self,
        action: Action,
        request: impl Fn(Option<String>) -> F,
        page: impl Fn(O) -> (Option<Vec<T>>, Option<String>),
    ) -> Result<Vec<T>, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let (items, next) = page(self.call(action, request(token.clone())).await?);
            all.extend(items.into_iter().flatten());
            // "If there are no additional items to return, the string is empty" (DescribeVpcEndpoints).
            match next.filter(|next| !next.is_empty()) {
                None => return Ok(all),
                // Half a list must never pass for a whole one, nor a list without end hold up everything.
                Some(next) if token.as_ref() == Some(&next) => return Err(unusable(action, "its pages do not end")),
                next => token = next,
            }
        }
    }
}

/// Sends one request without waiting for a turn.
pub(super) async fn send<O, E>(
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

/// The failure for an answer that came and cannot be used: the call may have had its effect.
pub(super) fn unusable(action: Action, why: &str) -> CallFailure {
    CallFailure {
        class: FailureClass::Transient,
        operation: action.to_string(),
        code: "UnusableAnswer".to_owned(),
        message: format!("AWS answered, and {why}"),
    }
}

/// Turns "it is not there" into success: what was to be removed is gone already.
pub(super) fn absent_is_done<T>(result: Result<T, CallFailure>) -> Result<Option<T>, CallFailure> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.class == FailureClass::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
