//! Firewall rules as rows, one for each source and destination, by address and by subnet, and their form in CSV (RFC 4180). A
//! firewall admits either the rows of addresses or those of subnets.

use std::fmt::Write as _;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    merged::{Action, Export},
    network::{HandOff, Label, NetworkName, Rule},
};
use crate::api::{RuleProtocol, RulePurpose};

/// The direction of all rules, as the on-premises side sees it.
pub(super) const DIRECTION: &str = "outbound";

/// The kind of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// One address.
    Address,
    /// The range of a subnet.
    Subnet,
}

impl Kind {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Subnet => "subnet",
        }
    }
}

/// A connection from one source to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) network: NetworkName,
    pub(super) revision: Label,
    pub(super) planned: bool,
    pub(super) rule: Label,
    pub(super) purpose: RulePurpose,
    pub(super) protocol: RuleProtocol,
    pub(super) port: u16,
    pub(super) source: Ipv4Net,
    pub(super) destination: Ipv4Net,
    pub(super) kind: Kind,
}

/// Returns the rows of all networks, sorted. If two networks have the same connection, each has its row: a connection must stay
/// open until the last of them is gone.
pub(super) fn rows<'a>(networks: impl IntoIterator<Item = &'a HandOff>) -> Vec<Row> {
    let mut rows: Vec<Row> = networks.into_iter().flat_map(of_network).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.kind, row.destination, row.source);
        (&one.network, &one.rule).cmp(&(&other.network, &other.rule)).then_with(|| key(one).cmp(&key(other)))
    });
    rows
}

fn of_network(network: &HandOff) -> Vec<Row> {
    let mut rows = Vec::new();
    for rule in &network.firewall_rules {
        for (kind, destinations) in destinations(rule, network.is_planned()) {
            for destination in destinations {
                rows.extend(rule.sources.iter().map(|source| Row {
                    network: network.network(),
                    revision: network.revision.clone(),
                    planned: network.is_planned(),
                    rule: rule.id.clone(),
                    purpose: rule.purpose,
                    protocol: rule.protocol,
                    port: rule.port,
                    source: *source,
                    destination,
                    kind,
                }));
            }
        }
    }
    rows
}

/// Returns the destinations by kind, each kind that has some. A planned hand-off has no destinations by address unless all are
/// known: a firewall that admits only the known ones would have to be changed again.
pub(super) fn destinations(rule: &Rule, planned: bool) -> impl Iterator<Item = (Kind, Vec<Ipv4Net>)> {
    let addresses: Vec<Ipv4Net> = rule.addresses.iter().map(|address| Ipv4Net::from(*address)).collect();
    let known = !planned || !lacks_addresses(rule);
    [(Kind::Address, if known { addresses } else { Vec::new() }), (Kind::Subnet, rule.subnets.clone())]
        .into_iter()
        .filter(|(_, destinations)| !destinations.is_empty())
}

/// Whether a subnet has no address, although the other addresses are in the subnets. An endpoint has one in each subnet; an
/// existing endpoint may be in subnets of its own.
fn lacks_addresses(rule: &Rule) -> bool {
    let is_elsewhere = rule.addresses.iter().any(|address| !rule.subnets.iter().any(|subnet| subnet.contains(address)));
    let is_incomplete =
        rule.subnets.iter().any(|subnet| !rule.addresses.iter().any(|address| subnet.contains(address)));
    is_incomplete && !is_elsewhere
}

/// Returns the rows of an export as CSV.
pub(super) fn csv(export: &Export) -> String {
    let rows = rows(&export.networks);
    table(rows.iter().map(|row| (export.action, row)))
}

/// Returns rows as CSV. No value contains a comma or a quote, because all are numbers, addresses or labels.
pub(super) fn table<'a>(rows: impl Iterator<Item = (Action, &'a Row)>) -> String {
    let mut lines = String::from(
        "action,network,revision,planned,rule,direction,protocol,source,destination,destination_kind,port,reason\n",
    );
    for (action, row) in rows {
        let Row { network, revision, planned, rule, purpose, protocol, port, source, destination, kind } = row;
        let (action, kind) = (action.word(), kind.word());
        let (protocol, reason) = (word(*protocol), reason(*purpose));
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "{action},{network},{revision},{planned},{rule},{DIRECTION},{protocol},{source},{destination},{kind},{port},{reason}"
        );
    }
    lines
}

/// Returns the word for a protocol.
pub(super) const fn word(protocol: RuleProtocol) -> &'static str {
    match protocol {
        RuleProtocol::Tcp => "tcp",
        RuleProtocol::Udp => "udp",
    }
}

/// Returns the reason, for the person who approves the rule.
pub(super) const fn reason(purpose: RulePurpose) -> &'static str {
    match purpose {
        RulePurpose::Mgn => "AWS Application Migration Service: API for the agents on source servers",
        RulePurpose::S3 => "AWS Application Migration Service: installer and software in S3",
        RulePurpose::Dns => "DNS queries to the Route 53 Resolver inbound endpoint",
        RulePurpose::Replication => "AWS Application Migration Service: data of source servers to replication servers",
        RulePurpose::Connector => "AWS services for the MGN connector that installs the agents on source servers",
    }
}
