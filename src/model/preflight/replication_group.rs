//! Checks the egress rules of the replication servers' security group, as far as the network knows the group: its own, or an
//! existing one. The operator writes no egress rules. AWS gives a new group one that admits everything.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::model::{
    ids::{SecurityGroupId, join},
    observed::{Admission, Permission, Protocol, admission},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    settings::ReplicationGroup,
    slot::{EndpointKey, GroupRole},
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let Some(id) = group(site) else { return Vec::new() };
    let Some(group) = site.observed.resources.groups.get(&id) else { return Vec::new() };
    let (mut missing, mut unknown, mut depends) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (wanted, is_in_vpc) in wanted(site) {
        match admission(&group.egress, wanted, is_in_vpc, &site.observed.prefix_lists) {
            Admission::Admitted => {}
            Admission::Missing => drop(missing.insert(in_words(wanted))),
            Admission::Unknown(on) => {
                unknown.insert(in_words(wanted));
                depends.extend(on);
            }
        }
    }
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let message = format!(
            "the replication servers' security group {id} lacks egress rules for {}; add them, or one for all traffic",
            join(missing)
        );
        findings.push(Finding::new(Check::ReplicationEgress, message));
    }
    if !unknown.is_empty() {
        let message = format!(
            "the replication servers' security group {id} admits {} only if {} include it, which the operator cannot tell; \
             check them, or add rules with ranges",
            join(unknown),
            join(depends)
        );
        findings.push(Finding::new(Check::AdmissionKnown, message).about(format!("egress of {id}")));
    }
    findings
}

/// The group of the replication servers, unless MGN manages it.
fn group(site: &Site<'_>) -> Option<SecurityGroupId> {
    match &site.settings.replication {
        ReplicationGroup::ServiceManaged => None,
        ReplicationGroup::Managed => site.observed.resources.group(site.identity, GroupRole::Replication),
        ReplicationGroup::Existing(id) => Some(id.clone()),
    }
}

/// What replication servers have to reach, each with whether it is in the VPC: the endpoints, S3, and DNS servers that are not
/// Amazon's, whose traffic security groups do not filter (VPC User Guide, "Control traffic to your AWS resources using
/// security groups").
fn wanted(site: &Site<'_>) -> Vec<(Permission, bool)> {
    let tcp = |port, source| Permission { protocol: Protocol::Tcp, port, source };
    let subnets = site.endpoint_subnets().into_iter().filter_map(|id| Some(site.observed.subnets.get(id)?.cidr));
    let mut wanted: Vec<(Permission, bool)> = subnets.map(|range| (tcp(443, range), true)).collect();
    if site.settings.endpoints.contains_key(&EndpointKey::S3_GATEWAY) {
        let ranges = site.observed.s3_ranges.iter().flatten();
        wanted.extend(ranges.map(|range| (tcp(443, *range), false)));
    }
    for server in site.foreign_dns_servers() {
        let Ok(address) = server.parse::<Ipv4Addr>() else { continue };
        let range = Ipv4Net::from(address);
        let is_in_vpc = site.vpc.cidrs.iter().any(|cidr| cidr.contains(&range));
        let udp = Permission { protocol: Protocol::Udp, ..tcp(53, range) };
        wanted.extend([(tcp(53, range), is_in_vpc), (udp, is_in_vpc)]);
    }
    wanted
}

fn in_words(wanted: Permission) -> String {
    format!("{} {} to {}", wanted.protocol.as_str(), wanted.port, wanted.source)
}
