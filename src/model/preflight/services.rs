//! Checks that the Region offers the services of the network's endpoints, in the zones of its subnets.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ids::{EndpointId, SubnetId},
    observed::{Observed, PrivateDns, ServiceOffer},
    ownership::Identity,
    preflight::checks::{Check, Finding},
    settings::{
        Settings,
        endpoints::{EndpointSettings, EndpointSource},
    },
    slot::{EndpointKey, EndpointType, Service, Slot},
};

/// The services of a network's endpoints, as the Region offers them.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// The endpoints that the operator builds, with the full names of the services.
    pub(super) offered: BTreeMap<EndpointKey, String>,
    /// The network's own endpoints of services that are not offered any more.
    pub(super) kept: BTreeMap<EndpointKey, EndpointId>,
    /// The optional services that are not offered, each with the reason.
    pub(super) skipped: BTreeMap<Service, String>,
    pub(super) findings: Vec<Finding>,
}

/// Finds the services in the Region's catalog. The catalog decides about new endpoints only: an endpoint of the network that
/// exists already stays as it is.
pub(super) fn find(
    identity: &Identity,
    settings: &Settings,
    observed: &Observed,
    subnets: &BTreeSet<SubnetId>,
) -> Services {
    let mut found = Services::default();
    let built = settings.endpoints.iter().filter(|(_, endpoint)| is_built(endpoint));
    for (key, endpoint) in built.map(|(key, endpoint)| (*key, endpoint)) {
        let offer = observed.services.get(&key);
        match missing_offer(key, offer, observed, subnets) {
            None => {
                found.findings.extend(private_names(key, endpoint, offer));
                found.offered.extend(offer.map(|offer| (key, offer.name.clone())));
            }
            Some((problem, way_out)) => {
                if let Some(id) = observed.resources.live(identity, Slot::Endpoint(key)) {
                    let message = format!("{problem}; {id} stays, but is not changed any more; {way_out}");
                    found.findings.push(Finding::new(Check::ServicesStillOffered, message).about(key));
                    found.kept.insert(key, id.into());
                } else if endpoint.optional {
                    found.skipped.insert(key.service, problem);
                } else {
                    found.findings.push(Finding::new(Check::ServicesOffered, format!("{problem}; {way_out}")));
                }
            }
        }
    }
    found
}

/// Whether the operator builds the endpoint.
pub(super) fn is_built(endpoint: &EndpointSettings) -> bool {
    matches!(endpoint.source, EndpointSource::Managed { .. })
}

/// The reason why AWS does not offer the service for an endpoint in these subnets, and a way out.
fn missing_offer(
    key: EndpointKey,
    offer: Option<&ServiceOffer>,
    observed: &Observed,
    subnets: &BTreeSet<SubnetId>,
) -> Option<(String, &'static str)> {
    let Some(offer) = offer else {
        return Some((
            format!("the Region does not offer service '{}' for {} endpoints", key.service, key.endpoint_type),
            "name a service that is offered, set the `mode` of this one to 'Disabled' in `spec.endpoints`, or choose \
             another Region",
        ));
    };
    let unsupported: Vec<String> = subnets
        .iter()
        .filter_map(|id| Some((id, observed.subnets.get(id)?)))
        .filter(|(_, subnet)| !offer.zones.contains(&subnet.zone))
        .map(|(id, subnet)| format!("{id} ({}, {})", subnet.zone, subnet.zone_name))
        .collect();
    (key != EndpointKey::S3_GATEWAY && !unsupported.is_empty()).then(|| {
        (
            format!("service '{}' is not offered in the zone of {}", key.service, unsupported.join(", ")),
            "choose subnets in other zones in `spec.subnets.endpoints`, or another Region",
        )
    })
}

/// Checks that an endpoint can have the private DNS setting. AWS rejects private DNS for a service without private names. For
/// a service with gateway endpoints it needs a setting that clients can send for S3 only
/// (hashicorp/terraform-provider-aws issue 32355).
fn private_names(key: EndpointKey, endpoint: &EndpointSettings, offer: Option<&ServiceOffer>) -> Option<Finding> {
    let offer = offer.filter(|_| key.endpoint_type == EndpointType::Interface && key.service != Service::S3)?;
    if endpoint.private_dns == PrivateDns::Disabled {
        return None;
    }
    let problem = if offer.private_dns_names.is_empty() {
        "has no private DNS names"
    } else if offer.has_gateway {
        "also has gateway endpoints, for which the operator does not support private DNS"
    } else {
        return None;
    };
    let message = format!(
        "service '{}' {problem}; set `spec.endpoints[{key}].privateDNS` to 'Disabled' and use the endpoint's own names",
        key.service
    );
    Some(Finding::new(Check::ServicesOffered, message))
}
