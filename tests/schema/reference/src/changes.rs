//! The properties of spec fields that the schema cannot express: the effect of a change in AWS, and the value that
//! applies when the field is omitted, unless its description states that value after 'Defaults to' or
//! 'If omitted,'. The entries have the order of the types.
//!
//! The entries describe the code in `model::plan`, `model::settings` and `controller::class`, and must follow its
//! changes.

use Change::{ByField, InPlace, NotPossible, Nothing, Replace};

/// The properties of one field that the schema cannot express.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The field's path.
    pub(crate) path: &'static str,
    /// The value that applies when the field is omitted; empty if the schema states it.
    pub(crate) omitted: &'static str,
    /// The effect of a change in AWS.
    pub(crate) change: Change,
    /// The details of that effect in a few words.
    pub(crate) how: &'static str,
}

/// The effect that a change of a field has in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The operator changes nothing in AWS.
    Nothing,
    /// The operator modifies the existing resource.
    InPlace,
    /// The operator deletes resources, creates others, or both.
    Replace,
    /// The API server rejects the change.
    NotPossible,
    /// The fields of the object have their own entries.
    ByField,
}

/// The value of `omitted` if the field is required, or its description in the schema states the value.
pub(crate) const STATED: &str = "";

/// Returns the entry of a field.
pub(crate) const fn field(path: &'static str, omitted: &'static str, change: Change, how: &'static str) -> Entry {
    Entry { path, omitted, change, how }
}

/// Both kinds with the entries of their fields. The `defaults` of a class refer to the first kind.
pub(crate) const ALL: [(&str, &[Entry]); 2] = [("MigrationNetwork", NETWORK), ("MigrationNetworkClass", CLASS)];

