//! The hand-offs that one export renders. A firewall admits the rules of several networks, but a DNS server and a hosts file
//! can lead a name to one network only.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::network::{Forwarder, HandOff, Label, Record};
use crate::api::OnPremisesBasis;

/// What an export renders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The hand-offs, one for each network, at least one.
    pub networks: Vec<HandOff>,
    /// The action that the export performs.
    pub action: Action,
}

/// The action of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Adds the entries.
    Add,
    /// Removes the entries that an earlier export has added.
    Remove,
}

impl Export {
    /// Returns one title for each network, for comments: its name and the revision of its facts.
    pub(super) fn titles(&self) -> impl Iterator<Item = String> {
        self.networks.iter().map(|HandOff { namespace, name, revision, basis, .. }| {
            let planned = if *basis == OnPremisesBasis::Planned { ", planned" } else { "" };
            format!("mgnet {namespace}/{name} revision {revision}{planned}")
        })
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
                        "networks '{}/{}' and '{}/{}' have different addresses for '{}', and a client can use those of one \
                         network only; export each network by itself, for the clients that use it",
                        first.namespace,
                        first.name,
                        network.namespace,
                        network.name,
                        key(entry)
                    );
                }
            }
        }
        Ok(all.into_values().map(|(_, entry)| entry).collect())
    }
}
