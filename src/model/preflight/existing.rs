//! Checks the existing resources that a network uses read-only (`mode: Existing`). The operator never writes to them,
//! so every finding says what their owner has to change.

use std::collections::BTreeSet;

use crate::model::{
    ids::{EndpointId, ResolverId, SecurityGroupId, join},
    ingress,
    observed::{Endpoint, EndpointState, Permission, PrivateDns, ResolverState, Resources, Rule, Shortfall, shortfall},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    settings::{ReplicationGroup, Resolver, endpoints::EndpointSource},
    slot::{EndpointKey, EndpointType},
};

/// The findings so far, and the site that is checked.
struct Checks<'a> {
    site: &'a Site<'a>,
    findings: Vec<Finding>,
}

/// Checks every existing resource that the network names.
pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let mut checks = Checks { site, findings: Vec::new() };
    for (key, endpoint) in &site.settings.endpoints {
        if let EndpointSource::Existing(id) = &endpoint.source {
            checks.endpoint(*key, id, endpoint.private_dns);
        }
    }
    if let Some(ids) = &site.settings.endpoint_groups {
        let wanted = ingress::to_endpoints(site.settings, &site.vpc.cidrs).into_keys();
        checks.groups("spec.endpointSecurityGroup.ids", ids, wanted);
    }
    if let ReplicationGroup::Existing(id) = &site.settings.replication {
        let wanted = ingress::to_replication_servers(site.settings).into_keys();
        checks.groups("spec.replication.securityGroup.id", &BTreeSet::from([id.clone()]), wanted);
    }
    if let Resolver::Existing(id) = &site.settings.resolver {
        checks.resolver(id);
    }
    checks.findings
}

