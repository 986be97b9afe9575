//! Warns about endpoint policies that restrict clients other than those of the migration.

use std::collections::BTreeSet;

use crate::model::{
    ids::{SubnetId, join},
    observed::PrivateDns,
    policy::Policy,
    preflight::{
        ResolvedSubnets,
        checks::{Check, Finding},
        site::Site,
    },
    settings::endpoints::EndpointSource,
    slot::{EndpointKey, Service},
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    interface_endpoints(site).into_iter().chain(gateway(site)).collect()
}

/// The endpoints that the network builds with a policy.
fn restricted<'a>(site: &'a Site<'_>) -> impl Iterator<Item = EndpointKey> + 'a {
    site.services.keys().copied().filter(|key| {
        let source = site.settings.endpoints.get(key).map(|endpoint| &endpoint.source);
        matches!(source, Some(EndpointSource::Managed { policy: Policy::Document(_), .. }))
    })
}

/// With private DNS, all clients in the VPC that use the name of the service are sent to the endpoint (AWS PrivateLink
/// Guide, "Private DNS"). MGN itself has no clients but those of a migration.
fn interface_endpoints(site: &Site<'_>) -> Option<Finding> {
    let is_shared = |key: &EndpointKey| {
        let endpoint = site.settings.endpoints.get(key);
        key.service != Service::Mgn && endpoint.is_some_and(|one| one.private_dns == PrivateDns::Enabled)
    };
    let services: BTreeSet<Service> = restricted(site).filter(is_shared).map(|key| key.service).collect();
    (!services.is_empty()).then(|| {
        let operator =
            if services.contains(&Service::Ec2) { ", those of this operator included if it runs there" } else { "" };
        let message = format!(
            "the endpoint policies for {} also apply to all other clients in VPC {}{operator}, because private DNS is \
             'Enabled'; allow what they need, or use the VPC for migrations only",
            join(&services),
            site.vpc.id
        );
        Finding::new(Check::PoliciesApart, message).about("privateDNS")
    })
}

/// A gateway endpoint serves all subnets of its route tables.
fn gateway(site: &Site<'_>) -> Option<Finding> {
    restricted(site).find(|key| *key == EndpointKey::S3_GATEWAY)?;
    let ResolvedSubnets { endpoints, staging, launch } = site.subnets;
    let own: BTreeSet<&SubnetId> = endpoints.iter().chain(staging).chain(launch).collect();
    let is_routed = |subnet: &&SubnetId| {
        site.route_table(subnet).is_some_and(|table| site.route_tables.contains(&table.id)) && !own.contains(*subnet)
    };
    let others: Vec<&SubnetId> = site.observed.subnets.keys().filter(is_routed).collect();
    (!others.is_empty()).then(|| {
        let message = format!(
            "the policy of the S3 gateway endpoint also applies to {}, which have the same route tables as the staging and \
             launch subnets; allow what they need, or give them route tables of their own",
            join(others)
        );
        Finding::new(Check::PoliciesApart, message).about(EndpointKey::S3_GATEWAY)
    })
}
