//! The preflight: resolves the selectors of a network in the observed VPC, and reports everything that AWS would
//! reject, before the first write. Each check is a function that returns findings, and each finding states what to
//! change.
//!
//! This file resolves the selectors. The modules below check everything else by topic.

pub mod adoption;
pub mod checks;
mod conflicts;
mod existing;
mod fixed_addresses;
mod free_addresses;
mod inner_paths;
mod name_resolution;
mod needed_requests;
mod network_acls;
mod placement;
mod policies;
mod predecessors;
mod quotas;
mod replication_group;
mod routing;
mod s3_path;
mod services;
mod site;
pub mod transfer;
mod vpc;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

pub use placement::{Placement, ResolvedSubnets};
use services::Services;
use site::Site;

use crate::model::{
    ids::{RouteTableId, SubnetId, VpcId, ZoneId, join},
    observed::{Observed, Vpc},
    ownership::{Identity, Tags},
    preflight::checks::{Check, Finding},
    settings::{Resolver, Settings, SubnetSelector, VpcSelector},
};

/// Checks the VPC and resolves the selectors of the settings in it. `pinned` is the VPC that holds resources of the
/// network. `today` shows the age of dated tables.
///
/// # Errors
/// Returns all findings of the first stage that has a blocking one, warnings included. The stages are the VPC, then
/// its subnets, then all that depends on both.
pub fn check(
    identity: &Identity,
    settings: &Settings,
    pinned: Option<&VpcId>,
    observed: &Observed,
    today: Date,
) -> Result<Placement, Vec<Finding>> {
    let vpc = the_vpc(&settings.vpc, pinned, &observed.vpcs).map_err(|finding| vec![finding])?;
    let subnets = the_subnets(settings, observed)?;
    let Services { offered: services, kept, skipped, mut findings } =
        services::find(identity, settings, observed, &subnets.endpoints);
    findings.extend(dns_attributes(vpc));
    findings.extend(zones(settings, observed, &subnets.endpoints));
    findings.extend(free_addresses::for_endpoints(identity, settings, observed, &subnets.endpoints, &services));
    findings.extend(free_addresses::for_servers(observed, &subnets));
    let (route_tables, unrouted) = route_tables(observed, subnets.staging.iter().chain(&subnets.launch));
    findings.extend(unrouted);
    let site = Site {
        identity,
        settings,
        observed,
        vpc,
        subnets: &subnets,
        route_tables: &route_tables,
        services: &services,
        today,
    };
    let themes = [
        predecessors::check,
        existing::check,
        fixed_addresses::check,
        conflicts::check,
        vpc::check,
        routing::check,
        network_acls::check,
        name_resolution::check,
        s3_path::check,
        replication_group::check,
        policies::check,
        needed_requests::check,
        quotas::check,
    ];
    findings.extend(themes.into_iter().flat_map(|check| check(&site)));
    if findings.iter().any(|finding| finding.reason().is_some()) {
        return Err(findings);
    }
    Ok(Placement {
        vpc: vpc.id.clone(),
        vpc_cidrs: vpc.cidrs.clone(),
        zones: observed.subnets.iter().map(|(id, subnet)| (id.clone(), subnet.zone.clone())).collect(),
        subnets,
        route_tables,
        services,
        kept,
        skipped,
        warnings: findings,
    })
}

fn the_vpc<'a>(selector: &VpcSelector, pinned: Option<&VpcId>, vpcs: &'a [Vpc]) -> Result<&'a Vpc, Finding> {
    let wanted = match selector {
        VpcSelector::Id(id) => format!("with the id '{id}'"),
        VpcSelector::Tags(tags) => format!("with the tags {}", show(tags)),
    };
    match vpcs {
        [vpc] => match pinned {
            Some(pinned) if *pinned != vpc.id => Err(Finding::new(
                Check::VpcIsTheSame,
                format!(
                    "`spec.vpc` must still match {pinned}, where the network's resources are, but matches {} now; put \
                     the tags back, or delete this network and create another",
                    vpc.id
                ),
            )),
            Some(_) | None => Ok(vpc),
        },
        [] => Err(Finding::new(
            Check::VpcFound,
            format!("`spec.vpc`: the account has no VPC {wanted} in this Region; correct the selector or tag the VPC"),
        )),
        several => Err(Finding::new(
            Check::VpcIsOne,
            format!(
                "`spec.vpc` must match one VPC, but {} have {}: {}; use `id` or more tags",
                several.len(),
                wanted.trim_start_matches("with "),
                join(several.iter().map(|vpc| &vpc.id))
            ),
        )),
    }
}

