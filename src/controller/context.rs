//! What a reconcile has at hand: the two seams, the clock, the settings, and what is remembered between reconciles.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    controller::{runtime::backoff::Backoff, store::Key},
    model::slot::Slot,
};

/// What the flags set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often a network at rest is compared with AWS.
    pub resync: Duration,
    /// How often AWS is looked at while it is at work.
    pub poll: Duration,
    /// How long a resource that was created must be missing from every list before it counts as deleted. EC2 and
    /// Resolver are eventually consistent: a new resource may be invisible for a while. Also how long a call may be on its way
    /// whose sender is gone.
    pub absence_grace: Duration,
    /// The most that one reconcile may take.
    pub deadline: Duration,
}

/// The means of a reconcile.
pub struct Context<C, S> {
    /// AWS.
    pub clouds: C,
    /// Kubernetes.
    pub store: S,
    /// The uid of the cluster.
    pub cluster: String,
    /// The flags.
    pub settings: Settings,
    memories: Mutex<HashMap<Key, Memory>>,
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

impl<C, S> Context<C, S> {
    /// Puts the means together.
    pub fn new(clouds: C, store: S, cluster: String, settings: Settings) -> Self {
        Self { clouds, store, cluster, settings, memories: Mutex::default() }
    }

    /// The time to put into conditions. Nothing is decided by it.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Notes which slots' resources, each of an epoch, are absent from an observation that began then, and tells which of them have
    /// been for the grace. Measured on the monotonic clock of this process: a restart only makes it longer. So does an
    /// observation that takes its time: what it lists may be from its beginning.
    pub fn overdue(&self, key: &Key, uid: &str, absent: &BTreeMap<Slot, u32>, began: Instant) -> BTreeSet<Slot> {
        let (now, grace) = (Instant::now(), self.settings.absence_grace);
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
    pub fn calls_may_arrive_for(&self, key: &Key, uid: &str) -> Duration {
        let (now, grace) = (Instant::now(), self.settings.absence_grace);
        let known_for = self.with_memory(key, uid, |memory| now.duration_since(*memory.going_since.get_or_insert(now)));
        grace.saturating_sub(known_for)
    }

    /// Whether the network goes on waiting for older ones that nobody has looked at. They are looked at one after the other,
    /// and none takes longer than the deadline; one that never is must not hold up the others for ever.
    pub fn is_patient(&self, key: &Key, uid: &str) -> bool {
        let now = Instant::now();
        self.with_memory(key, uid, |memory| {
            now.duration_since(*memory.waiting_since.get_or_insert(now)) < self.settings.deadline
        })
    }

    /// The delay before the next try after a failure.
    pub fn delay_after_failure(&self, key: &Key, uid: &str) -> Duration {
        self.with_memory(key, uid, |memory| memory.backoff.next())
    }

    /// The same after a failure that does not tell which network it was that failed, only its name.
    pub fn delay_after_breakdown(&self, key: &Key) -> Duration {
        let uid = self.memories().get(key).map(|memory| memory.uid.clone()).unwrap_or_default();
        self.delay_after_failure(key, &uid)
    }

    /// Forgets failures: something went well.
    pub fn went_well(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| memory.backoff.reset());
    }

    /// The network is at rest.
    pub fn at_rest(&self, key: &Key, uid: &str) {
        self.with_memory(key, uid, |memory| {
            memory.backoff.reset();
            memory.steps.clear();
        });
    }

    /// Notes the steps that were carried out. True if all of them were before, without the network coming to rest: then
    /// they have no lasting effect, and doing them ever again would only use up the account's request rates.
    pub fn goes_in_circles(&self, key: &Key, uid: &str, steps: &[String]) -> bool {
        self.with_memory(key, uid, |memory| {
            let known = steps.iter().filter(|step| !memory.steps.insert((*step).clone())).count();
            !steps.is_empty() && known == steps.len()
        })
    }

    /// Forgets a network that is gone.
    pub fn forget(&self, key: &Key) {
        self.memories().remove(key);
    }

    fn memories(&self) -> MutexGuard<'_, HashMap<Key, Memory>> {
        // A panic elsewhere must not take the memory of all networks with it.
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A network of the same name but another uid is another network: it starts with an empty memory.
    fn with_memory<T>(&self, key: &Key, uid: &str, use_it: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memories = self.memories();
        let memory = memories.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        use_it(memory)
    }
}
