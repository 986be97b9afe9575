//! All existing resources, in a form that is easy to assert on. This is not an AWS call: it shows the true state,
//! without lag.
#![allow(missing_docs, reason = "a plain listing; the names say what the fields are")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use serde::Serialize;

use super::{
    Region, World,
    catalogue::EndpointType,
    ec2::{
        network_acl::entry::EntryItem, network_interface::NetworkInterface, security_group::SecurityGroup,
        vpc_endpoint::VpcEndpoint,
    },
    ids::{
        NetworkAclId, NetworkInterfaceId, ResolverAddressId, ResolverEndpointId, RouteTableId, SecurityGroupId,
        SecurityGroupRuleId, SubnetId, VpcEndpointId, VpcId,
    },
    resolver::{Direction, ResolverEndpoint},
    tags::Tags,
};

/// The live resources of one account in one Region. VPC endpoints that are `deleted` are not live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    pub route_tables: Vec<RouteTable>,
    pub network_acls: Vec<NetworkAcl>,
    pub security_groups: Vec<Group>,
    pub network_interfaces: Vec<Interface>,
    pub vpc_endpoints: Vec<Endpoint>,
    pub resolver_endpoints: Vec<Resolver>,
    /// The private hosted zones that are associated with VPCs of this Region, whatever their owner.
    pub hosted_zones: Vec<HostedZone>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vpc {
    pub id: VpcId,
    pub cidrs: Vec<String>,
    pub dns_support: bool,
    pub dns_hostnames: bool,
    /// The ID of the DHCP options, or `default` if the VPC has none.
    pub dhcp_options: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subnet {
    pub id: SubnetId,
    pub vpc: VpcId,
    /// The IPv4 block; empty for a subnet with IPv6 only.
    pub cidr: String,
    pub zone: String,
    pub zone_id: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteTable {
    pub id: RouteTableId,
    pub vpc: VpcId,
    pub main: bool,
    pub subnets: Vec<SubnetId>,
    pub routes: Vec<Route>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// A CIDR block or the ID of a prefix list.
    pub destination: String,
    /// `local`, or the ID of a gateway endpoint, a virtual private gateway or a network interface.
    pub target: String,
    /// `active` or `blackhole`.
    pub state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkAcl {
    pub id: NetworkAclId,
    pub vpc: VpcId,
    pub default: bool,
    pub subnets: BTreeSet<SubnetId>,
    /// The entries in the format of EC2 answers.
    pub entries: Vec<EntryItem>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    pub id: SecurityGroupId,
    pub vpc: VpcId,
    pub name: String,
    pub description: String,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub id: SecurityGroupRuleId,
    pub protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    /// A CIDR block, or the ID of a group or a prefix list.
    pub peer: String,
    pub description: Option<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    pub id: NetworkInterfaceId,
    pub subnet: SubnetId,
    pub address: Ipv4Addr,
    pub groups: BTreeSet<SecurityGroupId>,
    pub interface_type: &'static str,
    pub requester_managed: bool,
    pub description: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    pub id: VpcEndpointId,
    pub vpc: VpcId,
    pub service_name: String,
    pub endpoint_type: EndpointType,
    /// The status in the format of AWS.
    pub state: &'static str,
    pub subnets: Vec<SubnetId>,
    pub network_interfaces: Vec<Interface>,
    pub security_groups: BTreeSet<SecurityGroupId>,
    pub route_tables: BTreeSet<RouteTableId>,
    pub private_dns: bool,
    pub inbound_only: Option<bool>,
    pub policy: String,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolver {
    pub id: ResolverEndpointId,
    pub name: Option<String>,
    pub creator_request_id: String,
    pub direction: Direction,
    pub vpc: VpcId,
    pub status: &'static str,
    pub security_groups: BTreeSet<SecurityGroupId>,
    pub addresses: Vec<ResolverAddress>,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResolverAddress {
    pub id: ResolverAddressId,
    pub subnet: SubnetId,
    pub address: Ipv4Addr,
    pub network_interface: NetworkInterfaceId,
    pub status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostedZone {
    pub id: String,
    pub name: String,
    pub owner: String,
    /// The VPCs of this Region.
    pub vpcs: BTreeSet<VpcId>,
}

impl World {
    /// Returns the existing resources of one account in one Region.
    pub fn state(&self, account: &str, region: &str) -> State {
        let place = (account.to_owned(), region.to_owned());
        self.regions.get(&place).map(|there| State::of(there, self.hosted_zones_of(there, region))).unwrap_or_default()
    }
}

impl World {
    /// Returns the tags of the resource with this ID in a Region of an account. `None` if it does not exist.
    pub fn tags(&self, account: &str, region: &str, id: &str) -> Option<&Tags> {
        self.regions.get(&(account.to_owned(), region.to_owned()))?.tags(id)
    }

    fn hosted_zones_of(&self, region: &Region, name: &str) -> Vec<HostedZone> {
        let mut zones: BTreeMap<String, HostedZone> = BTreeMap::new();
        for (vpc, _) in region.vpcs.iter() {
            for zone in self.hosted_zones.of_vpc(name, vpc) {
                let new = || HostedZone {
                    id: zone.id.clone(),
                    name: zone.name.clone(),
                    owner: zone.owner.clone(),
                    vpcs: BTreeSet::new(),
                };
                zones.entry(zone.id.clone()).or_insert_with(new).vpcs.insert(vpc.clone());
            }
        }
        zones.into_values().collect()
    }
}

impl State {
    /// Whether only VPCs, subnets, route tables and the default resources of VPCs exist: no other group, no endpoint,
    /// no interface.
    pub fn is_clean(&self) -> bool {
        self.vpc_endpoints.is_empty()
            && self.resolver_endpoints.is_empty()
            && self.network_interfaces.is_empty()
            && self.security_groups.iter().all(|group| group.name == "default")
    }

    fn of(region: &Region, hosted_zones: Vec<HostedZone>) -> Self {
        let vpc = |vpc: &super::ec2::vpc::Vpc| Vpc {
            id: vpc.id.clone(),
            cidrs: vpc.cidrs.values().map(ToString::to_string).collect(),
            dns_support: vpc.dns_support,
            dns_hostnames: vpc.dns_hostnames,
            dhcp_options: vpc.dhcp_options_id(),
            tags: vpc.tags.clone(),
        };
        let subnet = |subnet: &super::ec2::subnet::Subnet| Subnet {
            id: subnet.id.clone(),
            vpc: subnet.vpc.clone(),
            cidr: subnet.cidr.map_or_else(String::new, |cidr| cidr.to_string()),
            zone: subnet.zone.clone(),
            zone_id: subnet.zone_id.clone(),
            tags: subnet.tags.clone(),
        };
        let route_table = |table: &super::ec2::route_table::RouteTable| RouteTable {
            id: table.id.clone(),
            vpc: table.vpc.clone(),
            main: table.is_main(),
            subnets: table.subnets.values().cloned().collect(),
            routes: table
                .routes(region)
                .into_iter()
                .map(|route| Route {
                    destination: route
                        .destination_cidr_block
                        .or_else(|| route.destination_prefix_list_id.map(|id| id.to_string()))
                        .unwrap_or_default(),
                    target: route
                        .gateway_id
                        .or_else(|| route.network_interface_id.map(|id| id.to_string()))
                        .unwrap_or_default(),
                    state: route.state,
                })
                .collect(),
            tags: table.tags.clone(),
        };
        let live = region.vpc_endpoints.values().filter(|endpoint| endpoint.exists());
        Self {
            vpcs: region.vpcs.values().map(vpc).collect(),
            subnets: region.subnets.values().map(subnet).collect(),
            route_tables: region.route_tables.values().map(route_table).collect(),
            network_acls: region.network_acls.values().map(network_acl).collect(),
            security_groups: region.security_groups.values().map(group).collect(),
            network_interfaces: region.network_interfaces.values().map(interface).collect(),
            vpc_endpoints: live.map(|live| endpoint(live, region)).collect(),
            resolver_endpoints: region.resolver_endpoints.values().map(resolver).collect(),
            hosted_zones,
        }
    }
}

fn network_acl(acl: &super::ec2::network_acl::NetworkAcl) -> NetworkAcl {
    NetworkAcl {
        id: acl.id.clone(),
        vpc: acl.vpc.clone(),
        default: acl.is_default,
        subnets: acl.subnets.values().cloned().collect(),
        entries: acl.shown(),
        tags: acl.tags.clone(),
    }
}

fn group(group: &SecurityGroup) -> Group {
    let rules = |egress| {
        let of_direction = group.rules.iter().filter(move |rule| rule.traffic.egress == egress);
        let shown = of_direction.map(|rule| Rule {
            id: rule.id.clone(),
            protocol: rule.traffic.protocol.clone(),
            from_port: rule.traffic.from_port,
            to_port: rule.traffic.to_port,
            peer: rule.traffic.peer.to_string(),
            description: rule.description.clone(),
            tags: rule.tags.clone(),
        });
        shown.collect()
    };
    Group {
        id: group.id.clone(),
        vpc: group.vpc.clone(),
        name: group.name.clone(),
        description: group.description.clone(),
        ingress: rules(false),
        egress: rules(true),
        tags: group.tags.clone(),
    }
}

fn interface(interface: &NetworkInterface) -> Interface {
    Interface {
        id: interface.id.clone(),
        subnet: interface.subnet.clone(),
        address: interface.address,
        groups: interface.groups.clone(),
        interface_type: interface.interface_type(),
        requester_managed: interface.requester_managed(),
        description: interface.description.clone(),
        tags: interface.tags.clone(),
    }
}

fn endpoint(endpoint: &VpcEndpoint, region: &Region) -> Endpoint {
    let interfaces = endpoint.subnets.values().filter_map(|id| region.network_interfaces.get(id));
    Endpoint {
        id: endpoint.id.clone(),
        vpc: endpoint.vpc.clone(),
        service_name: endpoint.service_name.clone(),
        endpoint_type: endpoint.endpoint_type,
        state: endpoint.state.as_str(),
        subnets: endpoint.subnets.keys().cloned().collect(),
        network_interfaces: interfaces.map(interface).collect(),
        security_groups: endpoint.groups.clone(),
        route_tables: endpoint.route_tables.clone(),
        private_dns: endpoint.private_dns,
        inbound_only: endpoint.inbound_only,
        policy: endpoint.policy.clone(),
        tags: endpoint.tags.clone(),
    }
}

fn resolver(endpoint: &ResolverEndpoint) -> Resolver {
    let address = |address: &super::resolver::Address| ResolverAddress {
        id: address.id.clone(),
        subnet: address.subnet.clone(),
        address: address.ip,
        network_interface: address.interface.clone(),
        status: address.status.as_str(),
    };
    Resolver {
        id: endpoint.id.clone(),
        name: endpoint.name.clone(),
        creator_request_id: endpoint.creator_request_id.clone(),
        direction: endpoint.direction,
        vpc: endpoint.vpc.clone(),
        status: endpoint.status.as_str(),
        security_groups: endpoint.groups.clone(),
        addresses: endpoint.addresses.values().map(address).collect(),
        tags: endpoint.tags.clone(),
    }
}
