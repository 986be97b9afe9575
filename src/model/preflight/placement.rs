//! The placement of a network: its selectors, resolved to one VPC, subnets, route tables and services.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::checks::Finding;
use crate::model::{
    ids::{EndpointId, RouteTableId, SubnetId, VpcId, ZoneId},
    slot::{EndpointKey, Service},
};

/// The place in AWS where a network is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The VPC.
    pub vpc: VpcId,
    /// All IPv4 CIDR blocks of the VPC.
    pub vpc_cidrs: BTreeSet<Ipv4Net>,
    /// The zones of all subnets of the VPC.
    pub zones: BTreeMap<SubnetId, ZoneId>,
    /// The subnets that the selectors matched.
    pub subnets: ResolvedSubnets,
    /// The route tables of the staging and launch subnets.
    pub route_tables: BTreeSet<RouteTableId>,
    /// The endpoints that the operator builds, with the full names of the services.
    pub services: BTreeMap<EndpointKey, String>,
    /// The network's own endpoints of services that AWS does not offer any more. They stay as they are.
    pub kept: BTreeMap<EndpointKey, EndpointId>,
    /// The optional services that the Region or its zones do not offer, each with the reason for skipping it.
    pub skipped: BTreeMap<Service, String>,
    /// The findings that do not block the network.
    pub warnings: Vec<Finding>,
}

/// The subnets of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedSubnets {
    /// The subnets of the interface endpoints and of the Resolver endpoint.
    pub endpoints: BTreeSet<SubnetId>,
    /// The subnets of the replication servers.
    pub staging: BTreeSet<SubnetId>,
    /// The subnets of the test and cutover instances.
    pub launch: BTreeSet<SubnetId>,
}
