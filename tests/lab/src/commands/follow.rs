//! Following an object as it changes, and telling of its conditions only what is new.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::StreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use mgnet::api::MigrationNetwork;

use super::story::Story;

/// How long the demo waits for one chapter to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest message of a condition that is shown.
const WIDTH: usize = 84;

/// Tells every change of a network's conditions from `began` on, until `test` holds, and gives the network then; `None`
/// is a network that is gone.
pub(crate) async fn conditions(
    story: &Story,
    api: &Api<MigrationNetwork>,
    name: &str,
    began: Instant,
    test: impl Fn(Option<&MigrationNetwork>) -> bool,
) -> Result<Option<MigrationNetwork>> {
    let one = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = pin!(watcher::watcher(api.clone(), one));
    let mut shown = BTreeMap::new();
    let mut last = None;
    let following = async {
        while let Some(event) = events.next().await {
            let network = match event? {
                Event::Apply(network) | Event::InitApply(network) => Some(network),
                Event::Delete(_) => None,
                Event::Init | Event::InitDone => continue,
            };
            match &network {
                Some(network) => tell(story, network, began, &mut shown),
                None => story.event(began, "the object is gone"),
            }
            last.clone_from(&network);
            if test(network.as_ref()) {
                return Ok(());
            }
        }
        bail!("the watch ended")
    };
    match tokio::time::timeout(PATIENCE, following).await {
        Ok(ended) => ended?,
        Err(_) => bail!("nothing more happened within {} s", PATIENCE.as_secs()),
    }
    Ok(last)
}

fn tell(
    story: &Story,
    network: &MigrationNetwork,
    began: Instant,
    shown: &mut BTreeMap<String, (String, String, String)>,
) {
    let Some(status) = &network.status else { return };
    let mut now = BTreeMap::new();
    for condition in &status.conditions {
        let state = (condition.status.clone(), condition.reason.clone(), condition.message.clone());
        if shown.get(&condition.type_) != Some(&state) {
            let (status, reason, message) = &state;
            story.event(
                began,
                &format!("{:<20} {status:<8} {reason:<20} {}", condition.type_, shortened(message)),
            );
        }
        now.insert(condition.type_.clone(), state);
    }
    for type_ in shown.keys().filter(|type_| !now.contains_key(*type_)) {
        story.event(began, &format!("{type_:<20} removed"));
    }
    *shown = now;
    if network.metadata.deletion_timestamp.is_some() && network.finalizers().is_empty() {
        story.event(began, "the finalizer is gone");
    }
}

fn shortened(message: &str) -> String {
    if message.chars().count() <= WIDTH {
        return message.to_owned();
    }
    message.chars().take(WIDTH - 1).chain(['…']).collect()
}
