//! Checks which default quotas the network would exceed.
//!
//! All findings are warnings: the quotas are adjustable, and reading the adjusted value needs a separate permission.
//! If the quota was not raised, AWS rejects the call, and the operator reports `QuotaExceeded` for the affected
//! slots.

use crate::model::{
    ids::{EndpointId, ResolverId},
    ingress::{self, RULE_MARK, RULES_PER_GROUP},
    observed::resources::Held,
    preflight::{
        checks::{Check, Finding},
        site::Site,
    },
    slot::{EndpointKey, Slot},
};

/// AWS PrivateLink guide, "Quotas".
const INTERFACE_ENDPOINTS_PER_VPC: usize = 50;
const GATEWAY_ENDPOINTS_PER_REGION: usize = 20;
/// Route 53 quotas.
const RESOLVER_ENDPOINTS_PER_REGION: usize = 4;

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(interface_endpoints(site));
    findings.extend(gateway_endpoints(site));
    if site.builds_resolver() {
        findings.extend(resolver_endpoints(site));
    }
    findings.extend(rules(site));
    findings
}

fn exceeded(check: Check, what: &str, used: usize, needed: usize, allowed: usize) -> Option<Finding> {
    (used + needed > allowed).then(|| {
        let message = format!(
            "{what}: {used} in use by others, {needed} needed, {allowed} allowed by default; request a higher quota \
             if you have not done so, or delete some"
        );
        Finding::new(check, message)
    })
}

/// Counts the interface endpoints. Endpoints of AWS services and endpoint services have subnets and a service name.
/// Endpoints of resources have neither, and have separate quotas.
fn interface_endpoints(site: &Site<'_>) -> Option<Finding> {
    let others =
        site.other_endpoints().filter(|(_, one)| !one.subnets.is_empty() && !one.service_name.is_empty()).count();
    let what = format!("interface endpoints in VPC {}", site.vpc.id);
    exceeded(
        Check::InterfaceEndpointQuota,
        &what,
        others,
        site.interface_endpoints().count(),
        INTERFACE_ENDPOINTS_PER_VPC,
    )
}

fn gateway_endpoints(site: &Site<'_>) -> Option<Finding> {
    let all = site.observed.surroundings.gateway_endpoints.as_ref()?;
    let own = held(site, Slot::Endpoint(EndpointKey::S3_GATEWAY));
    let others = all.iter().filter(|id| !own.iter().any(|held| EndpointId::from(held.id.as_str()) == **id)).count();
    exceeded(Check::GatewayEndpointQuota, "gateway endpoints in the Region", others, 1, GATEWAY_ENDPOINTS_PER_REGION)
}

fn resolver_endpoints(site: &Site<'_>) -> Option<Finding> {
    let own = held(site, Slot::Resolver);
    let all = site.observed.resolvers_in_region.iter();
    let others = all.filter(|id| !own.iter().any(|held| ResolverId::from(held.id.as_str()) == **id)).count();
    exceeded(Check::ResolverEndpointQuota, "Resolver endpoints in the Region", others, 1, RESOLVER_ENDPOINTS_PER_REGION)
}

fn held(site: &Site<'_>, slot: Slot) -> Vec<Held> {
    site.observed.resources.held(site.identity, slot)
}

/// Counts the rules of the network's security groups, including those that others added.
fn rules(site: &Site<'_>) -> Vec<Finding> {
    let resources = &site.observed.resources;
    ingress::of_managed_groups(site.settings, &site.vpc.cidrs)
        .into_iter()
        .filter_map(|(role, ingress)| {
            let id = resources.group(site.identity, role);
            let found = id.and_then(|id| resources.groups.get(&id));
            let others = found.into_iter().flat_map(|found| &found.ingress).filter(|rule| {
                let wanted = rule.permission.is_some_and(|permission| ingress.contains_key(&permission));
                !rule.description.starts_with(RULE_MARK) && !wanted
            });
            let what = format!("rules of {}", Slot::Group(role));
            let finding = exceeded(Check::RuleQuota, &what, others.count(), ingress.len(), RULES_PER_GROUP)?;
            Some(finding.about(role))
        })
        .collect()
}
