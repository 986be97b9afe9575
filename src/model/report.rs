//! The inventory: what a network is made of, as its status lists it.

use std::collections::BTreeSet;

use super::{
    desired::{Desired, RULE_MARK},
    ids::{EndpointId, ResolverId, SecurityGroupId},
    observed::{Endpoint, EndpointState, Observed, ResolverEndpoint, SecurityGroup},
    settings::{ReplicationGroup, Settings},
    slot::{EndpointKey, EndpointType, GroupRole, Slot},
};
use crate::api::{
    self, EndpointStatus, MigrationNetworkStatus, NetworkInterfaceStatus, ReplicationSecurityGroupMode,
    ResolverAddressStatus, ResolverMode, ResolverStatus, SecurityGroupRole, SecurityGroupStatus, SettingsStatus,
    SettingsSubnets, SkippedService, Toggle,
};

/// Writes into status what there is. Until tags are settled, those that were set before stay recorded.
pub fn write(
    status: &mut MigrationNetworkStatus,
    settings: &Settings,
    desired: &Desired,
    observed: &Observed,
    tags_are_settled: bool,
) {
    let resources = &observed.resources;
    let live = |slot: Slot| resources.live(&desired.identity, slot);
    status.vpc_id = Some(desired.vpc.to_string());
    status.settings = Some(settings_status(status.settings.as_ref(), settings, desired, tags_are_settled));
    status.endpoints = desired
        .endpoints
        .keys()
        .map(|key| {
            let id = live(Slot::Endpoint(*key)).map(EndpointId::from);
            let found = id.and_then(|id| resources.endpoints.get_key_value(&id));
            endpoint(*key, found, observed)
        })
        .collect();
    let (available, wanted) = endpoints_available(desired, observed);
    status.endpoints_available = Some(format!("{available}/{wanted}"));
    status.skipped_services = desired
        .skipped
        .iter()
        .map(|(service, reason)| SkippedService { service: service.to_string(), reason: bounded(reason, 1024) })
        .collect();
    status.resolver = desired
        .resolver
        .as_ref()
        .and_then(|_| live(Slot::Resolver))
        .map(ResolverId::from)
        .and_then(|id| resources.resolvers.get(&id).map(|found| resolver(&id, found)));
    status.security_groups = desired
        .groups
        .keys()
        .filter_map(|role| {
            let id = SecurityGroupId::from(live(Slot::Group(*role))?);
            resources.groups.get(&id).map(|found| group(*role, &id, found, desired))
        })
        .collect();
}

/// How many of the wanted endpoints are available, and how many are wanted.
pub fn endpoints_available(desired: &Desired, observed: &Observed) -> (usize, usize) {
    let available = |key: &EndpointKey| {
        observed
            .resources
            .live(&desired.identity, Slot::Endpoint(*key))
            .and_then(|id| observed.resources.endpoints.get(&EndpointId::from(id)))
            .is_some_and(|endpoint| endpoint.state == EndpointState::Available)
    };
    (desired.endpoints.keys().filter(|key| available(key)).count(), desired.endpoints.len())
}

/// Rules on the network's groups that the operator did not write and does not want, as a person reads them.
pub fn foreign_rules(desired: &Desired, observed: &Observed) -> Vec<String> {
    desired
        .groups
        .keys()
        .filter_map(|role| {
            let id = observed.resources.group(&desired.identity, *role)?;
            let found = observed.resources.groups.get(&id)?;
            Some(foreign(*role, found, desired).into_iter().map(move |rule| format!("{id}: {rule}")))
        })
        .flatten()
        .collect()
}

fn foreign(role: GroupRole, found: &SecurityGroup, desired: &Desired) -> BTreeSet<String> {
    let wanted = desired.groups.get(&role);
    found
        .ingress
        .iter()
        .filter(|rule| !rule.description.starts_with(RULE_MARK))
        .filter(|rule| {
            let is_wanted = |permission| wanted.is_some_and(|group| group.ingress.contains_key(&permission));
            !rule.permission.is_some_and(is_wanted)
        })
        .map(|rule| bounded(&rule.text, 256))
        .collect()
}

