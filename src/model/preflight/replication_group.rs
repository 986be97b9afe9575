//! Checks the egress rules of the replication servers' security group, as far as the network knows the group: its own, or an
//! existing one. The operator writes no egress rules. AWS gives a new group one that admits everything.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::model::{
    ids::{SecurityGroupId, join},
    observed::{Permission, Protocol, Shortfall, shortfall},
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
    let Shortfall { missing, unknown, depends_on } =
        shortfall(&group.egress, wanted(site), &site.vpc.cidrs, &site.observed.prefix_lists);
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let message = format!(
            "the replication servers' security group {id} lacks egress rules for {}; add them, or one for all traffic",
            in_words(&missing)
        );
        findings.push(Finding::new(Check::ReplicationEgress, message));
    }
    if !unknown.is_empty() {
        let message = format!(
            "the replication servers' security group {id} admits {} only if {} include it, which the operator cannot tell; \
             check them, or add rules with ranges",
            in_words(&unknown),
            join(depends_on)
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

/// What replication servers have to reach: the endpoints, S3, and DNS servers that are not Amazon's, whose traffic security
/// groups do not filter (VPC User Guide, "Control traffic to your AWS resources using security groups").
fn wanted(site: &Site<'_>) -> Vec<Permission> {
    let tcp = |port, source| Permission { protocol: Protocol::Tcp, port, source };
    let subnets = site.endpoint_subnets().into_iter().filter_map(|id| Some(site.observed.subnets.get(id)?.cidr));
    let mut wanted: Vec<Permission> = subnets.map(|range| tcp(443, range)).collect();
    if site.settings.endpoints.contains_key(&EndpointKey::S3_GATEWAY) {
        wanted.extend(site.observed.s3_ranges.iter().flatten().map(|range| tcp(443, *range)));
    }
    let servers = site.foreign_dns_servers().filter_map(|server| server.parse::<Ipv4Addr>().ok());
    for server in servers.map(Ipv4Net::from) {
        wanted.extend([tcp(53, server), Permission { protocol: Protocol::Udp, ..tcp(53, server) }]);
    }
    wanted
}

fn in_words(wanted: &BTreeSet<Permission>) -> String {
    join(wanted.iter().map(|one| format!("{} {} to {}", one.protocol.as_str(), one.port, one.source)))
}
