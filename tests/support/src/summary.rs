//! The present and the expected resources in AWS, in a form that is easy to compare: sorted lines without IDs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mgnet::model::ownership::{ADOPTED_TAG, NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG, SLOT_TAG};
use serde_json::Value;

use crate::landing::VPC_CIDR;
use crate::site::SOURCES;
use crate::state::{State, Tags};

/// The prefix of the line of a resource without the operator's tags.
const FOREIGN: &str = "foreign ";

/// One line for each resource except VPCs, subnets and route tables. Two equal resources have two lines.
///
/// A line begins with the slot of the resource, or with `foreign` if it has no operator tags. Subnets and route tables
/// are named by their `Name` tag.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Summary {
    lines: Vec<String>,
}

impl Summary {
    /// Summarizes the present resources.
    pub fn of(state: &State) -> Self {
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
            let mut about = if endpoint.endpoint_type == "Gateway" {
                gateway(&endpoint.state, endpoint.route_tables.iter().map(|id| names.get(id)))
            } else {
                let subnets = endpoint.subnets.iter().map(|id| names.get(id));
                let groups = endpoint.security_groups.iter().map(|id| names.get(id));
                interface(&endpoint.state, subnets, groups, private_dns(endpoint.private_dns, endpoint.inbound_only))
            };
            about.push_str(&policy(&serde_json::from_str(&endpoint.policy).unwrap_or_default()));
            lines.push(line(&endpoint.tags, &format!("{} {}", endpoint.service_name, endpoint.endpoint_type), &about));
        }
        for resolver in &state.resolver_endpoints {
            let subnets = resolver.addresses.iter().map(|address| names.get(&address.subnet));
            let groups = resolver.security_groups.iter().map(|id| names.get(id));
            lines.push(line(&resolver.tags, "resolver", &resolver_line(&resolver.status, subnets, groups)));
        }
        // The interfaces of endpoints and resolvers are part of them. The others are foreign.
        let of_endpoints = state.vpc_endpoints.iter().flat_map(|endpoint| &endpoint.network_interfaces);
        let of_resolvers = state.resolver_endpoints.iter().flat_map(|resolver| &resolver.addresses);
        let accounted: BTreeSet<&str> = of_endpoints
            .map(|interface| interface.id.as_str())
            .chain(of_resolvers.map(|address| address.network_interface.as_str()))
            .collect();
        for interface in state.network_interfaces.iter().filter(|one| !accounted.contains(one.id.as_str())) {
            lines.push(format!("{FOREIGN}interface: '{}' in {}", interface.description, names.get(&interface.subnet)));
        }
        lines.sort();
        Self { lines }
    }

    /// Whether there are no resources.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the foreign resources only.
    #[must_use]
    pub fn foreign(&self) -> Self {
        Self { lines: self.lines.iter().filter(|line| line.starts_with(FOREIGN)).cloned().collect() }
    }

    /// Returns the lines.
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

/// The same format as `Display`, so that `assert_eq!` shows lines.
impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}

/// The expected resources of a network in AWS. Its methods correspond to those of
/// [`NetworkBuilder`](crate::NetworkBuilder).
#[derive(Clone, Debug)]
#[must_use = "this is only a description; compare its `summary`"]
#[allow(clippy::struct_excessive_bools, reason = "independent resources that exist or not")]
pub struct Expected {
    sources: BTreeSet<String>,
    proxies: BTreeSet<String>,
    clients: Option<BTreeSet<String>>,
    resolver: bool,
    replication_group: bool,
    retained: bool,
    services: BTreeSet<String>,
    gateway: bool,
    private_dns: BTreeMap<String, String>,
    policies: BTreeMap<String, Value>,
    existing_groups: Option<BTreeSet<String>>,
    adopted: BTreeSet<String>,
    foreign: Summary,
    subnets: BTreeSet<String>,
    route_tables: BTreeSet<String>,
    tags: Tags,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            sources: set([SOURCES]),
            proxies: BTreeSet::new(),
            clients: None,
            resolver: true,
            replication_group: false,
            retained: false,
            services: set(["ec2", "ec2messages", "mgn", "s3", "ssm", "ssmmessages"]),
            gateway: true,
            private_dns: BTreeMap::new(),
            policies: BTreeMap::new(),
            existing_groups: None,
            adopted: BTreeSet::new(),
            foreign: Summary::default(),
            subnets: set(["endpoints-1", "endpoints-2"]),
            route_tables: set(["launch", "staging"]),
            tags: Tags::new(),
        }
    }
}

