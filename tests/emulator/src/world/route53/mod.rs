//! Amazon Route 53: private hosted zones and their VPCs.
//!
//! The service is global: a zone belongs to an account but to no Region, and can be associated with VPCs of any
//! Region and of other accounts. Records, public zones and delegation sets are not part of the emulator.

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
    /// The account that created the zone.
    pub(crate) owner: String,
    /// The name, in lowercase letters and with the final dot.
    pub(crate) name: String,
    caller_reference: String,
    comment: Option<String>,
    pub(crate) vpcs: BTreeSet<VpcPlace>,
    /// The VPCs of other accounts that are authorized for an association.
    authorized: BTreeSet<VpcPlace>,
}

/// The hosted zones of all accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostedZones {
    zones: BTreeMap<String, HostedZone>,
    ids: Ids,
}

impl HostedZones {
    /// Returns an empty set of zones.
    pub(crate) fn new() -> Self {
        Self { zones: BTreeMap::new(), ids: Ids::new("route53") }
    }

    /// Deletes the zones of an account, or all zones.
    pub(crate) fn reset(&mut self, account: Option<&str>) {
        self.zones.retain(|_, zone| account.is_some_and(|account| account != zone.owner));
    }

    /// Returns the zones that are associated with a VPC, by ID.
    pub(crate) fn of_vpc(&self, region: &str, vpc: &VpcId) -> impl Iterator<Item = &HostedZone> {
        let is_place = move |place: &VpcPlace| place.region == region && place.vpc == *vpc;
        self.zones.values().filter(move |zone| zone.vpcs.iter().any(is_place))
    }

    fn mint(&mut self) -> String {
        format!("Z0{}", letters(self.ids.next_number(), 19))
    }
}

/// Returns the name of the zone for a private DNS name: `*.s3.x` and `s3.x` are in one zone.
pub(crate) fn zone_name(private_name: &str) -> String {
    format!("{}.", private_name.trim_start_matches("*."))
}

/// Returns the ID of the zone that AWS creates for a private name of a VPC endpoint. DescribeVpcEndpoints returns the
/// same ID with the name.
pub(crate) fn endpoint_zone_id(endpoint: &str, private_name: &str) -> String {
    format!("Z{}", letters(hash(&format!("{endpoint} {}", zone_name(private_name))), 20))
}

/// Returns the IDs and names of the zones that AWS creates for the private DNS of a VPC's endpoints.
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

/// Returns `InvalidInput`, Route 53's code for an invalid value.
fn invalid_input(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidInput", message)
}
