//! What is in AWS, and what should be, in a form in which the two can be compared at a glance: sorted lines without ids.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mgnet::model::owner::{NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG, SLOT_TAG};

use crate::landing::VPC_CIDR;
use crate::site::SOURCES;
use crate::state::{State, Tags};

/// One line for each thing that is there beside VPCs, subnets and route tables. Two of a kind are two lines.
///
/// A line begins with the slot that the resource fills; `foreign` are those without the operator's tags. Subnets and
/// route tables go by their `Name`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Summary {
    lines: Vec<String>,
}

impl Summary {
    pub(crate) fn of(state: &State) -> Self {
        let names = Names::of(state);
        let mut lines = Vec::new();
        for group in state.security_groups.iter().filter(|group| group.name != "default") {
            let rules = group.ingress.iter().map(|rule| {
                let ports = if rule.from_port == rule.to_port {
                    rule.from_port.to_string()
                } else {
                    format!("{}-{}", rule.from_port, rule.to_port)
                };
                format!("{} {ports} from {}", rule.protocol, rule.peer)
            });
            lines.push(line(&group.tags, &group.name, &listed(rules)));
        }
        for endpoint in &state.vpc_endpoints {
            let about = if endpoint.endpoint_type == "Gateway" {
                gateway(&endpoint.state, endpoint.route_tables.iter().map(|id| names.get(id)))
            } else {
                let in_ = endpoint.subnets.iter().map(|id| names.get(id));
                let behind = endpoint.security_groups.iter().map(|id| names.get(id));
                interface(&endpoint.state, in_, behind, private_dns(endpoint.private_dns, endpoint.inbound_only))
            };
            lines.push(line(&endpoint.tags, &format!("{} {}", endpoint.service_name, endpoint.endpoint_type), &about));
        }
        for resolver in &state.resolver_endpoints {
            let in_ = resolver.addresses.iter().map(|address| names.get(&address.subnet));
            let behind = resolver.security_groups.iter().map(|id| names.get(id));
            lines.push(line(&resolver.tags, "resolver", &resolver_line(&resolver.status, in_, behind)));
        }
        // The interfaces of endpoints and resolvers go with them; what is left belongs to nobody, or somebody else.
        let of_endpoints = state.vpc_endpoints.iter().flat_map(|endpoint| &endpoint.network_interfaces);
        let of_resolvers = state.resolver_endpoints.iter().flat_map(|resolver| &resolver.addresses);
        let accounted: BTreeSet<&str> = of_endpoints
            .map(|interface| interface.id.as_str())
            .chain(of_resolvers.map(|address| address.network_interface.as_str()))
            .collect();
        for interface in state.network_interfaces.iter().filter(|one| !accounted.contains(one.id.as_str())) {
            lines.push(format!("foreign interface: '{}' in {}", interface.description, names.get(&interface.subnet)));
        }
        lines.sort();
        Self { lines }
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&self.lines.join("\n"))
    }
}

/// As it is displayed, so that `assert_eq!` shows lines.
impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}

/// What should be in AWS for a network; the methods are those of [`NetworkBuilder`](crate::NetworkBuilder).
#[derive(Clone, Debug)]
#[must_use = "it is a description only; compare its `summary`"]
pub struct Expected {
    sources: BTreeSet<String>,
    proxies: BTreeSet<String>,
    resolver: bool,
    replication_group: bool,
    retained: bool,
    services: BTreeSet<String>,
    subnets: BTreeSet<String>,
    route_tables: BTreeSet<String>,
    tags: Tags,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            sources: set([SOURCES]),
            proxies: BTreeSet::new(),
            resolver: true,
            replication_group: false,
            retained: false,
            services: set(["ec2", "ec2messages", "mgn", "s3", "ssm", "ssmmessages"]),
            subnets: set(["endpoints-1", "endpoints-2"]),
            route_tables: set(["launch", "staging"]),
            tags: Tags::new(),
        }
    }
}

impl Expected {
    /// The ranges of the source servers.
    pub fn sources<const N: usize>(self, cidrs: [&str; N]) -> Self {
        Self { sources: set(cidrs), ..self }
    }

    /// The ranges of proxies.
    pub fn proxies<const N: usize>(self, cidrs: [&str; N]) -> Self {
        Self { proxies: set(cidrs), ..self }
    }

    /// Without a resolver.
    pub fn without_resolver(self) -> Self {
        Self { resolver: false, ..self }
    }

    /// Without the endpoints of AWS Systems Manager.
    pub fn without_ssm(self) -> Self {
        ["ssm", "ssmmessages", "ec2messages"].into_iter().fold(self, Self::without)
    }

    /// Without the endpoints of a service.
    pub fn without(mut self, service: &str) -> Self {
        self.services.remove(service);
        self
    }

    /// With a security group for replication servers.
    pub fn with_replication_group(self) -> Self {
        Self { replication_group: true, ..self }
    }

    /// Marked as retained.
    pub fn retained(self) -> Self {
        Self { retained: true, ..self }
    }

