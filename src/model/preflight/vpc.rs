//! What the VPC itself is: whose subnets it has, on which hardware, and which DNS servers it gives to instances.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::site::Site;
use crate::model::{
    checks::{Check, Finding},
    ids::{SubnetId, join},
};

pub(super) fn find(site: &Site<'_>) -> Vec<Finding> {
    let mut findings = shared_subnets(site);
    findings.extend(tenancy(site));
    findings.extend(dns_servers(site));
    findings
}

/// Route 53 Developer Guide, "Considerations when creating inbound and outbound endpoints": no Resolver endpoint can be made
/// in a subnet that another account shares.
fn shared_subnets(site: &Site<'_>) -> Vec<Finding> {
    let shared = |subnets: &BTreeSet<SubnetId>| -> Vec<(SubnetId, String)> {
        subnets.iter().filter_map(|id| Some((id.clone(), site.observed.subnets.get(id)?.shared_by.clone()?))).collect()
    };
    let (endpoints, rest) = if site.builds_resolver() {
        (shared(&site.subnets.endpoints), &site.subnets.staging | &site.subnets.launch)
    } else {
        (Vec::new(), &(&site.subnets.endpoints | &site.subnets.staging) | &site.subnets.launch)
    };
    let mut findings = Vec::new();
    if let Some((_, owner)) = endpoints.first() {
        let message = format!(
            "account {owner} shares {} with this account, and AWS makes no Resolver endpoint there; build the network from \
             that account, choose subnets of this account's own in `spec.subnets.endpoints`, or set `spec.resolver.mode` to \
             'Disabled' and use hosts files",
            join(endpoints.iter().map(|(id, _)| id))
        );
        findings.push(Finding::new(Check::ResolverSubnetsOwned, message));
    }
    let told: BTreeSet<&SubnetId> = endpoints.iter().map(|(id, _)| id).collect();
    findings.extend(shared(&rest).into_iter().filter(|(id, _)| !told.contains(id)).map(|(id, owner)| {
        let message = format!(
            "account {owner} shares subnet {id} with this account and keeps its route table and network ACL, and AWS may \
             refuse endpoints there; build the network from that account, or see to it that its keepers agree"
        );
        Finding::new(Check::SubnetsOwned, message).about(id)
    }));
    findings
}

/// The same page: nor in a VPC with dedicated tenancy.
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
