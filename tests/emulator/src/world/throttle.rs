//! Token buckets per account, Region and action.
//!
//! Source: EC2 Developer Guide, "Request throttling for the Amazon EC2 API" (the rates below), and Route 53 quotas:
//! five requests per second for all Resolver actions of an account in a Region together, and five for all of Route
//! 53. The rate of MGN is ASSUMED (`ASSUMPTIONS.md`, "MGN").

use std::{collections::BTreeMap, time::Duration};

use super::{action::Service, error::AwsError};

/// One token. Tokens are counted in thousandths, so that a world can be compared and hashed.
const TOKEN: u64 = 1_000;

/// The buckets of one account in one Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Buckets {
    levels: BTreeMap<&'static str, Level>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Level {
    tokens: u64,
    at: Duration,
}

/// A bucket: its size and its refill per second, in thousandths of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    name: &'static str,
    size: u64,
    refill: u64,
}

impl Buckets {
    /// Takes a token for a call, or returns the throttling error if none is left.
    ///
    /// `whole_list` is true for a call that lists everything, without IDs, filters or a page size.
    pub(crate) fn take(
        &mut self,
        service: Service,
        action: &'static str,
        whole_list: bool,
        now: Duration,
    ) -> Result<(), AwsError> {
        let Some(bucket) = bucket(service, action, whole_list) else { return Ok(()) };
        let level = self.levels.entry(bucket.name).or_insert(Level { tokens: bucket.size, at: now });
        let millis = u64::try_from(now.saturating_sub(level.at).as_millis()).unwrap_or(u64::MAX);
        let flowed = millis.saturating_mul(bucket.refill) / 1_000;
        if flowed > 0 {
            *level = Level { tokens: bucket.size.min(level.tokens + flowed), at: now };
        }
        if level.tokens < TOKEN {
            return Err(match service {
                Service::Ec2 => AwsError::new("RequestLimitExceeded", "Request limit exceeded."),
                Service::Mgn | Service::Resolver => AwsError::new("ThrottlingException", "Rate exceeded"),
                Service::Route53 | Service::Sts => AwsError::new("Throttling", "Rate exceeded"),
            });
        }
        level.tokens -= TOKEN;
        Ok(())
    }
}

fn bucket(service: Service, action: &'static str, whole_list: bool) -> Option<Bucket> {
    let (name, size, refill) = match (service, action) {
        (Service::Sts, _) => return None,
        (Service::Mgn, _) => ("mgn", 5, 5_000),
        (Service::Resolver, _) => ("route53resolver", 5, 5_000),
        (Service::Route53, _) => ("route53", 5, 5_000),
        (Service::Ec2, "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints") => (action, 4, 300),
        (Service::Ec2, "DescribeNetworkInterfaces") if whole_list => ("DescribeNetworkInterfaces (all)", 50, 10_000),
        (Service::Ec2, "DescribeSecurityGroups") if whole_list => ("DescribeSecurityGroups (all)", 50, 10_000),
        (Service::Ec2, "CreateTags" | "DeleteTags") => (action, 100, 10_000),
        (Service::Ec2, "CreateNetworkInterface" | "DeleteNetworkInterface") => (action, 100, 5_000),
        (Service::Ec2, _) if action.starts_with("Describe") => (action, 100, 20_000),
        (Service::Ec2, _) => (action, 50, 5_000),
    };
    Some(Bucket { name, size: size * TOKEN, refill })
}
