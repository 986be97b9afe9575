//! A process of the operator: runs the real reconciles of networks and classes, triggered by watches and by requeues.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, PoisonError},
    time::Duration,
};

use kube::{ResourceExt, core::DeserializeGuard};
use mgnet::{
    aws::{AwsClouds, Rates},
    controller::{Context, Dispatch, Guarded, Key, Next, Settings},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    history::What,
    kubernetes::Target,
    stage::{Seat, Stage},
    store::Stored,
    wire,
};

/// The default settings of `mgnet controller`.
pub const SETTINGS: Settings = Settings {
    resync: Duration::from_mins(1),
    poll: Duration::from_secs(5),
    absence_grace: Duration::from_mins(1),
    deadline: Duration::from_mins(2),
    config_maps: true,
};

/// A process of the operator. Dropping it is a crash, which loses its memory.
pub struct Operator {
    /// The connection of the process to the stage.
    pub seat: Arc<Seat>,
    dispatch: Dispatch<AwsClouds, Stored>,
    due: BTreeMap<Target, Due>,
    /// The reports of changes that have not arrived yet, with their times.
    coming: BTreeSet<(Instant, Target)>,
    heard: usize,
    started: Instant,
    /// The number of consecutive reconciles without a write.
    calm: usize,
    /// The time of the last write, or of the start.
    since: Instant,
}

/// The time of the next reconcile of an object.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// The delay that the last reconcile requested.
    delay: Duration,
}

impl Due {
    fn after(delay: Duration) -> Self {
        Self { at: Instant::now() + delay, delay }
    }
}

impl Operator {
    /// Starts a process, which lists all objects and reconciles each of them immediately.
    pub fn start(stage: &Arc<Stage>, number: usize) -> Box<Self> {
        let seat = Seat::new(stage, number);
        let clouds = AwsClouds::new(&wire::config(&seat), Rates { factor: 1000.0 });
        let cluster = stage.with(|universe| universe.cluster.to_owned());
        let context = Context::new(clouds, Stored(Arc::clone(&seat)), cluster, SETTINGS);
        let known = Arc::clone(&seat);
        let known_networks = move || {
            known.stage.with(|universe| {
                let networks = universe.kubernetes.networks.values().cloned();
                networks.map(|network| Arc::new(DeserializeGuard(Ok(network)))).collect()
            })
        };
        let dispatch = Dispatch::new(context, Box::new(known_networks), CancellationToken::new());
        dispatch.lead(1);
        let (targets, heard) = stage.with(|universe| {
            let classes = universe.kubernetes.classes.keys().cloned().map(Target::Class);
            let networks = universe.kubernetes.networks.keys().cloned().map(Target::Network);
            (classes.chain(networks).chain([Target::VpcLeases]).collect::<Vec<_>>(), universe.kubernetes.changes.len())
        });
        let due = targets.into_iter().map(|target| (target, Due::after(Duration::ZERO))).collect();
        let (coming, now) = (BTreeSet::new(), Instant::now());
        Box::new(Self { seat, dispatch, due, coming, heard, started: now, calm: 0, since: now })
    }

    /// Schedules the reports of all changes since the last call.
    fn listen(&mut self) {
        let heard = self.heard;
        let (news, heard, watch) = self.seat.stage.with(|universe| {
            let changes = &universe.kubernetes.changes;
            (changes[heard.min(changes.len())..].to_vec(), changes.len(), universe.watch)
        });
        for (number, target) in (self.heard..).zip(news) {
            let delays = watch.delays(number, self.started.elapsed());
            self.coming.extend(delays.into_iter().map(|delay| (Instant::now() + delay, target.clone())));
        }
        self.heard = heard;
    }

    /// Waits for the next object that is due, and reconciles it. If there are no objects, waits for one poll
    /// interval.
    pub async fn step(&mut self) {
        self.listen();
        let told = self.coming.iter().map(|(at, target)| (target, at));
        let due = self.due.iter().map(|(target, due)| (target, &due.at));
        let next = due.chain(told).min_by_key(|(_, at)| **at);
        let Some((target, at)) = next.map(|(target, at)| (target.clone(), *at)) else {
            self.calm += 1;
            tokio::time::sleep(SETTINGS.poll).await;
            return;
        };
        tokio::time::sleep_until(at).await;
        self.coming.retain(|(at, other)| *other != target || *at > Instant::now());
        let before = self.seat.stage.with(|universe| universe.writes);
        let next = match &target {
            Target::Class(name) => self.reconcile_class(name).await,
            Target::Network(key) => self.reconcile_network(key).await,
            Target::VpcLeases => self.dispatch.sweep_vpc_leases().await,
        };
        let after = self.seat.stage.with(|universe| universe.writes);
        if before == after {
            self.calm += 1;
        } else {
            self.restless();
        }
        match next {
            Next::After(delay) => self.due.insert(target, Due::after(delay)),
            Next::OnChange => self.due.remove(&target),
        };
    }

