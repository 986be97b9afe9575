//! Retries requests. The SDK's own retries are disabled for every request that goes through [`Caller`]: only this
//! file decides which requests are sent again.

use std::{future::Future, sync::Arc, time::Duration};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use tokio::time::Instant;

use super::{Action, rate_limit::Limits, send, unusable};
use crate::{
    aws::metrics::RequestMetrics,
    model::failure::{CallFailure, FailureClass},
};

/// How long after the start of a changing call its request may be sent, including retries.
///
/// This is longer than the maximum wait in the rate-limit queue. Added to the request timeout and to the time for
/// which a claim permits calls (`crate::controller`), it is shorter than the grace after which no request is assumed
/// to be in flight.
const WRITES_LEAVE_WITHIN: Duration = Duration::from_secs(20);

/// How long a changing call waits in the rate-limit queue. The seventh endpoint of a new network waits ten seconds. A call
/// that would wait much longer fails, because its claim expires. A reading call waits for as long as it may be sent.
const WRITES_WAIT_AT_MOST: Duration = Duration::from_secs(15);

/// How long after the start of a reading call its request may be sent, including retries. An observation consists of
/// about 15 calls, all of which must succeed, and five of which run one after the other. If AWS throttles 19 of 20
/// calls, a third of all observations complete within the deadline of a reconcile.
const READS_LEAVE_WITHIN: Duration = Duration::from_secs(45);

/// The delays between attempts. They double from the first to the longest, and each is shortened at random by up to a
/// half.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// The handling of a request that got no answer, or an answer that does not tell whether the request took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unanswered {
    /// The request is sent once more, which covers a single lost packet. A second failure is left to the next
    /// reconcile.
    Again,
    /// The request is not sent again, because it has no token by which AWS would recognize a repetition.
    Never,
}

/// Sends requests at the permitted rates of one account and Region.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    limits: Arc<Limits>,
    metrics: RequestMetrics,
}

impl Caller {
    pub(crate) fn new(limits: Arc<Limits>, metrics: RequestMetrics) -> Self {
        Self { limits, metrics }
    }

    /// Sends one request. It is sent again while AWS throttles it, because a throttled request has no effect, and
    /// once more if it gets no answer. Each attempt sends the same request with the same token.
    pub(crate) async fn call<O, E, F>(&self, action: Action, request: impl Fn() -> F) -> Result<O, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.repeat(action, request, Unanswered::Again).await
    }

    /// Sends one request that must not take effect twice. It is sent again only while AWS throttles it.
    pub(crate) async fn call_once<O, E, F>(&self, action: Action, request: impl Fn() -> F) -> Result<O, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        O: RequestId,
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
        O: RequestId,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (leaves_within, patience) = if action.reads() {
            (READS_LEAVE_WITHIN, READS_LEAVE_WITHIN)
        } else {
            (WRITES_LEAVE_WITHIN, WRITES_WAIT_AT_MOST)
        };
        let (begun, mut delay, mut last) = (Instant::now(), FIRST_DELAY, None);
        loop {
            // Each attempt waits for the rate limit, like every other call. Once an attempt was sent, its failure counts.
            let waits_since = Instant::now();
            let admitted = self.limits.admit(action, patience).await;
            self.metrics.waited(action, waits_since.elapsed());
            if let Err(not_sent) = admitted {
                return Err(last.unwrap_or(not_sent));
            }
            // This check comes after all waits, so that a process that was suspended sends no expired request.
            if begun.elapsed() > leaves_within {
                return Err(last.unwrap_or_else(|| too_late(action)));
            }
            // The SDK's futures are 20 kB each; boxed, they do not add up in the futures that await them.
            let failure = match send(&self.metrics, action, Box::pin(request())).await {
                Err(failure) if failure.class == FailureClass::Throttled => failure,
                Err(failure)
                    if matches!(failure.class, FailureClass::Transient | FailureClass::Unanswered)
                        && unanswered == Unanswered::Again =>
                {
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

    /// Reads all pages of a list.
    pub(crate) async fn list<T, O, E, F>(
        &self,
        action: Action,
        request: impl Fn(Option<String>) -> F,
        page: impl Fn(O) -> (Option<Vec<T>>, Option<String>),
    ) -> Result<Vec<T>, CallFailure>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        O: RequestId,
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
                // An incomplete list must never be taken for a complete one, and an endless list must not block the
                // operator.
                Some(next) if token.as_ref() == Some(&next) => {
                    return Err(unusable(action, "the list does not end: it repeats a page token"));
                }
                next => token = next,
            }
        }
    }
}

/// Returns the failure of a request that expired before it was sent.
fn too_late(action: Action) -> CallFailure {
    CallFailure {
        class: FailureClass::NotSent,
        operation: action.to_string(),
        code: "TooLate".to_owned(),
        message: "not sent: the request expired in the rate-limit queue".to_owned(),
        request_id: None,
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

    /// Returns the times at which requests with this answer were sent, since the start of the call, and the class of
    /// the failure.
    async fn left(action: Action, code: &str, once: bool) -> (Vec<Duration>, FailureClass) {
        let caller = Caller::new(Arc::new(Limits::new(Rates { factor: 1000.0 })), RequestMetrics::default());
        let (begun, sent) = (Instant::now(), RefCell::new(Vec::new()));
        let request = || {
            sent.borrow_mut().push(begun.elapsed());
            std::future::ready(Err::<CreateVpcEndpointOutput, _>(refusal(code)))
        };
        let outcome = if once { caller.call_once(action, request).await } else { caller.call(action, request).await };
        (sent.into_inner(), outcome.expect_err("it is refused").class)
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_write_is_retried_for_20_s_and_a_read_for_45_s() {
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
    async fn an_unanswered_request_is_sent_twice_or_once() {
        for (once, times) in [(false, 2), (true, 1)] {
            let (sent, class) = left(Action::ec2("CreateVpcEndpoint"), "InternalError", once).await;
            assert_eq!((sent.len(), class), (times, FailureClass::Transient));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_suspended_sends_no_expired_request() {
        let caller = Caller::new(Arc::new(Limits::new(Rates { factor: 1000.0 })), RequestMetrics::default());
        let sent = RefCell::new(0);
        let request = || {
            *sent.borrow_mut() += 1;
            // The process is suspended while the answer is on its way.
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
