//! The resources that exist in a Region of an account. The emulator's control interface reports them without the delay
//! of AWS's lists.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Tags of a resource.
pub type Tags = BTreeMap<String, String>;

/// All existing resources. VPC endpoints that are still listed as `deleted` are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct State {
    /// VPCs.
    pub vpcs: Vec<Vpc>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Security groups, including the `default` group of each VPC.
    pub security_groups: Vec<SecurityGroup>,
    /// Network interfaces, including those of endpoints and resolvers.
    pub network_interfaces: Vec<NetworkInterface>,
    /// VPC endpoints.
    pub vpc_endpoints: Vec<VpcEndpoint>,
    /// Route 53 Resolver endpoints.
    pub resolver_endpoints: Vec<ResolverEndpoint>,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Vpc {
    /// Its ID.
    pub id: String,
    /// Its ranges.
    pub cidrs: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subnet {
    /// Its ID.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its IPv4 range.
    pub cidr: String,
    /// The name of its zone.
    pub zone: String,
    /// Its tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RouteTable {
    /// Its ID.
    pub id: String,
    /// Whether it is the main route table of its VPC.
    pub main: bool,
    /// The associated subnets.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its tags.
    pub tags: Tags,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// A range, or the ID of a prefix list.
    pub destination: String,
    /// `local`, or the ID of a gateway endpoint.
    pub target: String,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SecurityGroup {
    /// Its ID.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its name.
    pub name: String,
    /// Its inbound rules.
    pub ingress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Its ID.
    pub id: String,
    /// The protocol in AWS's terms, such as `tcp`.
    pub protocol: String,
    /// The first port.
    pub from_port: i32,
    /// The last port.
    pub to_port: i32,
    /// A range, or the ID of a group or of a prefix list.
    pub peer: String,
    /// Its description.
    pub description: Option<String>,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NetworkInterface {
    /// Its ID.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Its private address.
    pub address: String,
    /// Its security groups.
    pub groups: BTreeSet<String>,
    /// Its description.
    pub description: String,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct VpcEndpoint {
    /// Its ID.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// The full name of its service.
    pub service_name: String,
    /// `Interface` or `Gateway`.
    pub endpoint_type: String,
    /// Its state in AWS's terms, such as `available`.
    pub state: String,
    /// The subnets of its network interfaces.
    pub subnets: BTreeSet<String>,
    /// Its network interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Its security groups.
    pub security_groups: BTreeSet<String>,
    /// The route tables that route to it.
    pub route_tables: BTreeSet<String>,
    /// Whether the names of the service resolve to it.
    pub private_dns: bool,
    /// Whether they do so only for queries through a Resolver inbound endpoint; `None` where AWS has no such option.
    pub inbound_only: Option<bool>,
    /// Its endpoint policy: an IAM policy as JSON.
    pub policy: String,
    /// Its tags.
    pub tags: Tags,
}

/// A Route 53 Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResolverEndpoint {
    /// Its ID.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its status in AWS's terms, such as `OPERATIONAL`.
    pub status: String,
    /// Its security groups.
    pub security_groups: BTreeSet<String>,
    /// Its addresses.
    pub addresses: Vec<ResolverAddress>,
    /// Its tags.
    pub tags: Tags,
}

/// An address of a Route 53 Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ResolverAddress {
    /// Its ID.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// The address.
    pub address: String,
    /// The network interface with this address.
    pub network_interface: String,
    /// Its status in AWS's terms, such as `ATTACHED`.
    pub status: String,
}

impl State {
    /// Whether only VPCs, subnets and route tables exist, and the resources that AWS creates together with a VPC.
    pub fn is_clean(&self) -> bool {
        self.vpc_endpoints.is_empty()
            && self.resolver_endpoints.is_empty()
            && self.network_interfaces.is_empty()
            && self.security_groups.iter().all(|group| group.name == "default")
    }

    /// Returns the endpoint of a service, such as `s3`, and a type, such as `Gateway`.
    pub fn endpoint(&self, service: &str, endpoint_type: &str) -> Option<&VpcEndpoint> {
        self.vpc_endpoints.iter().find(|endpoint| {
            endpoint.service_name.rsplit('.').next() == Some(service) && endpoint.endpoint_type == endpoint_type
        })
    }

    /// Returns the group in a slot, such as `sg/endpoints`.
    pub fn security_group(&self, slot: &str) -> Option<&SecurityGroup> {
        let slot_tag = mgnet::model::ownership::SLOT_TAG;
        self.security_groups.iter().find(|group| group.tags.get(slot_tag).is_some_and(|tag| tag == slot))
    }

    /// Returns the IDs of the resources in slots, by slot.
    pub fn slots(&self) -> BTreeMap<String, String> {
        let groups = self.security_groups.iter().map(|group| (&group.tags, &group.id));
        let endpoints = self.vpc_endpoints.iter().map(|endpoint| (&endpoint.tags, &endpoint.id));
        let resolvers = self.resolver_endpoints.iter().map(|resolver| (&resolver.tags, &resolver.id));
        let all = groups.chain(endpoints).chain(resolvers);
        all.filter_map(|(tags, id)| Some((tags.get(mgnet::model::ownership::SLOT_TAG)?.clone(), id.clone()))).collect()
    }

    /// Returns the addresses of an interface endpoint or Resolver endpoint, each with its subnet, in order.
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
