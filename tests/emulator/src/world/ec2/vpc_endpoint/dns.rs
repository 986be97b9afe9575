//! The DNS names of an interface endpoint.
//!
//! Source: AWS PrivateLink guide, "Access an AWS service using an interface VPC endpoint" (regional and zonal names), and
//! S3 User Guide, "AWS PrivateLink for Amazon S3" (the names of S3 begin with `*.`).

use serde::Serialize;

use super::{State, VpcEndpoint};
use crate::world::{
    Region,
    catalogue::{self, EndpointType},
    ids::{ResourceId, hash, letters},
    route53,
};

/// A DNS name and its hosted zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsEntry {
    /// The name.
    pub dns_name: String,
    /// The hosted zone.
    pub hosted_zone_id: String,
}

/// Returns the regional name first, then one name per zone, then the private names if private DNS is enabled.
///
/// Source of the order: CloudFormation User Guide, `AWS::EC2::VPCEndpoint`, `DnsEntries`. Source of the rest: answers of
/// DescribeVpcEndpoints that cloud-custodian recorded between 2018 and 2026: an endpoint without subnets has no names, and all
/// names under `vpce` of a Region are in one hosted zone.
pub(super) fn entries(endpoint: &VpcEndpoint, region: &Region, region_name: &str) -> Vec<DnsEntry> {
    let is_gateway = endpoint.endpoint_type == EndpointType::Gateway;
    if is_gateway || endpoint.state == State::Deleted || endpoint.subnets.is_empty() {
        return Vec::new();
    }
    let suffix = letters(hash(endpoint.id.as_str()), 8).to_lowercase();
    let star = if endpoint.short_name == "s3" { "*." } else { "" };
    let domain = catalogue::endpoint_domain(endpoint.short_name, region_name);
    let hosted_zone_id = format!("Z{}", letters(hash(region_name), 13));
    let entry = |dns_name| DnsEntry { dns_name, hosted_zone_id: hosted_zone_id.clone() };
    let mut entries = vec![entry(format!("{star}{}-{suffix}.{domain}", endpoint.id))];
    let zones = endpoint.subnets.keys().filter_map(|id| region.subnets.get(id)).map(|subnet| &subnet.zone);
    entries.extend(zones.map(|zone| entry(format!("{star}{}-{suffix}-{zone}.{domain}", endpoint.id))));
    if endpoint.private_dns {
        let private = endpoint.private_names.iter();
        entries.extend(private.map(|name| DnsEntry {
            dns_name: name.clone(),
            hosted_zone_id: route53::endpoint_zone_id(endpoint.id.as_str(), name),
        }));
    }
    entries
}
