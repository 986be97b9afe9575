//! Checks the paths inside the VPC: whether network ACLs let replication servers and launched instances reach the endpoints
//! and S3. The paths of source servers are in [`super::network_acls`].
//!
//! Network ACLs do not filter traffic within a subnet, nor traffic to Amazon's DNS server (VPC User Guide, "Network ACL
//! basics").

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::model::{
    ids::{SubnetId, join},
    observed::network_acl::{self, Direction, EPHEMERAL, NetworkAcl, Passage, TCP},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    slot::{EndpointKey, EndpointType},
};

/// The servers of one kind, in their subnets, and what they have to reach over TCP 443.
struct Path<'a> {
    servers: &'static str,
    subnets: &'a BTreeSet<SubnetId>,
    to: &'static str,
    targets: Vec<Target<'a>>,
    /// Whether nothing is replicated without this path.
    vital: bool,
}

/// A subnet of endpoints, or a range of S3.
struct Target<'a> {
    subnet: Option<&'a SubnetId>,
    range: Ipv4Net,
}

/// Traffic that has to pass the network ACL of a subnet.
struct Leg<'a> {
    subnet: &'a SubnetId,
    direction: Direction,
    ports: std::ops::RangeInclusive<u16>,
    range: Ipv4Net,
}

/// Checks the paths against the network ACLs of the VPC.
pub(super) fn check(site: &Site<'_>, acls: &[NetworkAcl]) -> Vec<Finding> {
    paths(site).iter().flat_map(|path| check_path(site, path, acls)).collect()
}

fn paths<'a>(site: &'a Site<'_>) -> Vec<Path<'a>> {
    let endpoints = || -> Vec<Target<'a>> {
        let subnets = site.endpoint_subnets().into_iter();
        subnets.filter_map(|id| Some(Target { subnet: Some(id), range: site.observed.subnets.get(id)?.cidr })).collect()
    };
    let s3 = || -> Vec<Target<'a>> {
        let ranges = site.observed.s3_ranges.iter().flatten();
        ranges.map(|range| Target { subnet: None, range: *range }).collect()
    };
    let path = |servers, subnets, to, targets, vital| Path { servers, subnets, to, targets, vital };
    let (staging, launch) = (&site.subnets.staging, &site.subnets.launch);
    let mut paths = vec![path("replication servers", staging, "the endpoints", endpoints(), true)];
    if site.settings.endpoints.contains_key(&EndpointKey::S3_GATEWAY) {
        paths.push(path("replication servers", staging, "S3", s3(), true));
        paths.push(path("launched instances", launch, "S3", s3(), false));
    }
    let is_for_launched =
        |key: &EndpointKey| key.endpoint_type == EndpointType::Interface && key.service.is_for_post_launch();
    if site.settings.endpoints.keys().any(is_for_launched) {
        paths.push(path("launched instances", launch, "the endpoints", endpoints(), false));
    }
    paths
}

/// The traffic that must pass between a subnet of servers and a target: the requests, and the answers.
fn legs<'a>(site: &Site<'_>, from: &'a SubnetId, target: &Target<'a>) -> Vec<Leg<'a>> {
    let leg = |subnet, direction, ports, range| Leg { subnet, direction, ports, range };
    let mut legs =
        vec![leg(from, Direction::Out, 443..=443, target.range), leg(from, Direction::In, EPHEMERAL, target.range)];
    let here = site.observed.subnets.get(from).map(|subnet| subnet.cidr);
    if let (Some(to), Some(here)) = (target.subnet, here) {
        legs.push(leg(to, Direction::In, 443..=443, here));
        legs.push(leg(to, Direction::Out, EPHEMERAL, here));
    }
    legs
}

fn check_path(site: &Site<'_>, path: &Path<'_>, acls: &[NetworkAcl]) -> Vec<Finding> {
    let pairs: Vec<Vec<Leg<'_>>> = path
        .subnets
        .iter()
        .flat_map(|from| {
            path.targets.iter().filter(move |to| to.subnet != Some(from)).map(move |to| legs(site, from, to))
        })
        .collect();
    let passes = |leg: &Leg<'_>| {
        network_acl::of(acls, leg.subnet)
            .map_or(Passage::All, |acl| acl.passes(leg.direction, TCP, leg.ports.clone(), leg.range))
    };
    let within_a_subnet = path.targets.iter().any(|to| to.subnet.is_some_and(|to| path.subnets.contains(to)));
    let is_blocked = |pair: &Vec<Leg<'_>>| pair.iter().any(|leg| passes(leg) == Passage::None);
    if path.vital && !within_a_subnet && !pairs.is_empty() && pairs.iter().all(is_blocked) {
        let closed = pairs.iter().flatten().filter(|leg| passes(leg) == Passage::None);
        let closed: BTreeSet<String> = closed.map(|leg| in_words(leg, acls)).collect();
        let message = format!(
            "the network ACLs let {} reach {} from no staging subnet; admit {}",
            path.servers,
            path.to,
            closed.into_iter().collect::<Vec<_>>().join(", ")
        );
        return vec![Finding::new(Check::AclsPassable, message).about(format!("staging to {}", path.to))];
    }
    let dropped = pairs.iter().flatten().filter(|leg| passes(leg) != Passage::All);
    dropped
        .filter_map(|leg| {
            let acl = network_acl::of(acls, leg.subnet)?;
            let message =
                format!("network ACL {} of subnet {} drops all or some of: {}", acl.id, leg.subnet, traffic(leg));
            Some(Finding::new(Check::AclsOpen, message).about(leg.subnet))
        })
        .collect()
}

fn in_words(leg: &Leg<'_>, acls: &[NetworkAcl]) -> String {
    let acl = network_acl::of(acls, leg.subnet).map(|acl| join([&acl.id])).unwrap_or_default();
    format!("{} in network ACL {acl}", traffic(leg))
}

fn traffic(leg: &Leg<'_>) -> String {
    let (first, last) = (leg.ports.start(), leg.ports.end());
    let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
    let word = match leg.direction {
        Direction::In => "from",
        Direction::Out => "to",
    };
    format!("TCP {ports} {word} {}", leg.range)
}
