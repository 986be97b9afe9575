//! Ownership: the tags that mark the owner of a resource. Their keys are defined only here.
//!
//! The create call itself sends the tags, so that no resource of the operator ever exists without them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::AdoptionPolicy,
    model::{slot::Slot, transfer::ClusterUid},
    text::truncate,
};

/// The tags of an AWS resource, sorted so that requests and plans are stable.
pub type Tags = BTreeMap<String, String>;

/// The prefix of all tag keys that are reserved for the operator.
pub const RESERVED_PREFIX: &str = "mgnet.dev/";
/// The UID of the owning `MigrationNetwork`. This tag decides ownership, and IAM policies can require it.
pub const OWNER_TAG: &str = "mgnet.dev/owner";
/// The `namespace/name` of the owning network, for people and for finding retained resources again.
pub const NETWORK_TAG: &str = "mgnet.dev/network";
/// The slot that the resource fills.
pub const SLOT_TAG: &str = "mgnet.dev/slot";
/// The number of the resource in its slot, counted from 1.
pub const EPOCH_TAG: &str = "mgnet.dev/epoch";
/// The UID of the cluster's `kube-system` namespace, which identifies the installation.
pub const CLUSTER_TAG: &str = "mgnet.dev/cluster";
/// Set when a network is deleted with `deletionPolicy: Retain`.
pub const RETAINED_TAG: &str = "mgnet.dev/retained";
/// Set when a network is deleted with `deletionPolicy: Retain` and the annotation of the same name: the UID of the cluster
/// whose network may take over the resource.
pub const TRANSFER_TAG: &str = "mgnet.dev/transfer-to";
/// Set when a network adopts an existing resource.
pub const ADOPTED_TAG: &str = "mgnet.dev/adopted";

/// The key of the tag that holds the name in the AWS console.
pub const NAME_TAG: &str = "Name";

/// The identity of a network. Names can be reused after deletion, but UIDs cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `metadata.uid` of the network.
    pub uid: String,
    /// The namespace of the network.
    pub namespace: String,
    /// The name of the network.
    pub name: String,
    /// The UID of the cluster's `kube-system` namespace.
    pub cluster: String,
}

impl Identity {
    /// Returns the tags of the resource that fills `slot` in `epoch`: the tags of the user, a `Name` unless the user
    /// set one, and the owner tags.
    pub fn tags(&self, user: &Tags, slot: Slot, epoch: u32) -> Tags {
        let mut tags = self.standing_tags(user, slot);
        tags.insert(EPOCH_TAG.to_owned(), epoch.to_string());
        tags
    }

    /// Returns the tags without the epoch: the resource must have them for its whole life.
    pub fn standing_tags(&self, user: &Tags, slot: Slot) -> Tags {
        let mut tags = user.clone();
        let network = self.network();
        tags.entry(NAME_TAG.to_owned()).or_insert_with(|| truncate(&format!("{network} {slot}"), 256));
        tags.insert(OWNER_TAG.to_owned(), self.uid.clone());
        tags.insert(NETWORK_TAG.to_owned(), truncate(&network, 256));
        tags.insert(SLOT_TAG.to_owned(), slot.to_string());
        tags.insert(CLUSTER_TAG.to_owned(), self.cluster.clone());
        tags
    }

    /// Whether a network of this namespace and name retained the resource for a network of that name in this cluster. It was a
    /// network in this cluster, or one in another cluster that named this one, if `accepted` contains that cluster. A
    /// resource that was retained for another cluster stays with it, so that two networks never take over the same resource.
    pub fn left_behind(&self, accepted: &BTreeSet<ClusterUid>, tags: &Tags, slot: Slot) -> bool {
        let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
        let is_for_this_cluster = match tags.get(TRANSFER_TAG) {
            None => is(CLUSTER_TAG, &self.cluster),
            Some(target) => {
                let is_accepted = || accepted.iter().any(|cluster| is(CLUSTER_TAG, cluster.as_str()));
                *target == self.cluster && (is(CLUSTER_TAG, &self.cluster) || is_accepted())
            }
        };
        !self.owns(tags)
            && is(RETAINED_TAG, "true")
            && self.is_named_in(tags)
            && is_for_this_cluster
            && is(SLOT_TAG, &slot.to_string())
    }

