//! The input of the checks: the settings of a network, and the VPC with the subnets that the selectors matched.

use std::collections::{BTreeMap, BTreeSet};

use super::placement::ResolvedSubnets;
use crate::model::{
    ids::{EndpointId, RouteTableId, SubnetId},
    observed::{Endpoint, EndpointState, Observed, RouteTable, Vpc},
    ownership::Identity,
    settings::Settings,
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

    /// Whether the network builds a Resolver endpoint.
    pub(crate) const fn builds_resolver(&self) -> bool {
        crate::model::preflight::builds_resolver(self.settings)
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
