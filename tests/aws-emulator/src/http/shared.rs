//! What all connections share: the world with its clock, the journal, the faults, and who waits for a release.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    clock::{Clock, Running},
    faults::{Fault, Faults, FaultStatus},
    journal::{Entry, Journal},
};
use crate::world::{World, options::Options};

/// See the module.
pub(super) struct Shared {
    inner: Mutex<Inner>,
    releases: watch::Sender<u64>,
    options: Options,
}

struct Inner {
    world: World,
    clock: Running,
    journal: Journal,
    faults: Faults,
}

impl Shared {
    pub(super) fn new(clock: Clock, options: Options) -> Self {
        let world = World::new(Timestamp::now(), options.clone());
        let clock = Running::new(clock);
        let inner = Inner { world, clock, journal: Journal::default(), faults: Faults::default() };
        Self { inner: Mutex::new(inner), releases: watch::Sender::new(0), options }
    }

    /// A call that panicked has poisoned the lock; the world is a value and stays usable for the next test.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world, or changes it, at the present moment.
    pub(super) fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.lock();
        let late = inner.clock.now().saturating_sub(inner.world.now());
        inner.world.advance(late);
        look(&mut inner.world)
    }

    pub(super) fn advance(&self, by: Duration) -> Duration {
        self.lock().clock.advance(by);
        self.with_world(|world| world.now())
    }

    pub(super) fn reset(&self, account: Option<&str>) {
        self.with_world(|world| world.reset(account, &self.options));
        let mut inner = self.lock();
        inner.faults.cancel(account);
        inner.journal.forget(account);
    }

    pub(super) fn next_number(&self) -> u64 {
        self.lock().journal.next_number()
    }

    pub(super) fn write(&self, entry: Entry) {
        self.lock().journal.write(entry);
    }

    pub(super) fn calls(&self, account: Option<&str>, after: u64) -> Vec<Entry> {
        self.lock().journal.read(account, after)
    }

    pub(super) fn order(&self, fault: Fault) -> u64 {
        self.lock().faults.order(fault)
    }

    pub(super) fn strike(&self, account: &str, region: &str, action: &str) -> Option<Fault> {
        self.lock().faults.strike(account, region, action)
    }

    pub(super) fn faults(&self) -> Vec<FaultStatus> {
        self.lock().faults.list()
    }

    pub(super) fn cancel_faults(&self, account: Option<&str>) {
        self.lock().faults.cancel(account);
    }

    /// Lets all answers go that are held.
    pub(super) fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// Waits for the next release.
    pub(super) async fn released(&self) {
        let mut releases = self.releases.subscribe();
        releases.mark_unchanged();
        // The sender lives as long as `self`.
        if releases.changed().await.is_err() {
            tracing::debug!("the server is gone");
        }
    }
}