    /// Whether a network with this policy may adopt a resource with these tags for a slot. `accepted` is described in
    /// [`Self::left_behind`].
    pub fn may_adopt(&self, policy: AdoptionPolicy, accepted: &BTreeSet<ClusterUid>, tags: &Tags, slot: Slot) -> bool {
        match policy {
            AdoptionPolicy::Never => false,
            AdoptionPolicy::Retained => self.left_behind(accepted, tags, slot),
            AdoptionPolicy::Any => self.left_behind(accepted, tags, slot) || keeper(tags).is_none(),
        }
    }

    /// Whether the tags name a network of this namespace and name, in any cluster.
    pub fn is_named_in(&self, tags: &Tags) -> bool {
        tags.get(NETWORK_TAG).is_some_and(|name| *name == truncate(&self.network(), 256))
    }

    fn network(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether the tags mark the resource as owned by this network.
    pub fn owns(&self, tags: &Tags) -> bool {
        !self.uid.is_empty() && tags.get(OWNER_TAG) == Some(&self.uid)
    }
}

/// Whether the tags mark the resource as adopted: it existed before the network that owns it.
pub fn is_adopted(tags: &Tags) -> bool {
    tags.contains_key(ADOPTED_TAG)
}

/// Returns the name of the tool or network that manages a resource, if its tags show one. Terraform sets no tags of
/// its own, so the tags that its users commonly set count.
pub fn keeper(tags: &Tags) -> Option<&str> {
    const TOOLS: [(&str, &str); 7] = [
        (RESERVED_PREFIX, "a migration network"),
        ("services.k8s.aws/", "ACK"),
        ("crossplane-", "Crossplane"),
        ("aws:cloudformation:", "CloudFormation"),
        ("aws:", "AWS"),
        ("elbv2.k8s.aws/", "the AWS Load Balancer Controller"),
        ("kubernetes.io/cluster/", "a Kubernetes cluster"),
    ];
    const HABITS: [&str; 7] = ["terraform", "opentofu", "tofu", "pulumi", "cdk", "crossplane", "cloudformation"];
    tags.iter().find_map(|(key, value)| {
        let tool = TOOLS.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, tool)| *tool);
        let words = [key.to_ascii_lowercase(), value.to_ascii_lowercase()];
        let by_word = || HABITS.iter().find(|habit| words.iter().any(|word| word.contains(**habit))).copied();
        tool.or_else(by_word)
    })
}

