//! In-memory state of networks between reconciles: back-off, absences, waiting times. Losing it costs time, never
//! safety.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    controller::{runtime::backoff::Backoff, store::Key},
    model::{ids::ResolverId, slot::Slot},
};

/// How long the deletion of a Resolver endpoint may take before it is requested again, as a multiple of the absence grace. It
/// usually takes a minute or two.
const STUCK_DELETION: u32 = 5;

/// The in-memory state of all networks.
#[derive(Debug)]
pub(crate) struct Memories {
    /// How long a resource must be absent before it counts as deleted, and how long after it was sent a call may
    /// arrive.
    absence_grace: Duration,
    /// The longest time that one reconcile may take.
    deadline: Duration,
    networks: Mutex<HashMap<Key, Memory>>,
}

/// The in-memory state of one network.
#[derive(Debug, Default)]
struct Memory {
    uid: String,
    backoff: Backoff,
    /// The steps that were executed since the network was last at rest.
    steps: BTreeSet<String>,
    /// When each resource was first absent, by slot and epoch: each epoch has its own absence grace.
    absent_since: BTreeMap<(Slot, u32), Instant>,
    /// When each Resolver endpoint was first observed while AWS was deleting it, or when its deletion was last requested
    /// again.
    deleting_since: BTreeMap<ResolverId, Instant>,
    /// When this process last observed the network's account completely, or first failed to.
    observed: Option<Instant>,
    deletion_known_since: Option<Instant>,
    waiting_since: Option<Instant>,
    /// The last reconcile that the user has requested.
    request: Option<String>,
    /// Whether nothing that was read before that request may be used.
    reads_afresh: bool,
}

impl Memories {
    /// Creates an empty memory. Both times are those of [`Settings`](crate::controller::Settings).
    pub(crate) fn new(absence_grace: Duration, deadline: Duration) -> Self {
        Self { absence_grace, deadline, networks: Mutex::default() }
    }

    /// Records the slots whose resources, each with its epoch, are absent from the observation that began at `began`,
    /// and returns those that have been absent for the grace. The time is measured on the monotonic clock of this
    /// process, so a restart only extends it. A slow observation extends it, too, because its lists may date from its
    /// beginning.
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

    /// Records a complete observation.
    pub(crate) fn observed(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| {
            memory.observed = Some(Instant::now());
            memory.reads_afresh = false;
        });
    }

    /// Records that the user requests a reconcile. Each request ends the back-off once: if its reconcile fails, the delays grow
    /// again.
    pub(crate) fn requested(&self, key: &Key, uid: &str, request: &str) {
        self.with_memory(key, uid, |memory| {
            if memory.request.as_deref() == Some(request) {
                return;
            }
            memory.request = Some(request.to_owned());
            memory.reads_afresh = true;
            memory.backoff.reset();
            memory.steps.clear();
        });
    }

    /// Whether the user has requested a reconcile since the last complete observation, so that no earlier answer may be used.
    pub(crate) fn reads_afresh(&self, key: &Key, uid: &str) -> bool {
        self.with_memory(key, uid, |memory| memory.reads_afresh)
    }

    /// Returns the time since the last complete observation. A process that has made none counts from its first attempt.
    pub(crate) fn unobserved_for(&self, key: &Key, uid: &str) -> Duration {
        let now = Instant::now();
        self.with_memory(key, uid, |memory| now.duration_since(*memory.observed.get_or_insert(now)))
    }

    /// Records the Resolver endpoints that AWS is deleting, and returns those for which that takes so long that the deletion
    /// must be requested again.
    pub(crate) fn stuck(&self, key: &Key, uid: &str, deleting: &BTreeSet<ResolverId>) -> BTreeSet<ResolverId> {
        let (now, limit) = (Instant::now(), self.absence_grace * STUCK_DELETION);
        self.with_memory(key, uid, |memory| {
            memory.deleting_since.retain(|id, _| deleting.contains(id));
            let mut stuck = BTreeSet::new();
            for id in deleting {
                let since = memory.deleting_since.entry(id.clone()).or_insert(now);
                if now.duration_since(*since) >= limit {
                    *since = now;
                    stuck.insert(id.clone());
                }
            }
            stuck
        })
    }

    /// The remaining time in which calls may arrive that were sent for a network before its deletion. It ends when
    /// this process has known of the deletion for the grace, because no new claim can be stored after the deletion.
    pub(crate) fn calls_may_arrive_for(&self, key: &Key, uid: &str) -> Duration {
        let (now, grace) = (Instant::now(), self.absence_grace);
        let known_for =
            self.with_memory(key, uid, |memory| now.duration_since(*memory.deletion_known_since.get_or_insert(now)));
        grace.saturating_sub(known_for)
    }

    /// Whether the network continues to wait for older networks that were not reconciled yet. Each reconcile ends
    /// within the deadline, and a network that is never reconciled must not block the others forever.
    pub(crate) fn is_patient(&self, key: &Key, uid: &str) -> bool {
        let now = Instant::now();
        self.with_memory(key, uid, |memory| {
            now.duration_since(*memory.waiting_since.get_or_insert(now)) < self.deadline
        })
    }

    /// The delay before the next attempt after a failure.
    pub(crate) fn delay_after_failure(&self, key: &Key, uid: &str) -> Duration {
        self.with_memory(key, uid, |memory| memory.backoff.next())
    }

    /// The same as [`Self::delay_after_failure`], for a failure that reports the name of the network but not its UID.
    pub(crate) fn delay_after_breakdown(&self, key: &Key) -> Duration {
        let uid = self.networks().get(key).map(|memory| memory.uid.clone()).unwrap_or_default();
        self.delay_after_failure(key, &uid)
    }

    /// Resets the back-off after a success.
    pub(crate) fn went_well(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| memory.backoff.reset());
    }

    /// Records that the network is at rest.
    pub(crate) fn at_rest(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| {
            memory.backoff.reset();
            memory.steps.clear();
        });
    }

    /// Records the steps that were executed. True if all of them were already executed since the network was last at
    /// rest: they have no lasting effect, and repeating them would only consume the account's request rates.
    pub(crate) fn repeats_without_effect(&self, key: &Key, uid: &str, steps: &[String]) -> bool {
        self.with_memory(key, uid, |memory| {
            let known = steps.iter().filter(|step| !memory.steps.insert((*step).clone())).count();
            !steps.is_empty() && known == steps.len()
        })
    }

    /// Drops the state of a network that no longer exists.
    pub(crate) fn forget(&self, key: &Key) {
        self.networks().remove(key);
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        // A panic in another reconcile must not make the memory of all networks unusable.
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `use_it` with the network's memory. A network with the same name but another UID starts with an empty
    /// memory.
    fn with_memory<T>(&self, key: &Key, uid: &str, use_it: impl FnOnce(&mut Memory) -> T) -> T {
        let mut networks = self.networks();
        let memory = networks.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        use_it(memory)
    }
}
