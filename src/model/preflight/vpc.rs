//! What the VPC itself is: whose subnets it has, on which hardware, and which DNS servers it gives to instances.

use std::net::Ipv4Addr;

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

/// AWS PrivateLink guide, "Shared subnets": a participant can neither make nor see endpoints in a subnet that is shared with it.
/// Route 53 Developer Guide, "Considerations when creating inbound and outbound endpoints": the same of Resolver endpoints.
fn shared_subnets(site: &Site<'_>) -> Option<Finding> {
    let used = &(&site.subnets.endpoints | &site.subnets.staging) | &site.subnets.launch;
    let shared: Vec<(&SubnetId, &str)> =
        used.iter().filter_map(|id| Some((id, site.observed.subnets.get(id)?.shared_by.as_deref()?))).collect();
    let (_, owner) = shared.first()?;
    let message = format!(
        "account {owner} shares {} with this account, and AWS lets only the owner make endpoints there; build the network from \
         that account, or choose subnets of this account's own in `spec.subnets`",
        join(shared.iter().map(|(id, _)| id))
    );
    Some(Finding::new(Check::SubnetsOwned, message))
}

/// Route 53 Developer Guide, the same page: no Resolver endpoint can be made in a VPC with dedicated tenancy.
fn tenancy(site: &Site<'_>) -> Option<Finding> {
    let id = &site.vpc.id;
    site.vpc.dedicated.then(|| {
        if site.builds_resolver() {
            let message = format!(
                "VPC {id} has dedicated tenancy, and AWS makes no Resolver endpoint there; change it with ModifyVpcTenancy, or \
                 set `spec.resolver.mode` to 'Disabled' and use hosts files"
            );
            Finding::new(Check::ResolverTenancy, message)
        } else {
            let message = format!(
                "VPC {id} has dedicated tenancy: replication servers and launched instances run on hardware of their own, at \
                 its price; change it with ModifyVpcTenancy if that is not meant"
            );
            Finding::new(Check::DefaultTenancy, message).about(id)
        }
    })
}

/// Private DNS is answered by Amazon's server alone (VPC User Guide, "DNS attributes in your VPC").
fn dns_servers(site: &Site<'_>) -> Option<Finding> {
    let servers = site.observed.surroundings.dns_servers.as_ref()?;
    let foreign: Vec<&String> = servers.iter().filter(|server| !is_amazons(site, server)).collect();
    if !servers.is_empty() && foreign.is_empty() {
        return None;
    }
    let named = if servers.is_empty() { "none".to_owned() } else { join(foreign) };
    let message = format!(
        "the DHCP options of VPC {} name other DNS servers than AmazonProvidedDNS ({named}), so that replication servers may not \
         resolve the endpoints' names; name 'AmazonProvidedDNS', or have those servers forward the names to the Resolver \
         endpoint and admit TCP 53 to them from the staging subnets",
        site.vpc.id
    );
    Some(Finding::new(Check::AmazonDns, message).about(&site.vpc.id))
}

/// `AmazonProvidedDNS`, or the same server by its address: 169.254.169.253, and two above the base of the VPC's range.
fn is_amazons(site: &Site<'_>, server: &str) -> bool {
    if server.eq_ignore_ascii_case("AmazonProvidedDNS") {
        return true;
    }
    let Ok(address) = server.parse::<Ipv4Addr>() else { return false };
    let above_base = |cidr: &ipnet::Ipv4Net| u32::from(cidr.network()).checked_add(2).map(Ipv4Addr::from);
    address == Ipv4Addr::new(169, 254, 169, 253) || site.vpc.cidrs.iter().any(|cidr| above_base(cidr) == Some(address))
}