impl Expected {
    /// Sets the ranges of the source servers.
    pub fn sources<const N: usize>(self, cidrs: [&str; N]) -> Self {
        Self { sources: set(cidrs), ..self }
    }

    /// Sets the ranges of the source servers from a list.
    pub fn all_sources(self, cidrs: &[String]) -> Self {
        Self { sources: cidrs.iter().cloned().collect(), ..self }
    }

    /// Sets the ranges of the proxies from a list.
    pub fn all_proxies(self, cidrs: &[String]) -> Self {
        Self { proxies: cidrs.iter().cloned().collect(), ..self }
    }

    /// Sets the ranges of the proxies.
    pub fn proxies<const N: usize>(self, cidrs: [&str; N]) -> Self {
        Self { proxies: set(cidrs), ..self }
    }

    /// Removes the resolver.
    pub fn without_resolver(self) -> Self {
        Self { resolver: false, ..self }
    }

    /// Removes the endpoints of AWS Systems Manager.
    pub fn without_ssm(self) -> Self {
        ["ssm", "ssmmessages", "ec2messages"].into_iter().fold(self, Self::without)
    }

    /// Removes the interface endpoint of a service.
    pub fn without(mut self, service: &str) -> Self {
        self.services.remove(service);
        self
    }

    /// Adds an interface endpoint of a further service.
    pub fn with(mut self, service: &str) -> Self {
        self.services.insert(service.to_owned());
        self
    }

    /// Removes the gateway endpoint.
    pub fn without_gateway(self) -> Self {
        Self { gateway: false, ..self }
    }

    /// Sets the private DNS of a service's interface endpoint, in the terms of a [`Summary`]: `on`, `off`, `for the
    /// inbound resolver only`.
    pub fn private_dns(mut self, service: &str, words: &str) -> Self {
        self.private_dns.insert(service.to_owned(), words.to_owned());
        self
    }

    /// Sets the policy of the endpoint in a slot.
    pub fn policy(mut self, slot: &str, policy: Value) -> Self {
        self.policies.insert(slot.to_owned(), policy);
        self
    }

    /// Sets the names of existing groups of the endpoints, which replace the operator's group.
    pub fn behind<const N: usize>(self, groups: [&str; N]) -> Self {
        Self { existing_groups: Some(set(groups)), ..self }
    }

    /// Sets the ranges that may query the resolver.
    pub fn clients<const N: usize>(self, cidrs: [&str; N]) -> Self {
        Self { clients: Some(set(cidrs)), ..self }
    }

    /// Marks the resources in these slots as adopted.
    pub fn adopted<const N: usize>(self, slots: [&str; N]) -> Self {
        Self { adopted: set(slots), ..self }
    }

    /// Adds the foreign resources of another summary.
    pub fn beside(self, there: &Summary) -> Self {
        Self { foreign: there.foreign(), ..self }
    }

    /// Adds a security group for replication servers.
    pub fn with_replication_group(self) -> Self {
        Self { replication_group: true, ..self }
    }

    /// Marks the resources as retained.
    pub fn retained(self) -> Self {
        Self { retained: true, ..self }
    }

    /// Sets the names of the subnets of interface endpoints and of the resolver.
    pub fn subnets<const N: usize>(self, names: [&str; N]) -> Self {
        Self { subnets: set(names), ..self }
    }

    /// Sets the names of the route tables of the gateway endpoint.
    pub fn route_tables<const N: usize>(self, names: [&str; N]) -> Self {
        Self { route_tables: set(names), ..self }
    }

