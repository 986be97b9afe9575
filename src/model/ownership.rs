//! Ownership: the tags that say whose a resource is. The only place where their keys stand.
//!
//! Tags are sent in the create call itself, never after it, so that no resource of ours exists without them.

use std::collections::BTreeMap;

use crate::{api::AdoptionPolicy, model::slot::Slot, text::truncate};

/// Tags of an AWS resource; sorted, so that requests and plans never vary.
pub type Tags = BTreeMap<String, String>;

/// Prefix of every tag key that the operator keeps for itself.
pub const RESERVED_PREFIX: &str = "mgnet.dev/";
/// The uid of the owning `MigrationNetwork`: the tag that ownership is decided by, and that IAM policies can require.
pub const OWNER_TAG: &str = "mgnet.dev/owner";
/// `namespace/name` of the owning network, for people, and for finding retained resources again.
pub const NETWORK_TAG: &str = "mgnet.dev/network";
/// The slot that the resource fills.
pub const SLOT_TAG: &str = "mgnet.dev/slot";
/// How many resources filled the slot before, plus one.
pub const EPOCH_TAG: &str = "mgnet.dev/epoch";
/// The uid of the cluster's `kube-system` namespace: which installation made it.
pub const CLUSTER_TAG: &str = "mgnet.dev/cluster";
/// Set when a network was deleted with `deletionPolicy: Retain`.
pub const RETAINED_TAG: &str = "mgnet.dev/retained";
/// Set when a resource that was there already became a network's own.
pub const ADOPTED_TAG: &str = "mgnet.dev/adopted";

/// The key of the tag that names a resource in AWS's console.
pub const NAME_TAG: &str = "Name";

/// Who a network is, beyond doubt: names come back after deletion, uids do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `metadata.uid` of the network.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The uid of the cluster's `kube-system` namespace.
    pub cluster: String,
}

impl Identity {
    /// The tags of the resource that fills `slot` in `epoch`: the user's, a `Name` unless the user gave one, and ours.
    pub fn tags(&self, user: &Tags, slot: Slot, epoch: u32) -> Tags {
        let mut tags = self.standing_tags(user, slot);
        tags.insert(EPOCH_TAG.to_owned(), epoch.to_string());
        tags
    }

    /// The same without the epoch: what must stand on the resource for as long as it lives.
    pub fn standing_tags(&self, user: &Tags, slot: Slot) -> Tags {
        let mut tags = user.clone();
        let network = format!("{}/{}", self.namespace, self.name);
        tags.entry(NAME_TAG.to_owned()).or_insert_with(|| truncate(&format!("{network} {slot}"), 256));
        tags.insert(OWNER_TAG.to_owned(), self.uid.clone());
        tags.insert(NETWORK_TAG.to_owned(), truncate(&network, 256));
        tags.insert(SLOT_TAG.to_owned(), slot.to_string());
        tags.insert(CLUSTER_TAG.to_owned(), self.cluster.clone());
        tags
    }

    /// Whether these tags say that a network of this namespace and name, in this cluster, left the resource behind for
    /// whoever comes after it.
    pub fn left_behind(&self, tags: &Tags, slot: Slot) -> bool {
        let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
        !self.owns(tags)
            && is(RETAINED_TAG, "true")
            && is(NETWORK_TAG, &truncate(&format!("{}/{}", self.namespace, self.name), 256))
            && is(CLUSTER_TAG, &self.cluster)
            && is(SLOT_TAG, &slot.to_string())
    }

    /// Whether a network with that policy may adopt a resource with these tags for a slot.
    pub fn may_adopt(&self, policy: AdoptionPolicy, tags: &Tags, slot: Slot) -> bool {
        match policy {
            AdoptionPolicy::Never => false,
            AdoptionPolicy::Retained => self.left_behind(tags, slot),
            AdoptionPolicy::Any => self.left_behind(tags, slot) || keeper(tags).is_none(),
        }
    }

    /// Whether these tags say that the resource is this network's.
    pub fn owns(&self, tags: &Tags) -> bool {
        !self.uid.is_empty() && tags.get(OWNER_TAG) == Some(&self.uid)
    }
}

/// Who keeps a resource, if its tags say that somebody does: another network, or another tool. Terraform has no tags of its
/// own; what its users put on resources by habit counts.
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

/// The epoch that a resource's tags name; 1 where the tag is missing or unreadable.
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
    fn what_another_tool_keeps_is_known_by_its_tags_and_by_the_habits_of_its_users() {
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
        for nobody in [tags(&[]), tags(&[("Name", "corp-mgn"), ("team", "network"), ("cost-centre", "4711")])] {
            assert_eq!(keeper(&nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn only_what_a_network_of_the_same_name_left_in_the_same_slot_is_left_behind() {
        let identity = |uid: &str| Identity {
            uid: uid.to_owned(),
            namespace: "team".to_owned(),
            name: "tokyo".to_owned(),
            cluster: "cluster".to_owned(),
        };
        let slot = Slot::Group(GroupRole::Endpoints);
        let mut left = identity("before").tags(&Tags::new(), slot, 3);
        assert!(!identity("now").left_behind(&left, slot), "it is still somebody's");
        left.insert(RETAINED_TAG.to_owned(), "true".to_owned());
        assert!(identity("now").left_behind(&left, slot));
        assert!(!identity("before").left_behind(&left, slot), "it is its own");
        assert!(!identity("now").left_behind(&left, Slot::Resolver));
        for (key, value) in [(NETWORK_TAG, "team/osaka"), (CLUSTER_TAG, "another"), (RETAINED_TAG, "false")] {
            let mut other = left.clone();
            other.insert(key.to_owned(), value.to_owned());
            assert!(!identity("now").left_behind(&other, slot), "{key}={value}");
        }
    }
}
