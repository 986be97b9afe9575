//! The leader's own looks for orphans: seldom, at times that vary, and told by metrics and events.
//!
//! A look takes no turn from a reconcile, and a few calls of AWS from their rates: two, and two for each Resolver endpoint, of which an
//! account has four at most by default. What goes wrong with it is logged, and is no reconcile's concern.

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
        runtime::{
            backoff::jittered,
            metrics::{Metrics, OrphanGauges},
        },
        store::{Announcement, Store, StoreError},
    },
    model::orphans::Made,
};

/// The most events of one look. What is left is told by the next one.
const MOST_EVENTS: usize = 10;

/// Looks for as long as it is polled, every `every` or so. Sooner once, if something looks orphaned for the first time.
pub(crate) async fn watch<C: Clouds, S: Store>(context: &Context<C, S>, every: Duration, metrics: &Metrics) {
    // Jitter takes up to a fifth, and what is to be confirmed has to be seen for the whole grace.
    let soon = (every / 12).max(context.settings.absence_grace * 5 / 4);
    let mut memory = Memory::default();
    let mut delay = soon;
    loop {
        tokio::time::sleep(jittered(delay)).await;
        delay = match AssertUnwindSafe(memory.round(context, metrics)).catch_unwind().await {
            Ok(Ok(Round::Settled)) => every,
            Ok(Ok(Round::Unconfirmed)) => soon,
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "orphans were not looked for");
                every
            }
            Err(_) => {
                tracing::error!("the look for orphans broke");
                every
            }
        };
    }
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// What looks orphaned was told.
    Settled,
    /// Something looks orphaned for the first time.
    Unconfirmed,
}

/// What is remembered between looks. Losing it costs another look, and events are published again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    sightings: Sightings,
    told: BTreeSet<(AccountRegion, Made)>,
    /// By place, the code of the failure that was told.
    failed: BTreeMap<AccountRegion, String>,
}

impl Memory {
    /// One look at all places, and what is to be told of it.
    pub(crate) async fn round<C: Clouds, S: Store>(
        &mut self,
        context: &Context<C, S>,
        metrics: &Metrics,
    ) -> Result<Round, StoreError> {
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
        metrics.set_orphans(gauges);
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

/// One event for each network that is gone, on the class through which it was seen. Networks have no object any more.
async fn tell<S: Store>(store: &S, account_region: &AccountRegion, seen: &Seen, made: &[&Made]) {
    let Some(first) = made.first() else { return };
    let ids = made.iter().map(|made| made.id.as_str()).collect::<Vec<_>>().join(", ");
    let (network, owner) = (&first.network, &first.owner);
    let note = format!(
        "network '{network}' (uid {owner}) is gone, and has left in {account_region}: {ids}. `mgnet orphans` lists them, and removes those \
         that are named"
    );
    tracing::warn!(
        account = account_region.account,
        region = account_region.region,
        network,
        owner,
        ids,
        "orphans were found"
    );
    // Events of the same reason and action are counted as one.
    let action = format!("Find {} of {owner}", made.len());
    store.announce_on_class(&seen.class, warning("OrphansFound", action, note)).await;
}

async fn tell_failure<S: Store>(store: &S, observation: &Observation, note: String) {
    tracing::warn!(note, "orphans were not looked for");
    for class in &observation.classes {
        store.announce_on_class(class, warning("OrphansUnknown", "Look for orphans".to_owned(), note.clone())).await;
    }
}

fn warning(reason: &str, action: String, note: String) -> Announcement {
    Announcement { warning: true, reason: reason.to_owned(), action, note }
}
