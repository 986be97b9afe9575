//! Decides which AWS resources are orphans, and which of them may be deleted by ID.
//!
//! An orphan is a resource that a network of this cluster created, and whose network no longer exists. The ordinary
//! deletion of a network leaves no orphans, but a finalizer that is removed by force does, and so does the loss of
//! the cluster's data. The operator never deletes an orphan on its own: a user has to name it.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use crate::model::{
    observed::{EndpointState, ResolverState, Resources},
    ownership::{CLUSTER_TAG, NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG, SLOT_TAG, Tags, is_adopted},
    plan::step::Step,
    slot::Slot,
};

/// The kinds of resources that networks create, in the order of their deletion: the other kinds use the security
/// groups.
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
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::VpcEndpoint, Self::ResolverEndpoint, Self::SecurityGroup];

    /// The resource type in ARNs (Service Authorization Reference, "Resource types defined by Amazon EC2" and "by
    /// Amazon Route 53 Resolver").
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

/// A resource that a network of this cluster created, as its tags describe it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The kind of the resource.
    pub kind: Kind,
    /// The ID of the resource.
    pub id: String,
    /// The UID of its network.
    pub owner: String,
    /// The `namespace/name` of its network. Empty if the tag is missing.
    pub network: String,
    /// The slot of the resource. Empty if the tag is missing.
    pub slot: String,
}

/// The resources whose networks no longer exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// The orphans, which were left unintentionally.
    pub orphans: BTreeSet<Made>,
    /// The resources that networks with `deletionPolicy: Retain` left on purpose.
    pub retained: BTreeSet<Made>,
}

/// Returns the resources whose networks no longer exist. `owners` are the UIDs of all networks that exist, including
/// those that are being deleted. **The networks must be listed after `resources`**: a network exists before its first
/// resource is created, so a network that is created between the two lists is in the second one, and its resources do
/// not count as orphans.
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

/// The reason why a resource is not deleted although a user named it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The resource does not exist, is already being deleted, or has no tags of this cluster.
    #[error("was not created by a migration network of this cluster, or is already being deleted")]
    NotOurs,
    /// The network of the resource exists.
    #[error(
        "belongs to network '{network}' (uid {owner}), which exists; the operator deletes what that network no \
         longer needs"
    )]
    OwnerExists {
        /// The `namespace/name` of the network, from the tag.
        network: String,
        /// The UID of the network.
        owner: String,
    },
    /// The resource was left on purpose.
    #[error(
        "was retained on purpose when network '{network}' was deleted, and is not an orphan; delete it in AWS if it is not \
         needed"
    )]
    Retained {
        /// The `namespace/name` of the network, from the tag.
        network: String,
    },
    /// The resource existed before the network.
    #[error(
        "was adopted by network '{network}' and not created by it; to give it back, remove its tags that start with \
         '{RESERVED_PREFIX}' in AWS"
    )]
    Adopted {
        /// The `namespace/name` of the network, from the tag.
        network: String,
    },
    /// The resource was an orphan in only one of two searches.
    #[error("was an orphan in only one of two searches; run the command again")]
    TooNew,
    /// The tags do not identify the slot of the resource.
    #[error("has no valid tag '{SLOT_TAG}', so its purpose is unknown; delete it in AWS")]
    Unclear,
}

/// Returns the call that deletes the resource, if it is an orphan. `resources` and `owners` are as in [`leftovers`],
/// and must have been listed just before.
///
/// # Errors
/// If the resource is not an orphan.
pub fn removal(cluster: &str, id: &str, resources: &Resources, owners: &BTreeSet<String>) -> Result<Step, Refusal> {
    let (made, tags) = made(cluster, resources).find(|(made, _)| made.id == id).ok_or(Refusal::NotOurs)?;
    if owners.contains(&made.owner) {
        return Err(Refusal::OwnerExists { network: made.network, owner: made.owner });
    }
    if is_retained(tags) {
        return Err(Refusal::Retained { network: made.network });
    }
    if is_adopted(tags) {
        return Err(Refusal::Adopted { network: made.network });
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

/// Returns the resources that networks of the cluster created, with their tags, except those that are already being
/// deleted.
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
        // A resource with an empty owner tag has no owner.
        let owner = tags.get(OWNER_TAG).filter(|owner| is_ours && !owner.is_empty())?.clone();
        let text = |key: &str| tags.get(key).cloned().unwrap_or_default();
        Some((Made { kind, id, owner, network: text(NETWORK_TAG), slot: text(SLOT_TAG) }, tags))
    })
}

fn is_retained(tags: &Tags) -> bool {
    tags.get(RETAINED_TAG).is_some_and(|tag| tag == "true")
}
