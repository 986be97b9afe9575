//! Checks for resources of others that AWS allows only once in a VPC: private DNS names and routes to S3.

use crate::model::{
    ids::{EndpointId, join},
    observed::{Endpoint, EndpointState, PrivateDns},
    ownership,
    preflight::{
        checks::{Check, Finding},
        predecessors,
        site::Site,
    },
    slot::{EndpointKey, Slot},
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let mut findings = private_dns(site);
    findings.extend(hosted_zones(site));
    findings.extend(gateway_routes(site));
    findings
}

/// Returns the interface endpoints that do not have their private DNS names yet. Endpoints that already have their
/// names cannot conflict.
fn without_names<'a>(site: &'a Site<'_>) -> impl Iterator<Item = EndpointKey> + 'a {
    // The private DNS setting of an adopted endpoint does not change.
    let has_names = |key: EndpointKey| {
        site.own_endpoint(key).is_some_and(|endpoint| {
            endpoint.private_dns != PrivateDns::Disabled || ownership::is_adopted(&endpoint.tags)
        })
    };
    let wants_names = |key: EndpointKey| {
        site.settings.endpoints.get(&key).is_some_and(|endpoint| endpoint.private_dns != PrivateDns::Disabled)
    };
    site.interface_endpoints().filter(move |key| wants_names(*key) && !has_names(*key))
}

/// Whether the network is about to adopt this foreign endpoint.
fn is_adopted(site: &Site<'_>, key: EndpointKey, other: &Endpoint) -> bool {
    other.key == Some(key)
        && site.own_endpoint(key).is_none()
        && !other.is_requester_managed
        && site.identity.may_adopt(
            site.settings.adoption,
            &site.settings.transfers_from,
            &other.tags,
            Slot::Endpoint(key),
        )
}

/// Returns the solutions that do not change the foreign endpoint.
fn ways_out(site: &Site<'_>, key: EndpointKey, id: &EndpointId, other: &Endpoint) -> String {
    let use_it = format!("use it in `spec.endpoints` ({key}: `mode` 'Existing', `endpointID` '{id}')");
    let slot = Slot::Endpoint(key);
    if site.identity.left_behind(&site.settings.transfers_from, &other.tags, slot) {
        format!("{use_it}, or adopt it again with `spec.adoptionPolicy` 'Retained'")
    } else if other.is_requester_managed {
        format!("{use_it}; an AWS service manages it")
    } else if let Some(keeper) = ownership::keeper(&other.tags) {
        format!("{use_it}; it is managed by {keeper}")
    } else {
        format!("{use_it}, or let the network adopt it and add to it with `spec.adoptionPolicy` 'Any'")
    }
}

/// hashicorp/terraform-provider-aws issue 17535: "there is already a conflicting DNS domain for … in the VPC".
fn private_dns(site: &Site<'_>) -> Vec<Finding> {
    without_names(site)
        .flat_map(|key| site.other_endpoints().map(move |other| (key, other)))
        .filter(|(key, (_, other))| other.key == Some(*key) && other.private_dns != PrivateDns::Disabled)
        .filter(|(key, (_, other))| !is_adopted(site, *key, other) && !predecessors::reports(site, other))
        .map(|(key, (id, other))| {
            let message = format!(
                "{}: endpoint {id} in VPC {} has private DNS for {}, which only one endpoint in a VPC can have; {}; \
                 or disable its private DNS with ModifyVpcEndpoint",
                Slot::Endpoint(key),
                site.vpc.id,
                other.service_name,
                ways_out(site, key, id, other)
            );
            Finding::new(Check::PrivateDnsFree, message).about(id)
        })
        .collect()
}

/// hashicorp/terraform-provider-aws issue 37783: a hosted zone and private DNS with the same name exclude each other.
/// Zones of a parent or child domain do not conflict: the more specific name wins (Route 53 Developer Guide, "Private
/// hosted zones").
fn hosted_zones(site: &Site<'_>) -> Vec<Finding> {
    let zones = site.observed.surroundings.hosted_zones.as_deref().unwrap_or_default();
    without_names(site)
        .filter_map(|key| Some((key, site.observed.services.get(&key)?)))
        .flat_map(|(key, offer)| {
            let same = zones.iter().filter(|zone| offer.private_dns_names.contains(&zone.name.to_ascii_lowercase()));
            same.map(move |zone| (key, zone))
        })
        .map(|(key, zone)| {
            let message = format!(
                "{}: private hosted zone {} of account {} with the name '{}' is associated with VPC {} and conflicts \
                 with private DNS for the same name; remove the association with DisassociateVPCFromHostedZone",
                Slot::Endpoint(key),
                zone.id,
                zone.owner,
                zone.name,
                site.vpc.id
            );
            Finding::new(Check::HostedZonesApart, message).about(&zone.id)
        })
        .collect()
}

/// EC2 error `RouteAlreadyExists`: a route table has one route to a prefix list. AWS removes the routes of an
/// endpoint as soon as its deletion begins.
fn gateway_routes(site: &Site<'_>) -> Vec<Finding> {
    if !site.services.contains_key(&EndpointKey::S3_GATEWAY) {
        return Vec::new();
    }
    let own = site.own_endpoint(EndpointKey::S3_GATEWAY);
    site.other_endpoints()
        .filter(|(_, other)| other.key == Some(EndpointKey::S3_GATEWAY) && other.state != EndpointState::Deleting)
        .filter(|(_, other)| !is_adopted(site, EndpointKey::S3_GATEWAY, other) && !predecessors::reports(site, other))
        .filter_map(|(id, other)| {
            let is_own = |table: &_| own.is_some_and(|own| own.route_tables.contains(table));
            let taken: Vec<_> = other
                .route_tables
                .iter()
                .filter(|table| site.route_tables.contains(*table) && !is_own(*table))
                .collect();
            (!taken.is_empty()).then(|| {
                let message = format!(
                    "{}: endpoint {id} has the route to S3 in {}, but a route table can have only one; {}; or remove \
                     the route tables from it with ModifyVpcEndpoint",
                    Slot::Endpoint(EndpointKey::S3_GATEWAY),
                    join(taken),
                    ways_out(site, EndpointKey::S3_GATEWAY, id, other)
                );
                Finding::new(Check::GatewayRoutesFree, message).about(id)
            })
        })
        .collect()
}
