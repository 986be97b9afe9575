//! The history of a site: checks that no slot ever held two resources, and that no network was ever reported as
//! stalled. Both are observed all the time, not only at the end of a test.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::state::{State, Tags};
use crate::{Call, EmulatorControl, Site};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use mgnet::api::{ConditionType, MigrationNetwork, conditions};
use mgnet::model::ownership::{EPOCH_TAG, OWNER_TAG, SLOT_TAG};
use serde_json::Value;
use tokio::task::JoinSet;

/// The interval of the reads. Interface and Resolver endpoints take longer to be deleted, so no second one can appear
/// and disappear unobserved. Resources that are deleted faster show up in the log of calls.
const READ_EVERY: Duration = Duration::from_millis(500);

/// A slot of a network: the UID of the network, and the slot.
type NetworkSlot = (String, String);

/// Observes a site until the value is dropped.
pub struct History {
    control: EmulatorControl,
    account: String,
    region: String,
    observations: Arc<Mutex<Observations>>,
    _watches: JoinSet<()>,
}

#[derive(Default)]
struct Observations {
    /// The IDs of all resources that were ever observed in a slot.
    ids: BTreeMap<NetworkSlot, BTreeSet<String>>,
    /// Slots that held more than one resource at once.
    duplicates: BTreeSet<String>,
    /// Stalled conditions.
    stalled: BTreeSet<String>,
    /// Errors of reads that may have left a gap in the observations.
    read_errors: BTreeSet<String>,
}

impl History {
    /// Begins to observe a site.
    pub fn of(site: &Site) -> Self {
        let (control, observations) = (site.lab.control().clone(), Arc::<Mutex<Observations>>::default());
        let (account, region) = (site.account.clone(), site.region.clone());
        let mut watches = JoinSet::new();
        watches.spawn(observe_aws(control.clone(), account.clone(), region.clone(), observations.clone()));
        watches.spawn(observe_networks(Api::namespaced(site.kube.clone(), &site.namespace), observations.clone()));
        Self { control, account, region, observations, _watches: watches }
    }

    /// Fails if a slot ever held two resources at once.
    pub async fn check_no_slot_held_two(&self) -> Result<()> {
        let state = self.control.state(&self.account, &self.region).await?;
        lock(&self.observations).record(&state);
        let creations = creations(&self.control.calls(&self.account, 0).await?)?;
        for ((slot, epoch), made) in &creations {
            ensure!(made.len() == 1, "{slot:?}: more than one resource was created in epoch {epoch}: {made:?}");
        }
        let observations = lock(&self.observations);
        ensure!(observations.read_errors.is_empty(), "the observations may have gaps: {:?}", observations.read_errors);
        ensure!(observations.duplicates.is_empty(), "slots held several resources: {:#?}", observations.duplicates);
        Ok(())
    }

    /// Fails if a slot ever held a second resource, even after the first.
    pub async fn check_each_slot_was_filled_once(&self) -> Result<()> {
        self.check_no_slot_held_two().await?;
        let creations = creations(&self.control.calls(&self.account, 0).await?)?;
        let mut slots = BTreeSet::new();
        for ((slot, epoch), made) in &creations {
            ensure!(slots.insert(slot), "{slot:?}: a resource was created again in epoch {epoch}: {made:?}");
        }
        for (slot, ids) in &lock(&self.observations).ids {
            ensure!(ids.len() == 1, "{slot:?} was filled more than once: {ids:?}");
        }
        Ok(())
    }

    /// Fails if a call after `mark` tried to change, use or tag a resource that no network ever owned. Failed calls
    /// count, too.
    pub async fn check_only_own_was_written(&self, mark: u64) -> Result<()> {
        const ID_PREFIXES: [&str; 3] = ["sg-", "vpce-", "rslvr-"];
        let calls = self.control.calls(&self.account, mark).await?;
        let observations = lock(&self.observations);
        let own: BTreeSet<&str> = observations.ids.values().flatten().map(String::as_str).collect();
        for call in calls.iter().filter(|call| call.is_write()) {
            let mut named = Vec::new();
            strings(&call.parameters, &mut named);
            let ids = named.iter().map(|text| text.rsplit('/').next().unwrap_or(text));
            let mut foreign =
                ids.filter(|id| ID_PREFIXES.iter().any(|prefix| id.starts_with(prefix)) && !own.contains(id));
            if let Some(foreign) = foreign.next() {
                anyhow::bail!("{call}: no network ever owned {foreign}: {own:?}");
            }
        }
        Ok(())
    }

    /// Fails if a network in the site's namespace was ever reported as stalled.
    pub fn check_never_stalled(&self) -> Result<()> {
        let observations = lock(&self.observations);
        ensure!(observations.read_errors.is_empty(), "the observations may have gaps: {:?}", observations.read_errors);
        ensure!(observations.stalled.is_empty(), "networks were stalled: {:#?}", observations.stalled);
        Ok(())
    }
}

