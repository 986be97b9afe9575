//! Metrics in the text format of Prometheus (its documentation, "Exposition formats", version 0.0.4).
//!
//! Only the leader reports values, because a standby does not search for orphans.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    controller::orphans::AccountRegion,
    model::orphans::{Kind, Made},
};

/// The media type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The most recent values. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<AccountRegion, Orphans>>>);

/// The last successful search of an account and Region, and whether a search has failed since.
#[derive(Clone, Debug, Default)]
struct Orphans {
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

impl Metrics {
    /// Records a search of all accounts and Regions. Where the search failed (None), the values of the last successful
    /// search remain.
    pub(crate) fn set_orphans(&self, survey: BTreeMap<AccountRegion, Option<OrphanGauges>>) {
        let mut account_regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        account_regions.retain(|account_region, _| survey.contains_key(account_region));
        for (account_region, seen) in survey {
            let known = account_regions.entry(account_region).or_default();
            known.failed = seen.is_none();
            known.seen = seen.or(known.seen.take());
        }
    }

    /// Returns all metrics in the text format.
    pub fn text(&self) -> String {
        let account_regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = || {
            account_regions
                .iter()
                .filter_map(|(account_region, orphans)| Some((account_region, orphans.seen.as_ref()?)))
        };
        let mut text = String::new();
        let mut metric = |name: &str, help: &str, samples: Vec<(String, i64)>| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{{{labels}}} {value}");
            }
        };
        let by_kind = |of: fn(&OrphanGauges) -> &BTreeMap<Kind, usize>| {
            let samples = seen().flat_map(|(account_region, seen)| {
                let counts = of(seen).iter();
                counts.map(|(kind, count)| {
                    (format!("{},kind=\"{kind}\"", labels(account_region)), i64::try_from(*count).unwrap_or(i64::MAX))
                })
            });
            samples.collect()
        };
        metric(
            "mgnet_orphaned_resources",
            "Number of orphans: AWS resources whose MigrationNetwork no longer exists and that were not retained.",
            by_kind(|seen| &seen.orphaned),
        );
        metric(
            "mgnet_retained_resources",
            "Number of AWS resources that a MigrationNetwork with deletionPolicy Retain left on purpose.",
            by_kind(|seen| &seen.retained),
        );
        metric(
            "mgnet_orphans_looked_at_timestamp_seconds",
            "Time of the last successful search of an account and Region for orphans, in seconds since 1970.",
            seen().map(|(account_region, seen)| (labels(account_region), seen.looked_at)).collect(),
        );
        metric(
            "mgnet_orphans_look_failed",
            "Whether the last search of an account and Region for orphans failed (1) or succeeded (0).",
            account_regions
                .iter()
                .map(|(account_region, orphans)| (labels(account_region), orphans.failed.into()))
                .collect(),
        );
        text
    }
}

fn labels(AccountRegion { account, region }: &AccountRegion) -> String {
    format!("account=\"{}\",region=\"{}\"", escaped(account), escaped(region))
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.replace("account=\"111122223333\",", ""))
            .collect()
    }

    #[test]
    fn each_place_is_reported_by_kind_including_zeros() {
        let metrics = Metrics::default();
        assert_eq!(samples(&metrics), Vec::<String>::new());
        let orphaned = [made(Kind::SecurityGroup, "sg-1"), made(Kind::SecurityGroup, "sg-2")].into();
        let gauges = OrphanGauges::new(&orphaned, &[made(Kind::VpcEndpoint, "vpce-1")].into(), 1_700_000_000);
        metrics.set_orphans([(account_region("a"), Some(gauges)), (account_region("b"), None)].into());
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
        metrics.set_orphans([(account_region("a"), gauges()), (account_region("b"), gauges())].into());
        metrics.set_orphans([(account_region("a"), None)].into());
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
        assert_eq!(labels(&odd), r#"account="a\"\\\n",region="b""#);
    }
}
