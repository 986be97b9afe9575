//! Watching: which object is reconciled when.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt, channel::mpsc, future};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
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
use tracing::Instrument;

use crate::{
    api::{MigrationNetwork, MigrationNetworkClass},
    aws::Clouds,
    controller::{
        class::usage,
        context::Context,
        network::requeue::Next,
        orphans,
        runtime::{
            backoff::jittered,
            fair_queue::{Tenant, Turn, Turns},
            guard,
            http::Readiness,
            metrics::Metrics,
            watch::{self, applied, uninterrupted, watch_on},
        },
        store::{Key, kubernetes::Kubernetes},
    },
    model::settings::endpoints::policy_references,
};

/// How the controller runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Objects that are reconciled at the same time.
    pub concurrency: u16,
    /// How long reconciles that are under way may go on after the signal to stop. Ending one early is safe.
    pub grace: Duration,
    /// How often, about, the one that leads looks for orphans.
    pub orphans_every: Duration,
}

type Guarded<K> = DeserializeGuard<K>;

/// What reconciles share.
struct Shared<C> {
    context: Context<C, Kubernetes>,
    networks: Cache<Guarded<MigrationNetwork>>,
    /// Who reconciles now; nobody before this process leads.
    turns: Turns,
    stop: CancellationToken,
}

impl<C> Shared<C> {
    /// Waits for a turn; none once the operator is told to stop.
    async fn turn(&self, tenant: Tenant) -> Option<Turn> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            turn = self.turns.take(tenant) => Some(turn),
        }
    }
}

/// Watches until told to stop, and reconciles and looks for orphans from when `leads` ends.
///
/// A process that does not lead watches, too. It is Ready when it could take over, so that a new version that cannot list what
/// there is never replaces one that works; and taking over takes no list. Only turns are withheld from it.
pub async fn run<C: Clouds>(
    client: Client,
    context: Context<C, Kubernetes>,
    options: Options,
    readiness: Readiness,
    metrics: Metrics,
    leads: impl Future<Output = ()>,
    stop: CancellationToken,
) {
    let watching = watch::lasting(context.settings.deadline);
    let (gone, class_users_gone) = mpsc::unbounded();
    let (networks, network_events) =
        watch::<MigrationNetwork>(Api::all(client.clone()), watching.clone(), move |network| {
            if let Some(class) = class_of(network) {
                // Nobody listens any more only when the operator stops.
                let _ = gone.unbounded_send(ObjectRef::new(&class));
            }
        });
    let shared = Arc::new(Shared { context, networks: networks.clone(), turns: Turns::default(), stop: stop.clone() });
    let (classes, class_events) = watch::<MigrationNetworkClass>(Api::all(client.clone()), watching.clone(), |_| {});

    let wake = {
        let networks = networks.clone();
        move |class: Guarded<MigrationNetworkClass>| networks_of(&networks, &class)
    };
    // An edit of a class wakes its networks: their defaults, their account, whether they are admitted.
    let class_edits = watch_on(Api::<Guarded<MigrationNetworkClass>>::all(client.clone()), watching.clone())
        .default_backoff()
        .touched_objects()
        .predicate_filter(predicates::generation.combine(predicates::annotations), PredicateConfig::default());
    // An edit of a ConfigMap wakes the networks whose policies it holds. Only names are watched, and none are kept.
    let wake_by_policy = {
        let (networks, classes) = (networks.clone(), classes.clone());
        move |config_map: PartialObjectMeta<ConfigMap>| networks_with_policy_in(&networks, &classes, &config_map)
    };
    let config_maps =
        watcher(Api::<PartialObjectMeta<ConfigMap>>::all(client.clone()), watching).default_backoff().touched_objects();
    let network_controller = Controller::for_stream(network_events, networks.clone())
        .watches_stream(uninterrupted(class_edits), wake)
        .watches_stream(uninterrupted(config_maps), wake_by_policy)
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile_network, |_, never, _| match *never {}, shared.clone())
        .for_each(|_| future::ready(()));
    let class_controller = Controller::for_stream(class_events, classes.clone())
        // A class that is being deleted goes with the last of its networks.
        .reconcile_on(class_users_gone)
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile_class, |_, never, _| match *never {}, shared.clone())
        .for_each(|_| future::ready(()));
    let ready = async {
        let both = future::join(networks.wait_until_ready(), classes.wait_until_ready()).await;
        if both.0.is_ok() && both.1.is_ok() {
            readiness.set();
        }
    };
    let lead = async {
        leads.await;
        shared.turns.add(options.concurrency.into());
        // Boxed: it holds a whole look at AWS, and would make everything that awaits it as large.
        let orphans = Box::pin(orphans::watch(&shared.context, options.orphans_every, &metrics));
        future::join(look_after_claims(&shared), orphans).await;
    };
    let lead = async {
        tokio::select! {
            () = lead => {}
            () = stop.cancelled() => {}
        }
    };
    // Before the first list has succeeded a controller does not stop by itself (kube-runtime's Runner waits for its
    // store), so that the signal is also given a deadline.
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(options.grace).await;
    };
    tokio::select! {
        _ = future::join4(network_controller, class_controller, ready, lead) => {}
        () = overdue => tracing::warn!("reconciles were ended by the deadline for shutting down"),
    }
}

