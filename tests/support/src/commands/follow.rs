//! Watches an object, and prints the changes of its conditions.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Api;
use kube::runtime::watcher::{self, Event};
use mgnet::api::{ConditionType, MigrationNetwork};

use super::story::Story;

/// How long the demo waits for the end of one chapter.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The longest message of a condition that is shown.
const WIDTH: usize = 66;

/// Follows one network, and remembers the printed conditions.
pub(crate) struct Follower {
    networks: Api<MigrationNetwork>,
    name: &'static str,
    printed: BTreeMap<String, [String; 3]>,
}

impl Follower {
    pub(crate) fn new(networks: Api<MigrationNetwork>, name: &'static str) -> Self {
        Self { networks, name, printed: BTreeMap::new() }
    }

    /// Prints changes until the network passes the test, and returns the network; `None` if it is gone.
    pub(crate) async fn until(
        &mut self,
        story: &Story,
        began: Instant,
        test: impl Fn(Option<&MigrationNetwork>) -> bool,
    ) -> Result<Option<MigrationNetwork>> {
        match tokio::time::timeout(TIMEOUT, self.follow(story, began, test)).await {
            Ok(ended) => ended,
            Err(_) => bail!("the expected change did not happen within {} s", TIMEOUT.as_secs()),
        }
    }

    async fn follow(
        &mut self,
        story: &Story,
        began: Instant,
        test: impl Fn(Option<&MigrationNetwork>) -> bool,
    ) -> Result<Option<MigrationNetwork>> {
        let one = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut events = pin!(watcher::watcher(self.networks.clone(), one));
        while let Some(event) = events.next().await {
            let network = match event? {
                Event::Apply(network) | Event::InitApply(network) => Some(network),
                Event::Delete(_) => None,
                Event::Init | Event::InitDone => continue,
            };
            match &network {
                Some(network) => self.print_changes(story, network, began),
                None => story.event(began, "the object is gone"),
            }
            if test(network.as_ref()) {
                return Ok(network);
            }
        }
        bail!("the watch ended")
    }

    /// Prints the conditions that were added, removed, or changed their status or reason. For `Ready`, a changed
    /// message counts, too.
    fn print_changes(&mut self, story: &Story, network: &MigrationNetwork, began: Instant) {
        let Some(status) = &network.status else { return };
        let mut now = BTreeMap::new();
        for Condition { type_, status, reason, message, .. } in &status.conditions {
            let compared = if type_ == ConditionType::Ready.as_str() { message.as_str() } else { "" };
            let state = [status.as_str(), reason, compared].map(str::to_owned);
            if self.printed.get(type_) != Some(&state) {
                let text = format!("{type_:<20} {status:<8} {reason:<17} {}", shortened(message));
                story.event(began, text.trim_end());
            }
            now.insert(type_.clone(), state);
        }
        for type_ in self.printed.keys().filter(|type_| !now.contains_key(*type_)) {
            story.event(began, &format!("{type_:<20} removed"));
        }
        self.printed = now;
    }
}

fn shortened(message: &str) -> String {
    if message.chars().count() <= WIDTH {
        return message.to_owned();
    }
    message.chars().take(WIDTH - 1).chain(['…']).collect()
}
