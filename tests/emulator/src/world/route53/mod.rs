//! Amazon Route 53: private hosted zones and the VPCs they are associated with.
//!
//! The service is global: a zone belongs to an account and to no region, and can be associated with VPCs of every region and of
//! other accounts. Records, public zones and delegation sets are not part of this world.

pub mod association;
pub mod list;
mod vpc;
pub mod zone;

use std::collections::{BTreeMap, BTreeSet};

pub use self::vpc::Vpc;
use self::vpc::VpcPlace;
use super::{
    Region,
    error::AwsError,
    ids::{Ids, VpcId, hash, letters},
};

/// A private hosted zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostedZone {
    pub(crate) id: String,
    /// The account that made it.
    pub(crate) owner: String,
    /// In small letters, with the dot at the end.
    pub(crate) name: String,
    caller_reference: String,
    comment: Option<String>,
    pub(crate) vpcs: BTreeSet<VpcPlace>,
    /// VPCs of other accounts that may be associated with it.
    authorized: BTreeSet<VpcPlace>,
}

/// The hosted zones of all accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostedZones {
    zones: BTreeMap<String, HostedZone>,
    ids: Ids,
}

impl HostedZones {
    /// No zones.
    pub(crate) fn new() -> Self {
        Self { zones: BTreeMap::new(), ids: Ids::new("route53") }
    }

    /// Forgets the zones of an account, or all.
    pub(crate) fn reset(&mut self, account: Option<&str>) {
        self.zones.retain(|_, zone| account.is_some_and(|account| account != zone.owner));
    }

    /// The zones that a VPC is associated with, by id.
    pub(crate) fn of_vpc(&self, region: &str, vpc: &VpcId) -> impl Iterator<Item = &HostedZone> {
        let is_place = move |place: &VpcPlace| place.region == region && place.vpc == *vpc;
        self.zones.values().filter(move |zone| zone.vpcs.iter().any(is_place))
    }

    fn mint(&mut self) -> String {
        format!("Z0{}", letters(self.ids.next_number(), 19))
    }
}

/// The name of the zone that holds a name of private DNS: `*.s3.x` and `s3.x` are in one zone.
pub(crate) fn zone_name(private_name: &str) -> String {
    format!("{}.", private_name.trim_start_matches("*."))
}

/// The id of the zone that AWS keeps for a private name of a VPC endpoint. It is the one that DescribeVpcEndpoints shows with
/// the name.
pub(crate) fn endpoint_zone_id(endpoint: &str, private_name: &str) -> String {
    format!("Z{}", letters(hash(&format!("{endpoint} {}", zone_name(private_name))), 20))
}

/// The zones that AWS keeps for the private DNS of a VPC's endpoints: ids and names.
pub(crate) fn endpoint_zones(region: &Region, vpc: &VpcId) -> BTreeMap<String, String> {
    let with_dns = |endpoint: &&super::ec2::vpc_endpoint::VpcEndpoint| {
        endpoint.vpc == *vpc && endpoint.exists() && endpoint.private_dns
    };
    let endpoints = region.vpc_endpoints.values().filter(with_dns);
    let zones = endpoints.flat_map(|endpoint| {
        let names = endpoint.private_names.iter();
        names.map(|name| (endpoint_zone_id(&endpoint.id.to_string(), name), zone_name(name)))
    });
    zones.collect()
}

/// `InvalidInput`: what Route 53 answers to a value that is not acceptable.
fn invalid_input(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInput", message)
}
