//! The hand-off as exports use it: every value of `status.onPremises` is parsed, so that none can add a line, a record or a
//! rule to an export. A file may contain anything.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::Ipv4Net;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::{
    api::{
        ChecklistItem, ChecklistState, ChecklistWork, DnsForwarder, FirewallRule, MigrationNetwork, NameUse,
        OnPremisesBasis, OnPremisesEndpoint, OnPremisesName, OnPremisesPolicy, RuleProtocol, RulePurpose,
    },
    model::on_premises,
};

/// The hand-off of one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandOff {
    pub(super) namespace: ObjectName,
    pub(super) name: ObjectName,
    pub(super) revision: Label,
    pub(super) basis: OnPremisesBasis,
    /// Whether the hand-off was narrowed: see [`HandOff::narrow`].
    pub(super) narrow: bool,
    pub(super) firewall_rules: Vec<Rule>,
    pub(super) dns_forwarders: Vec<Forwarder>,
    pub(super) names: Vec<Record>,
    pub(super) endpoints: Vec<NamedEndpoint>,
    /// The work that the facts require. Its state is no fact, so the JSON omits it.
    #[serde(skip)]
    pub(super) checklist: Vec<Task>,
}

/// The work of one team, and whether it was acknowledged for the present facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) item: ChecklistWork,
    pub(super) state: ChecklistState,
}

/// The name of a network with its namespace: `team-billing/tokyo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NetworkName {
    pub(super) namespace: ObjectName,
    pub(super) name: ObjectName,
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, name } = self;
        write!(f, "{namespace}/{name}")
    }
}

impl FromStr for NetworkName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (namespace, name) = text.split_once('/').context("must have the form NAMESPACE/NAME")?;
        Ok(Self { namespace: namespace.parse()?, name: name.parse()? })
    }
}

/// A connection from on-premises to AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Rule {
    pub(super) id: Label,
    pub(super) purpose: RulePurpose,
    pub(super) protocol: RuleProtocol,
    pub(super) port: u16,
    pub(super) sources: Vec<Ipv4Net>,
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) subnets: Vec<Ipv4Net>,
}

/// A domain that DNS servers forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Forwarder {
    pub(super) domain: Label,
    pub(super) targets: Vec<Ipv4Addr>,
}

/// A name and the addresses to which it must resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    pub(super) name: Label,
    pub(super) addresses: Vec<Ipv4Addr>,
    #[serde(rename = "for")]
    pub(super) for_: NameUse,
}

/// An interface endpoint, with the name that AWS gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NamedEndpoint {
    pub(super) service: Label,
    pub(super) name: Label,
    pub(super) policy: OnPremisesPolicy,
}

/// A text of lower-case letters, digits, `-` and `.` with up to 253 characters: a DNS name or an ID. A part between dots has up
/// to 63 characters (RFC 1123).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Label(String);

impl FromStr for Label {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(
            is_subdomain(text) && text.split('.').all(|part| part.len() <= 63),
            "must consist of lower-case letters, digits, '-' and '.'"
        );
        Ok(Self(text.to_owned()))
    }
}

/// The name of a Kubernetes object, in which a part between dots may be longer than in DNS (Kubernetes documentation, "Object
/// Names and IDs").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct ObjectName(String);

impl FromStr for ObjectName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        ensure!(is_subdomain(text), "must be the name of a Kubernetes object");
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text has up to 253 characters, and the characters of a DNS name.
fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

impl Label {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HandOff {
    /// Parses the hand-off of a network.
    ///
    /// # Errors
    /// If it is missing, contains an invalid value, or is not complete.
    pub fn of(network: &MigrationNetwork) -> Result<Self> {
        let (namespace, name) = (network.namespace().unwrap_or_default(), network.name_any());
        let Some(status) = network.status.as_ref().and_then(|status| status.on_premises.as_ref()) else {
            bail!("{}", missing(network));
        };
        let field = |name: &str| format!("status.onPremises.{name}");
        let hand_off = Self {
            namespace: parsed("metadata.namespace", &namespace)?,
            name: parsed("metadata.name", &name)?,
            revision: parsed(&field("revision"), &status.revision)?,
            basis: status.basis,
            narrow: false,
            firewall_rules: all(&status.firewall_rules, &field("firewallRules"), Rule::of)?,
            dns_forwarders: all(&status.dns_forwarders, &field("dnsForwarders"), Forwarder::of)?,
            names: all(&status.names, &field("names"), Record::of)?,
            endpoints: all(&status.endpoints, &field("endpoints"), NamedEndpoint::of)?,
            checklist: on_premises::checklist_of(status).into_iter().map(Task::from).collect(),
        };
        let revision = on_premises::revision_of(status);
        ensure!(
            revision == status.revision,
            "`{}` is '{}', but the facts have revision '{revision}': they were edited, or a later version of the operator wrote \
             them; export with the version of `mgnet` that runs in the cluster, from the object as the cluster has it",
            field("revision"),
            status.revision
        );
        Ok(hand_off)
    }

