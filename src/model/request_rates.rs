//! Request rates: the token buckets with which AWS limits calls, and the time that calls need while they wait for
//! tokens.
//!
//! The figures are those of AWS, per account and Region (EC2 Developer Guide, "Request throttling for the Amazon EC2
//! API"; Route 53 quotas: five requests per second for all Resolver actions together). `crate::aws` keeps to them,
//! and plans use them for estimates.

use std::{collections::BTreeMap, fmt};

/// The AWS services that the operator calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Amazon EC2, with VPC endpoints and security groups.
    Ec2,
    /// AWS Application Migration Service.
    Mgn,
    /// Amazon Route 53 Resolver.
    Resolver,
    /// Amazon Route 53.
    Route53,
    /// AWS STS.
    Sts,
}

impl Service {
    /// Returns the prefix of the service's actions in IAM policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Mgn => "mgn",
            Self::Resolver => "route53resolver",
            Self::Route53 => "route53",
            Self::Sts => "sts",
        }
    }
}

/// An AWS action, displayed as in IAM policies: `ec2:CreateVpcEndpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// The service of the action.
    pub service: Service,
    /// The name of the action in the API of the service.
    pub name: &'static str,
}

impl Action {
    /// Returns an action of EC2.
    pub const fn ec2(name: &'static str) -> Self {
        Self { service: Service::Ec2, name }
    }

    /// Returns an action of Application Migration Service.
    pub const fn mgn(name: &'static str) -> Self {
        Self { service: Service::Mgn, name }
    }

    /// Returns an action of Route 53 Resolver.
    pub const fn resolver(name: &'static str) -> Self {
        Self { service: Service::Resolver, name }
    }

    /// Returns an action of Route 53.
    pub const fn route53(name: &'static str) -> Self {
        Self { service: Service::Route53, name }
    }

    /// Returns an action of STS.
    pub const fn sts(name: &'static str) -> Self {
        Self { service: Service::Sts, name }
    }

    /// Whether the action only reads. The prefix of its name shows that.
    pub fn reads(self) -> bool {
        ["Describe", "Get", "List"].iter().any(|prefix| self.name.starts_with(prefix))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service.as_str(), self.name)
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The name that actions with the same bucket share.
    pub name: &'static str,
    /// The number of calls that may be made at once.
    pub size: f64,
    /// The number of calls per second in the long run.
    pub per_second: f64,
}

/// Returns the bucket that limits an action. None if the action needs no limit.
pub fn bucket(action: Action) -> Option<Bucket> {
    let Action { service, name } = action;
    let (name, size, per_second) = match service {
        // One identity check and one role assumption per hour need no limit.
        Service::Sts => return None,
        // AWS publishes no rate. One list every few minutes needs no more.
        Service::Mgn => ("mgn", 3.0, 1.0),
        // Never more than the quota of five in any one second, with a reserve for other callers in the account.
        Service::Resolver => ("route53resolver", 3.0, 2.0),
        // The account has ten per second, for all Regions and callers together (Route 53 Developer Guide, "Quotas").
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

/// Returns how many seconds a sequence of calls takes if each call is sent as soon as its bucket admits it. The
/// buckets are full at first. The time that AWS needs to execute the calls is not included.
pub fn seconds(actions: impl IntoIterator<Item = Action>) -> f64 {
    let mut now = 0.0_f64;
    // The content of each bucket, and the time of its last change.
    let mut levels: BTreeMap<&'static str, (f64, f64)> = BTreeMap::new();
    for bucket in actions.into_iter().filter_map(bucket) {
        let (level, at) = levels.get(bucket.name).copied().unwrap_or((bucket.size, now));
        let mut level = (level + (now - at) * bucket.per_second).min(bucket.size);
        if level < 1.0 {
            now += (1.0 - level) / bucket.per_second;
            level = 1.0;
        }
        levels.insert(bucket.name, (level - 1.0, now));
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_writes_have_buckets_of_four() {
        for name in ["CreateVpcEndpoint", "ModifyVpcEndpoint", "DeleteVpcEndpoints"] {
            let bucket = bucket(Action::ec2(name)).expect("limited");
            assert_eq!((bucket.name, bucket.size, bucket.per_second), (name, 4.0, 0.3));
        }
    }

    #[test]
    fn all_resolver_actions_share_one_bucket_below_the_quota_of_five_a_second() {
        let list = bucket(Action::resolver("ListResolverEndpoints")).expect("limited");
        assert_eq!(Some(list), bucket(Action::resolver("CreateResolverEndpoint")));
        assert!(list.size + list.per_second <= 5.0, "the most that any one second sees");
    }

    #[test]
    fn calls_wait_once_the_bucket_is_empty() {
        let creations = |count| seconds(std::iter::repeat_n(Action::ec2("CreateVpcEndpoint"), count));
        assert!(creations(0) + creations(4) < f64::EPSILON);
        assert!((creations(7) - 10.0).abs() < 0.01, "three calls wait 3.33 s each: {}", creations(7));
    }

    #[test]
    fn separately_counted_ec2_actions_have_separate_buckets() {
        for (name, size, per_second) in [
            ("CreateTags", 100.0, 10.0),
            ("DeleteTags", 100.0, 10.0),
            ("DescribeVpcs", 100.0, 20.0),
            ("AuthorizeSecurityGroupIngress", 50.0, 5.0),
        ] {
            assert_eq!(bucket(Action::ec2(name)), Some(Bucket { name, size, per_second }));
        }
    }

    #[test]
    fn read_only_actions_are_recognized_by_name() {
        for (name, reads) in [("DescribeVpcs", true), ("CreateTags", false), ("DeleteVpcEndpoints", false)] {
            assert_eq!(Action::ec2(name).reads(), reads, "{name}");
        }
        assert!(Action::resolver("ListResolverEndpoints").reads() && Action::sts("GetCallerIdentity").reads());
        assert!(Action::mgn("DescribeReplicationConfigurationTemplates").reads());
    }

    #[test]
    fn a_bucket_refills_at_its_rate() {
        let create = std::iter::repeat_n(Action::ec2("CreateVpcEndpoint"), 4);
        // Three at once, then one every half second.
        let ten_seconds = std::iter::repeat_n(Action::resolver("ListResolverEndpoints"), 23);
        let all = seconds(create.clone().chain(ten_seconds).chain(create));
        assert!((all - 13.33).abs() < 0.01, "three tokens return in ten seconds, and the fourth call waits: {all}");
    }

    #[test]
    fn buckets_refill_while_calls_wait_for_others() {
        let create = Action::ec2("CreateVpcEndpoint");
        let modify = Action::ec2("ModifyVpcEndpoint");
        let alternating = seconds((0..14).map(|turn| if turn % 2 == 0 { create } else { modify }));
        assert!((alternating - 10.0).abs() < 0.01, "both buckets refill at the same time: {alternating}");
    }
}