impl Checks<'_> {
    fn add(&mut self, field: &str, message: &str) {
        self.findings.push(Finding::new(Check::ExistingFits, format!("`{field}` {message}")));
    }

    fn endpoint(&mut self, key: EndpointKey, id: &EndpointId, private_dns: PrivateDns) {
        let field = format!("spec.endpoints[{key}].endpointID");
        let Some(endpoint) = self.site.observed.resources.endpoints.get(id) else {
            let message =
                format!("must name an endpoint of VPC {}, which has no {id}; correct the ID", self.site.vpc.id);
            return self.add(&field, &message);
        };
        if self.site.identity.owns(&endpoint.tags) {
            let message = format!("must not name {id}, which the network owns; set `mode` to 'Managed'");
            return self.add(&field, &message);
        }
        if endpoint.key != Some(key) {
            // S3 has both types, so the type is part of the message where it is known.
            let other = endpoint.key.map_or_else(|| endpoint.service_name.clone(), |other| other.to_string());
            let message = format!("must name the {key} endpoint, but {id} is {other}; correct the ID");
            return self.add(&field, &message);
        }
        match &endpoint.state {
            EndpointState::Available | EndpointState::Pending | EndpointState::Unknown(_) => {}
            EndpointState::Deleting | EndpointState::Deleted | EndpointState::Failed(_) => {
                let state = endpoint.state.as_str();
                let message =
                    format!("must name an available endpoint, but {id} is {state}; choose another or replace it");
                return self.add(&field, &message);
            }
        }
        match key.endpoint_type {
            EndpointType::Gateway => self.gateway(&field, id, endpoint),
            EndpointType::Interface => self.interface(key, &field, id, endpoint, private_dns),
        }
    }

    fn gateway(&mut self, field: &str, id: &EndpointId, endpoint: &Endpoint) {
        let missing: Vec<_> = self.site.route_tables.difference(&endpoint.route_tables).collect();
        if !missing.is_empty() {
            let message = format!(
                "must name a gateway endpoint with the route tables of the staging and launch subnets, but {id} lacks \
                 {}; associate them with it",
                join(missing)
            );
            self.add(field, &message);
        }
    }

    fn interface(
        &mut self,
        key: EndpointKey,
        field: &str,
        id: &EndpointId,
        endpoint: &Endpoint,
        private_dns: PrivateDns,
    ) {
        if endpoint.subnets.is_empty() {
            self.add(field, &format!("must name an endpoint with a subnet, but {id} has none; add one to it"));
        }
        if endpoint.is_ipv6_only {
            self.add(
                field,
                &format!("must name an endpoint with IPv4 addresses, but {id} has IPv6 addresses only; choose another"),
            );
        }
        if private_dns != PrivateDns::Disabled && endpoint.private_dns == PrivateDns::Disabled {
            let message = format!(
                "must name an endpoint with private DNS, but {id} has none; enable it, or set \
                 `spec.endpoints[{key}].privateDNS` to 'Disabled' and use hosts files",
            );
            self.add(field, &message);
        }
        let wanted = ingress::to_endpoints(self.site.settings, &self.site.vpc.cidrs).into_keys();
        self.admitted(field, &format!("{id}'s security groups"), &endpoint.groups, wanted);
    }

    fn groups(&mut self, field: &str, ids: &BTreeSet<SecurityGroupId>, wanted: impl IntoIterator<Item = Permission>) {
        let unknown: Vec<_> = ids.iter().filter(|id| !self.site.observed.resources.groups.contains_key(*id)).collect();
        if !unknown.is_empty() {
            let message = format!(
                "must name security groups of VPC {}, which has no {}; correct the IDs",
                self.site.vpc.id,
                join(unknown)
            );
            return self.add(field, &message);
        }
        self.admitted(field, &join(ids), ids, wanted);
    }

    /// Adds a finding for required traffic that the groups do not admit, and one if that cannot be told.
    fn admitted(
        &mut self,
        field: &str,
        who: &str,
        ids: &BTreeSet<SecurityGroupId>,
        wanted: impl IntoIterator<Item = Permission>,
    ) {
        let Resources { groups, .. } = &self.site.observed.resources;
        let rules: Vec<&Rule> = ids.iter().filter_map(|id| groups.get(id)).flat_map(|group| &group.ingress).collect();
        let Shortfall { missing, unknown, depends_on } =
            shortfall(rules, wanted, &self.site.vpc.cidrs, &self.site.observed.prefix_lists);
        if !missing.is_empty() {
            let message = format!("must have ingress rules that {who} lack: {}; add the rules", join(missing));
            self.add(field, &message);
        }
        if !unknown.is_empty() {
            let message = format!(
                "`{field}`: {who} admit {} only if {} include it, which the operator cannot tell; check them, or add rules with \
                 ranges",
                join(unknown),
                join(depends_on)
            );
            self.findings.push(Finding::new(Check::AdmissionKnown, message).about(field));
        }
    }

    fn resolver(&mut self, id: &ResolverId) {
        let field = "spec.resolver.endpointID";
        let Some(resolver) = self.site.observed.resources.resolvers.get(id) else {
            let message =
                format!("must name an inbound endpoint of VPC {}, which has no {id}; correct the ID", self.site.vpc.id);
            return self.add(field, &message);
        };
        if self.site.identity.owns(&resolver.tags) {
            let message = format!("must not name {id}, which the network owns; set `mode` to 'Managed'");
            return self.add(field, &message);
        }
        match &resolver.state {
            ResolverState::Creating
            | ResolverState::Operational
            | ResolverState::Updating
            | ResolverState::AutoRecovering
            | ResolverState::Unknown(_) => {}
            ResolverState::ActionNeeded | ResolverState::Deleting => {
                let message = format!(
                    "must name an operational inbound endpoint, but {id} is {}: {}; repair it or choose another",
                    resolver.state.as_str(),
                    resolver.message
                );
                self.add(field, &message);
            }
        }
        if !resolver.answers_ipv4_dns {
            let message = format!(
                "must name an inbound endpoint that answers DNS over port 53 at IPv4 addresses, but {id} does not; add the \
                 protocol 'Do53' to it, or choose another"
            );
            self.add(field, &message);
        }
        let attached = resolver.addresses.values().filter(|address| address.is_attached()).count();
        if attached < 2 && resolver.state == ResolverState::Operational {
            let message =
                format!("must name an inbound endpoint with two addresses, but {id} has {attached}; add some");
            self.add(field, &message);
        }
        let wanted = ingress::to_resolver(self.site.settings).into_keys();
        let groups = resolver.groups.clone();
        self.admitted(field, &format!("{id}'s security groups"), &groups, wanted);
    }
}
