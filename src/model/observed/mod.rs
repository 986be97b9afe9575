//! The state of AWS as the last observation reported it. These are plain values: `crate::aws` creates them, and the
//! rest of `model` reads them.

mod endpoint;
pub mod network_acl;
pub mod parts;
pub mod replication_template;
mod resolver;
pub mod resources;
pub mod routes;
mod security_group;
pub mod surroundings;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

pub use self::{
    endpoint::{Endpoint, EndpointState, PrivateDns},
    resolver::{ResolverAddress, ResolverEndpoint, ResolverState},
    security_group::{Peer, Permission, PrefixLists, Protocol, Rule, SecurityGroup, Shortfall, Traffic, shortfall},
};
use self::{replication_template::ReplicationTemplates, routes::Route, surroundings::Surroundings};
use super::{
    ids::{EndpointId, NetworkInterfaceId, ResolverId, RouteTableId, SecurityGroupId, SubnetId, VpcId, ZoneId},
    ownership::Tags,
    slot::EndpointKey,
};

/// One complete observation: the VPC with its surroundings, and every resource in it that a network could own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The VPCs that the VPC selector of the network matches.
    pub vpcs: Vec<Vpc>,
    /// All subnets of the VPC, if exactly one VPC matched.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// The subnets that the network names but that are in other VPCs.
    pub subnets_elsewhere: BTreeMap<SubnetId, VpcId>,
    /// All route tables of the VPC.
    pub route_tables: Vec<RouteTable>,
    /// The endpoint services that the Region offers, among those that a network can request.
    pub services: BTreeMap<EndpointKey, ServiceOffer>,
    /// The data that changes rarely and is not read in every observation.
    pub surroundings: Surroundings,
    /// The replication templates of MGN in the account and Region.
    pub replication_templates: ReplicationTemplates,
    /// The ranges of the prefix lists that the rules of security groups refer to.
    pub prefix_lists: PrefixLists,
    /// The ranges of S3 in the Region. None if they could not be read, or if they do not matter, because nothing in the VPC
    /// filters egress.
    pub s3_ranges: Option<BTreeSet<Ipv4Net>>,
    /// All Resolver endpoints of the account in the Region, inbound or not.
    pub resolvers_in_region: BTreeSet<ResolverId>,
    /// The resources in the VPC.
    pub resources: Resources,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// The ID of the VPC.
    pub id: VpcId,
    /// All IPv4 CIDR blocks of the VPC, including secondary ones.
    pub cidrs: BTreeSet<Ipv4Net>,
    /// `enableDnsSupport`
    pub dns_support: bool,
    /// `enableDnsHostnames`
    pub dns_hostnames: bool,
    /// The ID of the DHCP options of the VPC.
    pub dhcp_options: Option<String>,
    /// Whether instances run on dedicated hardware by default (instance tenancy `dedicated`).
    pub dedicated: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The ID of the zone.
    pub zone: ZoneId,
    /// The name of the zone in this account, for messages.
    pub zone_name: String,
    /// The CIDR block of the subnet.
    pub cidr: Ipv4Net,
    /// `AvailableIpAddressCount`
    pub available_addresses: u32,
    /// The other account that shares the subnet with this one. None if this account owns the subnet.
    pub shared_by: Option<String>,
    /// The tags of the subnet.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// The ID of the route table.
    pub id: RouteTableId,
    /// Whether this is the main route table: subnets without an association use it.
    pub main: bool,
    /// The subnets that are associated with the route table explicitly.
    pub subnets: BTreeSet<SubnetId>,
    /// The IPv4 routes of the route table.
    pub routes: Vec<Route>,
    /// Whether the route table has a route to a prefix list with another target than a VPC endpoint.
    pub has_prefix_list_routes: bool,
}

/// An endpoint service that the Region offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOffer {
    /// `com.amazonaws.<region>.<service>`
    pub name: String,
    /// The IDs of the zones in which the service is available.
    pub zones: BTreeSet<ZoneId>,
    /// The names that private DNS resolves for the service, without `*.` and the final dot.
    pub private_dns_names: BTreeSet<String>,
    /// Whether the service also has gateway endpoints.
    pub has_gateway: bool,
}

/// The observed resources, both owned and foreign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// All security groups of the VPC. The rules are known only for the groups that matter to the network.
    pub groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    /// The VPC endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// The Resolver inbound endpoints.
    pub resolvers: BTreeMap<ResolverId, ResolverEndpoint>,
    /// The Resolver endpoints that are listed, but that AWS did not find when the operator read their tags or
    /// addresses. Their owner is unknown.
    pub unread_resolvers: BTreeSet<ResolverId>,
    /// The Resolver endpoints that have been in state `DELETING` for so long that their deletion must be requested again.
    pub stuck_resolvers: BTreeSet<ResolverId>,
    /// The network interfaces of the network's endpoints, those that use one of its security groups, and those that
    /// have one of its fixed addresses.
    pub interfaces: BTreeMap<NetworkInterfaceId, NetworkInterface>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// The subnet of the interface.
    pub subnet: SubnetId,
    /// The first private IPv4 address. None while AWS has not assigned it.
    pub ip: Option<Ipv4Addr>,
    /// The security groups of the interface.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The description that AWS or the user gave the interface.
    pub description: String,
}
