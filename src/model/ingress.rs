//! The ingress rules that the security groups of a network must have, whether the operator keeps the groups or they
//! exist already.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::model::{
    observed::{Permission, Protocol},
    settings::{ReplicationGroup, Resolver, Settings, endpoints::EndpointSource},
    slot::{EndpointType, GroupRole},
};

/// The default quota of ingress rules of a security group (Amazon VPC quotas: 60, adjustable).
pub const RULES_PER_GROUP: usize = 60;

/// The mark at the start of the description of every rule that the operator writes. A rule without it is foreign.
pub const RULE_MARK: &str = "mgnet: ";

/// Ingress rules, each with its description.
pub type Ingress = BTreeMap<Permission, String>;

/// Returns the rules of each security group that the operator keeps for a network.
pub fn of_managed_groups(settings: &Settings, vpc_cidrs: &BTreeSet<Ipv4Net>) -> BTreeMap<GroupRole, Ingress> {
    let builds_interfaces = settings.endpoints.iter().any(|(key, endpoint)| {
        key.endpoint_type == EndpointType::Interface && matches!(endpoint.source, EndpointSource::Managed { .. })
    });
    let mut groups = BTreeMap::new();
    if settings.endpoint_groups.is_none() && builds_interfaces {
        groups.insert(GroupRole::Endpoints, to_endpoints(settings, vpc_cidrs));
    }
    if matches!(settings.resolver, Resolver::Managed { .. }) {
        groups.insert(GroupRole::Resolver, to_resolver(settings));
    }
    if settings.replication == ReplicationGroup::Managed {
        groups.insert(GroupRole::Replication, to_replication_servers(settings));
    }
    groups
}

/// Returns the rules of the interface endpoints' groups. Private DNS directs every client in the VPC to these
/// endpoints, so the rules admit the whole VPC.
pub fn to_endpoints(settings: &Settings, vpc_cidrs: &BTreeSet<Ipv4Net>) -> Ingress {
    ingress(
        &[(Protocol::Tcp, 443)],
        &[("VPC", vpc_cidrs), ("source servers", &settings.sources), ("proxies", &settings.proxies)],
    )
}

/// Returns the rules of the Resolver endpoint's groups.
pub fn to_resolver(settings: &Settings) -> Ingress {
    let who = if settings.clients == settings.sources { "source servers" } else { "DNS clients" };
    ingress(&[(Protocol::Tcp, 53), (Protocol::Udp, 53)], &[(who, &settings.clients)])
}

/// Returns the rules of the replication servers' group.
pub fn to_replication_servers(settings: &Settings) -> Ingress {
    ingress(&[(Protocol::Tcp, 1500)], &[("source servers", &settings.sources)])
}

/// Returns one rule for each port and range. If several lists contain a range, the first one provides its
/// description.
fn ingress(ports: &[(Protocol, u16)], lists: &[(&'static str, &BTreeSet<Ipv4Net>)]) -> Ingress {
    let mut rules = BTreeMap::new();
    for (who, ranges) in lists {
        for source in *ranges {
            for (protocol, port) in ports {
                let permission = Permission { protocol: *protocol, port: *port, source: source.trunc() };
                rules.entry(permission).or_insert_with(|| format!("{RULE_MARK}{who}"));
            }
        }
    }
    rules
}
