//! Every status of every network, as it was written, against the rules of kstatus and those of Argo CD's health script.
//!
//! The API server sends each write to whoever watches, so nothing that a GitOps tool could have seen is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt};
use mgnet::api::{FIELD_MANAGER, MigrationNetwork, MigrationNetworkStatus};
use tokio::sync::{oneshot, watch};
use tokio::task;

use crate::lua::Script;
use crate::{health, kstatus, kubernetes};

/// A watch that goes on in the background until this value goes.
#[derive(Debug)]
pub(crate) struct Statuses {
    violations: Arc<Mutex<BTreeSet<Violation>>>,
    writes: watch::Receiver<Writes>,
    /// The resource versions of what somebody else has written.
    disregarded: Mutex<BTreeSet<String>>,
    watcher: Watcher,
}

/// Who watches.
#[derive(Debug)]
enum Watcher {
    /// A thread with a runtime of its own, which outlives those of tests.
    Thread(Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>),
    /// A task of the test's runtime.
    Task(task::JoinHandle<()>),
}

/// How many writes to networks were seen, by namespace. Deletions count.
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
    /// Watches all networks as the user of that kubeconfig, in a thread with a runtime of its own.
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

    /// Watches all networks with that client, on the runtime of the caller.
    pub(crate) fn watch_here(client: Client) -> Self {
        let violations = Arc::<Mutex<BTreeSet<Violation>>>::default();
        let (written, writes) = watch::channel(Writes::default());
        let found = violations.clone();
        let task = tokio::spawn(async move { record(future::ready(Ok(client)), &found, &written).await });
        Self { violations, writes, disregarded: Mutex::default(), watcher: Watcher::Task(task) }
    }

    /// Tells of the writes in a namespace from now on.
    pub(crate) fn writes_in(&self, namespace: &str) -> WritesIn {
        let mut all = self.writes.clone();
        let seen = all.borrow_and_update().get(namespace).copied();
        WritesIn { all, namespace: namespace.to_owned(), seen }
    }

    /// Takes it that a status was written by somebody else. Where fields were only removed, the API server does not tell.
    pub(crate) fn disregard(&self, network: &MigrationNetwork) {
        let mut disregarded = self.disregarded.lock().unwrap_or_else(PoisonError::into_inner);
        disregarded.extend(network.resource_version());
    }

    /// Fails if a status of a network in that namespace, or in any, broke a rule.
    pub(crate) fn check(&self, namespace: Option<&str>) -> Result<()> {
        let violations = self.violations.lock().unwrap_or_else(PoisonError::into_inner);
        let disregarded = self.disregarded.lock().unwrap_or_else(PoisonError::into_inner);
        let of_interest: Vec<String> = violations
            .iter()
            .filter(|violation| namespace.is_none_or(|namespace| namespace == violation.namespace))
            .filter(|violation| !disregarded.contains(&violation.resource_version))
            .map(|violation| {
                let Violation { namespace, name, resource_version, rule, status } = violation;
                format!("{namespace}/{name} at resourceVersion {resource_version}: {rule}\n{status}")
            })
            .collect();
        if of_interest.is_empty() {
            return Ok(());
        }
        bail!("statuses that tools would misread:\n{}", of_interest.join("\n"));
    }
}

/// The writes to the networks of one namespace, one after the other.
pub(crate) struct WritesIn {
    all: watch::Receiver<Writes>,
    namespace: String,
    seen: Option<u64>,
}

impl WritesIn {
    /// Waits for the next write since the last wait, but no longer than that: the watch may have been interrupted.
    pub(crate) async fn next(&mut self, at_most: Duration) {
        let Self { all, namespace, seen } = self;
        let other = all.wait_for(|writes| writes.get(namespace) != seen.as_ref());
        match tokio::time::timeout(at_most, other).await {
            Ok(Ok(writes)) => *seen = writes.get(namespace).copied(),
            // Nobody watches any more: it is the end of the lab.
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
                    // It has nothing to say that was not recorded.
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
    let client = match client.await {
        Ok(client) => client,
        Err(error) => return note(vec![unwatched(&error)]),
    };
    let networks = Api::<DeserializeGuard<MigrationNetwork>>::all(client);
    let mut events = pin!(watcher::watcher(networks, watcher::Config::default()));
    while let Some(event) = events.next().await {
        // The watch recovers by itself from errors.
        let Ok(Event::Apply(network) | Event::InitApply(network) | Event::Delete(network)) = event else { continue };
        let namespace = network.namespace().unwrap_or_default();
        // A network that cannot be decoded has no status to be read.
        if let Ok(network) = network.0 {
            match SCRIPT.with(|script| script.as_ref().map(|script| check(&network, script)).map_err(unwatched)) {
                Ok(violations) => note(violations),
                Err(violation) => return note(vec![violation]),
            }
        }
        // After the check, so that who is woken by a write finds what it broke.
        written.send_modify(|writes| *writes.entry(namespace).or_default() += 1);
    }
}

thread_local! {
    /// Argo CD's health script. It cannot go from thread to thread.
    static SCRIPT: Result<Script> = Script::of(health::SCRIPT);
}

fn unwatched(error: &anyhow::Error) -> Violation {
    Violation {
        namespace: String::new(),
        name: String::new(),
        resource_version: String::new(),
        rule: format!("networks cannot be watched: {error:#}"),
        status: String::new(),
    }
}

/// Whether somebody else has written the status since the operator did, or in the same second.
fn is_somebody_elses(network: &MigrationNetwork) -> bool {
    let written = |by_operator: bool| {
        let status = network.managed_fields().iter().filter(|one| one.subresource.as_deref() == Some("status"));
        let by = status.filter(|one| (one.manager.as_deref() == Some(FIELD_MANAGER)) == by_operator);
        by.filter_map(|one| one.time.as_ref().map(|time| time.0)).max()
    };
    written(false).is_some_and(|theirs| written(true).is_none_or(|ours| ours <= theirs))
}

fn check(network: &MigrationNetwork, script: &Script) -> Vec<Violation> {
    if is_somebody_elses(network) {
        return Vec::new();
    }
    let status = network.status.clone().unwrap_or_default();
    // A watcher sees a spec that the operator has not answered to yet; then the status is about the one before.
    let answered = network.metadata.generation.unwrap_or(0).min(status.observed_generation);
    let deleting = network.metadata.deletion_timestamp.is_some() && Some(answered) == network.metadata.generation;
    let misread = match serde_json::to_value(network) {
        Ok(object) => health::breach(&object, &script.health(&object)).map(|rule| format!("Argo CD: {rule}")),
        Err(error) => Some(format!("it does not become JSON: {error}")),
    };
    kstatus::violations(answered, deleting, status.observed_generation, &status.conditions)
        .into_iter()
        .chain(misread)
        .map(|rule| Violation {
            namespace: network.namespace().unwrap_or_default(),
            name: network.name_any(),
            resource_version: network.resource_version().unwrap_or_default(),
            rule,
            status: conditions(&status),
        })
        .collect()
}

/// The conditions, one a line.
pub(crate) fn conditions(status: &MigrationNetworkStatus) -> String {
    let mut lines = vec![format!("  observedGeneration: {}", status.observed_generation)];
    lines.extend(status.conditions.iter().map(|condition| {
        let generation = condition.observed_generation.unwrap_or(-1);
        format!(
            "  {}={} {} (generation {generation}): {}",
            condition.type_, condition.status, condition.reason, condition.message
        )
    }));
    lines.join("\n")
}
