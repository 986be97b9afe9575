//! What the operator remembers of networks between reconciles: back-off, absences, waits. Losing it costs time, never safety.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    controller::{runtime::backoff::Backoff, store::Key},
    model::slot::Slot,
};

/// The memories of all networks.
#[derive(Debug)]
pub(crate) struct Memories {
    /// How long a resource must be absent before it is gone, and how long a call may be on its way.
    absence_grace: Duration,
    /// The most that one reconcile may take.
    deadline: Duration,
    networks: Mutex<HashMap<Key, Memory>>,
}

/// What is remembered of one network. Losing it costs time, never safety.
#[derive(Debug, Default)]
struct Memory {
    uid: String,
    backoff: Backoff,
    /// Steps carried out since the network was last at rest.
    steps: BTreeSet<String>,
    /// By slot and epoch: how long one resource was missing says nothing of the next.
    absent_since: BTreeMap<(Slot, u32), Instant>,
    going_since: Option<Instant>,
    waiting_since: Option<Instant>,
}

impl Memories {
    /// No memories. Both times as in [`Settings`](crate::controller::Settings).
    pub(crate) fn new(absence_grace: Duration, deadline: Duration) -> Self {
        Self { absence_grace, deadline, networks: Mutex::default() }
    }

    /// Notes which slots' resources, each of an epoch, are absent from an observation that began then, and tells which of them have
    /// been for the grace. Measured on the monotonic clock of this process: a restart only makes it longer. So does an
    /// observation that takes its time: what it lists may be from its beginning.
    pub(crate) fn overdue(&self, key: &Key, uid: &str, absent: &BTreeMap<Slot, u32>, began: Instant) -> BTreeSet<Slot> {
        let (now, grace) = (Instant::now(), self.absence_grace);
        self.with_memory(key, uid, |memory| {
            memory.absent_since.retain(|(slot, epoch), _| absent.get(slot) == Some(epoch));
            absent
                .iter()
                .filter(|(slot, epoch)| {
                    let since = memory.absent_since.entry((**slot, **epoch)).or_insert(now);
                    began.saturating_duration_since(*since) >= grace
                })
                .map(|(slot, _)| *slot)
                .collect()
        })
    }

    /// For how long calls may still arrive that were sent for a network before it was deleted: until this process has known
    /// of the deletion for as long as the grace. Nobody can claim anything for it since.
    pub(crate) fn calls_may_arrive_for(&self, key: &Key, uid: &str) -> Duration {
        let (now, grace) = (Instant::now(), self.absence_grace);
        let known_for = self.with_memory(key, uid, |memory| now.duration_since(*memory.going_since.get_or_insert(now)));
        grace.saturating_sub(known_for)
    }

    /// Whether the network goes on waiting for older ones that nobody has looked at. They are looked at one after the other,
    /// and none takes longer than the deadline; one that never is must not hold up the others for ever.
    pub(crate) fn is_patient(&self, key: &Key, uid: &str) -> bool {
        let now = Instant::now();
        self.with_memory(key, uid, |memory| {
            now.duration_since(*memory.waiting_since.get_or_insert(now)) < self.deadline
        })
    }

    /// The delay before the next try after a failure.
    pub(crate) fn delay_after_failure(&self, key: &Key, uid: &str) -> Duration {
        self.with_memory(key, uid, |memory| memory.backoff.next())
    }

    /// The same after a failure that does not tell which network it was that failed, only its name.
    pub(crate) fn delay_after_breakdown(&self, key: &Key) -> Duration {
        let uid = self.networks().get(key).map(|memory| memory.uid.clone()).unwrap_or_default();
        self.delay_after_failure(key, &uid)
    }

    /// Forgets failures: something went well.
    pub(crate) fn went_well(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| memory.backoff.reset());
    }

    /// The network is at rest.
    pub(crate) fn at_rest(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| {
            memory.backoff.reset();
            memory.steps.clear();
        });
    }

    /// Notes the steps that were carried out. True if all of them were before, without the network coming to rest: then
    /// they have no lasting effect, and doing them ever again would only use up the account's request rates.
    pub(crate) fn goes_in_circles(&self, key: &Key, uid: &str, steps: &[String]) -> bool {
        self.with_memory(key, uid, |memory| {
            let known = steps.iter().filter(|step| !memory.steps.insert((*step).clone())).count();
            !steps.is_empty() && known == steps.len()
        })
    }

    /// Forgets a network that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        self.networks().remove(key);
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        // A panic elsewhere must not take the memory of all networks with it.
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A network of the same name but another uid is another network: it starts with an empty memory.
    fn with_memory<T>(&self, key: &Key, uid: &str, use_it: impl FnOnce(&mut Memory) -> T) -> T {
        let mut networks = self.networks();
        let memory = networks.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        use_it(memory)
    }
}
