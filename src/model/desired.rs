//! What a network asks for: its settings resolved against the VPC that was observed, slot by slot.
//!
//! After this nobody looks at the spec again.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    checks::Finding,
    ids::{RouteTableId, SubnetId, VpcId, ZoneId},
    observed::{Permission, PrivateDns, Protocol},
    owner::{Identity, Tags},
    preflight,
    resources::group_name,
    settings::{ReplicationGroup, Settings},
    slot::{EndpointKey, GroupRole, Service},
};
use crate::model::observed::Observed;

/// The mark at the start of the description of every rule that the operator writes. A rule without it is a stranger's.
pub const RULE_MARK: &str = "mgnet: ";

/// The resources that a network asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// Whose they are.
    pub identity: Identity,
    /// The VPC they stand in.
    pub vpc: VpcId,
    /// Zones of the VPC's subnets: endpoints take one subnet a zone.
    pub zones: BTreeMap<SubnetId, ZoneId>,
    /// The subnets that the selectors matched.
    pub subnets: ResolvedSubnets,
    /// The groups.
    pub groups: BTreeMap<GroupRole, DesiredGroup>,
    /// The endpoints.
    pub endpoints: BTreeMap<EndpointKey, DesiredEndpoint>,
    /// The subnets of the Resolver inbound endpoint, one address in each, if there is to be one.
    pub resolver: Option<BTreeSet<SubnetId>>,
    /// The user's tags for everything.
    pub tags: Tags,
    /// Services that the Region does not offer and the network does without, with the reason.
    pub skipped: BTreeMap<Service, String>,
    /// What the preflight found that does not stand in the way.
    pub warnings: Vec<Finding>,
}

/// The subnets of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedSubnets {
    /// Where interface endpoints and the Resolver endpoint have their addresses.
    pub endpoints: BTreeSet<SubnetId>,
    /// Where replication servers run.
    pub staging: BTreeSet<SubnetId>,
    /// Where test and cutover instances run.
    pub launch: BTreeSet<SubnetId>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredGroup {
    /// Its name.
    pub name: String,
    /// Its description; immutable in EC2.
    pub description: &'static str,
    /// What it admits, and the description of each rule.
    pub ingress: BTreeMap<Permission, String>,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredEndpoint {
    /// Addresses in subnets.
    Interface {
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// One subnet a zone.
        subnets: BTreeSet<SubnetId>,
        /// Who resolves the service's name to it.
        private_dns: PrivateDns,
    },
    /// Routes in route tables.
    Gateway {
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// The tables.
        route_tables: BTreeSet<RouteTableId>,
    },
}

impl Desired {
    /// Resolves the settings against the observed VPC. `pinned` is the VPC that holds resources of the network already.
    ///
    /// # Errors
    /// Everything about the VPC that stands in the way, each with what to change; nothing may be written then.
    pub fn resolve(
        identity: Identity,
        settings: &Settings,
        pinned: Option<&VpcId>,
        observed: &Observed,
    ) -> Result<Self, Vec<Finding>> {
        let place = preflight::resolve(&identity, settings, pinned, observed)?;
        let groups = groups(&identity, settings, &place.vpc.cidrs);
        let mut warnings = place.warnings;
        warnings.extend(preflight::quotas::rules(&identity, observed, &groups));
        let endpoints = place
            .services
            .iter()
            .map(|(key, service_name)| {
                let service_name = service_name.clone();
                let endpoint = if *key == EndpointKey::S3_GATEWAY {
                    DesiredEndpoint::Gateway { service_name, route_tables: place.route_tables.clone() }
                } else {
                    DesiredEndpoint::Interface {
                        service_name,
                        subnets: place.subnets.endpoints.clone(),
                        private_dns: private_dns(*key),
                    }
                };
                (*key, endpoint)
            })
            .collect();
        Ok(Self {
            identity,
            vpc: place.vpc.id.clone(),
            zones: observed.subnets.iter().map(|(id, subnet)| (id.clone(), subnet.zone.clone())).collect(),
            resolver: settings.resolver.then(|| place.subnets.endpoints.clone()),
            subnets: place.subnets,
            groups,
            endpoints,
            tags: settings.tags.clone(),
            skipped: place.skipped,
            warnings,
        })
    }
}

/// Replication servers keep the free way to S3 through the gateway endpoint; only on-premises queries, which come in
/// through the Resolver, are answered with the S3 interface endpoint's addresses. Other services have one kind only.
fn private_dns(key: EndpointKey) -> PrivateDns {
    if key == EndpointKey::S3_INTERFACE { PrivateDns::InboundResolverOnly } else { PrivateDns::Enabled }
}

fn groups(
    identity: &Identity,
    settings: &Settings,
    vpc_cidrs: &BTreeSet<Ipv4Net>,
) -> BTreeMap<GroupRole, DesiredGroup> {
    let group = |role, description, ingress| {
        (role, DesiredGroup { name: group_name(&identity.uid, role), description, ingress })
    };
    let sources = [("source servers", &settings.sources)];
    let mut groups = BTreeMap::from([group(
        GroupRole::Endpoints,
        "VPC endpoints of a migration network",
        // Private DNS re-points every client in the VPC to these endpoints, so all of the VPC is admitted.
        ingress(
            &[(Protocol::Tcp, 443)],
            &[("VPC", vpc_cidrs), ("source servers", &settings.sources), ("proxies", &settings.proxies)],
        ),
    )]);
    if settings.resolver {
        groups.extend([group(
            GroupRole::Resolver,
            "Route 53 Resolver inbound endpoint of a migration network",
            ingress(&[(Protocol::Tcp, 53), (Protocol::Udp, 53)], &sources),
        )]);
    }
    if settings.replication == ReplicationGroup::Managed {
        groups.extend([group(
            GroupRole::Replication,
            "Replication servers of a migration network",
            ingress(&[(Protocol::Tcp, 1500)], &sources),
        )]);
    }
    groups
}

/// One rule a port and range. A range that stands in two of the lists is described by the first.
fn ingress(ports: &[(Protocol, u16)], lists: &[(&'static str, &BTreeSet<Ipv4Net>)]) -> BTreeMap<Permission, String> {
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
