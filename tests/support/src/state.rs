//! What there really is in a Region of an account, as the emulator tells it, whatever AWS's lists lag behind.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// Everything that exists. VPC endpoints that are only still listed as `deleted` do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct State {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Security groups, each VPC's `default` included.
    pub security_groups: Vec<SecurityGroup>,
    /// Network interfaces, those of endpoints and resolvers included.
    pub network_interfaces: Vec<NetworkInterface>,
    /// VPC endpoints.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Route 53 Resolver endpoints.
    pub resolver_endpoints: Vec<ResolverEndpoint>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// Its ranges.
    pub cidrs: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The name of its zone.
    pub zone: String,
    /// Its tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: String,
    /// Whether it is its VPC's main one.
    pub main: bool,
    /// The subnets that are associated with it.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its tags.
    pub tags: Tags,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// A range, or the id of a prefix list.
    pub destination: String,
    /// `local`, or the id of a gateway endpoint.
    pub target: String,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its name.
    pub name: String,
    /// What it admits.
    pub ingress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// The protocol in AWS's word, such as `tcp`.
    pub protocol: String,
    /// The first port.
    pub from_port: i32,
    /// The last port.
    pub to_port: i32,
    /// A range, or the id of a group or of a prefix list.
    pub peer: String,
    /// What is said about it.
    pub description: Option<String>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NetworkInterface {
    /// Its id.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Its private address.
    pub address: String,
    /// The groups that guard it.
    pub groups: BTreeSet<String>,
    /// What is said about it.
    pub description: String,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct VpcEndpoint {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The whole name of its service.
    pub service_name: String,
    /// `Interface` or `Gateway`.
    pub endpoint_type: String,
    /// Its state in AWS's word, such as `available`.
    pub state: String,
    /// The subnets that it has interfaces in.
    pub subnets: BTreeSet<String>,
    /// Its interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
    /// The groups that guard it.
    pub security_groups: BTreeSet<String>,
    /// The route tables that route to it.
    pub route_tables: BTreeSet<String>,
    /// Whether the names of the service resolve to it.
    pub private_dns: bool,
    /// Whether they do so only for queries that come in through a resolver; `None` where there is no such choice.
    pub inbound_only: Option<bool>,
    /// What it lets through: an IAM policy as JSON.
    pub policy: String,
    /// Its tags.
    pub tags: Tags,
}

/// A Route 53 Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResolverEndpoint {
    /// Its id.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its status in AWS's word, such as `OPERATIONAL`.
    pub status: String,
    /// The groups that guard it.
    pub security_groups: BTreeSet<String>,
    /// Its addresses.
    pub addresses: Vec<ResolverAddress>,
    /// Its tags.
    pub tags: Tags,
}

/// An address of a Route 53 Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResolverAddress {
    /// Its id.
    pub id: String,
    /// The subnet that it is in.
    pub subnet: String,
    /// The address.
    pub address: String,
    /// The interface that has it.
    pub network_interface: String,
    /// Its status in AWS's word, such as `ATTACHED`.
    pub status: String,
}

impl State {
    /// Whether nothing is there but VPCs, subnets and route tables, and what a VPC is born with.
    pub fn is_clean(&self) -> bool {
        self.vpc_endpoints.is_empty()
            && self.resolver_endpoints.is_empty()
            && self.network_interfaces.is_empty()
            && self.security_groups.iter().all(|group| group.name == "default")
    }

    /// The endpoint of that service, such as `s3`, and type, such as `Gateway`.
    pub fn endpoint(&self, service: &str, endpoint_type: &str) -> Option<&VpcEndpoint> {
        self.vpc_endpoints.iter().find(|endpoint| {
            endpoint.service_name.rsplit('.').next() == Some(service) && endpoint.endpoint_type == endpoint_type
        })
    }

    /// The group that fills a slot, such as `sg/endpoints`.
    pub fn security_group(&self, slot: &str) -> Option<&SecurityGroup> {
        let slot_tag = mgnet::model::ownership::SLOT_TAG;
        self.security_groups.iter().find(|group| group.tags.get(slot_tag).is_some_and(|tag| tag == slot))
    }

    /// The ids of what fills slots, by slot.
    pub fn slots(&self) -> BTreeMap<String, String> {
        let groups = self.security_groups.iter().map(|group| (&group.tags, &group.id));
        let endpoints = self.vpc_endpoints.iter().map(|endpoint| (&endpoint.tags, &endpoint.id));
        let resolvers = self.resolver_endpoints.iter().map(|resolver| (&resolver.tags, &resolver.id));
        let all = groups.chain(endpoints).chain(resolvers);
        all.filter_map(|(tags, id)| Some((tags.get(mgnet::model::ownership::SLOT_TAG)?.clone(), id.clone()))).collect()
    }

    /// The addresses of the interface endpoint or Resolver endpoint of that id, each with its subnet, in order.
    pub fn addresses(&self, id: &str) -> Vec<(String, String)> {
        let endpoints = self.vpc_endpoints.iter().filter(|endpoint| endpoint.id == id);
        let resolvers = self.resolver_endpoints.iter().filter(|resolver| resolver.id == id);
        let of_endpoints = endpoints.flat_map(|endpoint| &endpoint.network_interfaces);
        let of_endpoints = of_endpoints.map(|interface| (interface.subnet.clone(), interface.address.clone()));
        let of_resolvers = resolvers.flat_map(|resolver| &resolver.addresses);
        let of_resolvers = of_resolvers.map(|address| (address.subnet.clone(), address.address.clone()));
        let mut addresses: Vec<_> = of_endpoints.chain(of_resolvers).collect();
        addresses.sort();
        addresses
    }
}
