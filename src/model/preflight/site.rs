//! The input of the checks: the settings of a network, and the VPC with the subnets that the selectors matched.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use jiff::civil::Date;

use super::placement::ResolvedSubnets;
use crate::model::{
    ids::{EndpointId, RouteTableId, SubnetId},
    observed::{Endpoint, EndpointState, Observed, RouteTable, Vpc},
    ownership::Identity,
    settings::{Resolver, Settings, endpoints::EndpointSource},
    slot::{EndpointKey, Slot},
};

/// The settings of a network, and the place in AWS where it will be built.
pub(crate) struct Site<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) settings: &'a Settings,
    pub(crate) observed: &'a Observed,
    pub(crate) vpc: &'a Vpc,
    pub(crate) subnets: &'a ResolvedSubnets,
    /// The route tables of the staging and launch subnets.
    pub(crate) route_tables: &'a BTreeSet<RouteTableId>,
    /// The endpoints of the network, with the names of the services.
    pub(crate) services: &'a BTreeMap<EndpointKey, String>,
    /// The date, for data that becomes outdated.
    pub(crate) today: Date,
}

impl Site<'_> {
    /// Returns the network's own live endpoint.
    pub(crate) fn own_endpoint(&self, key: EndpointKey) -> Option<&Endpoint> {
        let id = self.observed.resources.live(self.identity, Slot::Endpoint(key))?;
        self.observed.resources.endpoints.get(&EndpointId::from(id))
    }

    /// Returns the endpoints in the VPC that the network does not own, except for deleted ones.
    pub(crate) fn other_endpoints(&self) -> impl Iterator<Item = (&EndpointId, &Endpoint)> {
        let endpoints = self.observed.resources.endpoints.iter();
        endpoints.filter(|(_, one)| !self.identity.owns(&one.tags) && one.state != EndpointState::Deleted)
    }

    /// Returns the interface endpoints of the network.
    pub(crate) fn interface_endpoints(&self) -> impl Iterator<Item = EndpointKey> {
        self.services.keys().copied().filter(|key| *key != EndpointKey::S3_GATEWAY)
    }

    /// Returns the subnets of the interface endpoints, including existing ones.
    pub(crate) fn endpoint_subnets(&self) -> BTreeSet<&SubnetId> {
        let interfaces = self.settings.endpoints.iter().filter(|(key, _)| **key != EndpointKey::S3_GATEWAY);
        interfaces
            .filter_map(|(_, endpoint)| match &endpoint.source {
                EndpointSource::Managed { .. } => Some(&self.subnets.endpoints),
                EndpointSource::Existing(id) => self.observed.resources.endpoints.get(id).map(|one| &one.subnets),
            })
            .flatten()
            .collect()
    }

    /// Returns the subnets of the Resolver endpoint, which may be an existing one.
    pub(crate) fn resolver_subnets(&self) -> BTreeSet<&SubnetId> {
        match &self.settings.resolver {
            Resolver::Managed { .. } => self.subnets.endpoints.iter().collect(),
            Resolver::Existing(id) => {
                let existing = self.observed.resources.resolvers.get(id);
                existing.iter().flat_map(|one| one.addresses.values()).map(|address| &address.subnet).collect()
            }
            Resolver::Disabled => BTreeSet::new(),
        }
    }

    /// Whether the network builds a Resolver endpoint.
    pub(crate) const fn builds_resolver(&self) -> bool {
        crate::model::preflight::builds_resolver(self.settings)
    }

    /// Returns the DNS servers in the DHCP options that are not Amazon's.
    pub(crate) fn foreign_dns_servers(&self) -> impl Iterator<Item = &String> {
        let servers = self.observed.surroundings.dns_servers.iter().flatten();
        servers.filter(|server| !self.is_amazons(server))
    }

    /// Whether the server is `AmazonProvidedDNS`, by name or by address: 169.254.169.253, and the base of the VPC's range
    /// plus two.
    fn is_amazons(&self, server: &str) -> bool {
        if server.eq_ignore_ascii_case("AmazonProvidedDNS") {
            return true;
        }
        let Ok(address) = server.parse::<Ipv4Addr>() else { return false };
        let above_base = |cidr: &ipnet::Ipv4Net| u32::from(cidr.network()).checked_add(2).map(Ipv4Addr::from);
        let is_in_vpc = |cidr: &ipnet::Ipv4Net| above_base(cidr) == Some(address);
        address == Ipv4Addr::new(169, 254, 169, 253) || self.vpc.cidrs.iter().any(is_in_vpc)
    }

    /// Returns the route table of a subnet: the associated one, or else the main route table of the VPC.
    pub(crate) fn route_table(&self, subnet: &SubnetId) -> Option<&RouteTable> {
        route_table(self.observed, subnet)
    }
}

/// Returns the route table of a subnet: the associated one, or else the main route table of the VPC.
pub(crate) fn route_table<'a>(observed: &'a Observed, subnet: &SubnetId) -> Option<&'a RouteTable> {
    let tables = &observed.route_tables;
    tables.iter().find(|table| table.subnets.contains(subnet)).or_else(|| tables.iter().find(|table| table.main))
}