    /// Adds a user's tag to all resources.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Returns the summary of the expected resources.
    pub fn summary(&self) -> Summary {
        let vpc = set([VPC_CIDR]);
        let rules = |ports: &[&str], ranges: &[&BTreeSet<String>]| {
            let one = |port: &&str| {
                let port = (*port).to_owned();
                ranges.iter().copied().flatten().map(move |range| format!("{port} from {range}")).collect::<Vec<_>>()
            };
            listed(ports.iter().flat_map(one))
        };
        let mut all = Vec::new();
        if self.existing_groups.is_none() && !self.services.is_empty() {
            all.push(("sg/endpoints", rules(&["tcp 443"], &[&vpc, &self.sources, &self.proxies])));
        }
        if self.resolver {
            let clients = self.clients.as_ref().unwrap_or(&self.sources);
            all.push(("sg/resolver", rules(&["tcp 53", "udp 53"], &[clients])));
            let subnets = self.subnets.iter().cloned();
            all.push(("resolver", resolver_line("OPERATIONAL", subnets, ["sg/resolver".to_owned()])));
        }
        if self.replication_group {
            all.push(("sg/replication", rules(&["tcp 1500"], &[&self.sources])));
        }
        let mut lines: Vec<String> = all.into_iter().map(|(slot, about)| self.line(slot, &about)).collect();
        let groups = self.existing_groups.clone().unwrap_or_else(|| set(["sg/endpoints"]));
        for service in &self.services {
            let slot = format!("vpce/{service}/Interface");
            let usual = private_dns(true, (service == "s3").then_some(true));
            let names = self.private_dns.get(service).map_or(usual, String::as_str);
            let about = interface("available", self.subnets.iter().cloned(), groups.iter().cloned(), names);
            lines.push(self.line(&slot, &format!("{about}{}", self.policy_of(&slot))));
        }
        if self.gateway {
            let slot = "vpce/s3/Gateway";
            let about = gateway("available", self.route_tables.iter().cloned());
            lines.push(self.line(slot, &format!("{about}{}", self.policy_of(slot))));
        }
        lines.extend(self.foreign.lines.iter().cloned());
        lines.sort();
        Summary { lines }
    }

    fn policy_of(&self, slot: &str) -> String {
        self.policies.get(slot).map(policy).unwrap_or_default()
    }

    fn line(&self, slot: &str, about: &str) -> String {
        let mut tags = self.tags.clone();
        let ours = [(OWNER_TAG, ""), (NETWORK_TAG, ""), (SLOT_TAG, slot)];
        tags.extend(ours.map(|(key, value)| (key.to_owned(), value.to_owned())));
        if self.retained {
            tags.insert(RETAINED_TAG.to_owned(), "true".to_owned());
        }
        if self.adopted.contains(slot) {
            tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
        }
        line(&tags, "", about)
    }
}

/// The names of resources, by ID.
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

/// Returns the slot if the tags are complete owner tags.
fn slot(tags: &Tags) -> Option<String> {
    let complete = tags.contains_key(OWNER_TAG) && tags.contains_key(NETWORK_TAG);
    tags.get(SLOT_TAG).filter(|_| complete).cloned()
}

fn line(tags: &Tags, name: &str, about: &str) -> String {
    let subject = slot(tags).unwrap_or_else(|| format!("{FOREIGN}'{name}'"));
    let mark = |key: &str, word: &'static str| if tags.contains_key(key) { word } else { "" };
    let marks = [mark(ADOPTED_TAG, ", adopted"), mark(RETAINED_TAG, ", retained")].concat();
    let of_users = tags.iter().filter(|(key, _)| !key.starts_with(RESERVED_PREFIX) && *key != "Name");
    let tags: Vec<String> = of_users.map(|(key, value)| format!(", {key}={value}")).collect();
    format!("{subject}: {about}{marks}{}", tags.concat())
}

fn interface(
    state: &str,
    subnets: impl IntoIterator<Item = String>,
    groups: impl IntoIterator<Item = String>,
    private_dns: &str,
) -> String {
    format!("{state} in {} behind {}, private DNS {private_dns}", listed(subnets), listed(groups))
}

fn gateway(state: &str, route_tables: impl IntoIterator<Item = String>) -> String {
    format!("{state} for the route tables {}", listed(route_tables))
}

fn resolver_line(
    status: &str,
    subnets: impl IntoIterator<Item = String>,
    groups: impl IntoIterator<Item = String>,
) -> String {
    format!("{status} in {} behind {}", listed(subnets), listed(groups))
}

fn private_dns(on: bool, inbound_only: Option<bool>) -> &'static str {
    match (on, inbound_only) {
        (false, _) => "off",
        (true, Some(true)) => "for the inbound resolver only",
        (true, Some(false) | None) => "on",
    }
}

/// Returns the text for a policy that restricts access, in a canonical form; empty for a policy that allows everything.
fn policy(policy: &Value) -> String {
    let everything = serde_json::json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
    let statements = canonical(&policy["Statement"]);
    if statements == everything { String::new() } else { format!(", policy {statements}") }
}

/// Returns the canonical form of a policy: lists are sorted, and a list with one item becomes the item.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), canonical(value))).collect(),
        other => other.clone(),
    }
}

/// Joins the sorted items. Duplicates remain.
fn listed(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    items.sort();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}

fn set<const N: usize>(items: [&str; N]) -> BTreeSet<String> {
    items.map(str::to_owned).into()
}
