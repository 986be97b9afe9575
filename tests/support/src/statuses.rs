//! Checks every status of every network and class against the rules of kstatus, and that of every network against the rules of
//! Argo CD's health script.
//!
//! A watch receives each write, so no status that a GitOps tool could have observed is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use mgnet::api::{FIELD_MANAGER, MigrationNetwork, MigrationNetworkClass, MigrationNetworkStatus};
use tokio::sync::{oneshot, watch};
use tokio::task;

use crate::lua::Script;
use crate::{health, kstatus, kubernetes};

/// A watch that runs in the background until this value is dropped.
#[derive(Debug)]
pub(crate) struct Statuses {
    violations: Arc<Mutex<BTreeSet<Violation>>>,
    writes: watch::Receiver<Writes>,
    /// The resource versions of statuses that were not written by the operator.
    disregarded: Mutex<BTreeSet<String>>,
    watcher: Watcher,
}

/// The thread or task that runs the watch.
#[derive(Debug)]
enum Watcher {
    /// A thread with its own runtime, which outlives the runtimes of tests.
    Thread(Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>),
    /// A task of the test's runtime.
    Task(task::JoinHandle<()>),
}

/// The number of observed writes to networks, by namespace. Deletions count.
type Writes = BTreeMap<String, u64>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    namespace: String,
    name: String,
    resource_version: String,
    rule: String,
    status: String,
}

impl Statuses {
    /// Watches all networks as the user of a kubeconfig, in a thread with its own runtime.
    pub(crate) fn watch(kubeconfig: PathBuf) -> Result<Self> {
        let violations = Arc::<Mutex<BTreeSet<Violation>>>::default();
        let (stop, stopped) = oneshot::channel();
        let (written, writes) = watch::channel(Writes::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let found = violations.clone();
        let thread = thread::Builder::new()
            .name("statuses".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = record(kubernetes::client(&kubeconfig), &found, &written) => {}
                    }
                });
            })
            .context("cannot start a thread")?;
        let watcher = Watcher::Thread(Some((stop, thread)));
        Ok(Self { violations, writes, disregarded: Mutex::default(), watcher })
    }

    /// Watches all networks with a client, on the runtime of the caller.
    pub(crate) fn watch_here(client: Client) -> Self {
        let violations = Arc::<Mutex<BTreeSet<Violation>>>::default();
        let (written, writes) = watch::channel(Writes::default());
        let found = violations.clone();
        let task = tokio::spawn(async move { record(future::ready(Ok(client)), &found, &written).await });
        Self { violations, writes, disregarded: Mutex::default(), watcher: Watcher::Task(task) }
    }

    /// Returns the writes in a namespace from now on.
    pub(crate) fn writes_in(&self, namespace: &str) -> WritesIn {
        let mut all = self.writes.clone();
        let seen = all.borrow_and_update().get(namespace).copied();
        WritesIn { all, namespace: namespace.to_owned(), seen }
    }

    /// Excludes a status that was not written by the operator. The API server does not record the writer of a change
    /// that only removes fields.
    pub(crate) fn disregard(&self, network: &MigrationNetwork) {
        let mut disregarded = self.disregarded.lock().unwrap_or_else(PoisonError::into_inner);
        disregarded.extend(network.resource_version());
    }

    /// Fails if a status of a network broke a rule, in one namespace or in all, or that of a class.
    pub(crate) fn check(&self, namespace: Option<&str>) -> Result<()> {
        let violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        let disregarded = self.disregarded.lock().unwrap_or_else(PoisonError::into_inner);
        let relevant: Vec<String> = violations
            .iter()
            .filter(|violation| {
                namespace.is_none_or(|one| violation.namespace.is_empty() || one == violation.namespace)
            })
            .filter(|violation| !disregarded.contains(&violation.resource_version))
            .map(|violation| {
                let Violation { namespace, name, resource_version, rule, status } = violation;
                format!("{namespace}/{name} at resourceVersion {resource_version}: {rule}\n{status}")
            })
            .collect();
        if relevant.is_empty() {
            return Ok(());
        }
        bail!("statuses that tools would misread:\n{}", relevant.join("\n"));
    }
}

/// The sequence of writes to the networks of one namespace.
pub(crate) struct WritesIn {
    all: watch::Receiver<Writes>,
    namespace: String,
    seen: Option<u64>,
}

impl WritesIn {
    /// Waits for the next write since the last wait, but at most for that time: the watch may have been interrupted.
    pub(crate) async fn next(&mut self, at_most: Duration) {
        let Self { all, namespace, seen } = self;
        let other = all.wait_for(|writes| writes.get(namespace) != seen.as_ref());
        match tokio::time::timeout(at_most, other).await {
            Ok(Ok(writes)) => *seen = writes.get(namespace).copied(),
            // The watch has ended, because the lab stops.
            Ok(Err(_)) => tokio::time::sleep(at_most).await,
            Err(_) => {}
        }
    }
}

impl Drop for Statuses {
    fn drop(&mut self) {
        match &mut self.watcher {
            Watcher::Thread(thread) => {
                if let Some((stop, thread)) = thread.take() {
                    drop(stop);
                    // The thread has recorded everything already.
                    let _ = thread.join();
                }
            }
            Watcher::Task(task) => task.abort(),
        }
    }
}

