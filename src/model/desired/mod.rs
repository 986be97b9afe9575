//! The desired state of a network: its settings, resolved against the observed VPC, for each slot.
//!
//! Code that runs after this step does not read the spec again.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use crate::{
    api::{AdoptedDeletionPolicy, AdoptionPolicy},
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
        transfer::ClusterUid,
    },
};

/// The resources that the spec, the class and the VPC require.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The identity of the network.
    pub identity: Identity,
    /// The VPC of the network.
    pub vpc: VpcId,
    /// The zones of the VPC's subnets. An interface endpoint accepts one subnet per zone.
    pub zones: BTreeMap<SubnetId, ZoneId>,
    /// The subnets that the selectors matched.
    pub subnets: ResolvedSubnets,
    /// The security groups that the operator keeps.
    pub groups: BTreeMap<GroupRole, DesiredGroup>,
    /// The existing security groups, which are used read-only.
    pub existing_groups: BTreeMap<GroupRole, BTreeSet<SecurityGroupId>>,
    /// The endpoints.
    pub endpoints: BTreeMap<EndpointKey, DesiredEndpoint>,
    /// The Resolver inbound endpoint, if the network has one.
    pub resolver: Option<DesiredResolver>,
    /// Which resources in the VPC the network may adopt.
    pub adoption: AdoptionPolicy,
    /// The clusters from which the network accepts retained resources.
    pub transfers_from: BTreeSet<ClusterUid>,
    /// Whether adopted resources that the network no longer needs are released or deleted.
    pub adopted_deletion: AdoptedDeletionPolicy,
    /// The resources whose published addresses may change.
    pub address_changes: AddressChanges,
    /// The tags of the user, for all resources.
    pub tags: Tags,
    /// The services that the network skips because the Region does not offer them, each with the reason.
    pub skipped: BTreeMap<Service, String>,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredGroup {
    /// The name of the group.
    pub name: String,
    /// The description of the group, which cannot change in EC2.
    pub description: &'static str,
    /// The ingress rules, each with its description.
    pub ingress: Ingress,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredEndpoint {
    /// An interface endpoint, with addresses in subnets.
    Interface {
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// One subnet per zone.
        subnets: BTreeSet<SubnetId>,
        /// The fixed addresses, for some or all of the subnets.
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
        /// Which clients resolve the name of the service to this endpoint.
        private_dns: PrivateDns,
        /// The endpoint policy.
        policy: Policy,
    },
    /// A gateway endpoint, with routes in route tables.
    Gateway {
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// The route tables.
        route_tables: BTreeSet<RouteTableId>,
        /// The endpoint policy.
        policy: Policy,
    },
    /// An endpoint that is used read-only: an existing one, or one of the network whose service is not offered any more.
    Existing(EndpointId),
}

/// The Resolver inbound endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DesiredResolver {
    /// One address in each subnet. None if AWS chooses it.
    Managed(BTreeMap<SubnetId, Option<Ipv4Addr>>),
    /// An existing Resolver endpoint, which is used read-only.
    Existing(ResolverId),
}

/// How many of the addresses AWS chooses: those in subnets without a fixed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// None of them: all addresses are fixed.
    Nowhere,
    /// Some of them.
    Somewhere,
    /// All of them, or the resource has no addresses.
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
    /// Returns how many of the addresses AWS chooses.
    pub fn chosen(&self) -> Chosen {
        match self {
            Self::Interface { subnets, addresses, .. } => Chosen::of(subnets.len(), addresses.len()),
            Self::Gateway { .. } | Self::Existing(_) => Chosen::Everywhere,
        }
    }
}

impl DesiredResolver {
    /// Returns how many of the addresses AWS chooses.
    pub fn chosen(&self) -> Chosen {
        match self {
            Self::Managed(addresses) => Chosen::of(addresses.len(), addresses.values().flatten().count()),
            Self::Existing(_) => Chosen::Everywhere,
        }
    }
}

impl Desired {
    /// Returns the resources that these settings require in the placement that the preflight found.
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
            transfers_from: settings.transfers_from.clone(),
            adopted_deletion: settings.adopted_deletion,
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
        if let Some(id) = placement.kept.get(&key) {
            return Some(DesiredEndpoint::Existing(id.clone()));
        }
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
