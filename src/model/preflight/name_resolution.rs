//! Checks whether servers in the VPC, and the MGN connector through the Resolver, resolve the names of services to the network's
//! endpoints.

use std::collections::BTreeSet;

use crate::{
    api::Toggle,
    model::{
        ids::join,
        observed::PrivateDns,
        preflight::{
            checks::{Check, Finding},
            site::Site,
        },
        settings::Resolver,
        slot::{EndpointKey, Service},
    },
};

/// The services that servers in the VPC call by their own names, and what stops without them. S3 is left out: servers in the
/// VPC reach it through the gateway endpoint.
const CALLED: [(&[Service], &str, &str); 2] = [
    (&[Service::Mgn, Service::Ec2], "replication servers", "authenticate, and create no snapshots"),
    (&[Service::Ssm, Service::SsmMessages, Service::Ec2Messages], "launched instances", "run post-launch actions"),
];

/// The services that only the MGN connector calls. It has no options for other names.
const CALLED_BY_CONNECTOR: (&[Service], &str, &str) =
    (&Service::OF_CONNECTOR, "MGN connectors", "connect to source servers");

/// Warns about services whose names resolve to public addresses in the VPC. The Resolver endpoint gives the same answers.
pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let asks_resolver = site.settings.connector == Toggle::Enabled && site.settings.resolver != Resolver::Disabled;
    let all = CALLED.into_iter().chain(asks_resolver.then_some(CALLED_BY_CONNECTOR));
    all.filter_map(|(services, servers, loss)| unresolved(site, services, servers, loss)).collect()
}

fn unresolved(site: &Site<'_>, services: &[Service], servers: &str, loss: &str) -> Option<Finding> {
    let is_unresolved = |service: &&Service| {
        let endpoint = site.settings.endpoints.get(&EndpointKey::interface(**service));
        match endpoint {
            Some(endpoint) => endpoint.private_dns != PrivateDns::Enabled,
            // Without an endpoint, the services of post-launch actions are not wanted.
            None => !service.is_for_post_launch(),
        }
    };
    let missing: BTreeSet<&Service> = services.iter().filter(is_unresolved).collect();
    (!missing.is_empty()).then(|| {
        let message = format!(
            "in VPC {}, the names of {} resolve to public addresses, because their endpoints have no private DNS for the VPC: \
             without a path to the internet, {servers} do not {loss}; set `privateDNS` of these endpoints to 'Enabled'",
            site.vpc.id,
            join(&missing)
        );
        Finding::new(Check::NamesArePrivate, message).about(join(missing))
    })
}
