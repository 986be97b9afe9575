//! The change request between two exports: the rows that a firewall must add and remove. A row's identity is its connection, so
//! that neither a reworded reason nor a new revision nor another rule ID is a change.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use ipnet::Ipv4Net;
use serde::Serialize;

use super::{
    firewall::{self, DIRECTION, Kind, Row},
    firewall_json::{self, Connection, ticket},
    merged::{Action, Export},
    network::NetworkName,
    saved,
    selection::{Scope, Selection},
};

/// The form of a change request.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffFormat {
    /// CSV, one row for each source and destination
    Csv,
    /// One JSON array, one object for each source and destination
    Json,
}

/// The firewall rows of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallRows(Vec<Row>);

/// A change request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallDiff(Vec<(Action, Row)>);

impl FirewallRows {
    /// Parses saved objects, or an export with `--output firewall-json`.
    ///
    /// # Errors
    /// If the text is neither, contains an invalid value, or has no network with a hand-off.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim_start().starts_with('[') {
            return Ok(Self(firewall_json::parse(text)?));
        }
        let networks = saved::networks(text)?;
        // A comparison with the planned rules is the purpose of a request in advance.
        let Selection { hand_offs, left_out } = Selection::of(&networks, Scope { planned: true, narrow: false })?;
        ensure!(left_out.is_empty(), "{}", left_out.join("\n"));
        Ok(Self(firewall::rows(&Export::of(hand_offs, Action::Add)?.networks)))
    }

    fn networks(&self) -> BTreeSet<&NetworkName> {
        self.0.iter().map(|row| &row.network).collect()
    }

    fn connections(&self) -> BTreeSet<Connected> {
        self.0.iter().map(connected).collect()
    }
}

/// The identity of a row.
type Connected = (&'static str, u16, Kind, Ipv4Net, Ipv4Net);

fn connected(row: &Row) -> Connected {
    (firewall::word(row.protocol), row.port, row.kind, row.source, row.destination)
}

impl FirewallDiff {
    /// Compares two states of the same networks. A row that both states have stays, also if it moved to another network.
    ///
    /// # Errors
    /// If the networks differ, unless `different_networks` allows it: a file that was left out would close its connections.
    pub fn of(old: &FirewallRows, new: &FirewallRows, different_networks: bool) -> Result<Self> {
        let only = |one: &FirewallRows, other: &FirewallRows| -> Vec<String> {
            one.networks().difference(&other.networks()).map(|name| format!("'{name}'")).collect()
        };
        for (one, other, place) in [(old, new, "OLD"), (new, old, "NEW")] {
            let names = only(one, other);
            ensure!(
                names.is_empty() || different_networks,
                "only {place} contains {}; compare the same networks, or use '--different-networks' if networks were added or \
                 removed",
                names.join(", ")
            );
        }
        let changes = |action, one: &FirewallRows, other: &FirewallRows| -> Vec<(Action, Row)> {
            let connections = other.connections();
            let rows = one.0.iter().filter(|row| !connections.contains(&connected(row)));
            rows.map(|row| (action, row.clone())).collect()
        };
        Ok(Self([changes(Action::Add, new, old), changes(Action::Remove, old, new)].concat()))
    }

    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Renders the change request. Without changes it consists of the header, or of an empty array.
    ///
    /// # Errors
    /// If the rows cannot be written as JSON.
    pub fn render(&self, format: DiffFormat) -> Result<String> {
        match format {
            DiffFormat::Csv => Ok(firewall::table(self.0.iter().map(|(action, row)| (*action, row)))),
            DiffFormat::Json => {
                let changes: Vec<Change> = self.0.iter().map(|(action, row)| Change::of(*action, row)).collect();
                let json = serde_json::to_string_pretty(&changes).context("cannot render the changes as JSON")?;
                Ok(json + "\n")
            }
        }
    }
}

/// A change of one row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    action: Action,
    network: String,
    revision: String,
    planned: bool,
    rule: String,
    direction: &'static str,
    protocol: &'static str,
    port: u16,
    source: Ipv4Net,
    destination_kind: Kind,
    destination: Ipv4Net,
    reason: &'static str,
    text: String,
}

impl Change {
    fn of(action: Action, row: &Row) -> Self {
        let Row { network, revision, planned, rule, purpose, protocol, port, source, destination, kind } = row;
        let (protocol, reason): (_, &'static str) = (firewall::word(*protocol), firewall::reason(*purpose));
        let text = ticket(
            action,
            &Connection {
                direction: DIRECTION,
                protocol,
                port: *port,
                sources: &source.to_string(),
                destinations: &destination.to_string(),
                reason,
                reference: &format!("{network}/{rule}/{}, revision {revision}", kind.word()),
                planned: *planned,
            },
        );
        Self {
            action,
            network: network.to_string(),
            revision: revision.to_string(),
            planned: *planned,
            rule: rule.to_string(),
            direction: DIRECTION,
            protocol,
            port: *port,
            source: *source,
            destination_kind: *kind,
            destination: *destination,
            reason,
            text,
        }
    }
}
