//! Orphans: resources that networks of this cluster made, and whose network is gone. A network that goes in the ordinary way leaves
//! none; one whose finalizer was taken away by force does, and so does one that was lost with a cluster's data.
//!
//! Here is decided what is one, and what may be removed by name. Nothing is ever removed because it was found.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::model::{
    observed::{EndpointState, ResolverState, Resources},
    ownership::{CLUSTER_TAG, NETWORK_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG, Tags},
    plan::step::Step,
    slot::Slot,
};

/// The kinds of resources that networks make, in the order in which they are removed: groups are held by the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A VPC endpoint.
    VpcEndpoint,
    /// A Route 53 Resolver endpoint.
    ResolverEndpoint,
    /// A security group.
    SecurityGroup,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::VpcEndpoint, Self::ResolverEndpoint, Self::SecurityGroup];

    /// AWS's word in ARNs (Service Authorization Reference, "Resource types defined by Amazon EC2" and "by Amazon Route 53
    /// Resolver").
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VpcEndpoint => "vpc-endpoint",
            Self::ResolverEndpoint => "resolver-endpoint",
            Self::SecurityGroup => "security-group",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A resource that a network of this cluster made, by what its tags say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The uid of its network.
    pub owner: String,
    /// `namespace/name` of its network, as far as its tag tells it.
    pub network: String,
    /// The slot that it fills or filled, as far as its tag tells it.
    pub slot: String,
}

/// What is left of networks that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// What nobody meant to leave.
    pub orphans: BTreeSet<Made>,
    /// What networks with `deletionPolicy: Retain` left on purpose.
    pub retained: BTreeSet<Made>,
}

/// Tells what is left of networks that are gone. `owners` are the uids of all networks that exist, those that are being deleted
/// included; **they must have been listed after `resources`**. A network is there before anything is made for it, so that no network
/// which was made in between is then taken for one that is gone.
pub fn leftovers(cluster: &str, resources: &Resources, owners: &BTreeSet<String>) -> Leftovers {
    let mut left = Leftovers::default();
    for (made, tags) in made(cluster, resources).filter(|(made, _)| !owners.contains(&made.owner)) {
        if is_retained(tags) {
            left.retained.insert(made)
        } else {
            left.orphans.insert(made)
        };
    }
    left
}

/// Why a resource is not removed, though somebody named it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not there, is going already, or does not carry the tags of this cluster.
    #[error("is no resource that a migration network of this cluster made, or is going already")]
    NotOurs,
    /// Its network exists.
    #[error(
        "belongs to network '{network}' (uid {owner}), which exists; what that network does not need, it removes itself"
    )]
    OwnerExists {
        /// `namespace/name`, by the tag.
        network: String,
        /// The uid.
        owner: String,
    },
    /// It was left on purpose.
    #[error(
        "was retained on purpose when network '{network}' was deleted, and is no orphan; remove it in AWS if it is not needed"
    )]
    Retained {
        /// `namespace/name`, by the tag.
        network: String,
    },
    /// It was seen as an orphan only once.
    #[error("looked orphaned in one look only; look again")]
    TooNew,
    /// Its tags do not say what it is for.
    #[error("does not say by its tag '{SLOT_TAG}' what it is for; remove it in AWS")]
    Unclear,
}

/// The one call that removes the resource, if it is an orphan. `resources` and `owners` as in [`leftovers`], and as fresh.
///
/// # Errors
/// If it is none.
pub fn removal(cluster: &str, id: &str, resources: &Resources, owners: &BTreeSet<String>) -> Result<Step, Refusal> {
    let (made, tags) = made(cluster, resources).find(|(made, _)| made.id == id).ok_or(Refusal::NotOurs)?;
    if owners.contains(&made.owner) {
        return Err(Refusal::OwnerExists { network: made.network, owner: made.owner });
    }
    if is_retained(tags) {
        return Err(Refusal::Retained { network: made.network });
    }
    match (made.kind, made.slot.parse()) {
        (Kind::VpcEndpoint, Ok(Slot::Endpoint(key))) => {
            Ok(Step::DeleteEndpoints { endpoints: [(id.into(), key)].into() })
        }
        (Kind::ResolverEndpoint, _) => Ok(Step::DeleteResolver { resolver: id.into() }),
        (Kind::SecurityGroup, Ok(Slot::Group(role))) => Ok(Step::DeleteGroup { role, group: id.into() }),
        (Kind::VpcEndpoint | Kind::SecurityGroup, _) => Err(Refusal::Unclear),
    }
}

/// What networks of the cluster made and what is not going already, with its tags.
fn made<'r>(cluster: &'r str, resources: &'r Resources) -> impl Iterator<Item = (Made, &'r Tags)> {
    let endpoints = resources.endpoints.iter().filter(|(_, endpoint)| match endpoint.state {
        EndpointState::Deleting | EndpointState::Deleted => false,
        EndpointState::Pending | EndpointState::Available | EndpointState::Failed(_) | EndpointState::Unknown(_) => {
            true
        }
    });
    let endpoints = endpoints.map(|(id, endpoint)| (Kind::VpcEndpoint, id.to_string(), &endpoint.tags));
    let resolvers = resources.resolvers.iter().filter(|(_, resolver)| resolver.state != ResolverState::Deleting);
    let resolvers = resolvers.map(|(id, resolver)| (Kind::ResolverEndpoint, id.to_string(), &resolver.tags));
    let groups = resources.groups.iter().map(|(id, group)| (Kind::SecurityGroup, id.to_string(), &group.tags));
    endpoints.chain(resolvers).chain(groups).filter_map(move |(kind, id, tags)| {
        let is_ours = !cluster.is_empty() && tags.get(CLUSTER_TAG).is_some_and(|tag| tag == cluster);
        // A resource is owned by nobody whose tag names nobody.
        let owner = tags.get(OWNER_TAG).filter(|owner| is_ours && !owner.is_empty())?.clone();
        let text = |key: &str| tags.get(key).cloned().unwrap_or_default();
        Some((Made { kind, id, owner, network: text(NETWORK_TAG), slot: text(SLOT_TAG) }, tags))
    })
}

fn is_retained(tags: &Tags) -> bool {
    tags.get(RETAINED_TAG).is_some_and(|tag| tag == "true")
}
