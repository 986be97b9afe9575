//! What a network asks for: its settings resolved against the VPC that was observed, slot by slot.
//!
//! After this nobody looks at the spec again.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use crate::{
    api::AdoptionPolicy,
    model::{
        ids::{EndpointId, ResolverId, RouteTableId, SecurityGroupId, SubnetId, VpcId, ZoneId},
        observed::{Observed, Permission, PrivateDns, Protocol, resources::group_name},
        ownership::{Identity, Tags},
        policy::Policy,
        preflight::{self, Place, checks::Finding},
        settings::{AddressChanges, ReplicationGroup, Resolver, Settings, endpoints::EndpointSource},
        slot::{EndpointKey, EndpointType, GroupRole, Service},
    },
};

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
    /// The groups that the operator keeps.
    pub groups: BTreeMap<GroupRole, DesiredGroup>,
    /// The groups that are there already, and only used.
    pub existing_groups: BTreeMap<GroupRole, BTreeSet<SecurityGroupId>>,
    /// The endpoints.
    pub endpoints: BTreeMap<EndpointKey, DesiredEndpoint>,
    /// The Resolver inbound endpoint, if there is to be one.
    pub resolver: Option<DesiredResolver>,
    /// What in the VPC may become the network's own.
    pub adoption: AdoptionPolicy,
    /// The resources whose published addresses may change.
    pub address_changes: AddressChanges,
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
        /// Fixed addresses in some of them.
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
        /// Who resolves the service's name to it.
        private_dns: PrivateDns,
        /// What it lets through.
        policy: Policy,
    },
    /// Routes in route tables.
    Gateway {
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// The tables.
        route_tables: BTreeSet<RouteTableId>,
        /// What it lets through.
        policy: Policy,
    },
    /// One that is there already, and only used.
    Existing(EndpointId),
}

/// The Resolver inbound endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredResolver {
    /// One address in each subnet; none lets AWS choose it.
    Managed(BTreeMap<SubnetId, Option<Ipv4Addr>>),
    /// One that is there already, and only used.
    Existing(ResolverId),
}

/// Where AWS chooses the addresses: of the subnets, those without a fixed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// All addresses are fixed.
    Nowhere,
    /// Some are.
    Somewhere,
    /// None is, or there are none.
    Everywhere,
}

impl Chosen {
    fn of(subnets: usize, fixed: usize) -> Self {
        match fixed {
            0 => Self::Everywhere,
            _ if fixed < subnets => Self::Somewhere,
            _ => Self::Nowhere,
        }
    }
}

impl DesiredEndpoint {
    /// Where AWS chooses its addresses.
    pub fn chosen(&self) -> Chosen {
        match self {
            Self::Interface { subnets, addresses, .. } => Chosen::of(subnets.len(), addresses.len()),
            Self::Gateway { .. } | Self::Existing(_) => Chosen::Everywhere,
        }
    }
}

impl DesiredResolver {
    /// Where AWS chooses its addresses.
    pub fn chosen(&self) -> Chosen {
        match self {
            Self::Managed(addresses) => Chosen::of(addresses.len(), addresses.values().flatten().count()),
            Self::Existing(_) => Chosen::Everywhere,
        }
    }
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
        let mut warnings = place.warnings.clone();
        warnings.extend(preflight::quotas::rules(&identity, observed, &groups));
        let endpoints = settings
            .endpoints
            .iter()
            .filter_map(|(key, settings)| {
                let endpoint = match &settings.source {
                    EndpointSource::Existing(id) => DesiredEndpoint::Existing(id.clone()),
                    EndpointSource::Managed { addresses, policy } => {
                        let service_name = place.services.get(key)?.clone();
                        let policy = policy.clone();
                        if *key == EndpointKey::S3_GATEWAY {
                            DesiredEndpoint::Gateway { service_name, route_tables: place.route_tables.clone(), policy }
                        } else {
                            DesiredEndpoint::Interface {
                                service_name,
                                subnets: place.subnets.endpoints.clone(),
                                addresses: addresses.clone(),
                                private_dns: settings.private_dns,
                                policy,
                            }
                        }
                    }
                };
                Some((*key, endpoint))
            })
            .collect();
        Ok(Self {
            identity,
            vpc: place.vpc.id.clone(),
            zones: observed.subnets.iter().map(|(id, subnet)| (id.clone(), subnet.zone.clone())).collect(),
            resolver: resolver(settings, &place),
            subnets: place.subnets,
            groups,
            existing_groups: existing_groups(settings),
            endpoints,
            adoption: settings.adoption,
            address_changes: settings.address_changes.clone(),
            tags: settings.tags.clone(),
            skipped: place.skipped,
            warnings,
        })
    }
}

