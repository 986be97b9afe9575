//! Checks the VPC itself: the owner of its subnets, its tenancy, and the DNS servers in its DHCP options.

use crate::model::{
    ids::{SubnetId, join},
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    [shared_subnets(site), tenancy(site), dns_servers(site)].into_iter().flatten().collect()
}

/// AWS PrivateLink guide, "Shared subnets": a participant can neither create nor describe endpoints in a subnet that
/// is shared with it. Route 53 Developer Guide, "Considerations when creating inbound and outbound endpoints": the
/// same holds for Resolver endpoints.
fn shared_subnets(site: &Site<'_>) -> Option<Finding> {
    let used = &(&site.subnets.endpoints | &site.subnets.staging) | &site.subnets.launch;
    let shared: Vec<(&SubnetId, &str)> =
        used.iter().filter_map(|id| Some((id, site.observed.subnets.get(id)?.shared_by.as_deref()?))).collect();
    let (_, owner) = shared.first()?;
    let message = format!(
        "account {owner} shares {} with this account, but AWS lets only the owner create endpoints there; build the \
         network from that account, or choose subnets that this account owns in `spec.subnets`",
        join(shared.iter().map(|(id, _)| id))
    );
    Some(Finding::new(Check::SubnetsOwned, message))
}

/// Route 53 Developer Guide, the same page: a VPC with dedicated tenancy cannot have a Resolver endpoint.
fn tenancy(site: &Site<'_>) -> Option<Finding> {
    let id = &site.vpc.id;
    site.vpc.dedicated.then(|| {
        if site.builds_resolver() {
            let message = format!(
                "VPC {id} has dedicated tenancy, in which AWS creates no Resolver endpoint; change it with \
                 ModifyVpcTenancy, or set `spec.resolver.mode` to 'Disabled' and use hosts files"
            );
            Finding::new(Check::ResolverTenancy, message)
        } else {
            let message = format!(
                "VPC {id} has dedicated tenancy: replication servers and launched instances run on dedicated \
                 hardware, at its price; change it with ModifyVpcTenancy unless it is intended"
            );
            Finding::new(Check::DefaultTenancy, message).about(id)
        }
    })
}

/// Only Amazon's server answers with private DNS (VPC User Guide, "DNS attributes in your VPC").
fn dns_servers(site: &Site<'_>) -> Option<Finding> {
    let servers = site.observed.surroundings.dns_servers.as_ref()?;
    let foreign: Vec<&String> = site.foreign_dns_servers().collect();
    if !servers.is_empty() && foreign.is_empty() {
        return None;
    }
    let named = if servers.is_empty() { "none".to_owned() } else { join(foreign) };
    let message = format!(
        "the DHCP options of VPC {} name DNS servers other than AmazonProvidedDNS ({named}), so replication servers \
         may not resolve the names of the endpoints; name 'AmazonProvidedDNS', or let those servers forward the names, and \
         's3.dualstack.{}.amazonaws.com', to the Resolver endpoint and admit TCP 53 to them from the staging subnets",
        site.vpc.id, site.settings.region
    );
    Some(Finding::new(Check::AmazonDns, message).about(&site.vpc.id))
}
