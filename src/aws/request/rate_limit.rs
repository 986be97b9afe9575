//! Limits request rates with token buckets in front of the calls, so that this operator never empties AWS's own
//! buckets.
//!
//! The rates are defined in `crate::model::request_rates`. All callers and roles of an account and Region share the
//! same buckets.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Instant;

use crate::{
    aws::request::Action,
    model::{
        failure::{CallFailure, FailureClass},
        request_rates::{Bucket, bucket},
    },
};

/// The fraction of AWS's rates that is used: calls that leave exactly at AWS's refill rate do not arrive at that
/// rate.
const MARGIN: f64 = 0.95;

/// The range of valid factors; values outside it are clamped.
pub const RATE_FACTORS: RangeInclusive<f64> = 0.01..=1000.0;

/// The rates at which calls may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Multiplies the sizes and rates of all buckets, for accounts whose limits AWS has raised. Within
    /// [`RATE_FACTORS`].
    pub factor: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { factor: 1.0 }
    }
}

/// One token bucket.
type Limiter = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Nanos>>;

/// The clock of the runtime, which tests can pause.
#[derive(Clone, Debug)]
struct RuntimeClock {
    start: Instant,
}

impl Clock for RuntimeClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.start.elapsed().into()
    }
}

/// The token buckets of one account and Region.
#[derive(Debug)]
pub(crate) struct Limits {
    rates: Rates,
    buckets: Mutex<HashMap<&'static str, Arc<Limiter>>>,
}

impl Limits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Waits until the call may be sent, at most for `patience`.
    ///
    /// # Errors
    /// Fails with class `NotSent`, before anything is sent, if too many other calls wait for the same action.
    pub(crate) async fn admit(&self, action: Action, patience: Duration) -> Result<(), CallFailure> {
        let Some(bucket) = bucket(action) else { return Ok(()) };
        let limiter = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(limiter(bucket, self.rates));
            Arc::clone(buckets.entry(bucket.name).or_insert_with(new))
        };
        tokio::time::timeout(patience, ready(&limiter)).await.map_err(|_| CallFailure {
            class: FailureClass::NotSent,
            operation: action.to_string(),
            code: "LocalRateLimit".to_owned(),
            message: format!(
                "not sent: AWS allows {} of these calls per second in an account and Region, and too many are queued",
                bucket.per_second * self.rates.factor
            ),
            request_id: None,
        })
    }
}

/// Waits for a token. Waiting calls get their tokens in no particular order.
async fn ready(limiter: &Limiter) {
    while let Err(not_until) = limiter.check() {
        tokio::time::sleep(not_until.wait_time_from(limiter.clock().now())).await;
    }
}

/// Returns a full bucket.
fn limiter(bucket: Bucket, rates: Rates) -> Limiter {
    RateLimiter::direct_with_clock(quota(bucket, rates), RuntimeClock { start: Instant::now() })
}

/// Returns the quota by which a bucket is enforced.
fn quota(bucket: Bucket, rates: Rates) -> Quota {
    let factor =
        if rates.factor.is_finite() { rates.factor.clamp(*RATE_FACTORS.start(), *RATE_FACTORS.end()) } else { 1.0 };
    // The cast saturates, and sizes are far below the maximum of the type.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let size = NonZeroU32::new((bucket.size * factor) as u32).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(Duration::from_secs_f64(1.0 / (bucket.per_second * MARGIN * factor)))
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
        .allow_burst(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(bucket: Bucket, rates: Rates) -> usize {
        let limiter = limiter(bucket, rates);
        std::iter::repeat_with(|| limiter.check()).take_while(Result::is_ok).count()
    }

    #[tokio::test(start_paused = true)]
    async fn four_endpoints_are_written_at_once() {
        for name in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"] {
            assert_eq!(tokens(bucket(Action::ec2(name)).expect("limited"), Rates::default()), 4);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_fifth_endpoint_waits_for_its_token_and_no_longer_than_permitted() {
        let limits = Limits::new(Rates::default());
        let create = Action::ec2("CreateVpcEndpoint");
        let begun = Instant::now();
        for _ in 0..5 {
            limits.admit(create, Duration::from_secs(15)).await.expect("it waits for less than 15 s");
        }
        // AWS adds 0.3 tokens per second.
        let waited = begun.elapsed().as_secs_f64();
        assert!((3.3..3.6).contains(&waited), "{waited}");
        let failure = limits.admit(create, Duration::from_secs(1)).await.expect_err("the bucket is empty");
        assert_eq!((failure.class, failure.code.as_str()), (FailureClass::NotSent, "LocalRateLimit"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_raised_limit_raises_the_bucket() {
        let bucket = bucket(Action::ec2("CreateVpcEndpoint")).expect("limited");
        assert_eq!(tokens(bucket, Rates { factor: 10.0 }), 40);
        for nonsense in [f64::NAN, f64::INFINITY] {
            assert_eq!(quota(bucket, Rates { factor: nonsense }), quota(bucket, Rates::default()));
        }
        for extreme in [-1.0, 0.0, 1e300] {
            let _ = quota(bucket, Rates { factor: extreme });
        }
    }
}
