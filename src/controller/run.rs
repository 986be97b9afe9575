//! The main loop of the controller: watches both kinds, dispatches reconciles, and searches for orphans while this
//! process leads.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, channel::mpsc, future};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Resource,
    core::PartialObjectMeta,
    runtime::{
        Controller, WatchStreamExt,
        controller::Action,
        predicates,
        reflector::{self, ObjectRef, Store as Cache},
        utils::{Predicate, PredicateConfig},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::{
    context::{Context, Settings},
    dispatch::{Dispatch, Guarded, class_of},
    orphans,
    projection::Project,
    runtime::{
        Next,
        backoff::jittered,
        http::Reports,
        metrics::{self, Metrics},
        readiness::{self, Readiness, WatchHealth},
        watch::{applied, lasting, uninterrupted, watch_on},
    },
    store::kubernetes::Kubernetes,
    wake::{networks_of, networks_with_policy_in},
};
use crate::{
    api::{MigrationNetwork, MigrationNetworkClass},
    aws::Clouds,
};

/// The options of [`run()`].
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// The largest number of objects that are reconciled at the same time.
    pub concurrency: u16,
    /// How long running reconciles may continue after the signal to stop. Canceling one is safe.
    pub grace: Duration,
    /// The approximate time between two searches for orphans by the leader.
    pub orphans_every: Duration,
}

type Cached<K> = Cache<Guarded<K>>;

/// Watches until `stop` is canceled, and reconciles and searches for orphans after `leads` has completed.
///
/// A standby watches, too, but has no permits to reconcile. It becomes Ready when it is able to take over. A new
/// version that cannot list the objects therefore never replaces one that works, and a new leader starts without
/// listing anything.
pub async fn run<C: Clouds>(
    client: Client,
    context: Context<C, Kubernetes>,
    options: RunOptions,
    reports: Reports,
    leads: impl Future<Output = ()>,
    stop: CancellationToken,
) {
    let config = lasting(context.settings.deadline);
    let context = Context { metrics: reports.metrics.clone(), ..context };
    let (gone, class_users_gone) = mpsc::unbounded();
    let health = Health::of(&reports.readiness, &context.settings);
    let (networks, network_events) =
        watch::<MigrationNetwork>(&client, &health.networks, config.clone(), move |network| {
            if let Some(class) = class_of(network) {
                // The receiver is dropped only when the operator stops.
                let _ = gone.unbounded_send(ObjectRef::new(&class));
            }
        });
    let (classes, class_events) = watch::<MigrationNetworkClass>(&client, &health.classes, config.clone(), |_| {});
    let known = networks.clone();
    let dispatch = Arc::new(Dispatch::new(context, Box::new(move || known.state()), stop.clone()));

    observe(&reports.metrics, &dispatch, &networks, &classes);

    let wakers = Wakers {
        client: client.clone(),
        config,
        health: health.clone(),
        networks: networks.clone(),
        classes: classes.clone(),
    };
    let network_controller = wakers
        .wake(Controller::for_stream(network_events, networks.clone()))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile_network, |_, never, _| match *never {}, dispatch.clone())
        .for_each(|_| future::ready(()));
    let class_controller = Controller::for_stream(class_events, classes.clone())
        // A class that is being deleted loses its finalizer when its last network is gone.
        .reconcile_on(class_users_gone)
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile_class, |_, never, _| match *never {}, dispatch.clone())
        .for_each(|_| future::ready(()));
    let lead = async {
        tokio::select! {
            () = lead(&dispatch, options, leads) => {}
            () = stop.cancelled() => {}
        }
    };
    // A controller whose first list has not succeeded never stops (kube-runtime's Runner waits for its store), so the
    // shutdown has a deadline.
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(options.grace).await;
    };
    tokio::select! {
        _ = future::join3(network_controller, class_controller, lead) => {}
        () = overdue => tracing::warn!("shutdown deadline exceeded; running reconciles were canceled"),
        never = health.check(client) => match never {},
    }
}

/// Adds the metrics that are read at each scrape: those of the queue and of the objects in the caches.
fn observe<C: Clouds>(
    metrics: &Metrics,
    dispatch: &Dispatch<C, Kubernetes>,
    networks: &Cached<MigrationNetwork>,
    classes: &Cached<MigrationNetworkClass>,
) {
    let (networks, classes) = (networks.clone(), classes.clone());
    metrics.add_collector(metrics::Queue::new(metrics, dispatch.queue()));
    metrics.add_collector(metrics::Networks::new(metrics, move || networks.state(), move || classes.state()));
}

/// Runs the work of the leader: reconciles, the release of stale VPC leases, and the search for orphans.
async fn lead<C: Clouds>(dispatch: &Dispatch<C, Kubernetes>, options: RunOptions, leads: impl Future<Output = ()>) {
    leads.await;
    dispatch.context.metrics.leadership.lead();
    dispatch.lead(options.concurrency);
    let sweeps = async {
        while let Next::After(delay) = dispatch.sweep_vpc_leases().await {
            tokio::time::sleep(delay).await;
        }
    };
    // Boxed because it holds a complete observation: every future that awaits it would become as large.
    let orphans = Box::pin(orphans::watch(&dispatch.context, options.orphans_every));
    future::join(sweeps, orphans).await;
}

