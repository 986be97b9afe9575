//! Readiness: whether the watches of this process work. A replica whose watches the API server refuses, or that cannot reach
//! the API server, does not notice any change, and must not replace a replica that does.
//!
//! A watch that recovers without an event does not show it, so the requests of a watch that has failed are repeated
//! ([`check`]) until they succeed. Nothing is requested while all watches work.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::{self, Debug},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::{
    Api, Resource,
    api::{ListParams, WatchParams},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// How long a watch may fail before the process is no longer ready. Watches are interrupted now and then, for example when an
/// API server restarts.
const TOLERATED: Duration = Duration::from_secs(15);

/// The time between two attempts to repeat the requests of a watch that has failed.
const CHECKED_EVERY: Duration = Duration::from_secs(5);

/// The state of all watches of the process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, State>>>);

#[derive(Debug, Default)]
struct State {
    /// Whether the first list was complete.
    is_listed: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    since: Instant,
    error: String,
}

impl Readiness {
    /// Adds the watch of a kind. The process is not ready before its first list is complete.
    pub(crate) fn watch(&self, kind: &'static str) -> WatchHealth {
        self.states().insert(kind, State::default());
        WatchHealth { readiness: self.clone(), kind }
    }

    /// Returns why the process is not ready, if it is not: no watch was added yet, or one of them does not work.
    pub fn problem(&self) -> Option<String> {
        let states = self.states();
        if states.is_empty() {
            return Some("the watches have not started yet".to_owned());
        }
        states.iter().find_map(|(kind, state)| match &state.failure {
            Some(Failure { since, error }) if since.elapsed() >= TOLERATED => {
                Some(format!("the watch of {kind} has failed for {} s: {error}", since.elapsed().as_secs()))
            }
            _ if !state.is_listed => Some(format!("the first list of {kind} is not complete yet")),
            Some(_) | None => None,
        })
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<&'static str, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The health of one watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchHealth {
    readiness: Readiness,
    kind: &'static str,
}

impl WatchHealth {
    /// Records an event of the watch, or its failure.
    pub(crate) fn record<K>(&self, event: &watcher::Result<watcher::Event<K>>) {
        match event {
            // Precedes the list, whose success is not known yet.
            Ok(watcher::Event::Init) => {}
            Ok(watcher::Event::InitDone) => self.change(|state| *state = State { is_listed: true, failure: None }),
            Ok(watcher::Event::InitApply(_) | watcher::Event::Apply(_) | watcher::Event::Delete(_)) => self.recovered(),
            Err(error) => self.failed(error),
        }
    }

    fn failed(&self, error: &dyn fmt::Display) {
        let error = error.to_string();
        self.change(|state| match &mut state.failure {
            Some(failure) => failure.error = error,
            None => state.failure = Some(Failure { since: Instant::now(), error }),
        });
    }

    fn recovered(&self) {
        self.change(|state| state.failure = None);
    }

    fn is_failing(&self) -> bool {
        self.readiness.states().get(self.kind).is_some_and(|state| state.failure.is_some())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(self.readiness.states().entry(self.kind).or_default());
    }
}

/// Repeats the requests of a watch while it fails, and records when they succeed. Never returns.
pub(crate) async fn check<K>(health: WatchHealth, api: Api<K>) -> Infallible
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    loop {
        tokio::time::sleep(CHECKED_EVERY).await;
        if health.is_failing() {
            match begins(&api).await {
                Ok(()) => health.recovered(),
                Err(error) => health.failed(&error),
            }
        }
    }
}

/// Lists one object, and begins a watch.
async fn begins<K>(api: &Api<K>) -> kube::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let listed = api.list_metadata(&ListParams::default().limit(1)).await?;
    let version = listed.metadata.resource_version.unwrap_or_default();
    api.watch_metadata(&WatchParams::default().timeout(1), &version).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Event = watcher::Event<()>;

    fn refused() -> watcher::Result<Event> {
        Err(watcher::Error::NoResourceVersion)
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_is_ready_when_all_lists_are_complete() {
        let readiness = Readiness::default();
        assert!(readiness.problem().is_some(), "no watch has started");
        let [networks, classes] = ["networks", "classes"].map(|kind| readiness.watch(kind));
        networks.record(&Ok(Event::Init));
        networks.record(&Ok(Event::InitDone));
        assert_eq!(readiness.problem().as_deref(), Some("the first list of classes is not complete yet"));
        classes.record(&Ok(Event::InitDone));
        assert_eq!(readiness.problem(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_fails_for_long_makes_the_process_unready_until_it_recovers() {
        let readiness = Readiness::default();
        let networks = readiness.watch("networks");
        networks.record(&Ok(Event::InitDone));
        networks.record(&refused());
        tokio::time::sleep(TOLERATED / 2).await;
        assert_eq!(readiness.problem(), None, "watches are interrupted now and then");
        // The watch begins again with an event that precedes its list, and fails again.
        networks.record(&Ok(Event::Init));
        networks.record(&refused());
        tokio::time::sleep(TOLERATED / 2).await;
        let problem = readiness.problem().expect("it has failed for long enough");
        assert!(problem.starts_with("the watch of networks has failed for 15 s: "), "{problem}");
        networks.record(&Ok(Event::Apply(())));
        assert_eq!(readiness.problem(), None);
    }
}
