//! Writes the inventory into status: the settings, endpoints, security groups and Resolver endpoint of a network.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::ResolverHealth;
use crate::text::truncate;
use crate::{
    api::{
        EndpointStatus, MigrationNetworkStatus, NetworkInterfaceStatus, Origin, PreflightWarning,
        ReplicationSecurityGroupMode, ResolverAddressStatus, ResolverMode, ResolverStatus, SecurityGroupMode,
        SecurityGroupStatus, SettingsStatus, SettingsSubnets, SkippedService,
    },
    model::{
        desired::{Desired, DesiredEndpoint, DesiredResolver},
        ids::{EndpointId, ResolverId, SecurityGroupId},
        ingress::RULE_MARK,
        observed::{Endpoint, EndpointState, Observed, ResolverEndpoint, ResolverState, SecurityGroup},
        ownership::{Tags, is_adopted},
        preflight::checks::Finding,
        settings::{ReplicationGroup, Resolver, Settings},
        slot::{EndpointKey, GroupRole, Slot},
    },
};

/// Writes the observed resources into status. The previous tags stay recorded until `tags_are_settled`.
pub fn write(
    status: &mut MigrationNetworkStatus,
    settings: &Settings,
    desired: &Desired,
    observed: &Observed,
    tags_are_settled: bool,
) {
    let found = Found { desired, observed };
    status.vpc_id = Some(desired.vpc.to_string());
    status.settings = Some(settings_status(status.settings.as_ref(), settings, desired, tags_are_settled));
    status.endpoints =
        desired.endpoints.iter().map(|(key, wanted)| endpoint(*key, found.endpoint(*key, wanted), &found)).collect();
    let (available, wanted) = endpoints_available(desired, observed);
    status.endpoints_available = Some(format!("{available}/{wanted}"));
    status.skipped_services = desired
        .skipped
        .iter()
        .map(|(service, reason)| SkippedService { service: service.to_string(), reason: truncate(reason, 1024) })
        .collect();
    status.resolver = found.resolver().map(|(id, resolver)| resolver_status(&found, id, resolver));
    status.security_groups =
        found.groups().into_iter().take(8).map(|(role, id, group)| group_status(&found, role, id, group)).collect();
}

/// Finds the observed resources that correspond to the desired ones.
struct Found<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
}

impl<'a> Found<'a> {
    fn live(&self, slot: Slot) -> Option<String> {
        self.observed.resources.live(&self.desired.identity, slot)
    }

    fn endpoint(&self, key: EndpointKey, wanted: &DesiredEndpoint) -> Option<(&'a EndpointId, &'a Endpoint)> {
        let id = match wanted {
            DesiredEndpoint::Existing(id) => Some(id.clone()),
            DesiredEndpoint::Interface { .. } | DesiredEndpoint::Gateway { .. } => {
                self.live(Slot::Endpoint(key)).map(EndpointId::from)
            }
        };
        self.observed.resources.endpoints.get_key_value(&id?)
    }

    fn resolver(&self) -> Option<(&'a ResolverId, &'a ResolverEndpoint)> {
        let id = match self.desired.resolver.as_ref()? {
            DesiredResolver::Existing(id) => Some(id.clone()),
            DesiredResolver::Managed(_) => self.live(Slot::Resolver).map(ResolverId::from),
        };
        self.observed.resources.resolvers.get_key_value(&id?)
    }

    fn groups(&self) -> Vec<(GroupRole, &'a SecurityGroupId, &'a SecurityGroup)> {
        let own = self.desired.groups.keys().filter_map(|role| Some((*role, self.live(Slot::Group(*role))?.into())));
        let existing = &self.desired.existing_groups;
        let existing = existing.iter().flat_map(|(role, ids)| ids.iter().map(|id| (*role, id.clone())));
        own.chain(existing)
            .filter_map(|(role, id): (GroupRole, SecurityGroupId)| {
                let (id, group) = self.observed.resources.groups.get_key_value(&id)?;
                Some((role, id, group))
            })
            .collect()
    }

    fn origin(&self, tags: &Tags) -> Origin {
        match (self.desired.identity.owns(tags), is_adopted(tags)) {
            (false, _) => Origin::Existing,
            (true, true) => Origin::Adopted,
            (true, false) => Origin::Created,
        }
    }
}

/// Returns the warnings of the preflight as status lists them: one for each code and subject, and at most as many as
/// the schema allows.
pub fn warnings(findings: &[Finding]) -> Vec<PreflightWarning> {
    let by_key: BTreeMap<(&str, String), &Finding> = findings
        .iter()
        .filter(|finding| finding.reason().is_none())
        .map(|finding| ((finding.check.code(), truncate(&finding.subject, 128)), finding))
        .collect();
    let warning = |((code, subject), finding): ((&str, String), &Finding)| PreflightWarning {
        code: code.to_owned(),
        subject,
        message: truncate(&finding.message, 1024),
    };
    by_key.into_iter().take(64).map(warning).collect()
}

