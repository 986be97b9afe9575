//! The names that the operator reads and sets: annotations, finalizers and AWS tags.

use super::markdown::{code, text};
use mgnet::{
    api::{
        ADDRESS_CHANGE_ANNOTATION, DEFAULT_CLASS_ANNOTATION, FINALIZER, ON_PREMISES_DIGEST_ANNOTATION,
        ON_PREMISES_REVISION_LABEL, TRANSFER_ANNOTATION,
    },
    model::{
        ingress::RULE_MARK,
        ownership::{
            ADOPTED_TAG, CLUSTER_TAG, EPOCH_TAG, NAME_TAG, NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG,
            SLOT_TAG, TRANSFER_TAG,
        },
    },
};

/// The introduction of the table of tags.
pub(crate) const TAGS: &str = "\
The operator sends these tags in the create call of every resource, so no resource exists without them, and adds \
them to adopted resources. A resource without the owner tag is foreign, and the operator never changes it.";

/// Returns the names in Kubernetes objects: the name, the kind of the object, and the meaning.
pub(crate) fn annotations() -> Vec<[String; 3]> {
    [
        (
            DEFAULT_CLASS_ANNOTATION,
            "MigrationNetworkClass",
            "Annotation. `\"true\"`: networks that name no class use this one. A network that is already built keeps \
             its class.",
        ),
        (
            ADDRESS_CHANGE_ANNOTATION,
            "MigrationNetwork",
            "Annotation. `<slot>=<ID>`, such as `resolver=rslvr-in-0123456789abcdef0`; separate several with commas. \
             Allows the operator to replace the addresses of the resource with this ID by the fixed addresses of the \
             spec.",
        ),
        (
            TRANSFER_ANNOTATION,
            "MigrationNetwork",
            "Annotation. The UID of namespace `kube-system` of another cluster. When the network is deleted with \
             `deletionPolicy: Retain`, its resources are left to that cluster; see `docs/transfer.md`.",
        ),
        (
            ON_PREMISES_REVISION_LABEL,
            "ConfigMap",
            "Label of the ConfigMap with a hand-off. The revision of the facts in its files; see `docs/on-premises.md`.",
        ),
        (
            ON_PREMISES_DIGEST_ANNOTATION,
            "ConfigMap",
            "Annotation of the ConfigMap with a hand-off. SHA-256 over its files, in hexadecimal.",
        ),
        (
            FINALIZER,
            "both",
            "Finalizer. A network has it from before the first write to AWS until AWS contains none of its \
             resources, a class as long as a network uses it.",
        ),
    ]
    .map(|(name, on, meaning)| [code(name), on.to_owned(), text(meaning)])
    .into()
}

/// Returns the tags on AWS resources: the key, and its value and meaning.
pub(crate) fn tags() -> Vec<[String; 2]> {
    [
        (OWNER_TAG, "The UID of the network. It decides ownership, and IAM policies can require it."),
        (
            NETWORK_TAG,
            "`<namespace>/<name>` of the network, which identifies the network for users and in the list of \
             orphans.",
        ),
        (SLOT_TAG, "The slot of the network that the resource fills, such as `vpce/mgn/Interface`."),
        (EPOCH_TAG, "The number of the resource in its slot, counted from 1."),
        (
            CLUSTER_TAG,
            "The UID of namespace `kube-system` of the cluster whose operator created or adopted the \
             resource.",
        ),
        (RETAINED_TAG, "`true`: the network was deleted with `deletionPolicy: Retain`."),
        (
            TRANSFER_TAG,
            "The UID of the cluster to which the resource was left when its network was deleted, as the annotation of the \
             same name requested. It is removed when a network of that cluster has adopted the resource.",
        ),
        (ADOPTED_TAG, "`true`: a network adopted the resource."),
        (
            NAME_TAG,
            "`<namespace>/<name> <slot>`, unless `tags` of the network or the class set `Name`, or the resource had \
             a `Name` when it was adopted.",
        ),
    ]
    .map(|(key, meaning)| [code(key), text(meaning)])
    .into_iter()
    .chain([
        [
            format!("other keys that start with {}", code(RESERVED_PREFIX)),
            "Reserved for the operator; `tags` cannot set them.".to_owned(),
        ],
        [
            "all other keys".to_owned(),
            "The `tags` of the class and of the network; the network has precedence.".to_owned(),
        ],
    ])
    .collect()
}

/// Returns the paragraph after the table of tags.
pub(crate) fn rule_mark() -> String {
    format!(
        "Security group rules have no owner tag. The description of a rule that the operator added starts with {}. \
         The operator reports all other rules in its security groups in `status.securityGroups[].foreignRules`, and \
         keeps them.",
        code(RULE_MARK.trim_end())
    )
}
