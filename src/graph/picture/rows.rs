//! The Resolver inbound endpoint and the VPC endpoints, those that exist, those that are planned, and those that the network
//! does not have.

use std::collections::BTreeMap;

use super::Object;
use crate::{
    api::{AddressSpec, EndpointMode, EndpointStatus, EndpointType, Origin, ResolverMode, Toggle},
    graph::state::{Health, State},
    model::slot::Service,
};

/// A resource with addresses in the endpoint subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Row {
    /// The service. None for the Resolver endpoint.
    pub(in crate::graph) service: Option<String>,
    pub(in crate::graph) id: Option<String>,
    pub(in crate::graph) health: Health,
    pub(in crate::graph) origin: Option<Origin>,
    /// The addresses by the ID of their subnet. No ID if it is not known.
    pub(in crate::graph) addresses: BTreeMap<Option<String>, Vec<Address>>,
}

impl Row {
    /// Returns the name that people use for the resource.
    pub(in crate::graph) fn name(&self) -> &str {
        self.service.as_deref().unwrap_or("Route 53 Resolver")
    }

    /// Whether the operator places an address in every endpoint subnet.
    pub(in crate::graph) fn is_in_every_subnet(&self) -> bool {
        self.health.state != State::Absent && self.origin != Some(Origin::Existing)
    }
}

/// An address in a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Address {
    pub(in crate::graph) ip: Option<String>,
    pub(in crate::graph) zone: Option<String>,
    pub(in crate::graph) health: Health,
}

/// The S3 gateway endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::graph) struct Gateway {
    pub(in crate::graph) id: Option<String>,
    pub(in crate::graph) health: Health,
    pub(in crate::graph) origin: Option<Origin>,
    pub(in crate::graph) route_tables: Vec<String>,
}

/// Returns the Resolver endpoint and the interface endpoints: the standard services, then the further ones.
pub(super) fn of(object: &Object<'_>) -> Vec<Row> {
    let mut services = Service::STANDARD.map(|service| service.as_str().to_owned()).to_vec();
    if has_connector(object) {
        services.extend(Service::OF_CONNECTOR.map(|service| service.as_str().to_owned()));
    }
    let listed = object.status.endpoints.iter().map(|one| (&one.service, one.type_));
    let asked = object.spec.endpoints.iter().flatten().map(|one| (&one.service, one.type_));
    for (service, type_) in listed.chain(asked) {
        if type_ == EndpointType::Interface && !services.contains(service) {
            services.push(service.clone());
        }
    }
    let endpoints = services.iter().map(|service| endpoint(object, service));
    std::iter::once(resolver(object)).chain(endpoints).collect()
}

/// Returns the S3 gateway endpoint.
pub(super) fn gateway(object: &Object<'_>) -> Gateway {
    let status = find(object, Service::S3.as_str(), EndpointType::Gateway);
    let (id, health, origin) = resource(object, Service::S3.as_str(), EndpointType::Gateway);
    Gateway { id, health, origin, route_tables: status.map(|one| one.route_table_ids.clone()).unwrap_or_default() }
}

fn endpoint(object: &Object<'_>, service: &str) -> Row {
    let (id, health, origin) = resource(object, service, EndpointType::Interface);
    let mut addresses = BTreeMap::<_, Vec<_>>::new();
    for interface in find(object, service, EndpointType::Interface).iter().flat_map(|one| &one.network_interfaces) {
        let address = Address {
            ip: interface.ip.clone(),
            zone: interface.availability_zone_id.clone(),
            health: Health::new(health.state, interface.id.clone()),
        };
        addresses.entry(interface.subnet_id.clone()).or_default().push(address);
    }
    let spec = object.endpoint_spec(service, EndpointType::Interface);
    if id.is_none() && health.state != State::Absent {
        add_fixed(&mut addresses, spec.and_then(|spec| spec.addresses.as_deref()));
    }
    Row { service: Some(service.to_owned()), id, health, origin, addresses }
}