    /// Returns the name of the network with its namespace.
    pub(super) fn network(&self) -> NetworkName {
        NetworkName { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// Whether some addresses do not exist yet.
    pub(super) fn is_planned(&self) -> bool {
        match self.basis {
            OnPremisesBasis::Planned => true,
            OnPremisesBasis::Observed => false,
        }
    }

    /// Returns the rules whose sources are proxies. Their IDs, which are stable, end with `-proxies`.
    pub(super) fn proxy_rules(&self) -> impl Iterator<Item = &Rule> {
        self.firewall_rules.iter().filter(|rule| rule.id.0.ends_with("-proxies"))
    }
}

impl From<ChecklistItem> for Task {
    fn from(item: ChecklistItem) -> Self {
        let ChecklistItem { item, state, revision: _ } = item;
        Self { item, state }
    }
}

/// Returns the message for a network that has no hand-off. The name may contain control characters.
pub(super) fn missing(network: &MigrationNetwork) -> String {
    format!(
        "network '{}' has no `status.onPremises`, which the operator writes when all addresses exist: see the condition \
         `Ready`. To request firewall rules in advance, set `managementPolicy: Plan`, with which the operator writes the \
         planned hand-off before it creates anything, and export with '--planned'",
        title(network)
    )
}

/// Returns the name of a network with its namespace, for messages about an object whose values are not parsed.
pub(super) fn title(network: &MigrationNetwork) -> String {
    let (namespace, name) = (network.namespace().unwrap_or_default(), network.name_any());
    format!("{}/{}", namespace.escape_debug(), name.escape_debug())
}

impl Rule {
    fn of(rule: &FirewallRule, field: &str) -> Result<Self> {
        let FirewallRule { id, purpose, protocol, port, sources, addresses, subnets } = rule;
        Ok(Self {
            id: parsed(&format!("{field}.id"), id)?,
            purpose: *purpose,
            protocol: *protocol,
            port: u16::try_from(*port).with_context(|| format!("`{field}.port` must be a port, but is '{port}'"))?,
            sources: list(&format!("{field}.sources"), sources)?,
            addresses: list(&format!("{field}.addresses"), addresses)?,
            subnets: list(&format!("{field}.subnets"), subnets)?,
        })
    }
}

impl Forwarder {
    fn of(forwarder: &DnsForwarder, field: &str) -> Result<Self> {
        let DnsForwarder { domain, targets } = forwarder;
        let domain = parsed(&format!("{field}.domain"), domain)?;
        Ok(Self { domain, targets: list(&format!("{field}.targets"), targets)? })
    }
}

impl Record {
    fn of(one: &OnPremisesName, field: &str) -> Result<Self> {
        let OnPremisesName { name, addresses, for_ } = one;
        let name = parsed(&format!("{field}.name"), name)?;
        Ok(Self { name, addresses: list(&format!("{field}.addresses"), addresses)?, for_: *for_ })
    }
}

impl NamedEndpoint {
    fn of(endpoint: &OnPremisesEndpoint, field: &str) -> Result<Self> {
        let OnPremisesEndpoint { service, name, policy } = endpoint;
        let service = parsed(&format!("{field}.service"), service)?;
        Ok(Self { service, name: parsed(&format!("{field}.name"), name)?, policy: *policy })
    }
}

fn all<T, U>(entries: &[T], field: &str, parse: impl Fn(&T, &str) -> Result<U>) -> Result<Vec<U>> {
    entries.iter().enumerate().map(|(number, entry)| parse(entry, &format!("{field}[{number}]"))).collect()
}

fn list<T: FromStr<Err: fmt::Display>>(field: &str, values: &[String]) -> Result<Vec<T>> {
    values.iter().map(|value| parsed(field, value)).collect()
}

/// Parses a value. The error shows it with escapes, because it may contain control characters.
pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(field: &str, value: &str) -> Result<T> {
    value.parse().map_err(|error| anyhow::anyhow!("`{field}` has the invalid value {value:?}: {error}"))
}