    /// The names of the subnets of interface endpoints and of the resolver.
    pub fn subnets<const N: usize>(self, names: [&str; N]) -> Self {
        Self { subnets: set(names), ..self }
    }

    /// The names of the route tables of the gateway endpoint.
    pub fn route_tables<const N: usize>(self, names: [&str; N]) -> Self {
        Self { route_tables: set(names), ..self }
    }

    /// A tag of the user's on everything.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// What should be there.
    pub fn summary(&self) -> Summary {
        let vpc = set([VPC_CIDR]);
        let rules = |ports: &[&str], ranges: &[&BTreeSet<String>]| {
            let one = |port: &&str| {
                let port = (*port).to_owned();
                ranges.iter().copied().flatten().map(move |range| format!("{port} from {range}")).collect::<Vec<_>>()
            };
            listed(ports.iter().flat_map(one))
        };
        let mut all = vec![("sg/endpoints", rules(&["tcp 443"], &[&vpc, &self.sources, &self.proxies]))];
        if self.resolver {
            all.push(("sg/resolver", rules(&["tcp 53", "udp 53"], &[&self.sources])));
            let subnets = self.subnets.iter().cloned();
            all.push(("resolver", resolver_line("OPERATIONAL", subnets, ["sg/resolver".to_owned()])));
        }
        if self.replication_group {
            all.push(("sg/replication", rules(&["tcp 1500"], &[&self.sources])));
        }
        let mut lines: Vec<String> = all.into_iter().map(|(slot, about)| self.line(slot, &about)).collect();
        for service in &self.services {
            let inbound_only = (service == "s3").then_some(true);
            let behind = ["sg/endpoints".to_owned()];
            let about = interface("available", self.subnets.iter().cloned(), behind, private_dns(true, inbound_only));
            lines.push(self.line(&format!("vpce/{service}/Interface"), &about));
        }
        if self.services.contains("s3") {
            lines.push(self.line("vpce/s3/Gateway", &gateway("available", self.route_tables.iter().cloned())));
        }
        lines.sort();
        Summary { lines }
    }

    fn line(&self, slot: &str, about: &str) -> String {
        let mut tags = self.tags.clone();
        let ours = [(OWNER_TAG, ""), (NETWORK_TAG, ""), (SLOT_TAG, slot)];
        tags.extend(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
        if self.retained {
            tags.insert(RETAINED_TAG.to_owned(), "true".to_owned());
        }
        line(&tags, "", about)
    }
}

/// The names of what has ids.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(state: &State) -> Self {
        let subnets = state.subnets.iter().map(|subnet| (&subnet.id, &subnet.tags, None));
        let tables = state.route_tables.iter().map(|table| (&table.id, &table.tags, table.main.then_some("main")));
        let places = subnets.chain(tables).map(|(id, tags, otherwise)| {
            (id.clone(), tags.get("Name").map(String::as_str).or(otherwise).unwrap_or(id).to_owned())
        });
        let groups = state
            .security_groups
            .iter()
            .map(|group| (group.id.clone(), slot(&group.tags).unwrap_or_else(|| group.name.clone())));
        Self(places.chain(groups).collect())
    }

    fn get(&self, id: &str) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

/// The slot, if the tags are those of the operator.
fn slot(tags: &Tags) -> Option<String> {
    let complete = tags.contains_key(OWNER_TAG) && tags.contains_key(NETWORK_TAG);
    tags.get(SLOT_TAG).filter(|_| complete).cloned()
}

fn line(tags: &Tags, name: &str, about: &str) -> String {
    let who = slot(tags).unwrap_or_else(|| format!("foreign '{name}'"));
    let retained = if tags.contains_key(RETAINED_TAG) { ", retained" } else { "" };
    let of_users = tags.iter().filter(|(key, _)| !key.starts_with(RESERVED_PREFIX) && *key != "Name");
    let tags: Vec<String> = of_users.map(|(key, value)| format!(", {key}={value}")).collect();
    format!("{who}: {about}{retained}{}", tags.concat())
}

fn interface(
    state: &str,
    in_: impl IntoIterator<Item = String>,
    behind: impl IntoIterator<Item = String>,
    private_dns: &str,
) -> String {
    format!("{state} in {} behind {}, private DNS {private_dns}", listed(in_), listed(behind))
}

fn gateway(state: &str, route_tables: impl IntoIterator<Item = String>) -> String {
    format!("{state} for the route tables {}", listed(route_tables))
}

fn resolver_line(
    status: &str,
    in_: impl IntoIterator<Item = String>,
    behind: impl IntoIterator<Item = String>,
) -> String {
    format!("{status} in {} behind {}", listed(in_), listed(behind))
}

fn private_dns(on: bool, inbound_only: Option<bool>) -> &'static str {
    match (on, inbound_only) {
        (false, _) => "off",
        (true, Some(true)) => "for the inbound resolver only",
        (true, Some(false) | None) => "on",
    }
}

/// Sorted; what is there twice is said twice.
fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    items.sort();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn set<const N: usize>(items: [&str; N]) -> BTreeSet<String> {
    items.map(str::to_owned).into()
}
