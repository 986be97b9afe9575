//! Warnings about adoption: what the network would add to resources of others, and in what an adopted resource differs from
//! the spec for good.

use std::collections::BTreeSet;

use crate::model::{
    claims::Claims,
    desired::{Desired, DesiredEndpoint, DesiredResolver},
    ids::{EndpointId, join},
    observed::{Resources, parts::Parts},
    plan::{
        adoption::{self, Candidate},
        changes,
        step::Step,
    },
    preflight::checks::{Check, Finding},
    slot::{GroupRole, Slot},
};

/// Returns the warnings about resources that the network has adopted, or is about to adopt.
pub fn check(desired: &Desired, resources: &Resources, claims: &Claims) -> Vec<Finding> {
    let review = Review { desired, resources, claims };
    let endpoints = desired.endpoints.keys().map(|key| Slot::Endpoint(*key));
    let groups = desired.groups.keys().map(|role| Slot::Group(*role));
    endpoints.chain(groups).chain([Slot::Resolver]).filter_map(|slot| review.finding(slot)).collect()
}

struct Review<'a> {
    desired: &'a Desired,
    resources: &'a Resources,
    claims: &'a Claims,
}

impl Review<'_> {
    fn finding(&self, slot: Slot) -> Option<Finding> {
        if let Some(id) = self.resources.live(&self.desired.identity, slot) {
            let differences = self.differences(slot, &id, self.claims.had(slot, &id)?);
            return (!differences.is_empty()).then(|| {
                let message = format!(
                    "{slot}: {id} was adopted and keeps {}, because the operator only adds to adopted resources; change \
                     it in AWS, or change the spec",
                    differences.join(", ")
                );
                Finding::new(Check::AdoptedFits, message).about(slot)
            });
        }
        let Candidate::One(step) = adoption::candidate(self.desired, self.resources, self.claims, slot) else {
            return None;
        };
        let Step::Adopt { id, had: Some(had), .. } = *step else { return None };
        let mut additions = self.additions(slot, &id, &had);
        additions.push("tags".to_owned());
        let kept = self.differences(slot, &id, &had);
        let kept = if kept.is_empty() { String::new() } else { format!("; it keeps {}", kept.join(", ")) };
        let message = format!(
            "{slot}: adoption of {id}, which other workloads may use, adds {}; nothing is removed from it{kept}",
            additions.join(", ")
        );
        Some(Finding::new(Check::AdoptionAdds, message).about(slot))
    }

    /// What the network adds to a resource, apart from tags.
    fn additions(&self, slot: Slot, id: &str, had: &Parts) -> Vec<String> {
        let listed = |what: &str, ids: Vec<String>| (!ids.is_empty()).then(|| format!("{what} {}", ids.join(", ")));
        let parts = match slot {
            Slot::Group(role) => {
                let rules = self.desired.groups.get(&role).map_or(0, |group| group.ingress.len());
                vec![(rules > 0).then(|| format!("up to {rules} ingress rules"))]
            }
            Slot::Endpoint(_) => match self.endpoint(slot, id, had) {
                Some(DesiredEndpoint::Gateway { route_tables, .. }) => {
                    vec![listed("route tables", new(&route_tables, &had.route_tables))]
                }
                Some(DesiredEndpoint::Interface { subnets, .. }) => {
                    let groups = match self.desired.existing_groups.get(&GroupRole::Endpoints) {
                        Some(ids) => listed("security groups", new(ids, &had.groups)),
                        None => Some("the network's security group".to_owned()),
                    };
                    vec![listed("subnets", new(&subnets, &had.subnets)), groups]
                }
                Some(DesiredEndpoint::Existing(_)) | None => Vec::new(),
            },
            Slot::Resolver => vec![listed("addresses in", self.new_addresses(id))],
        };
        parts.into_iter().flatten().collect()
    }

    /// The subnets in which a Resolver endpoint has no address yet.
    fn new_addresses(&self, id: &str) -> Vec<String> {
        let Some(DesiredResolver::Managed(wanted)) = &self.desired.resolver else { return Vec::new() };
        let present = self.resources.resolvers.get(&id.into());
        let has =
            |subnet: &_| present.is_some_and(|one| one.addresses.values().any(|address| address.subnet == *subnet));
        wanted.keys().filter(|subnet| !has(*subnet)).map(ToString::to_string).collect()
    }

    fn endpoint(&self, slot: Slot, id: &str, had: &Parts) -> Option<DesiredEndpoint> {
        let Slot::Endpoint(key) = slot else { return None };
        let endpoint = self.resources.endpoints.get(&id.into())?;
        let wanted = self.desired.endpoints.get(&key)?;
        Some(adoption::adopted_endpoint(wanted, endpoint, had, &self.desired.zones))
    }

    /// What stays as it is in an adopted endpoint, although the spec requests something else.
    fn differences(&self, slot: Slot, id: &str, had: &Parts) -> Vec<String> {
        let Slot::Endpoint(key) = slot else { return Vec::new() };
        let endpoint = self.resources.endpoints.get(&EndpointId::from(id));
        let (Some(endpoint), Some(wanted)) = (endpoint, self.desired.endpoints.get(&key)) else { return Vec::new() };
        let mut kept = Vec::new();
        let (DesiredEndpoint::Gateway { policy, .. } | DesiredEndpoint::Interface { policy, .. }) = wanted else {
            return kept;
        };
        if *policy != endpoint.policy {
            kept.push("its endpoint policy".to_owned());
        }
        let DesiredEndpoint::Interface { subnets, addresses, private_dns, .. } = wanted else { return kept };
        if *private_dns != endpoint.private_dns {
            kept.push(format!("its private DNS setting '{:?}' instead of '{private_dns:?}'", endpoint.private_dns));
        }
        if let Some(DesiredEndpoint::Interface { subnets: adopted, .. }) = self.endpoint(slot, id, had) {
            let left_out: Vec<_> = subnets.difference(&adopted).collect();
            if !left_out.is_empty() {
                let message = format!("its subnets in the zones of {}", join(left_out));
                kept.push(message);
            }
        }
        let moves = changes::moves(endpoint, &self.resources.interfaces, addresses);
        let moves = moves.into_iter().filter(|one| had.subnets.contains(&one.subnet));
        kept.extend(moves.map(|one| format!("its address {} instead of {}", one.from, one.to)));
        kept
    }
}

/// What the resource gets in addition.
fn new<T: Ord + ToString>(wanted: &BTreeSet<T>, had: &BTreeSet<T>) -> Vec<String> {
    wanted.difference(had).map(ToString::to_string).collect()
}