fn endpoint(key: EndpointKey, found: Option<(&EndpointId, &Endpoint)>, observed: &Observed) -> EndpointStatus {
    let mut status = EndpointStatus {
        service: key.service.to_string(),
        type_: match key.endpoint_type {
            EndpointType::Interface => api::EndpointType::Interface,
            EndpointType::Gateway => api::EndpointType::Gateway,
        },
        ..EndpointStatus::default()
    };
    let Some((id, found)) = found else { return status };
    // The names that carry the endpoint's own id work without private DNS; the others are the service's.
    let (own, service): (Vec<String>, Vec<String>) =
        found.dns_names.iter().take(64).map(|name| bounded(name, 253)).partition(|name| name.contains("vpce-"));
    status.service_name = Some(found.service_name.clone());
    status.id = Some(id.to_string());
    status.state = Some(bounded(found.state.as_str(), 64));
    status.dns_names = own;
    status.private_dns_names = service;
    status.route_table_ids = found.route_tables.iter().take(256).map(ToString::to_string).collect();
    status.network_interfaces = found
        .interfaces
        .iter()
        .take(32)
        .map(|id| {
            let interface = observed.resources.interfaces.get(id);
            let subnet = interface.and_then(|interface| observed.subnets.get(&interface.subnet));
            NetworkInterfaceStatus {
                id: id.to_string(),
                subnet_id: interface.map(|interface| interface.subnet.to_string()),
                availability_zone_id: subnet.map(|subnet| subnet.zone.to_string()),
                ip: interface.map(|interface| interface.ip.clone()),
            }
        })
        .collect();
    status
}

fn resolver(id: &ResolverId, found: &ResolverEndpoint) -> ResolverStatus {
    let mut ips: Vec<&str> = found.addresses.values().filter_map(|address| address.ip.as_deref()).collect();
    ips.sort_unstable();
    ResolverStatus {
        id: Some(id.to_string()),
        state: Some(bounded(found.state.as_str(), 64)),
        ip_address_summary: (!ips.is_empty()).then(|| bounded(&ips.join(","), 512)),
        ip_addresses: found
            .addresses
            .iter()
            .take(32)
            .map(|(id, address)| ResolverAddressStatus {
                id: id.to_string(),
                subnet_id: Some(address.subnet.to_string()),
                ip: address.ip.clone(),
                state: Some(bounded(&address.state, 64)),
            })
            .collect(),
    }
}

fn group(role: GroupRole, id: &SecurityGroupId, found: &SecurityGroup, desired: &Desired) -> SecurityGroupStatus {
    SecurityGroupStatus {
        role: match role {
            GroupRole::Endpoints => SecurityGroupRole::Endpoints,
            GroupRole::Resolver => SecurityGroupRole::Resolver,
            GroupRole::Replication => SecurityGroupRole::Replication,
        },
        id: Some(id.to_string()),
        name: Some(found.name.clone()),
        foreign_rules: foreign(role, found, desired).into_iter().take(256).collect(),
    }
}

fn settings_status(
    previous: Option<&SettingsStatus>,
    settings: &Settings,
    desired: &Desired,
    tags_are_settled: bool,
) -> SettingsStatus {
    let ids = |subnets: &BTreeSet<super::ids::SubnetId>| subnets.iter().take(256).map(ToString::to_string).collect();
    // Tags that were set before stay recorded until they are gone from every resource: nobody else knows they were ours.
    let mut tags = settings.tags.clone();
    if let Some(previous) = previous.filter(|_| !tags_are_settled) {
        for (key, value) in &previous.tags {
            tags.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    SettingsStatus {
        subnets: Some(SettingsSubnets {
            endpoints: ids(&desired.subnets.endpoints),
            staging: ids(&desired.subnets.staging),
            launch: ids(&desired.subnets.launch),
        }),
        source_cidrs: settings.sources.iter().map(ToString::to_string).collect(),
        proxy_cidrs: settings.proxies.iter().map(ToString::to_string).collect(),
        resolver: Some(if settings.resolver { ResolverMode::Managed } else { ResolverMode::Disabled }),
        replication_security_group: Some(match settings.replication {
            ReplicationGroup::ServiceManaged => ReplicationSecurityGroupMode::ServiceManaged,
            ReplicationGroup::Managed => ReplicationSecurityGroupMode::Managed,
        }),
        post_launch_ssm: Some(if settings.ssm { Toggle::Enabled } else { Toggle::Disabled }),
        management_policy: Some(settings.management),
        deletion_policy: Some(settings.deletion),
        tags,
    }
}

fn bounded(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