/// Watches a kind, in a form in which an object that cannot be decoded spoils only itself. `gone` is told of each object
/// that goes while it is watched.
fn watch<K>(
    api: Api<Guarded<K>>,
    config: watcher::Config,
    gone: impl Fn(&Guarded<K>) + Send + 'static,
) -> (Cache<Guarded<K>>, impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
    Guarded<K>: Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let (reader, writer) = reflector::store();
    // Annotations count: the mark of a default class is one. Status does not, or every write would wake its writer.
    let changes = predicates::generation.combine(predicates::finalizers).combine(predicates::annotations);
    let events = watch_on(api, config)
        .default_backoff()
        .reflect(writer)
        // Told after the cache has it: whoever hears of it looks there.
        .inspect_ok(move |event| {
            if let watcher::Event::Delete(object) = event {
                gone(object);
            }
        });
    (reader, uninterrupted(applied(events).predicate_filter(changes, PredicateConfig::default())))
}

/// The class that a network named, or was given.
fn class_of(network: &Guarded<MigrationNetwork>) -> Option<String> {
    let network = network.0.as_ref().ok()?;
    let recorded = || network.status.as_ref().and_then(|status| status.class_name.clone());
    network.spec.migration_network_class_name.clone().or_else(recorded)
}

fn networks_of(
    networks: &Cache<Guarded<MigrationNetwork>>,
    class: &Guarded<MigrationNetworkClass>,
) -> Vec<ObjectRef<Guarded<MigrationNetwork>>> {
    let name = class.name_any();
    let uses = |network: &MigrationNetwork| match &network.spec.migration_network_class_name {
        Some(wanted) => *wanted == name,
        // A network that names none may be waiting for a default, or live by the one that was.
        None => true,
    };
    networks
        .state()
        .into_iter()
        .filter(|network| network.0.as_ref().is_ok_and(&uses))
        .map(|network| ObjectRef::from_obj(network.as_ref()))
        .collect()
}

fn networks_with_policy_in(
    networks: &Cache<Guarded<MigrationNetwork>>,
    classes: &Cache<Guarded<MigrationNetworkClass>>,
    config_map: &PartialObjectMeta<ConfigMap>,
) -> Vec<ObjectRef<Guarded<MigrationNetwork>>> {
    let (namespace, name) = (config_map.namespace(), config_map.name_any());
    let classes = classes.state();
    // A network that names no class may live by any.
    let refers = |network: &MigrationNetwork| {
        classes.iter().filter_map(|class| class.0.as_ref().ok()).any(|class| {
            let wanted = network.spec.migration_network_class_name.as_ref();
            wanted.is_none_or(|wanted| *wanted == class.name_any())
                && policy_references(&network.spec, &class.spec).iter().any(|(referred, _)| *referred == name)
        })
    };
    networks
        .state()
        .into_iter()
        .filter(|network| network.meta().namespace == namespace && network.0.as_ref().is_ok_and(refers))
        .map(|network| ObjectRef::from_obj(network.as_ref()))
        .collect()
}

async fn reconcile_network<C: Clouds>(
    network: Arc<Guarded<MigrationNetwork>>,
    shared: Arc<Shared<C>>,
) -> Result<Action, std::convert::Infallible> {
    let meta = network.meta();
    let key = Key { namespace: meta.namespace.clone().unwrap_or_default(), name: network.name_any() };
    // This is said at once, however long others of the tenant take.
    if let Err(invalid) = &network.0 {
        tracing::error!(%key, error = invalid.error, "a stored network cannot be read and is left alone until it changes");
        return Ok(Action::await_change());
    }
    let tenant = Tenant { namespace: key.namespace.clone(), class: class_of(&network) };
    let Some(_turn) = shared.turn(tenant).await else { return Ok(Action::await_change()) };
    let span = tracing::info_span!(
        "reconcile",
        namespace = key.namespace,
        name = key.name,
        uid = meta.uid,
        generation = meta.generation
    );
    Ok(action(guard::network(&shared.context, &key).instrument(span).await, shared.context.settings.resync))
}

/// Gives back claims of networks that are gone, for as long as nobody ends it.
async fn look_after_claims<C: Clouds>(shared: &Shared<C>) {
    loop {
        let heard_of = shared.networks.state().iter().filter_map(|network| network.meta().uid.clone()).collect();
        match guard::claims(&shared.context, &heard_of).await {
            Next::After(delay) => tokio::time::sleep(delay).await,
            Next::OnChange => return,
        }
    }
}

async fn reconcile_class<C: Clouds>(
    class: Arc<Guarded<MigrationNetworkClass>>,
    shared: Arc<Shared<C>>,
) -> Result<Action, std::convert::Infallible> {
    let name = class.name_any();
    if let Err(invalid) = &class.0 {
        tracing::error!(class = name, error = invalid.error, "a stored class cannot be read and is left alone");
        return Ok(Action::await_change());
    }
    let tenant = Tenant { namespace: String::new(), class: Some(name.clone()) };
    let Some(_turn) = shared.turn(tenant).await else { return Ok(Action::await_change()) };
    let span = tracing::info_span!("reconcile", class = name, generation = class.meta().generation);
    let heard_of = |class: &MigrationNetworkClass| {
        let networks = shared.networks.state();
        usage::count(networks.iter().filter_map(|network| network.0.as_ref().ok()), class)
    };
    Ok(action(guard::class(&shared.context, &name, heard_of).instrument(span).await, shared.context.settings.resync))
}

/// Nothing is left to itself for good, whatever an answer said: one that an object is gone may be a proxy's, and a change may
/// be one that no watch tells of. Of what is gone indeed nothing is known by then, and kube-runtime does not come back to it.
fn action(next: Next, resync: Duration) -> Action {
    match next {
        Next::After(delay) => Action::requeue(delay),
        Next::OnChange => Action::requeue(jittered(resync)),
    }
}
