//! The leader's periodic search for orphans, at intervals with jitter. The results are reported by metrics and events.
//!
//! A search needs no permit of the reconcile queue, and few calls from the AWS request rates: two, and two more for
//! each Resolver endpoint, of which an account has at most four by default. Failures are logged and do not affect
//! reconciles.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    time::Duration,
};

use futures::FutureExt;
use tokio::time::Instant;

use crate::{
    aws::Clouds,
    controller::{
        context::Context,
        orphans::{AccountRegion, Observation, Seen, Sightings, Survey, explain, survey},
        runtime::{backoff::jittered, metrics::OrphanGauges},
        store::{Announcement, Store, StoreError},
    },
    model::orphans::Made,
};

/// The maximum number of events that one search publishes. The next search publishes the rest.
const MOST_EVENTS: usize = 10;

/// Searches for orphans about every `every`, and once earlier if a resource was found orphaned for the first time.
/// Never returns.
pub(crate) async fn watch<C: Clouds, S: Store>(context: &Context<C, S>, every: Duration) {
    // Jitter shortens the delay by up to a fifth, but the confirming search must be at least one grace later.
    let soon = (every / 12).max(context.settings.absence_grace * 5 / 4);
    let mut memory = Memory::default();
    let mut delay = soon;
    loop {
        tokio::time::sleep(jittered(delay)).await;
        delay = match AssertUnwindSafe(memory.round(context)).catch_unwind().await {
            Ok(Ok(Round::Settled)) => every,
            Ok(Ok(Round::Unconfirmed)) => soon,
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the search for orphans failed; retrying at the next interval");
                every
            }
            Err(_) => {
                tracing::error!("the search for orphans panicked; retrying at the next interval");
                every
            }
        };
    }
}

/// The result of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// All orphans are confirmed.
    Settled,
    /// A resource was found orphaned, but is not confirmed yet.
    Unconfirmed,
}

/// The in-memory state between searches. Losing it costs one more search, and events are published again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    sightings: Sightings,
    told: BTreeSet<(AccountRegion, Made)>,
    /// The code of the failure that was reported, by account and Region.
    failed: BTreeMap<AccountRegion, String>,
}

impl Memory {
    /// Searches all accounts and Regions once, and reports the results.
    pub(crate) async fn round<C: Clouds, S: Store>(&mut self, context: &Context<C, S>) -> Result<Round, StoreError> {
        let began = Instant::now();
        let settings = &context.settings;
        let Survey { account_regions, owners: _ } =
            survey(&context.clouds, &context.store, &context.cluster, settings.deadline).await?;
        self.sightings.keep(|account_region| account_regions.contains_key(account_region));
        self.told.retain(|(account_region, _)| account_regions.contains_key(account_region));
        self.failed.retain(|account_region, _| account_regions.contains_key(account_region));
        let mut round = Round::Settled;
        let mut gauges = BTreeMap::new();
        let mut events = 0;
        for (account_region, observation) in &account_regions {
            let seen = match &observation.seen {
                Ok(seen) => seen,
                Err(failure) => {
                    gauges.insert(account_region.clone(), None);
                    if self.failed.insert(account_region.clone(), failure.code.clone()).as_ref() != Some(&failure.code)
                    {
                        tell_failure(&context.store, observation, explain(account_region, failure)).await;
                    }
                    continue;
                }
            };
            self.failed.remove(account_region);
            let orphans =
                self.sightings.confirm(account_region, &seen.leftovers.orphans, began, settings.absence_grace);
            if orphans.len() < seen.leftovers.orphans.len() {
                round = Round::Unconfirmed;
            }
            let now = context.now().as_second();
            gauges.insert(account_region.clone(), Some(OrphanGauges::new(&orphans, &seen.leftovers.retained, now)));
            self.told.retain(|(there, made)| there != account_region || orphans.contains(made));
            let new =
                by_owner(orphans.iter().filter(|made| !self.told.contains(&(account_region.clone(), (*made).clone()))));
            for made in new.into_values() {
                if events == MOST_EVENTS {
                    break;
                }
                events += 1;
                tell(&context.store, account_region, seen, &made).await;
                self.told.extend(made.into_iter().map(|made| (account_region.clone(), made.clone())));
            }
        }
        context.metrics.orphans.set(gauges);
        Ok(round)
    }
}

fn by_owner<'m>(made: impl Iterator<Item = &'m Made>) -> BTreeMap<&'m str, Vec<&'m Made>> {
    let mut owners: BTreeMap<&str, Vec<&Made>> = BTreeMap::new();
    for made in made {
        owners.entry(&made.owner).or_default().push(made);
    }
    owners
}

/// Publishes one event for each network that no longer exists. The event is on the class whose role found the orphans,
/// because the network has no object any more.
async fn tell<S: Store>(store: &S, account_region: &AccountRegion, seen: &Seen, made: &[&Made]) {
    let Some(first) = made.first() else { return };
    let ids = made.iter().map(|made| made.id.as_str()).collect::<Vec<_>>().join(", ");
    let (network, owner) = (&first.network, &first.owner);
    let note = format!(
        "network '{network}' (UID {owner}) no longer exists, but left orphans in {account_region}: {ids}. Run `mgnet orphans` \
         to list them, and to delete those that you name"
    );
    tracing::warn!(
        account = account_region.account,
        region = account_region.region,
        network,
        owner,
        ids,
        "orphans found"
    );
    // Kubernetes merges events with the same reason and action.
    let action = format!("Find {} of {owner}", made.len());
    store.announce_on_class(&seen.class, warning("OrphansFound", action, note)).await;
}

async fn tell_failure<S: Store>(store: &S, observation: &Observation, note: String) {
    tracing::warn!(note, "the search for orphans failed");
    for class in &observation.classes {
        store.announce_on_class(class, warning("OrphansUnknown", "Search for orphans".to_owned(), note.clone())).await;
    }
}

fn warning(reason: &str, action: String, note: String) -> Announcement {
    Announcement { warning: true, reason: reason.to_owned(), action, note }
}