/// The health of the watches, by kind.
#[derive(Clone)]
struct Health {
    networks: WatchHealth,
    classes: WatchHealth,
    /// None if ConfigMaps are not watched.
    config_maps: Option<WatchHealth>,
}

impl Health {
    fn of(readiness: &Readiness, settings: &Settings) -> Self {
        let [networks, classes] = ["MigrationNetworks", "MigrationNetworkClasses"].map(|kind| readiness.watch(kind));
        Self { networks, classes, config_maps: settings.config_maps.then(|| readiness.watch("ConfigMaps")) }
    }

    /// Repeats the requests of watches that fail. Never returns.
    async fn check(self, client: Client) -> Infallible {
        let networks = readiness::check(self.networks, Api::<MigrationNetwork>::all(client.clone()));
        let classes = readiness::check(self.classes, Api::<MigrationNetworkClass>::all(client.clone()));
        let config_maps = async {
            match self.config_maps {
                Some(health) => readiness::check(health, Api::<ConfigMap>::all(client)).await,
                None => future::pending().await,
            }
        };
        future::join3(networks, classes, config_maps).await.0
    }
}

/// The watches whose events trigger reconciles of networks.
struct Wakers {
    client: Client,
    config: watcher::Config,
    health: Health,
    networks: Cached<MigrationNetwork>,
    classes: Cached<MigrationNetworkClass>,
}

impl Wakers {
    fn wake(self, controller: Controller<Guarded<MigrationNetwork>>) -> Controller<Guarded<MigrationNetwork>> {
        let Self { client, config, health, networks, classes } = self;
        let class_edits = watch_on(Api::<Guarded<MigrationNetworkClass>>::all(client.clone()), config.clone())
            .inspect(move |event| health.classes.record(event))
            .default_backoff()
            .touched_objects()
            .predicate_filter(predicates::generation.combine(predicates::annotations), PredicateConfig::default());
        let of_class = networks.clone();
        let controller =
            controller.watches_stream(uninterrupted(class_edits), move |class| networks_of(&of_class, &class));
        let Some(health) = health.config_maps else { return controller };
        // Only the metadata of ConfigMaps is watched, and none is kept.
        let config_maps = watcher(Api::<PartialObjectMeta<ConfigMap>>::all(client), config)
            .inspect(move |event| health.record(event))
            .default_backoff()
            .touched_objects();
        controller.watches_stream(uninterrupted(config_maps), move |config_map| {
            networks_with_policy_in(&networks, &classes, &config_map)
        })
    }
}

/// Watches a kind, and records the health of the watch. An object that cannot be decoded does not affect the others. Calls `gone` for each object that is
/// deleted during the watch.
fn watch<K>(
    client: &Client,
    health: &WatchHealth,
    config: watcher::Config,
    gone: impl Fn(&Guarded<K>) + Send + 'static,
) -> (Cached<K>, impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static)
where
    K: Project + Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
    Guarded<K>: Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (reader, writer) = reflector::store();
    // Annotations matter because one of them marks the default class. A change of status is ignored: every write would
    // trigger a reconcile.
    let changes = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    let health = health.clone();
    let events = watch_on(Api::<Guarded<K>>::all(client.clone()), config)
        .inspect(move |event| health.record(event))
        .default_backoff()
        .modify(Project::project)
        .reflect(writer)
        // Called after the cache has the event, because the receiver reads the cache.
        .inspect_ok(move |event| {
            if let watcher::Event::Delete(object) = event {
                gone(object);
            }
        });
    (reader, uninterrupted(applied(events).predicate_filter(changes, PredicateConfig::default())))
}

async fn reconcile_network<C: Clouds>(
    network: Arc<Guarded<MigrationNetwork>>,
    dispatch: Arc<Dispatch<C, Kubernetes>>,
) -> Result<Action, Infallible> {
    let next = dispatch.reconcile_network(&network).await;
    Ok(action(next, network.0.is_ok(), dispatch.context.settings.resync))
}

async fn reconcile_class<C: Clouds>(
    class: Arc<Guarded<MigrationNetworkClass>>,
    dispatch: Arc<Dispatch<C, Kubernetes>>,
) -> Result<Action, Infallible> {
    let next = dispatch.reconcile_class(&class).await;
    Ok(action(next, class.0.is_ok(), dispatch.context.settings.resync))
}

/// Converts [`Next`] to kube-runtime's action. Every object that can be decoded is requeued, even if a response
/// reported that it is gone: the response may come from a proxy, and a watch may miss a change. An object that is gone
/// is no longer in the cache by then, and kube-runtime drops the requeue.
fn action(next: Next, is_decoded: bool, resync: Duration) -> Action {
    match next {
        Next::After(delay) => Action::requeue(delay),
        Next::OnChange if is_decoded => Action::requeue(jittered(resync)),
        Next::OnChange => Action::await_change(),
    }
}
