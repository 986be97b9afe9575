//! Checks that the subnets have enough free addresses, for the network's endpoints and for the servers of a migration.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    ids::{SubnetId, join},
    observed::Observed,
    ownership::{Identity, Tags},
    preflight::{
        ResolvedSubnets, builds_resolver,
        checks::{Check, Finding},
    },
    settings::Settings,
    slot::{EndpointKey, Slot},
};

/// Checks the free addresses. Every interface endpoint and the Resolver endpoint need one address in each subnet,
/// unless they have it already, or an endpoint that the network adopts has it.
pub(super) fn for_endpoints(
    identity: &Identity,
    settings: &Settings,
    observed: &Observed,
    subnets: &BTreeSet<SubnetId>,
    services: &BTreeMap<EndpointKey, String>,
) -> Vec<Finding> {
    let resources = &observed.resources;
    let fills = |slot: Slot, id: &str, tags: &Tags| match resources.live(identity, slot) {
        Some(live) => id == live,
        None => identity.may_adopt(settings.adoption, &settings.transfers_from, tags, slot),
    };
    let has_endpoint = |key: EndpointKey, subnet: &SubnetId| {
        resources.endpoints.iter().any(|(id, endpoint)| {
            endpoint.key == Some(key)
                && fills(Slot::Endpoint(key), id.as_str(), &endpoint.tags)
                && endpoint.subnets.contains(subnet)
        })
    };
    let has_resolver = |subnet: &SubnetId| {
        resources.resolvers.iter().any(|(id, resolver)| {
            fills(Slot::Resolver, id.as_str(), &resolver.tags)
                && resolver.addresses.values().any(|address| address.subnet == *subnet)
        })
    };
    subnets
        .iter()
        .filter_map(|id| Some((id, observed.subnets.get(id)?)))
        .filter_map(|(id, subnet)| {
            let endpoints =
                services.keys().filter(|key| **key != EndpointKey::S3_GATEWAY && !has_endpoint(**key, id)).count();
            let needed = endpoints + usize::from(builds_resolver(settings) && !has_resolver(id));
            let free = usize::try_from(subnet.available_addresses).unwrap_or(usize::MAX);
            (free < needed).then(|| {
                Finding::new(
                    Check::AddressesFree,
                    format!(
                        "subnet {id} ({}) must have {needed} free addresses for the endpoints, but has {free}; free \
                         some or choose another subnet in `spec.subnets.endpoints`",
                        subnet.cidr
                    ),
                )
            })
        })
        .collect()
}

/// The addresses that MGN needs for a small migration: replication servers for fifteen disks each, a conversion server for each
/// launch, and the instances.
const SERVERS_NEED: u32 = 11;

/// Warns about staging and launch subnets with few free addresses. The message contains no count, which changes all the time.
pub(super) fn for_servers(observed: &Observed, subnets: &ResolvedSubnets) -> Vec<Finding> {
    let uses = [("staging", "replication servers", &subnets.staging), ("launch", "test instances", &subnets.launch)];
    uses.into_iter()
        .filter(|(_, _, ids)| {
            let free = ids.iter().filter_map(|id| observed.subnets.get(id)).map(|subnet| subnet.available_addresses);
            !ids.is_empty() && free.fold(0, u32::saturating_add) < SERVERS_NEED
        })
        .map(|(field, servers, ids)| {
            let message = format!(
                "the {field} subnets {} together have fewer than {SERVERS_NEED} free addresses, so MGN may fail to launch \
                 {servers}; free some, or add subnets to `spec.subnets.{field}`",
                join(ids)
            );
            Finding::new(Check::ServersHaveAddresses, message).about(field)
        })
        .collect()
}
