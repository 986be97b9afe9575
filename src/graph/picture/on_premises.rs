//! The on-premises side: who connects, through which ports, and the work that is left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Object, Row};
use crate::{
    api::{ChecklistWork, FirewallRule, OnPremisesBasis, RuleProtocol, RulePurpose},
    graph::state::{Health, State},
    model::slot::Service,
};

/// One on-premises side of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Site {
    pub(in crate::graph) role: SiteRole,
    /// The ranges. None if the class sets them and the operator has not reported them yet.
    pub(in crate::graph) ranges: Option<Vec<String>>,
}

/// The clients at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::graph) enum SiteRole {
    /// DNS servers that forward queries, and clients that query the Resolver endpoint directly.
    DnsClients,
    /// The servers to migrate.
    SourceServers,
    /// Proxies of the source servers.
    Proxies,
}

impl SiteRole {
    /// Returns the name of the clients.
    pub(in crate::graph) const fn name(self) -> &'static str {
        match self {
            Self::DnsClients => "DNS clients",
            Self::SourceServers => "Source servers",
            Self::Proxies => "Proxies",
        }
    }
}

/// A connection from on-premises to AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::graph) struct Connection {
    pub(in crate::graph) from: SiteRole,
    pub(in crate::graph) to: Target,
    /// Protocols and ports, such as `TCP, UDP 53`.
    pub(in crate::graph) ports: String,
    /// Whether the addresses of the destination do not exist yet.
    pub(in crate::graph) is_planned: bool,
}

/// The destination of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::graph) enum Target {
    /// The network as a whole, because its firewall rules are not known.
    Network,
    /// A row, by its number.
    Row(usize),
    /// The staging subnets.
    Staging,
}

/// The work of the on-premises teams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Work {
    pub(in crate::graph) revision: String,
    pub(in crate::graph) items: Vec<(&'static str, Health)>,
}

/// Returns the sites. A network without Resolver endpoint has no DNS clients.
pub(super) fn sites(object: &Object<'_>, rows: &[Row]) -> Vec<Site> {
    let settings = object.settings();
    let sources = settings.map(|one| one.source_cidrs.clone()).or_else(|| object.spec.source_cidrs.clone());
    let proxies = settings.map(|one| one.proxy_cidrs.clone()).or_else(|| object.spec.proxy_cidrs.clone());
    let clients = settings.map(|one| one.client_cidrs.clone());
    let clients = clients.or_else(|| object.spec.resolver.as_ref()?.client_cidrs.clone());
    let has_resolver = rows.iter().any(|row| row.service.is_none() && row.health.state != State::Absent);
    let mut sites = Vec::new();
    if has_resolver {
        sites.push(Site { role: SiteRole::DnsClients, ranges: clients.or_else(|| sources.clone()) });
    }
    sites.push(Site { role: SiteRole::SourceServers, ranges: sources });
    if let Some(ranges) = proxies.filter(|ranges| !ranges.is_empty()) {
        sites.push(Site { role: SiteRole::Proxies, ranges: Some(ranges) });
    }
    sites
}

/// Returns the connections, as the firewall rules list them.
pub(super) fn connections(object: &Object<'_>, sites: &[Site], rows: &[Row]) -> Vec<Connection> {
    let Some(hand_off) = &object.status.on_premises else {
        let (from, to) = (SiteRole::SourceServers, Target::Network);
        return vec![Connection { from, to, ports: "not known yet".to_owned(), is_planned: true }];
    };
    let mut ports = BTreeMap::<(SiteRole, Target), BTreeMap<i32, BTreeSet<&str>>>::new();
    for rule in &hand_off.firewall_rules {
        let from = origin(rule);
        let Some(to) = target(rule, rows).filter(|_| sites.iter().any(|site| site.role == from)) else { continue };
        ports.entry((from, to)).or_default().entry(rule.port).or_default().insert(protocol(rule.protocol));
    }
    let connections = ports.into_iter().map(|((from, to), ports)| {
        let of_port = |(port, protocols): (i32, BTreeSet<&str>)| {
            format!("{} {port}", protocols.into_iter().collect::<Vec<_>>().join(", "))
        };
        let ports = ports.into_iter().map(of_port).collect::<Vec<_>>().join(", ");
        Connection { from, to, ports, is_planned: hand_off.basis == OnPremisesBasis::Planned }
    });
    connections.collect()
}

/// Returns the site that connects. The IDs of rules are stable: those from proxies end in `-proxies`.
fn origin(rule: &FirewallRule) -> SiteRole {
    match rule.purpose {
        RulePurpose::Dns => SiteRole::DnsClients,
        RulePurpose::Mgn | RulePurpose::S3 | RulePurpose::Connector if rule.id.ends_with("-proxies") => {
            SiteRole::Proxies
        }
        RulePurpose::Mgn | RulePurpose::S3 | RulePurpose::Connector | RulePurpose::Replication => {
            SiteRole::SourceServers
        }
    }
}

fn target(rule: &FirewallRule, rows: &[Row]) -> Option<Target> {
    let row = |service: Option<&str>| rows.iter().position(|row| row.service.as_deref() == service).map(Target::Row);
    match rule.purpose {
        RulePurpose::Dns => row(None),
        RulePurpose::Mgn => row(Some(Service::Mgn.as_str())),
        RulePurpose::S3 => row(Some(Service::S3.as_str())),
        // Their stable IDs begin with the service.
        RulePurpose::Connector => rule.id.split_once("-https").and_then(|(service, _)| row(Some(service))),
        RulePurpose::Replication => Some(Target::Staging),
    }
}

const fn protocol(protocol: RuleProtocol) -> &'static str {
    match protocol {
        RuleProtocol::Tcp => "TCP",
        RuleProtocol::Udp => "UDP",
    }
}

/// Returns the work, once the hand-off is known.
pub(super) fn work(object: &Object<'_>) -> Option<Work> {
    let hand_off = object.status.on_premises.as_ref()?;
    let items = hand_off.checklist.iter().map(|item| {
        let name = match item.item {
            ChecklistWork::Firewall => "firewall rules",
            ChecklistWork::DnsForwarders => "DNS forwarders",
            ChecklistWork::HostsFiles => "hosts files",
            ChecklistWork::Proxies => "proxies",
            ChecklistWork::OtherS3Clients => "other S3 clients",
            ChecklistWork::OtherAwsClients => "other AWS clients",
        };
        (name, Health::of_work(item.state))
    });
    Some(Work { revision: hand_off.revision.clone(), items: items.collect() })
}
