//! The parts of a resource that other workloads may depend on: where it is, and its tags. The record of an adoption contains
//! those that the resource had.

use std::collections::BTreeSet;

use crate::model::{
    ids::{ResolverAddressId, RouteTableId, SecurityGroupId, SubnetId},
    observed::Resources,
    ownership::RESERVED_PREFIX,
    slot::Slot,
};

/// The parts of an endpoint, a Resolver endpoint or a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The subnets of an interface endpoint.
    pub subnets: BTreeSet<SubnetId>,
    /// The security groups of an interface endpoint.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The route tables of a gateway endpoint.
    pub route_tables: BTreeSet<RouteTableId>,
    /// The addresses of a Resolver endpoint.
    pub addresses: BTreeSet<ResolverAddressId>,
    /// The keys of the tags, except for those that are reserved for the operator.
    pub tag_keys: BTreeSet<String>,
}

/// The most entries of each kind that a record can hold. AWS allows fewer subnets (one per zone), security groups (16) and
/// tags (50).
pub const MOST: usize = 64;

/// The most route tables that a record can hold.
pub const MOST_ROUTE_TABLES: usize = 1024;

impl Parts {
    /// Returns everything that the resource of a slot has now. Empty if it is not listed.
    pub fn of(resources: &Resources, slot: Slot, id: &str) -> Self {
        let tags = resources.tags_of(slot, id).map(|(_, tags)| tags);
        let tag_keys = tags.into_iter().flat_map(|tags| tags.keys());
        let tag_keys = tag_keys.filter(|key| !key.starts_with(RESERVED_PREFIX)).cloned().collect();
        let endpoint = resources.endpoints.get(&id.into()).filter(|_| matches!(slot, Slot::Endpoint(_)));
        let resolver = resources.resolvers.get(&id.into()).filter(|_| slot == Slot::Resolver);
        Self {
            subnets: endpoint.map(|endpoint| endpoint.subnets.clone()).unwrap_or_default(),
            groups: endpoint.map(|endpoint| endpoint.groups.clone()).unwrap_or_default(),
            route_tables: endpoint.map(|endpoint| endpoint.route_tables.clone()).unwrap_or_default(),
            addresses: resolver.map(|resolver| resolver.addresses.keys().cloned().collect()).unwrap_or_default(),
            tag_keys,
        }
    }

    /// Whether a record can hold all of this. A resource with more is not adopted.
    pub fn fits(&self) -> bool {
        let Self { subnets, groups, route_tables, addresses, tag_keys } = self;
        [subnets.len(), groups.len(), addresses.len(), tag_keys.len()].into_iter().all(|count| count <= MOST)
            && route_tables.len() <= MOST_ROUTE_TABLES
    }
}
