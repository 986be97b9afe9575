//! Facts about spec fields that the schema does not contain: the effect of a change in AWS, and the default, unless the
//! description states it after 'Defaults to' or 'If omitted,'. The entries have the order of the types.
//!
//! It tells what `model::plan`, `model::edits` and `controller::class` do, and changes with them.

use Change::{ByField, InPlace, NotPossible, Nothing, Replace};

/// What the schema cannot say of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The field's path.
    pub(crate) path: &'static str,
    /// What holds when it is omitted; empty if the schema says it.
    pub(crate) omitted: &'static str,
    /// What a change of it does in AWS.
    pub(crate) change: Change,
    /// The same in a few words.
    pub(crate) how: &'static str,
}

/// What a change of a field does in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// No call to AWS changes anything because of it.
    Nothing,
    /// What is there is changed and stays what it is.
    InPlace,
    /// Something goes, and something else comes.
    Replace,
    /// The API server refuses it.
    NotPossible,
    /// It is made of fields that say it each.
    ByField,
}

/// The schema says what holds when the field is omitted: its description does, or it is required.
pub(crate) const SAID: &str = "";

/// An entry.
pub(crate) const fn field(path: &'static str, omitted: &'static str, change: Change, how: &'static str) -> Entry {
    Entry { path, omitted, change, how }
}

/// Both kinds with the entries of their fields. Class `defaults` refer to the first.
pub(crate) const ALL: [(&str, &[Entry]); 2] = [("MigrationNetwork", NETWORK), ("MigrationNetworkClass", CLASS)];

const NETWORK: &[Entry] = &[
    field("spec.migrationNetworkClassName", SAID, NotPossible, "create another network"),
    field("spec.vpc", SAID, NotPossible, "create another network"),
    field("spec.vpc.id", "not set", NotPossible, ""),
    field(
        "spec.vpc.tags",
        "not set",
        NotPossible,
        "create another network. One that is built stays, and says `VPCChanged`, when tags in AWS come to match another VPC",
    ),
    field("spec.subnets", SAID, ByField, ""),
    field(
        "spec.subnets.endpoints",
        "the class's; one of the two must have it",
        InPlace,
        "adds before it removes, in endpoints and resolver. As an interface endpoint has one subnet a zone, within a zone the old \
         one leaves first, while others serve, or at once with the other's coming. Addresses in subnets that leave are given up",
    ),
    field("spec.subnets.endpoints.ids", "not set", InPlace, ""),
    field("spec.subnets.endpoints.tags", "not set", InPlace, "so does a change of the subnets' tags in AWS"),
    field(
        "spec.subnets.staging",
        "the class's; one of the two must have it",
        InPlace,
        "the route tables of the S3 gateway endpoint, in one call",
    ),
    field("spec.subnets.staging.ids", "not set", InPlace, ""),
    field("spec.subnets.staging.tags", "not set", InPlace, "so does a change of the subnets' tags in AWS"),
    field(
        "spec.subnets.launch",
        "the class's, or none",
        InPlace,
        "the route tables of the S3 gateway endpoint, in one call",
    ),
    field("spec.subnets.launch.ids", "not set", InPlace, ""),
    field("spec.subnets.launch.tags", "not set", InPlace, "so does a change of the subnets' tags in AWS"),
    field(
        "spec.sourceCIDRs",
        SAID,
        InPlace,
        "rules of `sg/endpoints`, `sg/replication` and, without `resolver.clientCIDRs`, `sg/resolver`: granted before revoked",
    ),
    field("spec.proxyCIDRs", SAID, InPlace, "rules of `sg/endpoints`: granted before revoked"),
    field("spec.endpoints", "the class's, or all as usual", ByField, "an entry that goes leaves its endpoint as usual"),
    field(
        "spec.endpoints[].service",
        SAID,
        Replace,
        "another service is another entry: what the old one asked for goes, or is as usual again; the new one is built",
    ),
    field("spec.endpoints[].type", SAID, Replace, "another type is another entry"),
    field(
        "spec.endpoints[].mode",
        SAID,
        Replace,
        "to 'Managed': one is built, or adopted. From 'Managed': the operator's own is deleted, and its addresses with it; \
         the S3 gateway endpoint only once no `privateDNS` of S3 needs it",
    ),
    field("spec.endpoints[].endpointID", "not set", Nothing, "the other one is checked and used"),
    field(
        "spec.endpoints[].privateDNS",
        SAID,
        InPlace,
        "to 'InboundResolverOnly' once the S3 gateway endpoint is available. With `mode` 'Existing' only the check changes",
    ),
    field(
        "spec.endpoints[].addresses",
        "AWS chooses",
        Replace,
        "where another address stands, AWS replaces the network interface, and the endpoint is cut off in that zone \
         meanwhile: refused unless allowed by annotation. An address that is no longer listed stays",
    ),
    field("spec.endpoints[].addresses[].subnetID", SAID, Replace, "the other subnet's address; as `addresses`"),
    field("spec.endpoints[].addresses[].ip", SAID, Replace, "as `addresses`"),
    field("spec.endpoints[].policy", SAID, InPlace, ""),
    field("spec.endpoints[].policy.type", SAID, InPlace, ""),
    field("spec.endpoints[].policy.preset", "not set", InPlace, ""),
    field("spec.endpoints[].policy.inline", "not set", InPlace, "only if it means something else than before"),
    field("spec.endpoints[].policy.configMapKeyRef", "not set", InPlace, "so does an edit of the ConfigMap"),
    field("spec.endpoints[].policy.configMapKeyRef.name", SAID, InPlace, ""),
    field("spec.endpoints[].policy.configMapKeyRef.key", SAID, InPlace, ""),
    field(
        "spec.endpointPolicy",
        SAID,
        InPlace,
        "a call for each endpoint that the operator keeps and that has no `policy` of its own",
    ),
    field("spec.endpointPolicy.type", SAID, InPlace, ""),
    field("spec.endpointPolicy.preset", "not set", InPlace, ""),
    field("spec.endpointPolicy.inline", "not set", InPlace, "only if it means something else than before"),
    field("spec.endpointPolicy.configMapKeyRef", "not set", InPlace, "so does an edit of the ConfigMap"),
    field("spec.endpointPolicy.configMapKeyRef.name", SAID, InPlace, ""),
    field("spec.endpointPolicy.configMapKeyRef.key", SAID, InPlace, ""),
    field("spec.endpointSecurityGroup", "the class's, or as its fields say", ByField, ""),
    field(
        "spec.endpointSecurityGroup.mode",
        SAID,
        InPlace,
        "the endpoints get the other groups before they lose those that they have; `sg/endpoints` is built before, or deleted \
         after",
    ),
    field(
        "spec.endpointSecurityGroup.ids",
        "not set",
        InPlace,
        "added to the endpoints before others are removed; the groups themselves: nothing",
    ),
    field("spec.resolver", "the class's, or as its fields say", ByField, ""),
    field(
        "spec.resolver.mode",
        SAID,
        Replace,
        "to 'Managed': `resolver` and `sg/resolver` are built, or adopted. From 'Managed': both are deleted, and the addresses \
         with them",
    ),
    field("spec.resolver.endpointID", "not set", Nothing, "the other one is checked and used"),
    field(
        "spec.resolver.addresses",
        "the class's, or AWS chooses",
        InPlace,
        "where another address stands, the new one is added before the old one is removed: refused unless allowed by \
         annotation. An address that is no longer listed stays",
    ),
    field("spec.resolver.addresses[].subnetID", SAID, InPlace, "the other subnet's address; as `addresses`"),
    field("spec.resolver.addresses[].ip", SAID, InPlace, "as `addresses`"),
    field("spec.resolver.clientCIDRs", SAID, InPlace, "rules of `sg/resolver`: granted before revoked"),
    field("spec.replication", "the class's, or as its fields say", ByField, ""),
    field("spec.replication.securityGroup", "as its fields say", ByField, ""),
    field(
        "spec.replication.securityGroup.mode",
        SAID,
        Replace,
        "to 'Managed': `sg/replication` is built, or adopted. From 'Managed': it is deleted, once no replication server has it",
    ),
    field("spec.replication.securityGroup.id", "not set", Nothing, "the other one is checked"),
    field("spec.postLaunch", "the class's, or as its fields say", ByField, ""),
    field(
        "spec.postLaunch.ssm",
        SAID,
        Replace,
        "the three endpoints are built or deleted, those excepted whose entry in `endpoints` has a `mode`; with the preset \
         'MGNOnly' the policy of S3 follows in place",
    ),
    field(
        "spec.managementPolicy",
        SAID,
        Nothing,
        "'Plan': nothing more is written, and what stands stays. 'Enforce': what the plan shows is done",
    ),
    field(
        "spec.adoptionPolicy",
        SAID,
        Nothing,
        "it decides who fills a slot that is empty; what fits is then tagged, and brought to what is wanted in place",
    ),
    field("spec.deletionPolicy", SAID, Nothing, "until the network is deleted"),
    field("spec.suspend", SAID, Nothing, "changes that are due are made once it is false. Deletion goes on meanwhile"),
    field("spec.tags", "only the class's", InPlace, "on all that is the network's own; set before others are removed"),
];

