//! Checks whether replication servers have a path to S3. Since August 2026 they also read a repository under a dual-stack name
//! of S3, `<bucket>.s3.dualstack.<region>.amazonaws.com`, which private DNS of an IPv4 interface endpoint does not cover
//! (Amazon S3 User Guide, "AWS PrivateLink for Amazon S3"): they need the gateway endpoint, or a route out of the VPC.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::model::{
    ids::{SubnetId, join},
    observed::{Endpoint, EndpointState, RouteTable, routes::RouteTarget},
    ownership::is_adopted,
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    slot::EndpointKey,
};

/// The ranges that are not on the internet, so that a route to them cannot lead to S3 (RFC 1918, RFC 3927, RFC 6598).
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"];

/// Where the route table of a subnet can lead to S3.
#[derive(PartialEq, Eq)]
enum Path {
    /// Through a gateway endpoint.
    Gateway,
    /// Through a route out of the VPC, of which the operator does not know the end.
    Perhaps,
    /// Nowhere.
    None,
}

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    // A managed endpoint gets the route tables of all staging subnets, and an existing one must have them (MGN123).
    if site.settings.endpoints.contains_key(&EndpointKey::S3_GATEWAY) {
        return Vec::new();
    }
    let leading = |wanted: Path| -> BTreeSet<&SubnetId> {
        site.subnets.staging.iter().filter(|subnet| path(site, site.route_table(subnet)) == wanted).collect()
    };
    let (perhaps, none) = (leading(Path::Perhaps), leading(Path::None));
    let names = format!("'s3.{0}.amazonaws.com' and 's3.dualstack.{0}.amazonaws.com'", site.settings.region);
    let blocked = (!none.is_empty()).then(|| {
        let message = format!(
            "no route of the staging subnets {} can lead to S3 ({names}), from which replication servers read their \
             software; set `mode` of `spec.endpoints[s3/Gateway]` to 'Managed', or add a route out of the VPC",
            join(none)
        );
        Finding::new(Check::StagingReachesS3, message)
    });
    let unknown = (!perhaps.is_empty()).then(|| {
        let message = format!(
            "the staging subnets {} have no S3 gateway endpoint, so replication servers reach S3 only if their routes out of \
             the VPC lead to {names}; set `mode` of `spec.endpoints[s3/Gateway]` to 'Managed', or check the firewall or proxy \
             at the end of these routes",
            join(perhaps)
        );
        Finding::new(Check::StagingS3PathKnown, message).about(EndpointKey::S3_GATEWAY)
    });
    blocked.into_iter().chain(unknown).collect()
}

fn path(site: &Site<'_>, table: Option<&RouteTable>) -> Path {
    let Some(table) = table else { return Path::None };
    // The network is going to delete its own, but gives an adopted one back.
    let stays = |endpoint: &Endpoint| !site.identity.owns(&endpoint.tags) || is_adopted(&endpoint.tags);
    let mut gateways = site.observed.resources.endpoints.values().filter(|endpoint| {
        endpoint.key == Some(EndpointKey::S3_GATEWAY) && endpoint.state == EndpointState::Available && stays(endpoint)
    });
    if gateways.any(|endpoint| endpoint.route_tables.contains(&table.id)) {
        return Path::Gateway;
    }
    let leads_out = |target| matches!(target, RouteTarget::Internet | RouteTarget::Private);
    let mut ranges = table.routes.iter().filter(|route| leads_out(route.target)).map(|route| route.destination);
    if ranges.any(|range| !is_private(range)) || table.has_prefix_list_routes { Path::Perhaps } else { Path::None }
}

fn is_private(range: Ipv4Net) -> bool {
    PRIVATE.iter().filter_map(|private| private.parse::<Ipv4Net>().ok()).any(|private| private.contains(&range))
}
