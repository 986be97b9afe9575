//! Checks whether answers can be routed back to the source servers.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use crate::model::{
    ids::{SubnetId, join},
    observed::{RouteTable, routes::without_return},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let mut findings = overlaps(site);
    findings.extend(return_routes(site));
    findings
}

/// Checks for overlaps with the CIDR blocks of the VPC, which are always local, whatever other routes exist. An
/// overlap is only a warning: a company that uses 10.0.0.0/8 has VPCs within it, and source servers may be instances
/// in the VPC.
fn overlaps(site: &Site<'_>) -> Vec<Finding> {
    let lists = [("sourceCIDRs", &site.settings.sources), ("proxyCIDRs", &site.settings.proxies)];
    let ranges = lists.into_iter().flat_map(|(field, ranges)| ranges.iter().map(move |range| (field, range)));
    ranges
        .filter_map(|(field, range)| {
            let overlapped: Vec<_> = site.vpc.cidrs.iter().filter(|cidr| meet(**cidr, *range)).collect();
            (!overlapped.is_empty()).then(|| {
                let message = format!(
                    "`spec.{field}`: {range} overlaps the VPC's own {}, so answers to addresses in both ranges stay in the \
                     VPC; remove them, unless those servers are in the VPC",
                    join(overlapped)
                );
                Finding::new(Check::SourcesApart, message).about(format!("{field} {range}"))
            })
        })
        .collect()
}

fn meet(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Returns one finding for each route table that lacks a return route. Addresses in the VPC need none.
fn return_routes(site: &Site<'_>) -> Vec<Finding> {
    let mut tables: BTreeMap<_, (&RouteTable, BTreeSet<&SubnetId>)> = BTreeMap::new();
    for subnet in site.subnets.endpoints.iter().chain(&site.subnets.staging) {
        if let Some(table) = site.route_table(subnet) {
            tables.entry(&table.id).or_insert_with(|| (table, BTreeSet::new())).1.insert(subnet);
        }
    }
    let outside = |range: &Ipv4Net| !site.vpc.cidrs.iter().any(|cidr| meet(*cidr, *range));
    tables
        .into_iter()
        .filter_map(|(id, (table, subnets))| {
            let sources = site.settings.sources.iter().chain(&site.settings.proxies);
            let missing: BTreeSet<Ipv4Net> =
                sources.flat_map(|range| without_return(&table.routes, *range)).filter(outside).collect();
            (!missing.is_empty()).then(|| {
                let message = format!(
                    "route table {id} of {} has no route back to {}; add one to the virtual private gateway or \
                     transit gateway, or let the gateway propagate its routes",
                    join(subnets),
                    some(&missing)
                );
                Finding::new(Check::ReturnRoutes, message).about(id)
            })
        })
        .collect()
}

/// Lists the first few ranges, and the number of the others.
fn some(ranges: &BTreeSet<Ipv4Net>) -> String {
    const SHOWN: usize = 8;
    let shown = join(ranges.iter().take(SHOWN));
    match ranges.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