fn resolver(object: &Object<'_>) -> Row {
    let spec = object.spec.resolver.as_ref();
    let mode = object.settings().and_then(|one| one.resolver).or(spec.and_then(|spec| spec.mode));
    let Some(status) = &object.status.resolver else {
        let (id, health) = match mode.unwrap_or_default() {
            ResolverMode::Disabled => (None, Health::new(State::Absent, "hosts files instead")),
            ResolverMode::Existing => (spec.and_then(|spec| spec.endpoint_id.clone()), not_observed()),
            ResolverMode::Managed => (None, Health::of_missing(object.claim("resolver"))),
        };
        let mut addresses = BTreeMap::new();
        if health.state != State::Absent {
            add_fixed(&mut addresses, spec.and_then(|spec| spec.addresses.as_deref()));
        }
        let origin = id.is_some().then_some(Origin::Existing);
        return Row { service: None, id, health, origin, addresses };
    };
    let mut addresses = BTreeMap::<_, Vec<_>>::new();
    for one in &status.ip_addresses {
        let address = Address {
            ip: one.ip.clone(),
            zone: None,
            health: Health::of_address(one.state.as_deref().unwrap_or_default()),
        };
        addresses.entry(one.subnet_id.clone()).or_default().push(address);
    }
    Row {
        service: None,
        id: status.id.clone(),
        health: Health::of_resolver(status.state.as_deref().unwrap_or_default()),
        origin: status.origin,
        addresses,
    }
}

/// Adds the addresses that the spec fixes for a resource that does not exist yet.
fn add_fixed(addresses: &mut BTreeMap<Option<String>, Vec<Address>>, fixed: Option<&[AddressSpec]>) {
    for AddressSpec { subnet_id, ip } in fixed.into_iter().flatten() {
        let health = Health::new(State::Planned, "fixed in the spec");
        let address = Address { ip: Some(ip.clone()), zone: None, health };
        addresses.entry(Some(subnet_id.clone())).or_default().push(address);
    }
}

fn find<'a>(object: &'a Object<'_>, service: &str, type_: EndpointType) -> Option<&'a EndpointStatus> {
    object.status.endpoints.iter().find(|one| one.service == service && one.type_ == type_)
}

fn not_observed() -> Health {
    Health::new(State::Planned, "not observed yet")
}

/// Returns ID, health and origin of an endpoint, or the reason why the network does not have it.
fn resource(object: &Object<'_>, service: &str, type_: EndpointType) -> (Option<String>, Health, Option<Origin>) {
    let spec = object.endpoint_spec(service, type_);
    let existing = spec.filter(|spec| spec.mode == Some(EndpointMode::Existing));
    let existing = existing.and_then(|spec| spec.endpoint_id.clone());
    let status = find(object, service, type_);
    if let Some(EndpointStatus { id: Some(id), state, origin, .. }) = status {
        return (Some(id.clone()), Health::of_endpoint(state.as_deref().unwrap_or_default()), *origin);
    }
    if status.is_none()
        && let Some(reason) = why_absent(object, service, type_)
    {
        return (None, Health::new(State::Absent, reason), None);
    }
    if existing.is_some() {
        return (existing, not_observed(), Some(Origin::Existing));
    }
    (None, Health::of_missing(object.claim(&format!("vpce/{service}/{type_}"))), None)
}

/// Whether the network has the endpoints of the MGN connector, as far as it is known.
fn has_connector(object: &Object<'_>) -> bool {
    let effective = object.settings().and_then(|settings| settings.connector);
    effective.or_else(|| object.spec.on_premises.as_ref()?.connector) == Some(Toggle::Enabled)
}

/// Returns the reason why the network does not have an endpoint. None if it may have one later.
fn why_absent(object: &Object<'_>, service: &str, type_: EndpointType) -> Option<String> {
    if let Some(skipped) = object.status.skipped_services.iter().find(|one| one.service == service) {
        return Some(skipped.reason.clone());
    }
    let spec = object.endpoint_spec(service, type_);
    if let Some(mode) = spec.map(|spec| spec.mode) {
        return (mode == Some(EndpointMode::Disabled)).then(|| "disabled in the spec".to_owned());
    }
    let effective = object.settings().and_then(|settings| settings.post_launch_ssm);
    let ssm = effective.or_else(|| object.spec.post_launch.as_ref()?.ssm);
    let is_for_post_launch = Service::named(service).is_some_and(Service::is_for_post_launch);
    if is_for_post_launch && ssm == Some(Toggle::Disabled) && !has_connector(object) {
        return Some("post-launch actions are disabled".to_owned());
    }
    // The status lists every desired endpoint once the VPC is known.
    (!object.status.endpoints.is_empty()).then(|| "disabled by the class".to_owned())
}
