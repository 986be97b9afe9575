//! Request rates: the token buckets that AWS keeps for calls, and how long calls take that have to wait for them.
//!
//! The figures are AWS's, per account and Region (EC2 Developer Guide, "Request throttling for the Amazon EC2 API"; Route 53
//! quotas: five requests a second for all Resolver actions together). `crate::aws` keeps to them; plans are estimated by
//! them.

use std::{collections::BTreeMap, fmt};

/// The services that are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Amazon EC2, with VPC endpoints and security groups.
    Ec2,
    /// Amazon Route 53 Resolver.
    Resolver,
    /// Amazon Route 53.
    Route53,
    /// AWS STS.
    Sts,
}

/// What is called. Written as IAM policies write it: `ec2:CreateVpcEndpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Action {
    /// Of which service.
    pub service: Service,
    /// Its name in the service's API.
    pub name: &'static str,
}

impl Action {
    /// An action of EC2.
    pub const fn ec2(name: &'static str) -> Self {
        Self { service: Service::Ec2, name }
    }

    /// An action of Route 53 Resolver.
    pub const fn resolver(name: &'static str) -> Self {
        Self { service: Service::Resolver, name }
    }

    /// An action of Route 53.
    pub const fn route53(name: &'static str) -> Self {
        Self { service: Service::Route53, name }
    }

    /// An action of STS.
    pub const fn sts(name: &'static str) -> Self {
        Self { service: Service::Sts, name }
    }

    /// Whether it only reads. AWS's names tell: all others change something.
    pub fn reads(self) -> bool {
        ["Describe", "Get", "List"].iter().any(|prefix| self.name.starts_with(prefix))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self.service {
            Service::Ec2 => "ec2",
            Service::Resolver => "route53resolver",
            Service::Route53 => "route53",
            Service::Sts => "sts",
        };
        write!(f, "{service}:{}", self.name)
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// What shares the bucket.
    pub name: &'static str,
    /// How many calls may be made at once.
    pub size: f64,
    /// How many calls a second may be made in the long run.
    pub per_second: f64,
}

/// The bucket that an action takes from; none if it needs no limit.
pub fn bucket(action: Action) -> Option<Bucket> {
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

/// How many seconds calls take that are made one after the other as soon as their buckets, full at first, admit them.
/// The time that AWS takes for what they ask is not in it.
pub fn seconds(actions: impl IntoIterator<Item = Action>) -> f64 {
    let mut now = 0.0_f64;
    // How much each bucket held, and when.
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
    fn what_a_bucket_holds_takes_no_time_and_the_rest_waits_for_it() {
        let creations = |count| seconds(std::iter::repeat_n(Action::ec2("CreateVpcEndpoint"), count));
        assert!(creations(0) + creations(4) < f64::EPSILON);
        assert!((creations(7) - 10.0).abs() < 0.01, "three that wait 3.33 s each: {}", creations(7));
    }

    #[test]
    fn what_ec2_counts_apart_has_a_bucket_of_its_own() {
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
    fn what_only_reads_is_told_by_its_name() {
        for (name, reads) in [("DescribeVpcs", true), ("CreateTags", false), ("DeleteVpcEndpoints", false)] {
            assert_eq!(Action::ec2(name).reads(), reads, "{name}");
        }
        assert!(Action::resolver("ListResolverEndpoints").reads() && Action::sts("GetCallerIdentity").reads());
    }

    #[test]
    fn a_bucket_gets_what_the_time_brings_and_no_more() {
        let create = std::iter::repeat_n(Action::ec2("CreateVpcEndpoint"), 4);
        // Three at once, then one every half second.
        let ten_seconds = std::iter::repeat_n(Action::resolver("ListResolverEndpoints"), 23);
        let all = seconds(create.clone().chain(ten_seconds).chain(create));
        assert!((all - 13.33).abs() < 0.01, "in ten seconds three come back, and the fourth is waited for: {all}");
    }

    #[test]
    fn buckets_fill_while_others_are_waited_for() {
        let create = Action::ec2("CreateVpcEndpoint");
        let modify = Action::ec2("ModifyVpcEndpoint");
        let alternating = seconds((0..14).map(|turn| if turn % 2 == 0 { create } else { modify }));
        assert!((alternating - 10.0).abs() < 0.01, "both wait at the same time: {alternating}");
    }
}
