//! What AWS reports now. Values only: `crate::aws` fills them, everything else in `model` reads them.

mod endpoint;
pub mod network_acl;
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
    security_group::{Permission, Protocol, Rule, SecurityGroup, Traffic, admit},
};
use self::{routes::Route, surroundings::Surroundings};
use super::{
    ids::{EndpointId, NetworkInterfaceId, ResolverId, RouteTableId, SecurityGroupId, SubnetId, VpcId, ZoneId},
    ownership::Tags,
    slot::EndpointKey,
};

/// One complete observation: the VPC with its surroundings, and every resource in it that a network could own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What the network's VPC selector matches.
    pub vpcs: Vec<Vpc>,
    /// All subnets of the VPC, if exactly one matched.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// Subnets that the network names and that are in other VPCs.
    pub subnets_elsewhere: BTreeMap<SubnetId, VpcId>,
    /// All route tables of the VPC.
    pub route_tables: Vec<RouteTable>,
    /// The endpoint services that the Region offers, of those a network can ask for.
    pub services: BTreeMap<EndpointKey, ServiceOffer>,
    /// What is read seldom.
    pub surroundings: Surroundings,
    /// All Resolver endpoints of the account in the Region, inbound or not.
    pub resolvers_in_region: BTreeSet<ResolverId>,
    /// The resources.
    pub resources: Resources,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// All its IPv4 ranges, secondary ones included.
    pub cidrs: BTreeSet<Ipv4Net>,
    /// `enableDnsSupport`
    pub dns_support: bool,
    /// `enableDnsHostnames`
    pub dns_hostnames: bool,
    /// The id of its DHCP options.
    pub dhcp_options: Option<String>,
    /// Whether instances run on hardware of their own unless they say otherwise (instance tenancy `dedicated`).
    pub dedicated: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The zone's id.
    pub zone: ZoneId,
    /// The zone's name in this account, for people.
    pub zone_name: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// `AvailableIpAddressCount`
    pub available_addresses: u32,
    /// The other account that shares it with this one; none for a subnet of the account's own.
    pub shared_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// Whether subnets without an association of their own use it.
    pub main: bool,
    /// Subnets that are associated with it explicitly.
    pub subnets: BTreeSet<SubnetId>,
    /// Its IPv4 routes.
    pub routes: Vec<Route>,
}

/// An endpoint service as the Region offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOffer {
    /// `com.amazonaws.<region>.<service>`
    pub name: String,
    /// The zones it can be reached in, by id.
    pub zones: BTreeSet<ZoneId>,
    /// The names that private DNS answers for it, without `*.` and the final dot.
    pub private_dns_names: BTreeSet<String>,
}

/// The resources found, the network's own and others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Security groups: all of the VPC. The rules are only known of those that matter to the network.
    pub groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    /// VPC endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Resolver inbound endpoints.
    pub resolvers: BTreeMap<ResolverId, ResolverEndpoint>,
    /// Those that are listed, and that AWS did not find when it was asked for their tags or addresses: whose they are is not
    /// known.
    pub unread_resolvers: BTreeSet<ResolverId>,
    /// Network interfaces of the network's endpoints, what else holds one of its groups, and what has one of the addresses
    /// that it asks for.
    pub interfaces: BTreeMap<NetworkInterfaceId, NetworkInterface>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its first private IPv4 address; none while AWS has not assigned it.
    pub ip: Option<Ipv4Addr>,
    /// Its groups.
    pub groups: BTreeSet<SecurityGroupId>,
    /// What AWS says it is for.
    pub description: String,
}