/// Returns the health of the Resolver endpoint.
pub fn resolver_health(desired: &Desired, observed: &Observed) -> ResolverHealth {
    let found = Found { desired, observed }.resolver();
    match (&desired.resolver, found.map(|(_, resolver)| &resolver.state)) {
        (None, _) => ResolverHealth::Disabled,
        (Some(_), Some(ResolverState::AutoRecovering)) => ResolverHealth::Reduced,
        (Some(_), _) => ResolverHealth::Full,
    }
}

/// Returns the number of desired endpoints that are available, and the number of desired endpoints.
pub fn endpoints_available(desired: &Desired, observed: &Observed) -> (usize, usize) {
    let found = Found { desired, observed };
    let available = |(key, wanted): &(&EndpointKey, &DesiredEndpoint)| {
        found.endpoint(**key, wanted).is_some_and(|(_, endpoint)| endpoint.state == EndpointState::Available)
    };
    (desired.endpoints.iter().filter(available).count(), desired.endpoints.len())
}

/// Returns the foreign rules on the network's security groups, as text: rules that the operator did not write and
/// that are not desired.
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
        .map(|rule| truncate(&rule.text, 256))
        .collect()
}

fn endpoint(key: EndpointKey, one: Option<(&EndpointId, &Endpoint)>, found: &Found<'_>) -> EndpointStatus {
    let observed = found.observed;
    let mut status =
        EndpointStatus { service: key.service.to_string(), type_: key.endpoint_type, ..EndpointStatus::default() };
    let Some((id, one)) = one else { return status };
    // DNS names that contain the endpoint's ID work without private DNS. The other names are those of the service.
    let (own, service): (Vec<String>, Vec<String>) =
        one.dns_names.iter().take(64).map(|name| truncate(name, 253)).partition(|name| name.contains("vpce-"));
    status.service_name = Some(one.service_name.clone());
    status.id = Some(id.to_string());
    status.state = Some(truncate(one.state.as_str(), 64));
    status.dns_names = own;
    status.private_dns_names = service;
    status.route_table_ids = one.route_tables.iter().take(256).map(ToString::to_string).collect();
    status.origin = Some(found.origin(&one.tags));
    status.network_interfaces = one
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
                ip: interface.and_then(|interface| interface.ip).map(|ip| ip.to_string()),
            }
        })
        .collect();
    status
}

fn resolver_status(found: &Found<'_>, id: &ResolverId, one: &ResolverEndpoint) -> ResolverStatus {
    let mut ips: Vec<String> =
        one.addresses.values().filter_map(|address| address.ip).map(|ip| ip.to_string()).collect();
    ips.sort_unstable();
    ResolverStatus {
        id: Some(id.to_string()),
        state: Some(truncate(one.state.as_str(), 64)),
        origin: Some(found.origin(&one.tags)),
        ip_address_summary: (!ips.is_empty()).then(|| truncate(&ips.join(","), 512)),
        ip_addresses: one
            .addresses
            .iter()
            .take(32)
            .map(|(id, address)| ResolverAddressStatus {
                id: id.to_string(),
                subnet_id: Some(address.subnet.to_string()),
                ip: address.ip.map(|ip| ip.to_string()),
                state: Some(truncate(&address.state, 64)),
            })
            .collect(),
    }
}

fn group_status(found: &Found<'_>, role: GroupRole, id: &SecurityGroupId, one: &SecurityGroup) -> SecurityGroupStatus {
    let origin = found.origin(&one.tags);
    // The rules of an existing group are not reported as foreign, because the operator does not manage that group.
    let rules = if origin == Origin::Existing { BTreeSet::new() } else { foreign(role, one, found.desired) };
    SecurityGroupStatus {
        role,
        id: id.to_string(),
        name: Some(one.name.clone()),
        origin: Some(origin),
        foreign_rules: rules.into_iter().take(256).collect(),
    }
}

fn settings_status(
    previous: Option<&SettingsStatus>,
    settings: &Settings,
    desired: &Desired,
    tags_are_settled: bool,
) -> SettingsStatus {
    let ids =
        |subnets: &BTreeSet<crate::model::ids::SubnetId>| subnets.iter().take(256).map(ToString::to_string).collect();
    // The previous tags stay recorded until every resource has lost them: no other record shows that the operator set
    // them.
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
        endpoint_security_group: Some(match settings.endpoint_groups {
            None => SecurityGroupMode::Managed,
            Some(_) => SecurityGroupMode::Existing,
        }),
        resolver: Some(match settings.resolver {
            Resolver::Managed { .. } => ResolverMode::Managed,
            Resolver::Existing(_) => ResolverMode::Existing,
            Resolver::Disabled => ResolverMode::Disabled,
        }),
        client_cidrs: settings.clients.iter().map(ToString::to_string).collect(),
        replication_security_group: Some(match settings.replication {
            ReplicationGroup::ServiceManaged => ReplicationSecurityGroupMode::ServiceManaged,
            ReplicationGroup::Managed => ReplicationSecurityGroupMode::Managed,
            ReplicationGroup::Existing(_) => ReplicationSecurityGroupMode::Existing,
        }),
        post_launch_ssm: Some(settings.ssm),
        connector: Some(settings.connector),
        management_policy: Some(settings.management),
        adoption_policy: Some(settings.adoption),
        deletion_policy: Some(settings.deletion),
        adopted_deletion_policy: Some(settings.adopted_deletion),
        tags,
    }
}