fn resolver(settings: &Settings, place: &Place<'_>) -> Option<DesiredResolver> {
    match &settings.resolver {
        Resolver::Managed { addresses } => {
            let subnets = place.subnets.endpoints.iter();
            let addresses = subnets.map(|subnet| (subnet.clone(), addresses.get(subnet).copied()));
            Some(DesiredResolver::Managed(addresses.collect()))
        }
        Resolver::Existing(id) => Some(DesiredResolver::Existing(id.clone())),
        Resolver::Disabled => None,
    }
}

fn existing_groups(settings: &Settings) -> BTreeMap<GroupRole, BTreeSet<SecurityGroupId>> {
    let endpoints = settings.endpoint_groups.clone().map(|ids| (GroupRole::Endpoints, ids));
    let replication = match &settings.replication {
        ReplicationGroup::Existing(id) => Some((GroupRole::Replication, BTreeSet::from([id.clone()]))),
        ReplicationGroup::ServiceManaged | ReplicationGroup::Managed => None,
    };
    endpoints.into_iter().chain(replication).collect()
}

fn groups(
    identity: &Identity,
    settings: &Settings,
    vpc_cidrs: &BTreeSet<Ipv4Net>,
) -> BTreeMap<GroupRole, DesiredGroup> {
    let group = |role, description, ingress| {
        (role, DesiredGroup { name: group_name(&identity.uid, role), description, ingress })
    };
    let mut groups = BTreeMap::new();
    let builds_interfaces = settings.endpoints.iter().any(|(key, endpoint)| {
        key.endpoint_type == EndpointType::Interface && matches!(endpoint.source, EndpointSource::Managed { .. })
    });
    if settings.endpoint_groups.is_none() && builds_interfaces {
        groups.extend([group(
            GroupRole::Endpoints,
            "VPC endpoints of a migration network",
            endpoint_ingress(settings, vpc_cidrs),
        )]);
    }
    if matches!(settings.resolver, Resolver::Managed { .. }) {
        groups.extend([group(
            GroupRole::Resolver,
            "Route 53 Resolver inbound endpoint of a migration network",
            resolver_ingress(settings),
        )]);
    }
    if settings.replication == ReplicationGroup::Managed {
        groups.extend([group(
            GroupRole::Replication,
            "Replication servers of a migration network",
            replication_ingress(settings),
        )]);
    }
    groups
}

/// What the groups of interface endpoints must admit. Private DNS re-points every client in the VPC to these endpoints, so
/// all of the VPC is admitted.
pub(crate) fn endpoint_ingress(settings: &Settings, vpc_cidrs: &BTreeSet<Ipv4Net>) -> BTreeMap<Permission, String> {
    ingress(
        &[(Protocol::Tcp, 443)],
        &[("VPC", vpc_cidrs), ("source servers", &settings.sources), ("proxies", &settings.proxies)],
    )
}

/// What the groups of the Resolver endpoint must admit.
pub(crate) fn resolver_ingress(settings: &Settings) -> BTreeMap<Permission, String> {
    let who = if settings.clients == settings.sources { "source servers" } else { "DNS clients" };
    ingress(&[(Protocol::Tcp, 53), (Protocol::Udp, 53)], &[(who, &settings.clients)])
}

/// What the group of replication servers must admit.
pub(crate) fn replication_ingress(settings: &Settings) -> BTreeMap<Permission, String> {
    ingress(&[(Protocol::Tcp, 1500)], &[("source servers", &settings.sources)])
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
