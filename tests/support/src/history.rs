//! What happened to a site over time: that no slot ever held two resources, and that no network was ever said to be
//! stalled. Both are looked at all the while, not only at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::state::{State, Tags};
use crate::{Call, Site, World};
use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use mgnet::api::{ConditionType, MigrationNetwork, conditions};
use mgnet::model::ownership::{EPOCH_TAG, OWNER_TAG, SLOT_TAG};
use serde_json::Value;
use tokio::task::JoinSet;

/// Shorter than interface and Resolver endpoints take to be deleted, so that no second one comes and goes unseen. What goes faster
/// shows in the calls.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A slot of a network: the uid of the network, and the slot.
type Place = (String, String);

/// Looks on until it is dropped.
pub struct History {
    world: World,
    account: String,
    region: String,
    seen: Arc<Mutex<Seen>>,
    _watches: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    /// The ids of all resources that were ever seen in a slot.
    ever: BTreeMap<Place, BTreeSet<String>>,
    /// Moments at which a slot held more than one.
    crowded: BTreeSet<String>,
    /// Stalled conditions.
    stalled: BTreeSet<String>,
    /// Why something may have been missed.
    missed: BTreeSet<String>,
}

impl History {
    /// Begins to look.
    pub fn of(site: &Site) -> Self {
        let (world, seen) = (site.lab.world().clone(), Arc::<Mutex<Seen>>::default());
        let (account, region) = (site.account.clone(), site.region.clone());
        let mut watches = JoinSet::new();
        watches.spawn(look_at_aws(world.clone(), account.clone(), region.clone(), seen.clone()));
        watches.spawn(look_at_networks(Api::namespaced(site.kube.clone(), &site.namespace), seen.clone()));
        Self { world, account, region, seen, _watches: watches }
    }

    /// Fails if a slot ever held two resources at once.
    pub async fn check_no_slot_held_two(&self) -> Result<()> {
        let state = self.world.state(&self.account, &self.region).await?;
        lock(&self.seen).take_in(&state);
        let creations = creations(&self.world.calls(&self.account, 0).await?)?;
        for ((place, epoch), made) in &creations {
            ensure!(made.len() == 1, "{place:?}: more than one resource was made in epoch {epoch}: {made:?}");
        }
        let seen = lock(&self.seen);
        ensure!(seen.missed.is_empty(), "not everything was seen: {:?}", seen.missed);
        ensure!(seen.crowded.is_empty(), "slots held several resources: {:#?}", seen.crowded);
        Ok(())
    }

    /// Fails if a slot ever held a second resource, even after the first.
    pub async fn check_each_slot_was_filled_once(&self) -> Result<()> {
        self.check_no_slot_held_two().await?;
        let creations = creations(&self.world.calls(&self.account, 0).await?)?;
        let mut places = BTreeSet::new();
        for ((place, epoch), made) in &creations {
            ensure!(places.insert(place), "{place:?}: made again in epoch {epoch}: {made:?}");
        }
        for (place, ids) in &lock(&self.seen).ever {
            ensure!(ids.len() == 1, "{place:?} was filled more than once: {ids:?}");
        }
        Ok(())
    }

    /// Fails if a call after that one was to change, use or tag what was never a network's own, however it ended.
    pub async fn check_only_own_was_written(&self, mark: u64) -> Result<()> {
        const OF_RESOURCES: [&str; 3] = ["sg-", "vpce-", "rslvr-"];
        let calls = self.world.calls(&self.account, mark).await?;
        let seen = lock(&self.seen);
        let own: BTreeSet<&str> = seen.ever.values().flatten().map(String::as_str).collect();
        for call in calls.iter().filter(|call| call.is_write()) {
            let mut named = Vec::new();
            texts(&call.parameters, &mut named);
            let ids = named.iter().map(|text| text.rsplit('/').next().unwrap_or(text));
            let mut foreign =
                ids.filter(|id| OF_RESOURCES.iter().any(|start| id.starts_with(start)) && !own.contains(id));
            if let Some(foreign) = foreign.next() {
                anyhow::bail!("{call}: {foreign} was never a network's: {own:?}");
            }
        }
        Ok(())
    }

