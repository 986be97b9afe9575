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
        ingress::{self, Ingress},
        observed::{PrivateDns, resources::group_name},
        ownership::{Identity, Tags},
        policy::Policy,
        preflight::{Placement, ResolvedSubnets},
        settings::{
            AddressChanges, ReplicationGroup, Resolver, Settings,
            endpoints::{EndpointSettings, EndpointSource},
        },
        slot::{EndpointKey, EndpointType, GroupRole, Service},
    },
};

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
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredGroup {
    /// Its name.
    pub name: String,
    /// Its description; immutable in EC2.
    pub description: &'static str,
    /// What it admits, and the description of each rule.
    pub ingress: Ingress,
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
    /// What the network with these settings asks for in the place that the preflight found.
    pub fn resolve(identity: Identity, settings: &Settings, placement: &Placement) -> Self {
        Self {
            vpc: placement.vpc.clone(),
            zones: placement.zones.clone(),
            subnets: placement.subnets.clone(),
            groups: groups(&identity, settings, &placement.vpc_cidrs),
            existing_groups: existing_groups(settings),
            endpoints: endpoints(settings, placement),
            resolver: resolver(settings, placement),
            adoption: settings.adoption,
            address_changes: settings.address_changes.clone(),
            tags: settings.tags.clone(),
            skipped: placement.skipped.clone(),
            identity,
        }
    }
}

fn endpoints(settings: &Settings, placement: &Placement) -> BTreeMap<EndpointKey, DesiredEndpoint> {
    let endpoint = |key: EndpointKey, endpoint: &EndpointSettings| {
        let (addresses, policy) = match &endpoint.source {
            EndpointSource::Existing(id) => return Some(DesiredEndpoint::Existing(id.clone())),
            EndpointSource::Managed { addresses, policy } => (addresses.clone(), policy.clone()),
        };
        let service_name = placement.services.get(&key)?.clone();
        Some(match key.endpoint_type {
            EndpointType::Gateway => {
                DesiredEndpoint::Gateway { service_name, route_tables: placement.route_tables.clone(), policy }
            }
            EndpointType::Interface => DesiredEndpoint::Interface {
                service_name,
                subnets: placement.subnets.endpoints.clone(),
                addresses,
                private_dns: endpoint.private_dns,
                policy,
            },
        })
    };
    settings.endpoints.iter().filter_map(|(key, settings)| Some((*key, endpoint(*key, settings)?))).collect()
}

fn resolver(settings: &Settings, placement: &Placement) -> Option<DesiredResolver> {
    match &settings.resolver {
        Resolver::Managed { addresses } => {
            let subnets = placement.subnets.endpoints.iter();
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
    let group = |(role, ingress): (GroupRole, Ingress)| {
        let description = match role {
            GroupRole::Endpoints => "VPC endpoints of a migration network",
            GroupRole::Resolver => "Route 53 Resolver inbound endpoint of a migration network",
            GroupRole::Replication => "Replication servers of a migration network",
        };
        (role, DesiredGroup { name: group_name(&identity.uid, role), description, ingress })
    };
    ingress::of_managed_groups(settings, vpc_cidrs).into_iter().map(group).collect()
}
