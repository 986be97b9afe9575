//! Checks for the resources of another network of the same namespace and name: an earlier network in this cluster, or a network
//! in another cluster. If the network cannot take them over, it builds nothing beside them: a second set would cost as much
//! again, and no network would be responsible for the first.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{AdoptionPolicy, TRANSFER_ANNOTATION},
    model::{
        ids::join,
        ingress,
        observed::{Endpoint, EndpointState, ResolverState},
        ownership::{CLUSTER_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG, TRANSFER_TAG, Tags},
        preflight::{
            checks::{Check, Finding},
            services::is_built,
            site::Site,
        },
        slot::{EndpointKey, Slot},
    },
};

/// Reports the resources that the network would have to take over, but may not.
pub(super) fn check(site: &Site<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<Obstacle, BTreeMap<Slot, Vec<String>>> = BTreeMap::new();
    for slot in empty_slots(site) {
        for (id, tags) in resources_for(site, slot) {
            if let Some(obstacle) = obstacle(site, tags, slot) {
                found.entry(obstacle).or_default().entry(slot).or_default().push(id);
            }
        }
    }
    // A create call for a security group that arrived after its network was deleted leaves a group behind, which costs nothing.
    found.retain(|obstacle, slots| match obstacle {
        Obstacle::NotRetained => slots.keys().any(|slot| !matches!(slot, Slot::Group(_))),
        Obstacle::ForAnotherCluster { .. } | Obstacle::OfAnotherCluster { .. } => true,
    });
    found
        .into_iter()
        .map(|(obstacle, ids)| {
            let message = obstacle.message(site, &join(ids.values().flatten()));
            Finding::new(Check::PredecessorsGone, message)
        })
        .collect()
}

/// Whether [`check`] reports an endpoint.
pub(super) fn reports(site: &Site<'_>, endpoint: &Endpoint) -> bool {
    let slot = endpoint.key.filter(|key| is_empty(site, *key)).map(Slot::Endpoint);
    slot.is_some_and(|slot| is_live(endpoint) && obstacle(site, &endpoint.tags, slot).is_some())
}

/// The reason why the network may not take over a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    /// An earlier network in this cluster has lost its object without a deletion of its resources.
    NotRetained,
    /// An earlier network in this cluster retained it for another cluster.
    ForAnotherCluster { target: String },
    /// A network in another cluster has it, and it is not left to this cluster, or the class or the network does not accept
    /// it.
    OfAnotherCluster { cluster: String, is_left: bool },
}

/// Returns the reason why the network may not take over a resource of another network of its name. None if it may, or if the
/// tags name no such network.
fn obstacle(site: &Site<'_>, tags: &Tags, slot: Slot) -> Option<Obstacle> {
    let Site { identity, settings, .. } = site;
    let is_owned = tags.get(OWNER_TAG).is_some_and(|owner| !owner.is_empty());
    let is_predecessors = is_owned && !identity.owns(tags) && identity.is_named_in(tags);
    if !is_predecessors || identity.may_adopt(settings.adoption, &settings.transfers_from, tags, slot) {
        return None;
    }
    let cluster = tags.get(CLUSTER_TAG)?;
    let is_retained = tags.get(RETAINED_TAG).is_some_and(|value| value == "true");
    let target = tags.get(TRANSFER_TAG).filter(|_| is_retained);
    if *cluster != identity.cluster {
        let is_left = target.is_some_and(|target| *target == identity.cluster);
        return Some(Obstacle::OfAnotherCluster { cluster: cluster.clone(), is_left });
    }
    match target.filter(|target| **target != identity.cluster) {
        Some(target) => Some(Obstacle::ForAnotherCluster { target: target.clone() }),
        // What stays on purpose in this cluster is foreign to a network that does not adopt it.
        None => (!is_retained).then_some(Obstacle::NotRetained),
    }
}

impl Obstacle {
    /// The problem and its solutions, for these resources.
    fn message(&self, site: &Site<'_>, ids: &str) -> String {
        let Site { identity, settings, .. } = site;
        let adopt =
            (settings.adoption == AdoptionPolicy::Never).then(|| "set `spec.adoptionPolicy` to 'Retained'".to_owned());
        match self {
            Self::NotRetained => {
                let mark = format!("set their tag `{RETAINED_TAG}` to 'true' in AWS");
                format!(
                    "{ids} belong to an earlier network of this name, whose object disappeared without a deletion; to take \
                     them over, {}; or delete them with `mgnet orphans --delete`",
                    and([Some(mark), adopt])
                )
            }
            Self::ForAnotherCluster { target } => format!(
                "{ids} are left to the network of this name in cluster {target}; delete this network, or remove their tag \
                 `{TRANSFER_TAG}` in AWS to take them back"
            ),
            Self::OfAnotherCluster { cluster, is_left } => {
                let leave = format!(
                    "delete that network with `deletionPolicy` 'Retain' and the annotation `{TRANSFER_ANNOTATION}` '{}'",
                    identity.cluster
                );
                let is_accepted = settings.transfers_from.iter().any(|accepted| accepted.as_str() == cluster);
                let accept = format!("let the class of this network list '{cluster}' in `spec.acceptTransfersFrom`");
                format!(
                    "{ids} belong to the network of this name in cluster {cluster}; to take them over, {}",
                    and([(!is_left).then_some(leave), (!is_accepted).then_some(accept), adopt])
                )
            }
        }
    }
}

/// Joins the missing parts of an agreement.
fn and<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// The slots that the network would fill with new resources.
fn empty_slots(site: &Site<'_>) -> BTreeSet<Slot> {
    let endpoints = site.settings.endpoints.iter().filter(|(_, endpoint)| is_built(endpoint));
    let groups = ingress::of_managed_groups(site.settings, &site.vpc.cidrs).into_iter();
    endpoints
        .map(|(key, _)| Slot::Endpoint(*key))
        .chain(groups.map(|(role, _)| Slot::Group(role)))
        .chain(site.builds_resolver().then_some(Slot::Resolver))
        .filter(|slot| site.observed.resources.live(site.identity, *slot).is_none())
        .collect()
}

/// Whether the network would create an endpoint.
fn is_empty(site: &Site<'_>, key: EndpointKey) -> bool {
    site.own_endpoint(key).is_none() && site.settings.endpoints.get(&key).is_some_and(is_built)
}

/// The live resources in the VPC that fill a slot of some network, each with its tags.
fn resources_for<'a>(site: &'a Site<'_>, slot: Slot) -> Vec<(String, &'a Tags)> {
    let resources = &site.observed.resources;
    match slot {
        Slot::Endpoint(key) => {
            let all = resources.endpoints.iter().filter(|(_, one)| one.key == Some(key) && is_live(one));
            all.map(|(id, one)| (id.to_string(), &one.tags)).collect()
        }
        Slot::Resolver => {
            let all = resources.resolvers.iter().filter(|(_, one)| one.state != ResolverState::Deleting);
            all.map(|(id, one)| (id.to_string(), &one.tags)).collect()
        }
        Slot::Group(_) => {
            let fills = |tags: &Tags| tags.get(SLOT_TAG).is_some_and(|tag| *tag == slot.to_string());
            let all = resources.groups.iter().filter(|(_, one)| fills(&one.tags));
            all.map(|(id, one)| (id.to_string(), &one.tags)).collect()
        }
    }
}

fn is_live(endpoint: &Endpoint) -> bool {
    match endpoint.state {
        EndpointState::Deleting | EndpointState::Deleted | EndpointState::Failed(_) => false,
        EndpointState::Pending | EndpointState::Available | EndpointState::Unknown(_) => true,
    }
}