    /// Fails if a network of the site's namespace was ever said to be stalled.
    pub fn check_never_stalled(&self) -> Result<()> {
        let seen = lock(&self.seen);
        ensure!(seen.missed.is_empty(), "not everything was seen: {:?}", seen.missed);
        ensure!(seen.stalled.is_empty(), "Stalled was there: {:#?}", seen.stalled);
        Ok(())
    }
}

/// What was made for each slot and epoch: by tokens, where AWS makes one resource for each, else by calls.
fn creations(calls: &[Call]) -> Result<BTreeMap<(Place, String), BTreeSet<String>>> {
    let mut creations = BTreeMap::<_, BTreeSet<String>>::new();
    for call in calls.iter().filter(|call| call.outcome == "ok") {
        let token = match call.action.as_str() {
            "CreateSecurityGroup" => Some(call.number.to_string()),
            "CreateVpcEndpoint" => text(&call.parameters, "ClientToken"),
            "CreateResolverEndpoint" => text(&call.parameters, "CreatorRequestId"),
            _ => continue,
        };
        let tags = tags(&call.parameters);
        // What people make in a test has none of these tags, or not all.
        let Some((place, epoch)) = place(&tags).zip(tags.get(EPOCH_TAG)) else { continue };
        let token = token.with_context(|| format!("{call} was sent without a token"))?;
        creations.entry((place, epoch.clone())).or_default().insert(token);
    }
    let mut used = BTreeMap::new();
    for (slot_and_epoch, token) in creations.iter().flat_map(|(at, tokens)| tokens.iter().map(move |token| (at, token)))
    {
        if let Some(other) = used.insert(token, slot_and_epoch) {
            anyhow::bail!("one token for {other:?} and for {slot_and_epoch:?}");
        }
    }
    Ok(creations)
}

/// The slot that a create call is for.
pub fn slot_of(call: &Call) -> Result<String> {
    tags(&call.parameters).remove(SLOT_TAG).with_context(|| format!("{call} has no slot"))
}

fn text(parameters: &Value, name: &str) -> Option<String> {
    parameters.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// All objects with a `Key` and a `Value`, which is how both protocols write tags.
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

/// All texts in parameters.
fn texts<'p>(parameters: &'p Value, found: &mut Vec<&'p str>) {
    match parameters {
        Value::String(text) => found.push(text),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

fn place(tags: &Tags) -> Option<Place> {
    tags.get(OWNER_TAG).cloned().zip(tags.get(SLOT_TAG).cloned())
}

impl Seen {
    fn take_in(&mut self, state: &State) {
        let groups = state.security_groups.iter().map(|group| (&group.tags, &group.id));
        let endpoints = state.vpc_endpoints.iter().map(|endpoint| (&endpoint.tags, &endpoint.id));
        let resolvers = state.resolver_endpoints.iter().map(|resolver| (&resolver.tags, &resolver.id));
        let mut now = BTreeMap::<Place, BTreeSet<&String>>::new();
        for (tags, id) in groups.chain(endpoints).chain(resolvers) {
            let Some(place) = place(tags) else { continue };
            self.ever.entry(place.clone()).or_default().insert(id.clone());
            now.entry(place).or_default().insert(id);
        }
        self.crowded
            .extend(now.iter().filter(|(_, ids)| ids.len() > 1).map(|(place, ids)| format!("{place:?}: {ids:?}")));
    }
}

async fn look_at_aws(world: World, account: String, region: String, seen: Arc<Mutex<Seen>>) {
    loop {
        match world.state(&account, &region).await {
            Ok(state) => lock(&seen).take_in(&state),
            Err(error) => {
                lock(&seen).missed.insert(format!("{error:#}"));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look_at_networks(networks: Api<MigrationNetwork>, seen: Arc<Mutex<Seen>>) {
    let mut events = pin!(watcher::watcher(networks, watcher::Config::default()));
    while let Some(event) = events.next().await {
        // An interrupted watch starts again by itself.
        let Ok(Event::Apply(network) | Event::InitApply(network) | Event::Delete(network)) = event else { continue };
        let status = network.status.clone().unwrap_or_default();
        if let Some(stalled) = conditions::find(&status.conditions, ConditionType::Stalled) {
            lock(&seen).stalled.insert(format!("{}: {}: {}", network.name_any(), stalled.reason, stalled.message));
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
