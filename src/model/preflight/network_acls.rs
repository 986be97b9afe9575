//! Checks whether the network ACLs admit the traffic of the source servers, and the answers to it.
//!
//! Some traffic may be dropped on purpose, so that is a warning. If the required traffic passes in no subnet, no
//! source server can work, so that is an error.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::inner_paths;
use crate::model::{
    ids::{SubnetId, join},
    observed::network_acl::{self, Direction, EPHEMERAL, NetworkAcl, Passage, TCP, UDP},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
};

/// One kind of traffic that source servers send.
struct Flow<'a> {
    protocol: u8,
    port: u16,
    /// The purpose of the subnets.
    subnets_of: &'static str,
    subnets: BTreeSet<&'a SubnetId>,
    sources: BTreeSet<Ipv4Net>,
    /// Whether the network cannot work without this traffic. DNS over TCP is not vital: only long answers use it.
    vital: bool,
}

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let Some(acls) = &site.observed.surroundings.network_acls else { return Vec::new() };
    let from_outside = flows(site).into_iter().flat_map(|flow| check_flow(&flow, acls)).collect::<Vec<_>>();
    from_outside.into_iter().chain(inner_paths::check(site, acls)).fold(Vec::new(), merge)
}

fn flows<'a>(site: &'a Site<'_>) -> Vec<Flow<'a>> {
    let settings = site.settings;
    let flow = |protocol, port, subnets_of, subnets, sources: &BTreeSet<Ipv4Net>, vital| Flow {
        protocol,
        port,
        subnets_of,
        subnets,
        sources: sources.clone(),
        vital,
    };
    let staging = site.subnets.staging.iter().collect();
    let clients = &settings.sources | &settings.proxies;
    vec![
        flow(TCP, 443, "endpoint", site.endpoint_subnets(), &clients, true),
        flow(TCP, 1500, "staging", staging, &settings.sources, true),
        flow(UDP, 53, "resolver", site.resolver_subnets(), &settings.clients, true),
        flow(TCP, 53, "resolver", site.resolver_subnets(), &settings.clients, false),
    ]
}

fn check_flow(flow: &Flow<'_>, acls: &[NetworkAcl]) -> Vec<Finding> {
    let guarded: Vec<(&SubnetId, &NetworkAcl)> =
        flow.subnets.iter().filter_map(|subnet| Some((*subnet, network_acl::of(acls, subnet)?))).collect();
    let (protocol, port) = (name(flow.protocol), flow.port);
    let gets_through = |acl: &NetworkAcl, range: &Ipv4Net| {
        let [there, back] = both_ways(flow, acl, *range);
        there.min(back) > Passage::None
    };
    let all_guarded = guarded.len() == flow.subnets.len() && !guarded.is_empty();
    let nothing = !guarded.iter().any(|(_, acl)| flow.sources.iter().any(|range| gets_through(acl, range)));
    if flow.vital && all_guarded && nothing {
        let acls: BTreeSet<_> = guarded.iter().map(|(_, acl)| &acl.id).collect();
        let message = format!(
            "no {} subnet admits {protocol} {port} from any source server together with the answers (network ACL {}); \
             admit {protocol} {port} in and {protocol} {}-{} out for {}",
            flow.subnets_of,
            join(acls),
            EPHEMERAL.start(),
            EPHEMERAL.end(),
            join(&flow.sources)
        );
        return vec![Finding::new(Check::AclsPassable, message).about(format!("{protocol} {port}"))];
    }
    guarded
        .into_iter()
        .filter_map(|(subnet, acl)| {
            let dropped = |direction: usize| -> BTreeSet<&Ipv4Net> {
                let is_dropped = |range: &Ipv4Net| both_ways(flow, acl, *range).get(direction) != Some(&Passage::All);
                flow.sources.iter().filter(|range| is_dropped(range)).collect()
            };
            let (there, back) = (dropped(0), dropped(1));
            let mut what = Vec::new();
            if !there.is_empty() {
                what.push(format!("{protocol} {port} from {}", join(there)));
            }
            if !back.is_empty() {
                what.push(format!("{protocol} {}-{} to {}", EPHEMERAL.start(), EPHEMERAL.end(), join(back)));
            }
            (!what.is_empty()).then(|| {
                let message =
                    format!("network ACL {} of subnet {subnet} drops all or some of: {}", acl.id, what.join(", "));
                Finding::new(Check::AclsOpen, message).about(subnet)
            })
        })
        .collect()
}

/// Returns how much of the traffic passes, and how much of the answers.
fn both_ways(flow: &Flow<'_>, acl: &NetworkAcl, range: Ipv4Net) -> [Passage; 2] {
    [
        acl.passes(Direction::In, flow.protocol, flow.port..=flow.port, range),
        acl.passes(Direction::Out, flow.protocol, EPHEMERAL, range),
    ]
}

/// Merges the findings of a subnet into one warning.
fn merge(mut findings: Vec<Finding>, next: Finding) -> Vec<Finding> {
    match findings
        .iter_mut()
        .find(|one| one.check == Check::AclsOpen && one.check == next.check && one.subject == next.subject)
    {
        Some(one) => {
            let more = next.message.split_once(": ").map_or("", |(_, what)| what);
            if !one.message.contains(more) {
                one.message = format!("{}, {more}", one.message);
            }
        }
        None => findings.push(next),
    }
    findings
}

const fn name(protocol: u8) -> &'static str {
    if protocol == TCP { "TCP" } else { "UDP" }
}