/// Returns the creations for each slot and epoch. They are identified by tokens where AWS creates one resource for each
/// token, and by the numbers of the calls otherwise.
fn creations(calls: &[Call]) -> Result<BTreeMap<(NetworkSlot, String), BTreeSet<String>>> {
    let mut creations = BTreeMap::<_, BTreeSet<String>>::new();
    for call in calls.iter().filter(|call| call.outcome == "ok") {
        let token = match call.action.as_str() {
            "CreateSecurityGroup" => Some(call.number.to_string()),
            "CreateVpcEndpoint" => text(&call.parameters, "ClientToken"),
            "CreateResolverEndpoint" => text(&call.parameters, "CreatorRequestId"),
            _ => continue,
        };
        let tags = tags(&call.parameters);
        // Resources that a test creates itself have none of these tags, or not all of them.
        let Some((slot, epoch)) = slot(&tags).zip(tags.get(EPOCH_TAG)) else { continue };
        let token = token.with_context(|| format!("{call} was sent without a token"))?;
        creations.entry((slot, epoch.clone())).or_default().insert(token);
    }
    let mut used = BTreeMap::new();
    for (slot_and_epoch, token) in creations.iter().flat_map(|(at, tokens)| tokens.iter().map(move |token| (at, token)))
    {
        if let Some(other) = used.insert(token, slot_and_epoch) {
            anyhow::bail!("the same token for {other:?} and for {slot_and_epoch:?}");
        }
    }
    Ok(creations)
}

/// Returns the slot of a create call.
pub fn slot_of(call: &Call) -> Result<String> {
    tags(&call.parameters).remove(SLOT_TAG).with_context(|| format!("{call} has no slot"))
}

fn text(parameters: &Value, name: &str) -> Option<String> {
    parameters.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Returns the tags among parameters: all objects with a `Key` and a `Value`, the form of tags in both protocols.
fn tags(parameters: &Value) -> Tags {
    match parameters {
        Value::Object(members) => match (text(parameters, "Key"), text(parameters, "Value")) {
            (Some(key), Some(value)) => [(key, value)].into(),
            _ => members.values().flat_map(tags).collect(),
        },
        Value::Array(items) => items.iter().flat_map(tags).collect(),
        _ => Tags::new(),
    }
}

/// Collects all strings in parameters.
fn strings<'p>(parameters: &'p Value, found: &mut Vec<&'p str>) {
    match parameters {
        Value::String(text) => found.push(text),
        Value::Object(members) => members.values().for_each(|member| strings(member, found)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        _ => {}
    }
}

fn slot(tags: &Tags) -> Option<NetworkSlot> {
    tags.get(OWNER_TAG).cloned().zip(tags.get(SLOT_TAG).cloned())
}

impl Observations {
    fn record(&mut self, state: &State) {
        let groups = state.security_groups.iter().map(|group| (&group.tags, &group.id));
        let endpoints = state.vpc_endpoints.iter().map(|endpoint| (&endpoint.tags, &endpoint.id));
        let resolvers = state.resolver_endpoints.iter().map(|resolver| (&resolver.tags, &resolver.id));
        let mut now = BTreeMap::<NetworkSlot, BTreeSet<&String>>::new();
        for (tags, id) in groups.chain(endpoints).chain(resolvers) {
            let Some(slot) = slot(tags) else { continue };
            self.ids.entry(slot.clone()).or_default().insert(id.clone());
            now.entry(slot).or_default().insert(id);
        }
        self.duplicates
            .extend(now.iter().filter(|(_, ids)| ids.len() > 1).map(|(slot, ids)| format!("{slot:?}: {ids:?}")));
    }
}

async fn observe_aws(
    control: EmulatorControl,
    account: String,
    region: String,
    observations: Arc<Mutex<Observations>>,
) {
    loop {
        match control.state(&account, &region).await {
            Ok(state) => lock(&observations).record(&state),
            Err(error) => {
                lock(&observations).read_errors.insert(format!("{error:#}"));
            }
        }
        tokio::time::sleep(READ_EVERY).await;
    }
}

async fn observe_networks(networks: Api<MigrationNetwork>, observations: Arc<Mutex<Observations>>) {
    let mut events = pin!(watcher::watcher(networks, watcher::Config::default()));
    while let Some(event) = events.next().await {
        // An interrupted watch restarts by itself.
        let Ok(Event::Apply(network) | Event::InitApply(network) | Event::Delete(network)) = event else { continue };
        let status = network.status.clone().unwrap_or_default();
        if let Some(stalled) = conditions::find(&status.conditions, ConditionType::Stalled) {
            let text = format!("{}: {}: {}", network.name_any(), stalled.reason, stalled.message);
            lock(&observations).stalled.insert(text);
        }
    }
}

fn lock(observations: &Mutex<Observations>) -> MutexGuard<'_, Observations> {
    observations.lock().unwrap_or_else(PoisonError::into_inner)
}