const NETWORK: &[Entry] = &[
    field("spec.migrationNetworkClassName", STATED, NotPossible, "create another network"),
    field("spec.vpc", STATED, NotPossible, "create another network"),
    field("spec.vpc.id", "not set", NotPossible, ""),
    field(
        "spec.vpc.tags",
        "not set",
        NotPossible,
        "create another network. If tags in AWS later match another VPC, a network that is built keeps its VPC and \
         reports `VPCChanged`",
    ),
    field("spec.subnets", STATED, ByField, ""),
    field(
        "spec.subnets.endpoints",
        "the class's value; the network or the class must set it",
        InPlace,
        "interface endpoints and the Resolver endpoint get the new subnets before they lose the old ones. An \
         interface endpoint has one subnet per zone, so within a zone the old subnet is removed first, or in the \
         same call. Addresses in removed subnets are released",
    ),
    field("spec.subnets.endpoints.ids", "not set", InPlace, ""),
    field(
        "spec.subnets.endpoints.tags",
        "not set",
        InPlace,
        "a change of the subnets' tags in AWS has the same effect",
    ),
    field(
        "spec.subnets.staging",
        "the class's value; the network or the class must set it",
        InPlace,
        "changes the route tables of the S3 gateway endpoint in one call",
    ),
    field("spec.subnets.staging.ids", "not set", InPlace, ""),
    field("spec.subnets.staging.tags", "not set", InPlace, "a change of the subnets' tags in AWS has the same effect"),
    field(
        "spec.subnets.launch",
        "the class's value, or none",
        InPlace,
        "changes the route tables of the S3 gateway endpoint in one call",
    ),
    field("spec.subnets.launch.ids", "not set", InPlace, ""),
    field("spec.subnets.launch.tags", "not set", InPlace, "a change of the subnets' tags in AWS has the same effect"),
    field(
        "spec.sourceCIDRs",
        STATED,
        InPlace,
        "adds rules to `sg/endpoints`, `sg/replication` and, without `resolver.clientCIDRs`, `sg/resolver`, before \
         it revokes others",
    ),
    field("spec.proxyCIDRs", STATED, InPlace, "adds rules to `sg/endpoints` before it revokes others"),
    field(
        "spec.endpoints",
        "the class's value, or the standard VPC endpoints",
        ByField,
        "removing an entry returns its endpoint to the standard settings",
    ),
    field(
        "spec.endpoints[].service",
        STATED,
        Replace,
        "another service is another entry: the endpoint of the old service is deleted or returns to the standard \
         settings, and the new one is created",
    ),
    field("spec.endpoints[].type", STATED, Replace, "another type is another entry"),
    field(
        "spec.endpoints[].mode",
        STATED,
        Replace,
        "to 'Managed': an endpoint is created or adopted. From 'Managed': the operator's endpoint and its addresses \
         are deleted, the S3 gateway endpoint only when no `privateDNS` of S3 needs it",
    ),
    field("spec.endpoints[].endpointID", "not set", Nothing, "the network checks and uses the other endpoint"),
    field(
        "spec.endpoints[].privateDNS",
        STATED,
        InPlace,
        "to 'InboundResolverOnly' when the S3 gateway endpoint is available. With `mode: Existing`, only the check \
         changes",
    ),
    field(
        "spec.endpoints[].addresses",
        "chosen by AWS",
        Replace,
        "to change an assigned address, AWS replaces the network interface, and the endpoint is unreachable in that \
         zone meanwhile. The operator does so only if an annotation allows it. An address that is no longer listed \
         stays",
    ),
    field(
        "spec.endpoints[].addresses[].subnetID",
        STATED,
        Replace,
        "changes the address of the other subnet; as `addresses`",
    ),
    field("spec.endpoints[].addresses[].ip", STATED, Replace, "as `addresses`"),
    field("spec.endpoints[].policy", STATED, InPlace, ""),
    field("spec.endpoints[].policy.type", STATED, InPlace, ""),
    field("spec.endpoints[].policy.preset", "not set", InPlace, ""),
    field("spec.endpoints[].policy.inline", "not set", InPlace, "only if the meaning of the policy changes"),
    field(
        "spec.endpoints[].policy.configMapKeyRef",
        "not set",
        InPlace,
        "an edit of the ConfigMap has the same effect",
    ),
    field("spec.endpoints[].policy.configMapKeyRef.name", STATED, InPlace, ""),
    field("spec.endpoints[].policy.configMapKeyRef.key", STATED, InPlace, ""),
    field("spec.endpointPolicy", STATED, InPlace, "one call for each managed endpoint without its own `policy`"),
    field("spec.endpointPolicy.type", STATED, InPlace, ""),
    field("spec.endpointPolicy.preset", "not set", InPlace, ""),
    field("spec.endpointPolicy.inline", "not set", InPlace, "only if the meaning of the policy changes"),
    field("spec.endpointPolicy.configMapKeyRef", "not set", InPlace, "an edit of the ConfigMap has the same effect"),
    field("spec.endpointPolicy.configMapKeyRef.name", STATED, InPlace, ""),
    field("spec.endpointPolicy.configMapKeyRef.key", STATED, InPlace, ""),
    field("spec.endpointSecurityGroup", "the class's value, or the defaults of its fields", ByField, ""),
    field(
        "spec.endpointSecurityGroup.mode",
        STATED,
        InPlace,
        "the endpoints get the new security groups before they lose the old ones. `sg/endpoints` is created before \
         that, or deleted after it",
    ),
    field(
        "spec.endpointSecurityGroup.ids",
        "not set",
        InPlace,
        "the endpoints get the new security groups before they lose the old ones; the groups themselves do not change",
    ),
    field("spec.resolver", "the class's value, or the defaults of its fields", ByField, ""),
    field(
        "spec.resolver.mode",
        STATED,
        Replace,
        "to 'Managed': `resolver` and `sg/resolver` are created or adopted. From 'Managed': both are deleted, and \
         the addresses are released",
    ),
    field("spec.resolver.endpointID", "not set", Nothing, "the network checks and uses the other endpoint"),
    field(
        "spec.resolver.addresses",
        "the class's value, or chosen by AWS",
        InPlace,
        "where another address stands, the new one is added before the old one is removed: refused unless allowed by \
         annotation. An address that is no longer listed stays",
    ),
    field(
        "spec.resolver.addresses[].subnetID",
        STATED,
        InPlace,
        "changes the address of the other subnet; as `addresses`",
    ),
    field("spec.resolver.addresses[].ip", STATED, InPlace, "as `addresses`"),
    field("spec.resolver.clientCIDRs", STATED, InPlace, "adds rules to `sg/resolver` before it revokes others"),
    field("spec.replication", "the class's value, or the defaults of its fields", ByField, ""),
    field("spec.replication.securityGroup", "the defaults of its fields", ByField, ""),
    field(
        "spec.replication.securityGroup.mode",
        STATED,
        Replace,
        "to 'Managed': `sg/replication` is created or adopted. From 'Managed': it is deleted when no replication \
         server uses it",
    ),
    field("spec.replication.securityGroup.id", "not set", Nothing, "the network checks the other group"),
    field("spec.postLaunch", "the class's value, or the defaults of its fields", ByField, ""),
    field(
        "spec.postLaunch.ssm",
        STATED,
        Replace,
        "the three endpoints are created or deleted, except those whose entry in `endpoints` has a `mode`. With the \
         preset 'MGNOnly', the policy of S3 is modified in place",
    ),
    field("spec.onPremises", "the defaults of its fields", ByField, ""),
    field(
        "spec.onPremises.connector",
        STATED,
        Replace,
        "the endpoints are created or deleted, except those whose entry in `endpoints` has a `mode`, and those that \
         `postLaunch.ssm` keeps. With the preset 'MGNOnly', the policy of S3 may be modified in place",
    ),
    field(
        "spec.managementPolicy",
        STATED,
        Nothing,
        "'Plan': the operator stops writing and keeps the resources. 'Enforce': it executes the plan",
    ),
    field(
        "spec.adoptionPolicy",
        STATED,
        Nothing,
        "decides whether a foreign resource may fill an empty slot. The operator tags a resource that it adopts, and adds \
         to it what the network needs",
    ),
    field("spec.deletionPolicy", STATED, Nothing, "takes effect when the network is deleted"),
    field(
        "spec.adoptedDeletionPolicy",
        STATED,
        Nothing,
        "takes effect when the network is deleted, or when its spec no longer needs an adopted resource",
    ),
    field(
        "spec.suspend",
        STATED,
        Nothing,
        "the operator makes due changes when it is false again. A deletion continues while it is true",
    ),
    field(
        "spec.tags",
        "only the class's tags",
        InPlace,
        "on all resources that the network owns; new tags are set before others are removed",
    ),
];