/// Returns the epoch in the tags of a resource. 1 if the tag is missing or cannot be parsed.
pub fn epoch(tags: &Tags) -> u32 {
    tags.get(EPOCH_TAG).and_then(|text| text.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slot::GroupRole;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn resources_of_other_tools_are_recognized_by_their_tags() {
        for (key, value, who) in [
            ("mgnet.dev/owner", "another", "a migration network"),
            ("services.k8s.aws/controller-version", "ec2-v1.2.3", "ACK"),
            ("crossplane-kind", "vpcendpoint.ec2.aws.upbound.io", "Crossplane"),
            (
                "aws:cloudformation:stack-id",
                "arn:aws:cloudformation:eu-west-1:111122223333:stack/net",
                "CloudFormation",
            ),
            ("aws:servicecatalog:provisioningPrincipalArn", "arn", "AWS"),
            ("elbv2.k8s.aws/cluster", "prod", "the AWS Load Balancer Controller"),
            ("kubernetes.io/cluster/prod", "owned", "a Kubernetes cluster"),
            ("ManagedBy", "Terraform", "terraform"),
            ("terraform", "true", "terraform"),
            ("iac", "OpenTofu 1.9", "opentofu"),
            ("pulumi:project", "net", "pulumi"),
        ] {
            assert_eq!(keeper(&tags(&[("Name", "a"), (key, value)])), Some(who), "{key}={value}");
        }
        for unmanaged in [tags(&[]), tags(&[("Name", "corp-mgn"), ("team", "network"), ("cost-center", "4711")])] {
            assert_eq!(keeper(&unmanaged), None, "{unmanaged:?}");
        }
    }

    const SLOT: Slot = Slot::Group(GroupRole::Endpoints);

    fn identity(uid: &str, cluster: &str) -> Identity {
        Identity {
            uid: uid.to_owned(),
            namespace: "team".to_owned(),
            name: "tokyo".to_owned(),
            cluster: cluster.to_owned(),
        }
    }

    #[test]
    fn only_resources_retained_by_a_network_of_the_same_name_match_a_slot() {
        let none = BTreeSet::new();
        let mut left = identity("before", "cluster").tags(&Tags::new(), SLOT, 3);
        let (before, now) = (identity("before", "cluster"), identity("now", "cluster"));
        assert!(!now.left_behind(&none, &left, SLOT), "it was not retained");
        left.insert(RETAINED_TAG.to_owned(), "true".to_owned());
        assert!(now.left_behind(&none, &left, SLOT));
        assert!(!before.left_behind(&none, &left, SLOT), "the network owns it");
        assert!(!now.left_behind(&none, &left, Slot::Resolver));
        for (key, value) in
            [(NETWORK_TAG, "team/osaka"), (CLUSTER_TAG, "another"), (RETAINED_TAG, "false"), (TRANSFER_TAG, "another")]
        {
            let mut other = left.clone();
            other.insert(key.to_owned(), value.to_owned());
            assert!(!now.left_behind(&none, &other, SLOT), "{key}={value}");
        }
    }

    #[test]
    fn a_resource_of_another_cluster_matches_only_if_both_clusters_agree() {
        let (old, new) = ("11111111-2222-4333-8444-555555555555", "5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234");
        let accepted = BTreeSet::from([old.parse().expect("a UID")]);
        let heir = identity("now", new);
        let mut left = identity("before", old).tags(&Tags::new(), SLOT, 3);
        left.insert(RETAINED_TAG.to_owned(), "true".to_owned());
        assert!(!heir.left_behind(&accepted, &left, SLOT), "the old cluster did not name the new one");
        left.insert(TRANSFER_TAG.to_owned(), new.to_owned());
        assert!(heir.left_behind(&accepted, &left, SLOT));
        assert!(heir.may_adopt(AdoptionPolicy::Retained, &accepted, &left, SLOT));
        assert!(!heir.may_adopt(AdoptionPolicy::Never, &accepted, &left, SLOT));
        assert!(!heir.left_behind(&BTreeSet::new(), &left, SLOT), "the class does not accept the old cluster");
        let another = BTreeSet::from([new.parse().expect("a UID")]);
        assert!(!heir.left_behind(&another, &left, SLOT), "the class accepts another cluster");
        assert!(!identity("now", old).left_behind(&accepted, &left, SLOT), "the old cluster has given it away");
        assert!(!identity("now", "third").left_behind(&accepted, &left, SLOT), "it is for another cluster");
        for (key, value) in [(NETWORK_TAG, "team/osaka"), (RETAINED_TAG, "false"), (CLUSTER_TAG, "third")] {
            let mut other = left.clone();
            other.insert(key.to_owned(), value.to_owned());
            assert!(!heir.left_behind(&accepted, &other, SLOT), "{key}={value}");
        }
        // The call that adopts it took effect, but the tags of the transfer were not removed before its network was lost.
        left.insert(CLUSTER_TAG.to_owned(), new.to_owned());
        assert!(heir.left_behind(&BTreeSet::new(), &left, SLOT));
    }
}
