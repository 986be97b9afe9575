//! The placement of a network: its selectors resolved to one VPC, subnets, route tables and services.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::checks::Finding;
use crate::model::{
    ids::{RouteTableId, SubnetId, VpcId, ZoneId},
    slot::{EndpointKey, Service},
};

/// Where a network is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The VPC.
    pub vpc: VpcId,
    /// All IPv4 ranges of the VPC.
    pub vpc_cidrs: BTreeSet<Ipv4Net>,
    /// The zones of all subnets of the VPC.
    pub zones: BTreeMap<SubnetId, ZoneId>,
    /// The subnets that the selectors matched.
    pub subnets: ResolvedSubnets,
    /// The route tables of staging and launch subnets.
    pub route_tables: BTreeSet<RouteTableId>,
    /// The endpoints that the operator builds, with the full names of their services.
    pub services: BTreeMap<EndpointKey, String>,
    /// The optional services that the Region or its zones do not offer, each with the reason.
    pub skipped: BTreeMap<Service, String>,
    /// The findings that do not stand in the way.
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