fn the_subnets(settings: &Settings, observed: &Observed) -> Result<ResolvedSubnets, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut resolve = |field: &str, selector: &SubnetSelector| -> BTreeSet<SubnetId> {
        match selector {
            SubnetSelector::Ids(ids) => {
                let missing = || ids.iter().filter(|id| !observed.subnets.contains_key(*id));
                let elsewhere: Vec<_> = missing()
                    .filter_map(|id| Some(format!("{id} is in {}", observed.subnets_elsewhere.get(id)?)))
                    .collect();
                let unknown: Vec<_> = missing().filter(|id| !observed.subnets_elsewhere.contains_key(*id)).collect();
                let rule = format!("`spec.subnets.{field}` must name subnets of the network's VPC");
                if !elsewhere.is_empty() {
                    let message = format!("{rule}, but {}; choose others", elsewhere.join(", "));
                    findings.push(Finding::new(Check::SubnetsInVpc, message));
                }
                if !unknown.is_empty() {
                    let message = format!("{rule}, but the account has no {}; correct the IDs", join(unknown));
                    findings.push(Finding::new(Check::SubnetsFound, message));
                }
                ids.clone()
            }
            SubnetSelector::Tags(tags) => {
                let matched: BTreeSet<_> = observed
                    .subnets
                    .iter()
                    .filter(|(_, subnet)| tags.iter().all(|(key, value)| subnet.tags.get(key) == Some(value)))
                    .map(|(id, _)| id.clone())
                    .collect();
                if matched.is_empty() {
                    findings.push(Finding::new(
                        Check::SubnetsFound,
                        format!(
                            "`spec.subnets.{field}`: no subnet of the VPC has the tags {}; correct the selector or tag \
                             the subnets",
                            show(tags)
                        ),
                    ));
                }
                matched
            }
        }
    };
    let subnets = ResolvedSubnets {
        endpoints: resolve("endpoints", &settings.endpoint_subnets),
        staging: resolve("staging", &settings.staging_subnets),
        launch: settings.launch_subnets.as_ref().map(|selector| resolve("launch", selector)).unwrap_or_default(),
    };
    if findings.is_empty() { Ok(subnets) } else { Err(findings) }
}

/// Interface endpoints with private DNS need both attributes (VPC User Guide, "DNS attributes in your VPC").
fn dns_attributes(vpc: &Vpc) -> Option<Finding> {
    let off: Vec<&str> = [(vpc.dns_support, "enableDnsSupport"), (vpc.dns_hostnames, "enableDnsHostnames")]
        .into_iter()
        .filter(|(on, _)| !on)
        .map(|(_, attribute)| attribute)
        .collect();
    (!off.is_empty()).then(|| {
        Finding::new(
            Check::DnsAttributes,
            format!(
                "VPC {} must have {} enabled for private DNS; enable with ModifyVpcAttribute",
                vpc.id,
                off.join(" and ")
            ),
        )
    })
}

/// Checks the zones. An interface endpoint accepts one subnet per zone (EC2 error `DuplicateSubnetsInSameZone`). A
/// Resolver endpoint needs at least two zones (API reference of CreateResolverEndpoint: at least two addresses; two
/// zones are advice of AWS).
fn zones(settings: &Settings, observed: &Observed, subnets: &BTreeSet<SubnetId>) -> Vec<Finding> {
    let mut by_zone: BTreeMap<&ZoneId, Vec<&SubnetId>> = BTreeMap::new();
    for (id, subnet) in subnets.iter().filter_map(|id| observed.subnets.get_key_value(id)) {
        by_zone.entry(&subnet.zone).or_default().push(id);
    }
    let mut findings: Vec<Finding> = by_zone
        .iter()
        .filter(|(_, subnets)| subnets.len() > 1)
        .map(|(zone, subnets)| {
            Finding::new(
                Check::OneSubnetAZone,
                format!(
                    "`spec.subnets.endpoints` must have one subnet per zone, but {} are all in {zone}; keep one of \
                     them",
                    join(subnets)
                ),
            )
        })
        .collect();
    if builds_resolver(settings) && by_zone.len() < 2 {
        findings.push(Finding::new(
            Check::TwoZones,
            format!(
                "`spec.subnets.endpoints` must be in at least two zones for the Resolver endpoint, but is in {} only; \
                 add a subnet in another zone, or set `spec.resolver.mode` to 'Disabled' and use hosts files",
                join(by_zone.keys())
            ),
        ));
    }
    findings
}

const fn builds_resolver(settings: &Settings) -> bool {
    matches!(settings.resolver, Resolver::Managed { .. })
}

/// Returns the route table of each subnet: the associated one, or else the main route table of the VPC.
fn route_tables<'a>(
    observed: &Observed,
    subnets: impl Iterator<Item = &'a SubnetId>,
) -> (BTreeSet<RouteTableId>, Vec<Finding>) {
    let (mut tables, mut findings) = (BTreeSet::new(), Vec::new());
    for subnet in subnets {
        match site::route_table(observed, subnet) {
            Some(table) => {
                tables.insert(table.id.clone());
            }
            None => findings.push(Finding::new(
                Check::SubnetsRouted,
                format!("subnet {subnet} has no route table for the S3 gateway endpoint; associate one"),
            )),
        }
    }
    (tables, findings)
}

fn show(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("'{key}={value}'")).collect::<Vec<_>>().join(", ")
}
