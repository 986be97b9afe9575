//! The names that the operator reads and puts on things: annotations, finalizers, AWS tags.

use super::markdown::{code, text};
use mgnet::{
    api::{ADDRESS_CHANGE_ANNOTATION, DEFAULT_CLASS_ANNOTATION, FINALIZER},
    model::{
        ingress::RULE_MARK,
        ownership::{
            ADOPTED_TAG, CLUSTER_TAG, EPOCH_TAG, NAME_TAG, NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG,
            SLOT_TAG,
        },
    },
};

/// What stands before the table of tags.
pub(crate) const TAGS: &str = "\
Sent in the create call of every resource, so that none exists without them, and put on what is adopted. Whatever lacks the \
owner tag is somebody else's, and is never changed.";

/// Names in Kubernetes objects: the name, on what, its meaning.
pub(crate) fn annotations() -> Vec<[String; 3]> {
    [
        (
            DEFAULT_CLASS_ANNOTATION,
            "MigrationNetworkClass",
            "Annotation. `\"true\"`: networks that name no class use this one. What is built already stays with its class.",
        ),
        (
            ADDRESS_CHANGE_ANNOTATION,
            "MigrationNetwork",
            "Annotation. `<slot>=<id>`, several with commas, such as `resolver=rslvr-in-0123456789abcdef0`: fixed addresses of \
             this resource may take the place of those that it has. It holds for the resource of that id alone.",
        ),
        (
            FINALIZER,
            "both",
            "Finalizer. On a network from before the first write to AWS until nothing of it is left there; on a class as long as \
             a network uses it.",
        ),
    ]
    .map(|(name, on, meaning)| [code(name), on.to_owned(), text(meaning)])
    .into()
}

/// Tags on AWS resources: the key, its value and meaning.
pub(crate) fn tags() -> Vec<[String; 2]> {
    [
        (OWNER_TAG, "The uid of the network: what ownership is decided by, and what IAM policies can demand."),
        (NETWORK_TAG, "`<namespace>/<name>` of the network, for people, and for finding again what it left behind."),
        (SLOT_TAG, "The place in the network that the resource fills, such as `vpce/mgn/Interface`."),
        (EPOCH_TAG, "How many resources filled the slot before, plus one."),
        (CLUSTER_TAG, "The uid of the cluster's namespace `kube-system`: which installation made it."),
        (RETAINED_TAG, "`true`: the network was deleted with `deletionPolicy: Retain`."),
        (ADOPTED_TAG, "`true`: the resource was there before and was adopted."),
        (
            NAME_TAG,
            "`<namespace>/<name> <slot>`, unless `tags` of network or class have a `Name`, or the resource was adopted with \
             one.",
        ),
    ]
    .map(|(key, meaning)| [code(key), text(meaning)])
    .into_iter()
    .chain([
        [format!("others that begin with {}", code(RESERVED_PREFIX)), "Kept for the operator; `tags` cannot set them.".to_owned()],
        ["all others".to_owned(), "`tags` of the class, then of the network.".to_owned()],
    ])
    .collect()
}

/// What stands after it.
pub(crate) fn rule_mark() -> String {
    format!(
        "Rules of security groups have no owner tag. Those that the operator writes have a description that begins with {}; \
         others on its groups are reported in `status.securityGroups[].foreignRules` and left alone.",
        code(RULE_MARK.trim_end())
    )
}
