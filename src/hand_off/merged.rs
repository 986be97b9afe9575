//! The hand-offs that one export renders. A firewall admits the rules of several networks, but a DNS server and a hosts file
//! can lead a name to one network only.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::network::{Forwarder, HandOff, Label, NetworkName, Record};

/// What an export renders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The hand-offs, one for each network, at least one.
    pub networks: Vec<HandOff>,
    /// The action that the export performs.
    pub action: Action,
}

/// The action of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Adds the entries.
    Add,
    /// Removes the entries that an earlier export has added.
    Remove,
}

impl Action {
    /// Returns the word for the action in files.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

/// The comment in files that contain a planned hand-off.
const PLANNED: &str =
    "planned: the network does not exist yet; apply this file only when the condition `Ready` of the network is 'True'";

impl Export {
    /// Returns an export of the hand-offs, sorted by network, each once.
    ///
    /// # Errors
    /// If there is none, or if one network has two different ones: an export could not name the valid one.
    pub fn of(hand_offs: Vec<HandOff>, action: Action) -> Result<Self> {
        let mut networks = BTreeMap::<NetworkName, HandOff>::new();
        for hand_off in hand_offs {
            let name = hand_off.network();
            let known = networks.entry(name.clone()).or_insert_with(|| hand_off.clone());
            ensure!(
                *known == hand_off,
                "network '{name}' is given twice with different hand-offs, revisions '{}' and '{}'; name one of them",
                known.revision,
                hand_off.revision
            );
        }
        ensure!(!networks.is_empty(), "there is no network to export");
        Ok(Self { networks: networks.into_values().collect(), action })
    }

    /// Returns one title for each network, for comments: its name and the revision of its facts.
    pub(super) fn titles(&self) -> impl Iterator<Item = String> {
        self.networks.iter().map(|network| {
            let planned = if network.is_planned() { ", planned" } else { "" };
            let narrow = if network.narrow { ", narrow" } else { "" };
            format!("mgnet {} revision {}{planned}{narrow}", network.network(), network.revision)
        })
    }

    /// Returns further comments that belong into each file, below the titles.
    pub(super) fn notes(&self) -> impl Iterator<Item = &'static str> {
        let planned = self.action == Action::Add && self.networks.iter().any(HandOff::is_planned);
        planned.then_some(PLANNED).into_iter()
    }

    /// Returns the forwarders of all networks by domain.
    ///
    /// # Errors
    /// If two networks have different targets for one domain.
    pub(super) fn forwarders(&self) -> Result<Vec<&Forwarder>> {
        self.unique(|one| &one.dns_forwarders, |one| &one.domain)
    }

    /// Returns the names of all networks.
    ///
    /// # Errors
    /// If two networks have different addresses for one name.
    pub(super) fn names(&self) -> Result<Vec<&Record>> {
        self.unique(|one| &one.names, |one| &one.name)
    }

    fn unique<'a, T: PartialEq>(
        &'a self,
        entries: impl Fn(&'a HandOff) -> &'a [T],
        key: impl Fn(&'a T) -> &'a Label,
    ) -> Result<Vec<&'a T>> {
        let mut all = BTreeMap::<&Label, (&HandOff, &T)>::new();
        for network in &self.networks {
            for entry in entries(network) {
                let (first, known) = *all.entry(key(entry)).or_insert((network, entry));
                if known != entry {
                    bail!(
                        "networks '{}' and '{}' have different addresses for '{}', and a client can use those of one network \
                         only; export each network by itself, for the clients that use it",
                        first.network(),
                        network.network(),
                        key(entry)
                    );
                }
            }
        }
        Ok(all.into_values().map(|(_, entry)| entry).collect())
    }
}