async fn record(
    client: impl Future<Output = Result<Client>>,
    violations: &Mutex<BTreeSet<Violation>>,
    written: &watch::Sender<Writes>,
) {
    let note = |found: Vec<Violation>| violations.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    match client.await {
        Ok(client) => {
            tokio::join!(record_networks(client.clone(), &note, written), record_classes(client, &note));
        }
        Err(error) => note(vec![watch_failed(&error)]),
    }
}

async fn record_classes(client: Client, note: &impl Fn(Vec<Violation>)) {
    let classes = Api::<DeserializeGuard<MigrationNetworkClass>>::all(client);
    let mut events = pin!(watcher::watcher(classes, watcher::Config::default()));
    while let Some(event) = events.next().await {
        let Ok(Event::Apply(class) | Event::InitApply(class) | Event::Delete(class)) = event else { continue };
        if let Ok(class) = class.0 {
            note(check_class(&class));
        }
    }
}

async fn record_networks(client: Client, note: &impl Fn(Vec<Violation>), written: &watch::Sender<Writes>) {
    let networks = Api::<DeserializeGuard<MigrationNetwork>>::all(client);
    let mut events = pin!(watcher::watcher(networks, watcher::Config::default()));
    while let Some(event) = events.next().await {
        // The watch recovers from errors by itself.
        let Ok(Event::Apply(network) | Event::InitApply(network) | Event::Delete(network)) = event else { continue };
        let namespace = network.namespace().unwrap_or_default();
        // A network that cannot be decoded has no readable status.
        if let Ok(network) = network.0 {
            match SCRIPT.with(|script| script.as_ref().map(|script| check(&network, script)).map_err(watch_failed)) {
                Ok(violations) => note(violations),
                Err(violation) => return note(vec![violation]),
            }
        }
        // After the check, so that a test that is woken by a write finds its violations.
        written.send_modify(|writes| *writes.entry(namespace).or_default() += 1);
    }
}

thread_local! {
    /// Argo CD's health script. It cannot move between threads.
    static SCRIPT: Result<Script> = Script::of(health::SCRIPT);
}

fn watch_failed(error: &anyhow::Error) -> Violation {
    Violation {
        namespace: String::new(),
        name: String::new(),
        resource_version: String::new(),
        rule: format!("networks cannot be watched: {error:#}"),
        status: String::new(),
    }
}

/// Whether another writer has written the status since the operator did, or in the same second.
fn is_written_by_others(object: &impl ResourceExt) -> bool {
    let written = |by_operator: bool| {
        let status = object.managed_fields().iter().filter(|one| one.subresource.as_deref() == Some("status"));
        let by = status.filter(|one| (one.manager.as_deref() == Some(FIELD_MANAGER)) == by_operator);
        by.filter_map(|one| one.time.as_ref().map(|time| time.0)).max()
    };
    written(false).is_some_and(|theirs| written(true).is_none_or(|ours| ours <= theirs))
}

fn check(network: &MigrationNetwork, script: &Script) -> Vec<Violation> {
    if is_written_by_others(network) {
        return Vec::new();
    }
    let status = network.status.clone().unwrap_or_default();
    // A watch delivers specs that the operator has not processed yet. Their status describes an earlier generation.
    let processed = network.metadata.generation.unwrap_or(0).min(status.observed_generation);
    let deleting = network.metadata.deletion_timestamp.is_some() && Some(processed) == network.metadata.generation;
    let health_breach = match serde_json::to_value(network) {
        Ok(object) => health::breach(&object, &script.health(&object)).map(|rule| format!("Argo CD: {rule}")),
        Err(error) => Some(format!("the object cannot be converted to JSON: {error}")),
    };
    kstatus::violations(processed, deleting, status.observed_generation, &status.conditions)
        .into_iter()
        .chain(health_breach)
        .map(|rule| Violation {
            namespace: network.namespace().unwrap_or_default(),
            name: network.name_any(),
            resource_version: network.resource_version().unwrap_or_default(),
            rule,
            status: conditions(&status),
        })
        .collect()
}

fn check_class(class: &MigrationNetworkClass) -> Vec<Violation> {
    if is_written_by_others(class) {
        return Vec::new();
    }
    let status = class.status.clone().unwrap_or_default();
    let processed = class.metadata.generation.unwrap_or(0).min(status.observed_generation);
    let violation = |rule| Violation {
        namespace: String::new(),
        name: class.name_any(),
        resource_version: class.resource_version().unwrap_or_default(),
        rule,
        status: lines(status.observed_generation, &status.conditions),
    };
    let found = kstatus::violations_of_class(processed, status.observed_generation, &status.conditions);
    found.into_iter().map(violation).collect()
}

/// Formats the conditions, one per line.
pub(crate) fn conditions(status: &MigrationNetworkStatus) -> String {
    lines(status.observed_generation, &status.conditions)
}

fn lines(observed_generation: i64, conditions: &[Condition]) -> String {
    let mut lines = vec![format!("  observedGeneration: {observed_generation}")];
    lines.extend(conditions.iter().map(|condition| {
        let generation = condition.observed_generation.unwrap_or(-1);
        format!(
            "  {}={} {} (generation {generation}): {}",
            condition.type_, condition.status, condition.reason, condition.message
        )
    }));
    lines.join("\n")
}