const CLASS: &[Entry] = &[
    field("spec.description", "none", Nothing, ""),
    field("spec.account", SAID, NotPossible, "create another class"),
    field("spec.account.id", SAID, NotPossible, ""),
    field("spec.account.roleARN", SAID, NotPossible, ""),
    field("spec.account.externalID", "none is sent", NotPossible, ""),
    field("spec.region", SAID, NotPossible, "create another class"),
    field(
        "spec.allowedNamespaces",
        SAID,
        Nothing,
        "a network that is no longer admitted stays as it is and is changed no further; it can be deleted",
    ),
    field("spec.allowedNamespaces.from", SAID, Nothing, ""),
    field("spec.allowedNamespaces.selector", "not set", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchLabels", "any labels", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions", "no requirements", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].key", SAID, Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].operator", SAID, Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].values", "no values", Nothing, ""),
    field(
        "spec.limits",
        SAID,
        Nothing,
        "a network beyond a limit is not begun; one that is built stays as it is and is changed no further",
    ),
    field("spec.limits.vpcs", "any", Nothing, ""),
    field("spec.limits.sourceCIDRs", "any", Nothing, ""),
    field("spec.limits.services", "any", Nothing, ""),
    field("spec.limits.networksPerNamespace", "any number", Nothing, "the oldest keep their places"),
    field("spec.limits.deletionPolicies", "both", Nothing, ""),
    field("spec.limits.adoptionPolicies", "all", Nothing, ""),
    field("spec.defaults", "none", ByField, ""),
    field(
        "spec.defaults.vpc",
        SAID,
        Nothing,
        "networks that are built stay where they are, say `VPCChanged`, and are changed no further until it is put back",
    ),
    field("spec.tags", "none", InPlace, "on all that the networks of the class own; set before others are removed"),
];
