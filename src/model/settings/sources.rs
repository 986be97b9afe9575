//! Whether the operator builds the Resolver endpoint and the security groups of a network, uses existing ones, or
//! omits them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{FieldError, endpoints};
use crate::{
    api::{
        MigrationNetworkSpec, NetworkDefaults, ReplicationSecurityGroupMode, ResolverMode, ResolverSpec,
        SecurityGroupMode,
    },
    model::ids::{ResolverId, SecurityGroupId, SubnetId},
};

/// The Resolver inbound endpoint of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// The operator creates and updates the endpoint.
    Managed {
        /// Fixed addresses.
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
    },
    /// The endpoint exists already and is used read-only.
    Existing(ResolverId),
    /// The network has no Resolver endpoint.
    Disabled,
}

/// The security group that admits TCP 1500 to replication servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicationGroup {
    /// The group of MGN itself ("Always use Application Migration Service security group"), which the operator never
    /// changes.
    ServiceManaged,
    /// A group that the operator keeps, and that the replication template must name.
    Managed,
    /// An existing group, which the operator only checks.
    Existing(SecurityGroupId),
}

pub(super) fn endpoint_groups(
    spec: &MigrationNetworkSpec,
    defaults: &NetworkDefaults,
    errors: &mut Vec<FieldError>,
) -> Option<BTreeSet<SecurityGroupId>> {
    let group = spec.endpoint_security_group.as_ref().or(defaults.endpoint_security_group.as_ref())?;
    match group.mode.unwrap_or_default() {
        SecurityGroupMode::Managed => None,
        SecurityGroupMode::Existing => {
            let ids: BTreeSet<_> = group.ids.iter().flatten().map(|id| id.as_str().into()).collect();
            if ids.is_empty() {
                errors.push(FieldError {
                    field: "spec.endpointSecurityGroup.ids".to_owned(),
                    message: "must be set when `mode` is 'Existing'; name the groups".to_owned(),
                });
            }
            Some(ids)
        }
    }
}

/// Parses the settings of the Resolver endpoint. If the network only sets the DNS clients, the class decides whether
/// an endpoint exists.
pub(super) fn merged(spec: Option<&ResolverSpec>, default: Option<&ResolverSpec>) -> ResolverSpec {
    let none = ResolverSpec::default();
    let (spec, default) = (spec.unwrap_or(&none), default.unwrap_or(&none));
    let whose = if spec.mode.is_some() { spec } else { default };
    ResolverSpec {
        mode: whose.mode,
        endpoint_id: whose.endpoint_id.clone(),
        addresses: spec.addresses.clone().or_else(|| default.addresses.clone()),
        client_cidrs: spec.client_cidrs.clone().or_else(|| default.client_cidrs.clone()),
    }
}

pub(super) fn resolver(spec: &ResolverSpec, errors: &mut Vec<FieldError>) -> Resolver {
    match spec.mode.unwrap_or_default() {
        ResolverMode::Managed => {
            let listed = spec.addresses.as_deref().unwrap_or_default();
            Resolver::Managed { addresses: endpoints::addresses("spec.resolver.addresses", listed, errors) }
        }
        ResolverMode::Existing => {
            if let Some(id) = spec.endpoint_id.as_deref() {
                return Resolver::Existing(id.into());
            }
            errors.push(FieldError {
                field: "spec.resolver.endpointID".to_owned(),
                message: "must be set when `mode` is 'Existing'; name the inbound endpoint".to_owned(),
            });
            Resolver::Disabled
        }
        ResolverMode::Disabled => Resolver::Disabled,
    }
}

pub(super) fn replication(
    spec: &MigrationNetworkSpec,
    defaults: &NetworkDefaults,
    errors: &mut Vec<FieldError>,
) -> ReplicationGroup {
    let replication = spec.replication.as_ref().or(defaults.replication.as_ref());
    let Some(group) = replication.and_then(|replication| replication.security_group.as_ref()) else {
        return ReplicationGroup::ServiceManaged;
    };
    match (group.mode.unwrap_or_default(), group.id.as_deref()) {
        (ReplicationSecurityGroupMode::ServiceManaged, _) => ReplicationGroup::ServiceManaged,
        (ReplicationSecurityGroupMode::Managed, _) => ReplicationGroup::Managed,
        (ReplicationSecurityGroupMode::Existing, Some(id)) => ReplicationGroup::Existing(id.into()),
        (ReplicationSecurityGroupMode::Existing, None) => {
            errors.push(FieldError {
                field: "spec.replication.securityGroup.id".to_owned(),
                message: "must be set when `mode` is 'Existing'; name the group".to_owned(),
            });
            ReplicationGroup::ServiceManaged
        }
    }
}
