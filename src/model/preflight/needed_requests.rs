//! Evaluates the endpoint policies that apply: those of existing and adopted endpoints, and those that users wrote. A migration
//! fails if one of them denies a request that its servers send. Also checks the list of MGN's buckets itself.

use std::collections::BTreeSet;

use crate::{
    api::Toggle,
    model::{
        ids::join,
        mgn_buckets::{COMPARED_ON, CURRENT_FOR_DAYS, is_documented, is_outdated},
        ownership::is_adopted,
        policy::{Answer, Policy, needs},
        preflight::{
            checks::{Check, Finding},
            site::Site,
        },
        settings::endpoints::EndpointSource,
        slot::{EndpointKey, Service},
    },
};

pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let is_needed = |key: &&EndpointKey| {
        !Service::OF_CONNECTOR.contains(&key.service) || site.settings.connector == Toggle::Enabled
    };
    let answers = site.settings.endpoints.keys().filter(is_needed).flat_map(|key| of_endpoint(site, *key));
    answers.chain(bucket_list(site)).collect()
}

/// The policy that applies to an endpoint, and its place: a field of the spec, or an endpoint of others.
fn effective<'a>(site: &'a Site<'_>, key: EndpointKey) -> Option<(&'a Policy, String)> {
    match &site.settings.endpoints.get(&key)?.source {
        EndpointSource::Existing(id) => {
            Some((&site.observed.resources.endpoints.get(id)?.policy, format!("the policy of {key} endpoint {id}")))
        }
        EndpointSource::Managed { policy, .. } => match site.own_endpoint(key) {
            // The policy of an adopted endpoint never changes.
            Some(own) if is_adopted(&own.tags) => {
                Some((&own.policy, format!("the policy of the adopted {key} endpoint")))
            }
            Some(_) | None => Some((policy, format!("the policy of `spec.endpoints[{key}]`"))),
        },
    }
}

fn of_endpoint(site: &Site<'_>, key: EndpointKey) -> Vec<Finding> {
    let Some((policy, place)) = effective(site, key) else { return Vec::new() };
    let (mut denied, mut unknown, mut elements) = (Vec::new(), Vec::new(), BTreeSet::new());
    for request in needs::requests(needs::Scope { key, region: &site.settings.region, buckets: &site.settings.buckets })
    {
        match policy.answer(request.action, &request.resource) {
            Answer::Allowed => {}
            Answer::Denied => denied.push(request),
            Answer::Unknown(depends) => {
                unknown.push(request);
                elements.extend(depends);
            }
        }
    }
    let mut findings = Vec::new();
    if !denied.is_empty() {
        let message = format!(
            "{place} does not allow {}, which a migration needs; allow it, or ask its owner to",
            needs::in_words(&denied)
        );
        findings.push(Finding::new(Check::PoliciesAllow, message).about(key));
    }
    if !unknown.is_empty() {
        let why = match key.service {
            Service::S3 => ": MGN reads its buckets without credentials of your accounts",
            _ => "",
        };
        let message = format!(
            "{place} allows {} only depending on {}, which the operator cannot evaluate{why}; allow it without conditions, or \
             check it with a test migration",
            needs::in_words(&unknown),
            join(elements.iter().map(|element| format!("'{element}'")))
        );
        findings.push(Finding::new(Check::PoliciesKnown, message).about(key));
    }
    findings
}

/// The buckets matter where a policy for S3 names some.
fn bucket_list(site: &Site<'_>) -> Option<Finding> {
    let restricts_s3 = |key: &EndpointKey| {
        let policy = (key.service == Service::S3).then(|| effective(site, *key)).flatten();
        policy.is_some_and(|(policy, _)| *policy != Policy::FullAccess)
    };
    if site.settings.buckets.of_class || !site.settings.endpoints.keys().any(restricts_s3) {
        return None;
    }
    let region = &site.settings.region;
    let problem = if !is_documented(region) {
        format!(
            "AWS does not document the names of MGN's S3 buckets in {region}, so the names in the policies may be wrong"
        )
    } else if is_outdated(site.today) {
        format!(
            "the operator's list of MGN's S3 buckets was last compared with AWS's documentation on {COMPARED_ON}, more than \
             {CURRENT_FOR_DAYS} days ago, so the policies may lack a bucket"
        )
    } else {
        return None;
    };
    let message =
        format!("{problem}; upgrade the operator, or ask the platform team to set `spec.mgnBuckets` of the class");
    Some(Finding::new(Check::BucketsKnown, message).about(region))
}
