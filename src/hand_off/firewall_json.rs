//! Firewall rules as JSON, for ticket systems and firewall managers: one object for each rule and kind of destination, with a
//! text that a person can paste into a ticket.

use anyhow::{Context as _, Result, ensure};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    firewall::{self, DIRECTION, Kind, Row},
    merged::{Action, Export},
    network::{HandOff, Label, NetworkName, parsed},
};
use crate::api::{RuleProtocol, RulePurpose};

/// A rule with destinations of one kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    /// Stays the same while the network has the rule: `team-billing/tokyo/mgn-https/address`.
    id: String,
    action: Action,
    network: String,
    revision: String,
    planned: bool,
    rule: String,
    purpose: RulePurpose,
    direction: String,
    protocol: String,
    port: u16,
    sources: Vec<String>,
    destination_kind: Kind,
    destinations: Vec<String>,
    #[serde(skip_deserializing)]
    reason: &'static str,
    #[serde(skip_deserializing)]
    text: String,
}

/// Returns an array with all rules, and an end of line. A firewall needs the rules with `destinationKind` `address` or those
/// with `subnet`, and not both.
pub(super) fn render(export: &Export) -> Result<String> {
    let mut entries: Vec<Entry> =
        export.networks.iter().flat_map(|network| of_network(network, export.action)).collect();
    entries.sort_by(|one, other| one.id.cmp(&other.id));
    let json = serde_json::to_string_pretty(&entries).context("cannot render the rules as JSON")?;
    Ok(json + "\n")
}

fn of_network(network: &HandOff, action: Action) -> Vec<Entry> {
    let planned = network.is_planned();
    let mut entries = Vec::new();
    for rule in &network.firewall_rules {
        for (kind, destinations) in firewall::destinations(rule, planned) {
            let mut entry = Entry {
                id: format!("{}/{}/{}", network.network(), rule.id, kind.word()),
                action,
                network: network.network().to_string(),
                revision: network.revision.to_string(),
                planned,
                rule: rule.id.to_string(),
                purpose: rule.purpose,
                direction: DIRECTION.to_owned(),
                protocol: firewall::word(rule.protocol).to_owned(),
                port: rule.port,
                sources: rule.sources.iter().map(ToString::to_string).collect(),
                destination_kind: kind,
                destinations: destinations.iter().map(ToString::to_string).collect(),
                reason: firewall::reason(rule.purpose),
                text: String::new(),
            };
            entry.text = text(&entry);
            entries.push(entry);
        }
    }
    entries
}

/// Returns the text for a ticket.
fn text(entry: &Entry) -> String {
    let Entry { id, action, revision, planned, direction, protocol, port, sources, destinations, reason, .. } = entry;
    ticket(
        *action,
        &Connection {
            direction,
            protocol,
            port: *port,
            sources: &sources.join(", "),
            destinations: &destinations.join(", "),
            reason,
            reference: &format!("{id}, revision {revision}"),
            planned: *planned,
        },
    )
}

/// What a ticket says about a connection.
pub(super) struct Connection<'a> {
    pub(super) direction: &'a str,
    pub(super) protocol: &'a str,
    pub(super) port: u16,
    pub(super) sources: &'a str,
    pub(super) destinations: &'a str,
    pub(super) reason: &'a str,
    pub(super) reference: &'a str,
    pub(super) planned: bool,
}

/// Returns the text of a ticket for a connection.
pub(super) fn ticket(action: Action, connection: &Connection) -> String {
    let Connection { direction, protocol, port, sources, destinations, reason, reference, planned } = connection;
    let protocol = protocol.to_uppercase();
    let (verb, why) = match action {
        Action::Add => ("Permit", "Reason"),
        Action::Remove => ("Remove the permission of", "It was for"),
    };
    let planned = if *planned { " The destinations are planned and do not exist yet." } else { "" };
    format!(
        "{verb} {direction} {protocol} port {port} from {sources} to {destinations}. {why}: {reason}.{planned} Reference: mgnet \
         {reference}."
    )
}

/// Parses a saved export into rows.
///
/// # Errors
/// If it is not one, contains an invalid value, or removes rules.
pub(super) fn parse(text: &str) -> Result<Vec<Row>> {
    let entries: Vec<Entry> = serde_json::from_str(text).context("it is no export with '--output firewall-json'")?;
    let rows: Result<Vec<Vec<Row>>> = entries
        .iter()
        .enumerate()
        .map(|(number, entry)| rows(entry).with_context(|| format!("rule {} is invalid", number + 1)))
        .collect();
    Ok(rows?.concat())
}

fn rows(entry: &Entry) -> Result<Vec<Row>> {
    let Entry { action, network, revision, planned, rule, purpose, direction, protocol, port, .. } = entry;
    ensure!(
        *action == Action::Add,
        "its `action` is 'remove', but a comparison needs the rules of a network; export it without '--remove'"
    );
    ensure!(direction == DIRECTION, "`direction` must be '{DIRECTION}', but is {direction:?}");
    let protocol = [RuleProtocol::Tcp, RuleProtocol::Udp].into_iter().find(|one| firewall::word(*one) == protocol);
    let protocol = protocol.context("`protocol` must be 'tcp' or 'udp'")?;
    let network: NetworkName = parsed("network", network)?;
    let (revision, rule): (Label, Label) = (parsed("revision", revision)?, parsed("rule", rule)?);
    let ranges = |field, values: &[String]| -> Result<Vec<Ipv4Net>> {
        values.iter().map(|value| parsed(field, value)).collect()
    };
    let (sources, destinations) = (ranges("sources", &entry.sources)?, ranges("destinations", &entry.destinations)?);
    let row = &|source: Ipv4Net, destination: Ipv4Net| Row {
        network: network.clone(),
        revision: revision.clone(),
        planned: *planned,
        rule: rule.clone(),
        purpose: *purpose,
        protocol,
        port: *port,
        source,
        destination,
        kind: entry.destination_kind,
    };
    Ok(destinations.iter().flat_map(|to| sources.iter().map(move |from| row(*from, *to))).collect())
}
