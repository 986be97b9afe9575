//! One Region of one account: its resources, and the changes that happen as time passes.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ec2::{
        dhcp_options::DhcpOptions, managed_prefix_list::PrefixList, network_acl::NetworkAcl,
        network_interface::NetworkInterface, route_table::RouteTable, security_group::SecurityGroup, subnet::Subnet,
        vpc::Vpc, vpc_endpoint::VpcEndpoint, vpn_gateway::VpnGateway,
    },
    ids::{
        DhcpOptionsId, Ids, NetworkAclId, NetworkInterfaceId, PrefixListId, ResolverEndpointId, RouteTableId,
        SecurityGroupId, SubnetId, VpcEndpointId, VpcId, VpnGatewayId,
    },
    mgn::Mgn,
    options::Options,
    resolver::ResolverEndpoint,
    table::{Sight, Table},
    tags::Tags,
    throttle::Buckets,
    tokens::Tokens,
};

/// The resources of one account in one Region.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    pub(crate) ids: Ids,
    /// The set of DHCP options for new VPCs.
    pub(crate) default_dhcp_options: DhcpOptionsId,
    pub(crate) dhcp_options: Table<DhcpOptionsId, DhcpOptions>,
    pub(crate) vpcs: Table<VpcId, Vpc>,
    pub(crate) subnets: Table<SubnetId, Subnet>,
    pub(crate) route_tables: Table<RouteTableId, RouteTable>,
    pub(crate) network_acls: Table<NetworkAclId, NetworkAcl>,
    pub(crate) prefix_lists: Table<PrefixListId, PrefixList>,
    pub(crate) security_groups: Table<SecurityGroupId, SecurityGroup>,
    pub(crate) network_interfaces: Table<NetworkInterfaceId, NetworkInterface>,
    pub(crate) vpn_gateways: Table<VpnGatewayId, VpnGateway>,
    pub(crate) vpc_endpoints: Table<VpcEndpointId, VpcEndpoint>,
    /// Endpoints that are no longer listed, for the client tokens that still return them.
    pub(crate) past_vpc_endpoints: BTreeMap<VpcEndpointId, VpcEndpoint>,
    pub(crate) resolver_endpoints: Table<ResolverEndpointId, ResolverEndpoint>,
    pub(crate) creator_request_ids: BTreeMap<String, ResolverEndpointId>,
    pub(crate) mgn: Mgn,
    pub(crate) tokens: Tokens,
    pub(crate) buckets: Buckets,
    next_due: Option<Duration>,
}

impl Region {
    /// Creates an empty Region without a default VPC.
    pub(super) fn new(account: &str, region: &str) -> Self {
        let mut ids = Ids::new(&format!("{account} {region}"));
        let default_dhcp_options: DhcpOptionsId = ids.mint();
        let set = DhcpOptions::default_of(default_dhcp_options.clone(), account, region);
        let mut dhcp_options = Table::default();
        dhcp_options.insert_from_the_start(default_dhcp_options.clone(), set);
        Self {
            default_dhcp_options,
            dhcp_options,
            ids,
            vpcs: Table::default(),
            subnets: Table::default(),
            route_tables: Table::default(),
            network_acls: Table::default(),
            prefix_lists: Table::default(),
            security_groups: Table::default(),
            network_interfaces: Table::default(),
            vpn_gateways: Table::default(),
            vpc_endpoints: Table::default(),
            past_vpc_endpoints: BTreeMap::new(),
            resolver_endpoints: Table::default(),
            creator_request_ids: BTreeMap::new(),
            mgn: Mgn::default(),
            tokens: Tokens::default(),
            buckets: Buckets::default(),
            next_due: None,
        }
    }

    /// Returns the time of the next scheduled change.
    pub fn next_due(&self) -> Option<Duration> {
        self.next_due
    }

    /// Schedules a change at a moment.
    pub(crate) fn schedule(&mut self, due: Duration) {
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// Executes all changes that are due.
    pub(super) fn settle(&mut self, now: Duration, options: &Options) {
        let sight = Sight { now, lag: options.lag() };
        self.settle_vpc_endpoints(sight, options);
        self.settle_resolver_endpoints(sight, options);
        self.settle_vpn_gateways(sight);
        let endpoints = self.vpc_endpoints.values().filter_map(VpcEndpoint::due);
        let resolver_endpoints = self.resolver_endpoints.values().filter_map(ResolverEndpoint::due);
        let gateways = self.vpn_gateways.values().filter_map(VpnGateway::due);
        self.next_due = endpoints.chain(resolver_endpoints).chain(gateways).min();
    }

    /// Returns the tags of the resource with this ID, if it is of a kind that IAM conditions on tags concern.
    pub(super) fn tags(&self, id: &str) -> Option<&Tags> {
        fn in_table<'a, K: super::ids::ResourceId, V>(table: &'a Table<K, V>, id: &str) -> Option<&'a V> {
            table.get(&K::parse(id).ok()?)
        }
        match id.split('-').next()? {
            "vpc" => in_table(&self.vpcs, id).map(|vpc| &vpc.tags),
            "subnet" => in_table(&self.subnets, id).map(|subnet| &subnet.tags),
            "rtb" => in_table(&self.route_tables, id).map(|table| &table.tags),
            "sg" => in_table(&self.security_groups, id).map(|group| &group.tags),
            "vpce" => in_table(&self.vpc_endpoints, id).map(|endpoint| &endpoint.tags),
            "rslvr" => in_table(&self.resolver_endpoints, id).map(|endpoint| &endpoint.tags),
            _ => None,
        }
    }

    /// Returns the tags of the EC2 resource with this ID for changes.
    pub(crate) fn tags_mut(&mut self, id: &str) -> Option<&mut Tags> {
        fn in_table<'a, K: super::ids::ResourceId, V>(
            table: &'a mut Table<K, V>,
            id: &str,
            tags: fn(&mut V) -> &mut Tags,
        ) -> Option<&'a mut Tags> {
            table.get_mut(&K::parse(id).ok()?).map(tags)
        }
        match id.split('-').next()? {
            "vpc" => in_table(&mut self.vpcs, id, |vpc| &mut vpc.tags),
            "subnet" => in_table(&mut self.subnets, id, |subnet| &mut subnet.tags),
            "rtb" => in_table(&mut self.route_tables, id, |table| &mut table.tags),
            "dopt" => in_table(&mut self.dhcp_options, id, |set| &mut set.tags),
            "acl" => in_table(&mut self.network_acls, id, |acl| &mut acl.tags),
            "pl" => in_table(&mut self.prefix_lists, id, |list| &mut list.tags),
            "sg" => in_table(&mut self.security_groups, id, |group| &mut group.tags),
            "eni" => in_table(&mut self.network_interfaces, id, |interface| &mut interface.tags),
            "vpce" => in_table(&mut self.vpc_endpoints, id, |endpoint| &mut endpoint.tags),
            "vgw" => in_table(&mut self.vpn_gateways, id, |gateway| &mut gateway.tags),
            "sgr" => {
                let mut rules = self.security_groups.iter_mut().flat_map(|(_, group)| group.rules.iter_mut());
                rules.find(|rule| rule.id.to_string() == id).map(|rule| &mut rule.tags)
            }
            _ => None,
        }
    }
}
