//! Request rates: token buckets in front of the calls, so that AWS's own buckets are never emptied by this operator.
//!
//! The figures are AWS's, per account and Region (EC2 Developer Guide, "Request throttling for the Amazon EC2 API"; Route 53
//! quotas: five requests a second for all Resolver actions together). Whoever calls with whatever role takes from the
//! same buckets.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::call::{Action, Service};
use crate::model::failure::{CallFailure, FailureClass};

/// How long a call waits for its turn. The seventh endpoint of a new network waits ten seconds; what waits much longer is
/// better told to its caller, who has a deadline of its own and other things to do.
const PATIENCE: Duration = Duration::from_secs(15);

/// The part of AWS's rates that is used: calls that leave exactly as AWS's bucket fills do not arrive so.
const MARGIN: f64 = 0.95;

/// How fast calls may be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Multiplies sizes and rates of all buckets, for accounts whose limits AWS has raised. From 0.01 to 1000.
    pub factor: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { factor: 1.0 }
    }
}

/// The buckets of one account and Region.
#[derive(Debug)]
pub(super) struct Limits {
    rates: Rates,
    buckets: Mutex<HashMap<&'static str, Arc<DefaultDirectRateLimiter>>>,
}

impl Limits {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, buckets: Mutex::default() }
    }

    /// Waits until the call may be made.
    ///
    /// # Errors
    /// Class `Throttled`, before anything is sent, if too many others wait for the same action.
    pub(super) async fn admit(&self, action: Action) -> Result<(), CallFailure> {
        let Some(bucket) = bucket(action) else { return Ok(()) };
        let limiter = {
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(RateLimiter::direct(bucket.quota(self.rates)));
            Arc::clone(buckets.entry(bucket.name).or_insert_with(new))
        };
        tokio::time::timeout(PATIENCE, limiter.until_ready()).await.map_err(|_| CallFailure {
            class: FailureClass::Throttled,
            operation: action.to_string(),
            code: "LocalRateLimit".to_owned(),
            message: format!(
                "not sent: AWS admits {} of these calls a second in an account and Region, and others wait before it",
                bucket.per_second * self.rates.factor
            ),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    /// What shares the bucket.
    name: &'static str,
    /// How many calls may be made at once.
    size: f64,
    /// How many calls a second may be made in the long run.
    per_second: f64,
}

impl Bucket {
    fn quota(self, rates: Rates) -> Quota {
        let factor = if rates.factor.is_finite() { rates.factor.clamp(0.01, 1000.0) } else { 1.0 };
        // The cast saturates, and sizes are far below the range's end.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let size = NonZeroU32::new((self.size * factor) as u32).unwrap_or(NonZeroU32::MIN);
        Quota::with_period(Duration::from_secs_f64(1.0 / (self.per_second * MARGIN * factor)))
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
            .allow_burst(size)
    }
}

fn bucket(action: Action) -> Option<Bucket> {
    let Action { service, name } = action;
    let (name, size, per_second) = match service {
        // A check an hour and a role assumption an hour need no limit.
        Service::Sts => return None,
        // Never more than the quota of five in any one second, and a rest for everybody else in the account.
        Service::Resolver => ("route53resolver", 3.0, 2.0),
        // Of ten a second in an account, for all Regions and callers together (Route 53 Developer Guide, "Quotas").
        Service::Route53 => ("route53", 3.0, 1.0),
        Service::Ec2 => match name {
            "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => (name, 4.0, 0.3),
            "CreateTags" | "DeleteTags" => (name, 100.0, 10.0),
            _ if name.starts_with("Describe") => (name, 100.0, 20.0),
            _ => (name, 50.0, 5.0),
        },
    };
    Some(Bucket { name, size, per_second })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(limiter: &DefaultDirectRateLimiter) -> usize {
        std::iter::repeat_with(|| limiter.check()).take_while(Result::is_ok).count()
    }

    #[test]
    fn endpoint_writes_have_buckets_of_four() {
        for name in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"] {
            let bucket = bucket(Action::ec2(name)).expect("limited");
            assert_eq!((bucket.name, bucket.size, bucket.per_second), (name, 4.0, 0.3));
            assert_eq!(ready(&RateLimiter::direct(bucket.quota(Rates::default()))), 4);
        }
    }

    #[test]
    fn all_resolver_actions_share_one_bucket_below_the_quota_of_five_a_second() {
        let list = bucket(Action::resolver("ListResolverEndpoints")).expect("limited");
        assert_eq!(Some(list), bucket(Action::resolver("CreateResolverEndpoint")));
        assert!(list.size + list.per_second <= 5.0, "the most that any one second sees");
    }

    #[test]
    fn a_raised_limit_raises_the_bucket() {
        let bucket = bucket(Action::ec2("CreateVpcEndpoint")).expect("limited");
        assert_eq!(ready(&RateLimiter::direct(bucket.quota(Rates { factor: 10.0 }))), 40);
        for nonsense in [f64::NAN, f64::INFINITY] {
            assert_eq!(bucket.quota(Rates { factor: nonsense }), bucket.quota(Rates::default()));
        }
        for extreme in [-1.0, 0.0, 1e300] {
            let _ = bucket.quota(Rates { factor: extreme });
        }
    }
}
