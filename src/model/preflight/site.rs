//! What the checks look at: a network's settings, and the VPC with what the selectors matched in it.

use std::collections::{BTreeMap, BTreeSet};

use super::placement::ResolvedSubnets;
use crate::model::{
    ids::{EndpointId, RouteTableId, SubnetId},
    observed::{Endpoint, EndpointState, Observed, RouteTable, Vpc},
    ownership::Identity,
    settings::Settings,
    slot::{EndpointKey, Slot},
};

/// A network that is to be built, and where.
pub(crate) struct Site<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) settings: &'a Settings,
    pub(crate) observed: &'a Observed,
    pub(crate) vpc: &'a Vpc,
    pub(crate) subnets: &'a ResolvedSubnets,
    /// The route tables of staging and launch subnets.
    pub(crate) route_tables: &'a BTreeSet<RouteTableId>,
    /// The endpoints to have, with the services' names.
    pub(crate) services: &'a BTreeMap<EndpointKey, String>,
}

impl Site<'_> {
    /// The network's own live endpoint.
    pub(crate) fn own_endpoint(&self, key: EndpointKey) -> Option<&Endpoint> {
        let id = self.observed.resources.live(self.identity, Slot::Endpoint(key))?;
        self.observed.resources.endpoints.get(&EndpointId::from(id))
    }

    /// The endpoints in the VPC that are not the network's own, but for those that are gone.
    pub(crate) fn other_endpoints(&self) -> impl Iterator<Item = (&EndpointId, &Endpoint)> {
        let endpoints = self.observed.resources.endpoints.iter();
        endpoints.filter(|(_, one)| !self.identity.owns(&one.tags) && one.state != EndpointState::Deleted)
    }

    /// The interface endpoints that the network is to have.
    pub(crate) fn interface_endpoints(&self) -> impl Iterator<Item = EndpointKey> {
        self.services.keys().copied().filter(|key| *key != EndpointKey::S3_GATEWAY)
    }

    /// Whether the network builds a Resolver endpoint.
    pub(crate) const fn builds_resolver(&self) -> bool {
        crate::model::preflight::builds_resolver(self.settings)
    }

    /// The table that a subnet uses: its own association, else the VPC's main table.
    pub(crate) fn route_table(&self, subnet: &SubnetId) -> Option<&RouteTable> {
        route_table(self.observed, subnet)
    }
}

/// The table that a subnet uses: its own association, else the VPC's main table.
pub(crate) fn route_table<'a>(observed: &'a Observed, subnet: &SubnetId) -> Option<&'a RouteTable> {
    let tables = &observed.route_tables;
    tables.iter().find(|table| table.subnets.contains(subnet)).or_else(|| tables.iter().find(|table| table.main))
}