    /// Reconciles a network. An object that the watch no longer shows is not reconciled, as in kube-runtime.
    async fn reconcile_network(&self, key: &Key) -> Next {
        let network = self.seat.stage.with(|universe| universe.kubernetes.networks.get(key).cloned());
        let Some(network) = network else { return Next::OnChange };
        let of: Option<Arc<str>> = network.uid().map(Into::into);
        self.seat.of.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&of);
        let note =
            |what| self.seat.stage.with(|universe| universe.record(self.seat.who(), of.clone(), what, false, ""));
        note(What::Begin);
        let network: Guarded<_> = DeserializeGuard(Ok(network));
        // Boxed, because the future of a reconcile is large, and would enlarge all futures that await it.
        let next = Box::pin(self.dispatch.reconcile_network(&network)).await;
        note(What::End);
        *self.seat.of.lock().unwrap_or_else(PoisonError::into_inner) = None;
        next
    }

    async fn reconcile_class(&self, name: &str) -> Next {
        let class = self.seat.stage.with(|universe| universe.kubernetes.classes.get(name).cloned());
        match class {
            Some(class) => Box::pin(self.dispatch.reconcile_class(&DeserializeGuard(Ok(class)))).await,
            None => Next::OnChange,
        }
    }

    /// Whether every object was reconciled since the last write, only resyncs are due, and the absence grace of all
    /// missing resources has passed.
    pub fn is_quiet(&mut self) -> bool {
        self.listen();
        let is_usual = |due: &Due| due.delay >= SETTINGS.resync.mul_f64(0.7);
        let is_over = self.since.elapsed() >= SETTINGS.absence_grace + SETTINGS.resync.mul_f64(1.2);
        is_over && self.coming.is_empty() && self.calm > self.due.len() && self.due.values().all(is_usual)
    }

    /// Resets the state after an effect: the process is quiet only after it has reconciled every object again.
    pub fn restless(&mut self) {
        self.calm = 0;
        self.since = Instant::now();
    }

    /// The number of objects that are scheduled for a reconcile.
    pub fn objects(&self) -> usize {
        self.due.len()
    }

    /// Runs until the process is quiet, for at most `most` reconciles. Returns whether it is quiet.
    pub async fn settle(&mut self, most: usize) -> bool {
        for _ in 0..most {
            self.step().await;
            if self.is_quiet() {
                return true;
            }
        }
        false
    }
}

/// A process between two reconciles, or paused in the middle of one.
pub enum Process {
    /// Between two reconciles.
    Idle(Box<Operator>),
    /// Paused in a reconcile.
    Parked(Arc<Seat>, Pin<Box<dyn Future<Output = Box<Operator>>>>),
}

impl Process {
    /// Continues until the reconcile ends or the process pauses. Returns none if the process has crashed.
    pub async fn go(self) -> Option<Self> {
        let (seat, mut under_way): (_, Pin<Box<dyn Future<Output = Box<Operator>>>>) = match self {
            Self::Idle(mut operator) => {
                let seat = Arc::clone(&operator.seat);
                (
                    seat,
                    Box::pin(async move {
                        operator.step().await;
                        operator
                    }),
                )
            }
            Self::Parked(seat, under_way) => {
                seat.resume.notify_one();
                (seat, under_way)
            }
        };
        tokio::select! {
            biased;
            () = seat.crashed.notified() => None,
            () = seat.parked.notified() => Some(Self::Parked(Arc::clone(&seat), under_way)),
            operator = &mut under_way => Some(Self::Idle(operator)),
        }
    }

    /// Whether the process is quiet, as in [`Operator::is_quiet`]. A paused process is not.
    pub fn is_quiet(&mut self) -> bool {
        match self {
            Self::Idle(operator) => operator.is_quiet(),
            Self::Parked(..) => false,
        }
    }
}
