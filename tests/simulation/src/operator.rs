//! A process of the operator: the real reconciles of networks and classes, woken by watches and by their own delays.

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

/// The uid of the cluster.
const CLUSTER: &str = "00000000-0000-4000-8000-cccccccccccc";

/// As `mgnet controller` has them by default.
pub const SETTINGS: Settings = Settings {
    resync: Duration::from_mins(1),
    poll: Duration::from_secs(5),
    absence_grace: Duration::from_mins(1),
    deadline: Duration::from_mins(2),
};

/// See the module. Dropping it is a crash: everything that it remembers is gone.
pub struct Operator {
    /// Its place.
    pub seat: Arc<Seat>,
    dispatch: Dispatch<AwsClouds, Stored>,
    due: BTreeMap<Target, Due>,
    /// When it hears of what has changed.
    coming: BTreeSet<(Instant, Target)>,
    heard: usize,
    started: Instant,
    /// Reconciles in a row that wrote nothing.
    calm: usize,
    /// The last write, or the beginning.
    since: Instant,
}

/// When something is looked at again.
#[derive(Clone, Copy)]
struct Due {
    at: Instant,
    /// How long that was away when it was decided.
    delay: Duration,
}

impl Due {
    fn after(delay: Duration) -> Self {
        Self { at: Instant::now() + delay, delay }
    }
}

impl Operator {
    /// Starts a process: it lists what there is, and everything is due.
    pub fn start(stage: &Arc<Stage>, number: usize) -> Box<Self> {
        let seat = Seat::new(stage, number);
        let clouds = AwsClouds::new(&wire::config(&seat), Rates { factor: 1000.0 });
        let context = Context::new(clouds, Stored(Arc::clone(&seat)), CLUSTER.to_owned(), SETTINGS);
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
            (classes.chain(networks).chain([Target::Claims]).collect::<Vec<_>>(), universe.kubernetes.changes.len())
        });
        let due = targets.into_iter().map(|target| (target, Due::after(Duration::ZERO))).collect();
        let (coming, now) = (BTreeSet::new(), Instant::now());
        Box::new(Self { seat, dispatch, due, coming, heard, started: now, calm: 0, since: now })
    }

    /// Takes in what has changed since it last listened, and when it hears of it.
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

    /// Waits for the next object that is due, and reconciles it. Nothing is due for ever if there is nothing.
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
            Target::Claims => self.dispatch.sweep_vpc_leases().await,
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

    /// As kube-runtime does, an object that the watch does not show any more is not reconciled.
    async fn reconcile_network(&self, key: &Key) -> Next {
        let network = self.seat.stage.with(|universe| universe.kubernetes.networks.get(key).cloned());
        let Some(network) = network else { return Next::OnChange };
        let of: Option<Arc<str>> = network.uid().map(Into::into);
        self.seat.of.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&of);
        let note =
            |what| self.seat.stage.with(|universe| universe.record(self.seat.who(), of.clone(), what, false, ""));
        note(What::Begin);
        let network: Guarded<_> = DeserializeGuard(Ok(network));
        // The future of a reconcile is large; boxed, those that await it are not.
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

    /// Whether everything was looked at since the last write, nothing is due but the usual look, and what was missing all the
    /// while counts as gone.
    pub fn is_quiet(&mut self) -> bool {
        self.listen();
        let is_usual = |due: &Due| due.delay >= SETTINGS.resync.mul_f64(0.7);
        let is_over = self.since.elapsed() >= SETTINGS.absence_grace + SETTINGS.resync.mul_f64(1.2);
        is_over && self.coming.is_empty() && self.calm > self.due.len() && self.due.values().all(is_usual)
    }

    /// Something has happened: it is not quiet before it has looked at everything again.
    pub fn restless(&mut self) {
        self.calm = 0;
        self.since = Instant::now();
    }

    /// The objects that it looks at from time to time.
    pub fn objects(&self) -> usize {
        self.due.len()
    }

    /// Goes on until it is quiet, but not for more than so many reconciles. Says whether it is.
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

/// A process that is at its turn, or stands still in the middle of a reconcile.
pub enum Process {
    /// Between two reconciles.
    Idle(Box<Operator>),
    /// In the middle of one.
    Parked(Arc<Seat>, Pin<Box<dyn Future<Output = Box<Operator>>>>),
}

impl Process {
    /// Goes on until its reconcile is over, or it stands still. None if it is gone.
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

    /// See [`Operator::is_quiet`]; one that stands still is not.
    pub fn is_quiet(&mut self) -> bool {
        match self {
            Self::Idle(operator) => operator.is_quiet(),
            Self::Parked(..) => false,
        }
    }
}
