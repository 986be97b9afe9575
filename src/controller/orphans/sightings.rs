//! Confirms orphans: a resource is reported only if several searches in a row found it orphaned.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{controller::orphans::AccountRegion, model::orphans::Made};

/// The time since which every search has found a resource orphaned, for each such resource.
#[derive(Debug, Default)]
pub struct Sightings(BTreeMap<AccountRegion, BTreeMap<Made, Instant>>);

impl Sightings {
    /// Records the resources that a search found orphaned in an account and Region, and returns the confirmed ones:
    /// those that were also found by a search that began at least `apart` before `began`, and by every search since.
    /// It must not be called for a failed search, which gives no evidence.
    pub fn confirm(
        &mut self,
        account_region: &AccountRegion,
        orphans: &BTreeSet<Made>,
        began: Instant,
        apart: Duration,
    ) -> BTreeSet<Made> {
        let since = self.0.entry(account_region.clone()).or_default();
        since.retain(|made, _| orphans.contains(made));
        orphans
            .iter()
            .filter(|made| {
                let first = since.get(*made).copied();
                since.entry((*made).clone()).or_insert(began);
                first.is_some_and(|first| began.duration_since(first) >= apart)
            })
            .cloned()
            .collect()
    }

    /// Drops the accounts and Regions that no class names any more.
    pub fn keep(&mut self, account_regions: impl Fn(&AccountRegion) -> bool) {
        self.0.retain(|account_region, _| account_regions(account_region));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::orphans::Kind;

    const APART: Duration = Duration::from_mins(1);

    fn account_region(region: &str) -> AccountRegion {
        AccountRegion { account: "111122223333".to_owned(), region: region.to_owned() }
    }

    fn orphans(ids: &[&str]) -> BTreeSet<Made> {
        let made = |id: &&str| Made {
            kind: Kind::SecurityGroup,
            id: (*id).to_owned(),
            owner: "uid".to_owned(),
            network: "a/b".to_owned(),
            slot: "sg/endpoints".to_owned(),
        };
        ids.iter().map(made).collect()
    }

    #[test]
    fn only_a_resource_that_every_search_finds_orphaned_is_confirmed() {
        let (mut seen, start, here) = (Sightings::default(), Instant::now(), account_region("a"));
        let mut at =
            |seconds, ids: &[&str]| seen.confirm(&here, &orphans(ids), start + Duration::from_secs(seconds), APART);
        assert_eq!(at(0, &["sg-1", "sg-2"]), orphans(&[]), "the first search");
        assert_eq!(at(59, &["sg-1", "sg-2"]), orphans(&[]), "too soon");
        assert_eq!(at(60, &["sg-1", "sg-2", "sg-3"]), orphans(&["sg-1", "sg-2"]));
        assert_eq!(at(120, &["sg-1", "sg-3"]), orphans(&["sg-1", "sg-3"]));
        assert_eq!(
            at(180, &["sg-1", "sg-2"]),
            orphans(&["sg-1"]),
            "a resource that was missing in between starts again"
        );
        assert_eq!(at(240, &["sg-1", "sg-2"]), orphans(&["sg-1", "sg-2"]));
    }

    #[test]
    fn places_are_confirmed_independently() {
        let (mut seen, start) = (Sightings::default(), Instant::now());
        assert_eq!(seen.confirm(&account_region("a"), &orphans(&["sg-1"]), start, APART), orphans(&[]));
        assert_eq!(seen.confirm(&account_region("b"), &orphans(&["sg-1"]), start + APART, APART), orphans(&[]));
        assert_eq!(seen.confirm(&account_region("a"), &orphans(&["sg-1"]), start + APART, APART), orphans(&["sg-1"]));
        seen.keep(|account_region| account_region.region == "b");
        assert_eq!(
            seen.confirm(&account_region("a"), &orphans(&["sg-1"]), start + 2 * APART, APART),
            orphans(&[]),
            "dropped"
        );
        assert_eq!(
            seen.confirm(&account_region("b"), &orphans(&["sg-1"]), start + 2 * APART, APART),
            orphans(&["sg-1"])
        );
    }
}
