//! Retries. The SDK's own retries are off for every request that goes through [`Caller`]: only this file decides what is sent
//! again.

use std::{future::Future, sync::Arc, time::Duration};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use tokio::time::Instant;

use super::{Action, rate_limit::Limits, send, unusable};
use crate::model::failure::{CallFailure, FailureClass};

/// How long after a call that changes something has begun its request may leave, the first time and again.
///
/// Longer than a turn may be waited for. With what an answer is waited for, and for how long a claim is good for calls
/// (`crate::controller`), shorter than the grace after which nothing is thought to be on its way any more.
const WRITES_LEAVE_WITHIN: Duration = Duration::from_secs(20);

/// The same of one that reads. An observation is some 15 calls, all of which have to succeed, and five of them one after the other:
/// where 19 of 20 are throttled, a third of all observations is complete within the deadline of a reconcile.
const READS_LEAVE_WITHIN: Duration = Duration::from_secs(45);

/// The delays between: from the first they double up to the longest, and each is shortened at random by up to a half.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// Whether a request may be sent a second time to which no answer came, or one that says nothing: the first may have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unanswered {
    /// A single lost packet is made up for. What fails twice is left to the next reconcile.
    Again,
    /// It has no token that AWS would know it by.
    Never,
}

/// Sends requests, at the rates of one account and Region.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    limits: Arc<Limits>,
}

impl Caller {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self { limits }
    }

    /// Sends one request: again while AWS throttles it, as such a request has no effect, and once more if it is not answered.
    /// What is sent again is the same request, with the same token.
    pub(crate) async fn call<O, E, F>(&self, action: Action, request: impl Fn() -> F) -> Result<O, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.repeat(action, request, Unanswered::Again).await
    }

    /// Sends one request that must not have its effect twice: again only while AWS throttles it.
    pub(crate) async fn call_once<O, E, F>(&self, action: Action, request: impl Fn() -> F) -> Result<O, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.repeat(action, request, Unanswered::Never).await
    }

    async fn repeat<O, E, F>(
        &self,
        action: Action,
        request: impl Fn() -> F,
        mut unanswered: Unanswered,
    ) -> Result<O, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let leaves_within = if action.reads() { READS_LEAVE_WITHIN } else { WRITES_LEAVE_WITHIN };
        let (begun, mut delay, mut last) = (Instant::now(), FIRST_DELAY, None);
        loop {
            // Each time it takes its turn as every other call does.
            self.limits.admit(action).await?;
            // Looked at after all waits: a process that stood still meanwhile sends nothing that is out of date.
            if begun.elapsed() > leaves_within {
                return Err(last.unwrap_or_else(|| too_late(action)));
            }
            // The SDK's futures are 20 kB each; boxed, they do not add up in the futures that await them.
            let failure = match send(action, Box::pin(request())).await {
                Err(failure) if failure.class == FailureClass::Throttled => failure,
                Err(failure) if failure.class == FailureClass::Transient && unanswered == Unanswered::Again => {
                    unanswered = Unanswered::Never;
                    failure
                }
                answer => return answer,
            };
            last = Some(failure);
            tokio::time::sleep(delay.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// Reads a list to its end, page by page.
    pub(crate) async fn list<T, O, E, F>(
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
            let (items, next) = page(self.call(action, || request(token.clone())).await?);
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

/// The failure of a request that was not sent.
fn too_late(action: Action) -> CallFailure {
    CallFailure {
        class: FailureClass::Throttled,
        operation: action.to_string(),
        code: "TooLate".to_owned(),
        message: "not sent: its turn came when it was out of date".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use aws_sdk_ec2::{
        error::ErrorMetadata,
        operation::create_vpc_endpoint::{CreateVpcEndpointError, CreateVpcEndpointOutput},
    };

    use super::*;
    use crate::aws::Rates;

    fn refusal(code: &str) -> SdkError<CreateVpcEndpointError, HttpResponse> {
        let error = CreateVpcEndpointError::generic(ErrorMetadata::builder().code(code).build());
        let status = 503_u16.try_into().expect("a status");
        SdkError::service_error(error, HttpResponse::new(status, "".into()))
    }

    /// When requests left that are answered so, in time since the call began, and how the call ended.
    async fn left(action: Action, code: &str, once: bool) -> (Vec<Duration>, FailureClass) {
        let caller = Caller::new(Arc::new(Limits::new(Rates { factor: 1000.0 })));
        let (begun, sent) = (Instant::now(), RefCell::new(Vec::new()));
        let request = || {
            sent.borrow_mut().push(begun.elapsed());
            std::future::ready(Err::<CreateVpcEndpointOutput, _>(refusal(code)))
        };
        let outcome = if once { caller.call_once(action, request).await } else { caller.call(action, request).await };
        (sent.into_inner(), outcome.expect_err("it is refused").class)
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_write_leaves_for_20_s_and_a_read_for_45_s() {
        for (name, within) in [("CreateVpcEndpoint", 20.0), ("DescribeVpcEndpoints", 45.0)] {
            for once in [false, true] {
                let (sent, class) = left(Action::ec2(name), "RequestLimitExceeded", once).await;
                let last = sent.last().map_or(0.0, Duration::as_secs_f64);
                assert_eq!(class, FailureClass::Throttled);
                assert!((within - 2.0..=within).contains(&last), "{name}: the last one after {last} s");
                assert!(sent.len() > 15, "{name}: {sent:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_is_sent_twice_or_once() {
        for (once, times) in [(false, 2), (true, 1)] {
            let (sent, class) = left(Action::ec2("CreateVpcEndpoint"), "InternalError", once).await;
            assert_eq!((sent.len(), class), (times, FailureClass::Transient));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_stood_still_sends_nothing_that_is_out_of_date() {
        let caller = Caller::new(Arc::new(Limits::new(Rates { factor: 1000.0 })));
        let sent = RefCell::new(0);
        let request = || {
            *sent.borrow_mut() += 1;
            // It stands still while the answer is on its way.
            async {
                tokio::time::advance(Duration::from_secs(30)).await;
                Err::<CreateVpcEndpointOutput, _>(refusal("RequestLimitExceeded"))
            }
        };
        let outcome = caller.call(Action::ec2("CreateVpcEndpoint"), request).await;
        assert_eq!(outcome.map_err(|failure| failure.class).err(), Some(FailureClass::Throttled));
        assert_eq!(sent.into_inner(), 1);
    }
}
