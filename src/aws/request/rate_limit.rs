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

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::{
    aws::request::Action,
    model::{
        failure::{CallFailure, FailureClass},
        request_rates::{Bucket, bucket},
    },
};

/// The maximum time that a call waits in the rate-limit queue. The seventh endpoint of a new network waits ten
/// seconds. A call that would wait much longer fails, because its caller has a deadline and other work to do.
const PATIENCE: Duration = Duration::from_secs(15);

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

/// The token buckets of one account and Region.
#[derive(Debug)]
pub(crate) struct Limits {
    rates: Rates,
    buckets: Mutex<HashMap<&'static str, Arc<DefaultDirectRateLimiter>>>,
}

impl Limits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Waits until the call may be sent.
    ///
    /// # Errors
    /// Fails with class `Throttled`, before anything is sent, if too many other calls wait for the same action.
    pub(crate) async fn admit(&self, action: Action) -> Result<(), CallFailure> {
        let Some(bucket) = bucket(action) else { return Ok(()) };
        let limiter = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(RateLimiter::direct(quota(bucket, self.rates)));
            Arc::clone(buckets.entry(bucket.name).or_insert_with(new))
        };
        tokio::time::timeout(PATIENCE, limiter.until_ready()).await.map_err(|_| CallFailure {
            class: FailureClass::Throttled,
            operation: action.to_string(),
            code: "LocalRateLimit".to_owned(),
            message: format!(
                "not sent: AWS allows {} of these calls per second in an account and Region, and too many are queued",
                bucket.per_second * self.rates.factor
            ),
        })
    }
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

    fn ready(limiter: &DefaultDirectRateLimiter) -> usize {
        std::iter::repeat_with(|| limiter.check()).take_while(Result::is_ok).count()
    }

    #[test]
    fn four_endpoints_are_written_at_once() {
        for name in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"] {
            let bucket = bucket(Action::ec2(name)).expect("limited");
            assert_eq!(ready(&RateLimiter::direct(quota(bucket, Rates::default()))), 4);
        }
    }

    #[test]
    fn a_raised_limit_raises_the_bucket() {
        let bucket = bucket(Action::ec2("CreateVpcEndpoint")).expect("limited");
        assert_eq!(ready(&RateLimiter::direct(quota(bucket, Rates { factor: 10.0 }))), 40);
        for nonsense in [f64::NAN, f64::INFINITY] {
            assert_eq!(quota(bucket, Rates { factor: nonsense }), quota(bucket, Rates::default()));
        }
        for extreme in [-1.0, 0.0, 1e300] {
            let _ = quota(bucket, Rates { factor: extreme });
        }
    }
}