const CLASS: &[Entry] = &[
    field("spec.description", "none", Nothing, ""),
    field("spec.account", STATED, NotPossible, "create another class"),
    field("spec.account.id", STATED, NotPossible, ""),
    field("spec.account.roleARN", STATED, NotPossible, ""),
    field("spec.account.externalID", STATED, NotPossible, ""),
    field("spec.region", STATED, NotPossible, "create another class"),
    field(
        "spec.allowedNamespaces",
        STATED,
        Nothing,
        "a network that is no longer admitted keeps its resources, but the operator changes them no further; it can \
         still be deleted",
    ),
    field("spec.allowedNamespaces.from", STATED, Nothing, ""),
    field("spec.allowedNamespaces.selector", "not set", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchLabels", "any labels", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions", "no requirements", Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].key", STATED, Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].operator", STATED, Nothing, ""),
    field("spec.allowedNamespaces.selector.matchExpressions[].values", "no values", Nothing, ""),
    field(
        "spec.limits",
        STATED,
        Nothing,
        "a new network that exceeds a limit is not built. An existing one keeps its resources, but the operator \
         changes them no further",
    ),
    field("spec.limits.vpcs", "any", Nothing, ""),
    field("spec.limits.sourceCIDRs", "any", Nothing, ""),
    field("spec.limits.services", "any", Nothing, ""),
    field("spec.limits.networksPerNamespace", "any number", Nothing, "the oldest networks stay within the limit"),
    field("spec.limits.deletionPolicies", "both", Nothing, ""),
    field("spec.limits.adoptionPolicies", "all", Nothing, ""),
    field("spec.limits.adoptedDeletionPolicies", "both", Nothing, ""),
    field("spec.limits.subnets", "any", Nothing, ""),
    field("spec.limits.subnets.endpoints", "any", Nothing, ""),
    field("spec.limits.subnets.endpoints.ids", "not set", Nothing, ""),
    field("spec.limits.subnets.endpoints.tags", "not set", Nothing, ""),
    field("spec.limits.subnets.staging", "any", Nothing, ""),
    field("spec.limits.subnets.staging.ids", "not set", Nothing, ""),
    field("spec.limits.subnets.staging.tags", "not set", Nothing, ""),
    field("spec.limits.subnets.launch", "any", Nothing, ""),
    field("spec.limits.subnets.launch.ids", "not set", Nothing, ""),
    field("spec.limits.subnets.launch.tags", "not set", Nothing, ""),
    field("spec.limits.endpointPolicies", "any", Nothing, ""),
    field("spec.limits.endpointPolicies.types", "all", Nothing, ""),
    field("spec.limits.endpointPolicies.presets", "both", Nothing, ""),
    field("spec.limits.privateDNS", "all", Nothing, ""),
    field("spec.limits.tagKeys", "only the built-in list denies keys", Nothing, ""),
    field("spec.limits.tagKeys.allow", "none", Nothing, ""),
    field("spec.limits.tagKeys.deny", "only the built-in list", Nothing, ""),
    field("spec.defaults", "none", ByField, ""),
    field(
        "spec.defaults.vpc",
        STATED,
        Nothing,
        "networks that are built keep their VPC, report `VPCChanged`, and are changed no further until the old value \
         is restored",
    ),
    field(
        "spec.acceptTransfersFrom",
        STATED,
        Nothing,
        "decides whether retained resources of another cluster may fill an empty slot; what was taken over stays",
    ),
    field(
        "spec.mgnBuckets",
        "the operator's list",
        InPlace,
        "of the endpoints with the preset `MGNOnly`, by modification of their policy",
    ),
    field(
        "spec.sourceIdentity",
        "`Disabled`",
        Nothing,
        "the operator assumes the role again. If AWS denies that, networks keep their resources, but the operator changes \
         them no further",
    ),
    field("spec.onPremises", STATED, ByField, ""),
    field(
        "spec.onPremises.configMap",
        "`Disabled`",
        Nothing,
        "`Disabled` deletes the ConfigMaps that the operator has created, and `Enabled` creates them",
    ),
    field(
        "spec.tags",
        "none",
        InPlace,
        "on all resources that the networks of the class own; new tags are set before others are removed",
    ),
];
