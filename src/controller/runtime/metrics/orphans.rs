//! The metrics of the search for orphans.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::encode_gauges;
use crate::{
    controller::orphans::AccountRegion,
    model::orphans::{Kind, Made},
};

/// The results of the most recent searches. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orphans(Arc<Mutex<BTreeMap<AccountRegion, Search>>>);

/// The last successful search of an account and Region, and whether a search has failed since.
#[derive(Clone, Debug, Default)]
struct Search {
    seen: Option<OrphanGauges>,
    failed: bool,
}

/// The result of searching an account and Region, by kind of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrphanGauges {
    orphaned: BTreeMap<Kind, usize>,
    retained: BTreeMap<Kind, usize>,
    /// The time of the search, in seconds since 1970.
    looked_at: i64,
}

impl OrphanGauges {
    pub(crate) fn new(orphaned: &BTreeSet<Made>, retained: &BTreeSet<Made>, looked_at: i64) -> Self {
        // Zeros are reported, too, so that an alert resolves.
        let by_kind = |made: &BTreeSet<Made>| {
            let count = |kind| made.iter().filter(|made| made.kind == kind).count();
            Kind::ALL.into_iter().map(|kind| (kind, count(kind))).collect()
        };
        Self { orphaned: by_kind(orphaned), retained: by_kind(retained), looked_at }
    }
}

impl Orphans {
    /// Records a search of all accounts and Regions. Where the search failed (None), the values of the last successful
    /// search remain.
    pub(crate) fn set(&self, survey: BTreeMap<AccountRegion, Option<OrphanGauges>>) {
        let mut searches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        searches.retain(|account_region, _| survey.contains_key(account_region));
        for (account_region, seen) in survey {
            let known = searches.entry(account_region).or_default();
            known.failed = seen.is_none();
            known.seen = seen.or(known.seen.take());
        }
    }
}

impl Collector for Orphans {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let searches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen =
            || searches.iter().filter_map(|(account_region, search)| Some((account_region, search.seen.as_ref()?)));
        let by_kind = |of: fn(&OrphanGauges) -> &BTreeMap<Kind, usize>| {
            seen().flat_map(move |(account_region, seen)| {
                let [account, region] = labels(account_region);
                of(seen).iter().map(move |(kind, count)| ([account, region, ("kind", kind.as_str())], *count))
            })
        };
        encode_gauges(
            &mut encoder,
            "mgnet_orphaned_resources",
            "Number of orphans: AWS resources whose MigrationNetwork no longer exists and that were not retained.",
            by_kind(|seen| &seen.orphaned),
        )?;
        encode_gauges(
            &mut encoder,
            "mgnet_retained_resources",
            "Number of AWS resources that a MigrationNetwork with deletionPolicy Retain left on purpose.",
            by_kind(|seen| &seen.retained),
        )?;
        encode_gauges(
            &mut encoder,
            "mgnet_orphans_looked_at_timestamp_seconds",
            "Time of the last successful search of an account and Region for orphans, in seconds since 1970.",
            seen().map(|(account_region, seen)| (labels(account_region), seen.looked_at)),
        )?;
        encode_gauges(
            &mut encoder,
            "mgnet_orphans_look_failed",
            "Whether the last search of an account and Region for orphans failed (1) or succeeded (0).",
            searches.iter().map(|(account_region, search)| (labels(account_region), i64::from(search.failed))),
        )
    }
}

fn labels(AccountRegion { account, region }: &AccountRegion) -> [(&'static str, &str); 2] {
    [("account", account), ("region", region)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::Metrics;

    fn account_region(region: &str) -> AccountRegion {
        AccountRegion { account: "111122223333".to_owned(), region: region.to_owned() }
    }

    fn made(kind: Kind, id: &str) -> Made {
        let [owner, network, slot] = ["uid", "a/b", ""].map(str::to_owned);
        Made { kind, id: id.to_owned(), owner, network, slot }
    }

    fn samples(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text();
        text.lines()
            .filter(|line| line.starts_with("mgnet_orphan") || line.starts_with("mgnet_retained"))
            .map(|line| line.replace("account=\"111122223333\",", ""))
            .collect()
    }

    #[test]
    fn each_place_is_reported_by_kind_including_zeros() {
        let metrics = Metrics::default();
        assert_eq!(samples(&metrics), Vec::<String>::new());
        let orphaned = [made(Kind::SecurityGroup, "sg-1"), made(Kind::SecurityGroup, "sg-2")].into();
        let gauges = OrphanGauges::new(&orphaned, &[made(Kind::VpcEndpoint, "vpce-1")].into(), 1_700_000_000);
        metrics.orphans.set([(account_region("a"), Some(gauges)), (account_region("b"), None)].into());
        assert_eq!(
            samples(&metrics),
            [
                r#"mgnet_orphaned_resources{region="a",kind="vpc-endpoint"} 0"#,
                r#"mgnet_orphaned_resources{region="a",kind="resolver-endpoint"} 0"#,
                r#"mgnet_orphaned_resources{region="a",kind="security-group"} 2"#,
                r#"mgnet_retained_resources{region="a",kind="vpc-endpoint"} 1"#,
                r#"mgnet_retained_resources{region="a",kind="resolver-endpoint"} 0"#,
                r#"mgnet_retained_resources{region="a",kind="security-group"} 0"#,
                r#"mgnet_orphans_looked_at_timestamp_seconds{region="a"} 1700000000"#,
                r#"mgnet_orphans_look_failed{region="a"} 0"#,
                r#"mgnet_orphans_look_failed{region="b"} 1"#,
            ]
        );
    }

    #[test]
    fn a_failed_search_keeps_the_counts_and_a_place_without_a_class_is_not_reported() {
        let metrics = Metrics::default();
        let gauges = || Some(OrphanGauges::new(&[made(Kind::SecurityGroup, "sg-1")].into(), &BTreeSet::new(), 1));
        metrics.orphans.set([(account_region("a"), gauges()), (account_region("b"), gauges())].into());
        metrics.orphans.set([(account_region("a"), None)].into());
        let samples = samples(&metrics);
        assert!(
            samples.contains(&r#"mgnet_orphaned_resources{region="a",kind="security-group"} 1"#.to_owned()),
            "{samples:?}"
        );
        assert!(samples.contains(&r#"mgnet_orphans_look_failed{region="a"} 1"#.to_owned()), "{samples:?}");
        assert!(!samples.iter().any(|line| line.contains("region=\"b\"")), "{samples:?}");
    }

    #[test]
    fn labels_are_escaped() {
        let odd = AccountRegion { account: "a\"\\\n".to_owned(), region: "b".to_owned() };
        let metrics = Metrics::default();
        metrics.orphans.set([(odd, None)].into());
        let escaped = r#"mgnet_orphans_look_failed{account="a\"\\\n",region="b"} 1"#;
        assert!(metrics.text().lines().any(|line| line == escaped), "{}", metrics.text());
    }
}
