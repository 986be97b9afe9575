//! `MigrationNetworkClass`: the account, Region, role, limits and defaults of networks, and the namespaces that may
//! use them. A platform team writes it; the operator writes only its status and finalizer.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdoptedDeletionPolicy, AdoptionPolicy, DEFAULT_CLASS_ANNOTATION, DeletionPolicy, EndpointSecurityGroupSpec,
    EndpointSpec, ManagementPolicy, NetworkOnPremisesSpec, PolicyPreset, PolicySpec, PolicyType, PostLaunchSpec,
    PrivateDns, ReplicationSpec, ResolverSpec, SubnetSelectors, Toggle, VpcSelector, schema, tolerant,
};

/// The AWS account, Region and role of networks, the namespaces that may use them, and the limits and defaults.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::duplicated_attributes, reason = "columns have a type and a priority each")]
#[kube(
    group = "mgnet.dev",
    version = "v1alpha1",
    kind = "MigrationNetworkClass",
    doc = "MigrationNetworkClass sets the AWS account, Region and role with which networks are created, the namespaces \
           that may use it, and the limits and defaults of the networks. Networks that name no class use the class \
           with the annotation mgnet.dev/is-default-class: \"true\".",
    plural = "migrationnetworkclasses",
    shortname = "mgnetclass",
    category = "mgn",
    status = "MigrationNetworkClassStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Accepted")].status"#
    ),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.account.id"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "Networks", type_ = "integer", json_path = ".status.networks"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.readyNetworks"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Description", type_ = "string", json_path = ".spec.description", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "!has(self.account.roleARN) || \
         (self.region.startsWith('cn-') == self.account.roleARN.startsWith('arn:aws-cn:') && \
         self.region.startsWith('us-gov-') == self.account.roleARN.startsWith('arn:aws-us-gov:'))"
    )
    .message("must be a role in the AWS partition of `region`; correct `roleARN` or `region`")
    .field_path(".account.roleARN")
)]
pub struct MigrationNetworkClassSpec {
    /// A one-line description of the class for its users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// The AWS account in which networks of this class are created, and the role that the operator assumes in it.
    /// This field is immutable.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("must not be changed; create another class for another `account` or role")
    )]
    pub account: AccountSpec,

    /// The AWS Region in which networks of this class are created. This field is immutable.
    #[schemars(schema_with = "schema::ids::region")]
    pub region: String,

    /// The namespaces that may use this class. If omitted, no namespace may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// The limits on the settings of networks, both in their own spec and in `defaults`. A network that exceeds a
    /// limit reports `LimitExceeded` and is not changed any further; its existing resources stay, and it can be
    /// deleted. If omitted, there are no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ClassLimits>,

    /// The values of the fields that a network omits. Edits also change existing networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<NetworkDefaults>,

    /// The clusters from which networks of this class take over retained resources: for each, the UID of its namespace
    /// `kube-system`. The other cluster must also have marked the resources for this cluster, with the annotation
    /// `mgnet.dev/transfer-to` on the deleted network, and the network here needs `adoptionPolicy: Retained`; see
    /// `docs/transfer.md`. If omitted, networks take over nothing from other clusters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::cluster_uids")]
    pub accept_transfers_from: Option<Vec<String>>,

    /// The S3 buckets that MGN needs in the Region. They replace the operator's own list, which `docs/checks.md` describes
    /// under MGN136: set them if AWS documents other names for the Region, or changes the list. The endpoint policy preset
    /// `MGNOnly` allows these buckets, and the preflight compares other policies with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::names::buckets")]
    pub mgn_buckets: Option<Vec<String>>,

    /// Whether the operator sets a source identity when it assumes the role: `Enabled` or `Disabled`. The source identity
    /// is the name of the session, `mgnet-`, the first eight characters of the cluster's UID and the name of the class. AWS
    /// denies it unless both the operator's own role and the role's trust policy allow `sts:SetSourceIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<Toggle>,

    /// The publication of the hand-off to the on-premises teams. If omitted, it is in the status of each network only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_premises: Option<OnPremisesSpec>,

    /// The AWS tags of every resource of every network of this class. They take precedence over the network's tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::resource_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl MigrationNetworkClass {
    /// Whether the hand-off of the class's networks is also written to ConfigMaps.
    pub fn config_map(&self) -> Toggle {
        self.spec.on_premises.as_ref().and_then(|on_premises| on_premises.config_map).unwrap_or(Toggle::Disabled)
    }

    /// Whether the class is marked as the default class, which networks use that name no class.
    pub fn is_marked_default(&self) -> bool {
        self.annotations().get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true")
    }
}

/// The publication of the hand-off of a class's networks.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnPremisesSpec {
    /// Whether the operator also writes the hand-off of each network as files to the ConfigMap `<name>-onprem` in the
    /// network's namespace: `Enabled` or `Disabled`. The operator needs further rights for it, which
    /// `deploy/components/hand-off-config-maps` grants; see `docs/on-premises.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<Toggle>,
}

/// The AWS account of a class, and the role that the operator assumes in it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("!has(self.roleARN) || self.roleARN.contains(':iam::' + self.id + ':role/')")
        .message("must be a role in the account that `id` names; correct `roleARN` or `id`")
        .field_path(".roleARN"),
    validation = Rule::new("!has(self.externalID) || has(self.roleARN)")
        .message("must be set only together with `roleARN`; add the role, or remove `externalID`")
        .field_path(".externalID"),
    validation = Rule::new("!has(self.externalID) || !self.externalID.matches('^mgnet-[0-9a-f]{32}$')")
        .message("must not have the form of a derived external ID; remove `externalID` to use the derived one")
        .field_path(".externalID"),
)]
pub struct AccountSpec {
    /// The ID of the AWS account: 12 digits, in quotes. The operator verifies the account before anything else.
    #[schemars(schema_with = "schema::ids::account_id")]
    pub id: String,

    /// The ARN of the role that the operator assumes in the account. If omitted, the operator's own credentials are
    /// used, which must belong to the account.
    #[serde(default, rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::role_arn")]
    pub role_arn: Option<String>,

    /// The external ID that the role's trust policy requires. It is not a secret. If omitted, the operator derives one from
    /// the cluster and the name of the class, and `status.externalID` shows it.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::external_id")]
    pub external_id: Option<String>,
}

/// The namespaces that may use a class.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("(self.from == 'Selector') == has(self.selector)")
        .message("must set `selector` when `from` is 'Selector', and only then")
)]
pub struct AllowedNamespaces {
    /// The selection of namespaces. `All`: every namespace. `Selector`: the namespaces that match `selector`. `None`:
    /// no namespace.
    pub from: AllowedFrom,

    /// The label selector of the namespaces, when `from` is `Selector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

/// The selection of the namespaces that may use a class.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum AllowedFrom {
    /// Every namespace.
    All,
    /// The namespaces whose labels match the selector.
    Selector,
    /// No namespace.
    #[default]
    None,
}

/// A label selector of namespaces. A namespace matches if it meets every requirement.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || \
         (has(self.matchExpressions) && size(self.matchExpressions) > 0)"
    )
    .message("must have `matchLabels` or `matchExpressions`; to admit every namespace, set `from` to 'All'")
)]
pub struct NamespaceSelector {
    /// The labels, with their values, that the namespace must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::labels::match_labels")]
    pub match_labels: Option<BTreeMap<String, String>>,

    /// The requirements on the namespace's labels, which must all be met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub match_expressions: Option<Vec<NamespaceSelectorRequirement>>,
}

/// One requirement on the labels of a namespace.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)")
        .message("must have `values` when `operator` is 'In' or 'NotIn', and only then")
)]
pub struct NamespaceSelectorRequirement {
    /// The key of the label.
    #[schemars(schema_with = "schema::labels::label_key")]
    pub key: String,

    /// The relation between the label and `values`. `In`: the label has one of the values. `NotIn`: the label is
    /// missing or has none of the values. `Exists`: the label exists. `DoesNotExist`: the label is missing.
    pub operator: NamespaceSelectorOperator,

    /// The values, when `operator` is `In` or `NotIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::labels::label_values")]
    pub values: Option<Vec<String>>,
}

/// The relation between a label and the values of a requirement.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum NamespaceSelectorOperator {
    /// The label exists and has one of the values.
    #[default]
    In,
    /// The label is missing or has none of the values.
    NotIn,
    /// The label exists.
    Exists,
    /// The label is missing.
    DoesNotExist,
}

/// The limits on networks of a class. An omitted field sets no limit.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassLimits {
    /// The IDs of the VPCs that networks may use, whether a network selects its VPC by ID or by tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::limited_vpcs")]
    pub vpcs: Option<Vec<String>>,

    /// The IPv4 ranges that networks may admit. Every range in a network's `sourceCIDRs`, and in its own `proxyCIDRs`
    /// and `resolver.clientCIDRs`, must be inside one of these ranges.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The short names of the services, such as `mgn`, for which networks may have endpoints. They must include the
    /// services of a network's standard endpoints, except for those that the network disables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::names::limited_services")]
    pub services: Option<Vec<String>>,

    /// The subnets that networks may select, by use. A route table serves all subnets that are associated with it, so
    /// the S3 gateway endpoint also serves those that share a route table with an allowed staging or launch subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetSelectors>,

    /// The endpoint policies that networks may set. An endpoint policy applies to every client of the endpoint: with
    /// private DNS, to all clients in the VPC, and with a gateway endpoint, to all subnets of its route tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_policies: Option<EndpointPolicyLimits>,

    /// The values of `privateDNS` that the interface endpoints of networks may have. `Enabled` also changes the answers
    /// for all other clients in the VPC.
    #[serde(default, rename = "privateDNS", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub private_dns: Option<Vec<PrivateDns>>,

    /// The keys of the tags that networks may set. `karpenter.sh/discovery` and `kubernetes.io/cluster/*`, on which other
    /// tools act, are denied unless `allow` lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_keys: Option<TagKeyLimits>,

    /// The values of `deletionPolicy` that networks may have. A network that already had another value keeps it when
    /// it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub deletion_policies: Option<Vec<DeletionPolicy>>,

    /// The values of `adoptionPolicy` that networks may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub adoption_policies: Option<Vec<AdoptionPolicy>>,

    /// The values of `adoptedDeletionPolicy` that networks may have. A network that already had another value keeps it
    /// when it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub adopted_deletion_policies: Option<Vec<AdoptedDeletionPolicy>>,

    /// The maximum number of networks of this class in one namespace. If there are more, the oldest networks are
    /// admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub networks_per_namespace: Option<i32>,
}

/// The endpoint policies that networks may set. An omitted field sets no limit.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.types) || has(self.presets)")
        .message("must set `types` or `presets`; remove `endpointPolicies` to allow every policy"),
    validation = Rule::new("!has(self.presets) || !has(self.types) || 'Preset' in self.types")
        .message("must not be set when `types` does not allow 'Preset'; remove `presets`, or add 'Preset' to `types`")
        .field_path(".presets"),
)]
pub struct EndpointPolicyLimits {
    /// The allowed sources of policies: `Preset`, `Inline`, `ConfigMap`. A network without a policy has the preset
    /// `FullAccess`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub types: Option<Vec<PolicyType>>,

    /// The allowed presets: `FullAccess`, `MGNOnly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub presets: Option<Vec<PolicyPreset>>,
}

/// The keys of the tags that networks may set. Each entry is a key, or the beginning of keys followed by `*`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.allow) || has(self.deny)")
        .message("must set `allow` or `deny`; remove `tagKeys` for the built-in limit")
)]
pub struct TagKeyLimits {
    /// The keys that are allowed, although `deny` or the built-in list denies them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::limited_keys")]
    pub allow: Option<Vec<String>>,

    /// The keys that are denied, in addition to `karpenter.sh/discovery` and `kubernetes.io/cluster/*`. With `*`, only
    /// the keys in `allow` are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::limited_keys")]
    pub deny: Option<Vec<String>>,
}

/// The values of the fields that a network omits, field by field.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(schema::rules::INLINE_POLICIES_FIT.0).message(schema::rules::INLINE_POLICIES_FIT.1),
    validation = Rule::new(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.0)
        .message(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.1)
        .field_path(".subnets")
)]
pub struct NetworkDefaults {
    /// The VPC in which networks are created. If it changes, existing networks stay in their VPC and report
    /// `VPCChanged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcSelector>,

    /// The subnets of the VPC, grouped by use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetSelectors>,

    /// The IPv4 ranges of the source servers, and of the DNS servers that forward queries to the resolver.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The IPv4 ranges of the proxies through which source servers actually connect. They may reach the endpoints on
    /// TCP 443.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::proxy_cidrs")]
    pub proxy_cidrs: Option<Vec<String>>,

    /// Overrides for the standard VPC endpoints, and endpoints for additional services. If a network lists the same
    /// service and type, its entry replaces the class's entry completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Option<Vec<EndpointSpec>>,

    /// The endpoint policy of the VPC endpoints that the operator manages and that set no `policy` of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_policy: Option<PolicySpec>,

    /// The security group of the interface endpoints that the operator manages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_security_group: Option<EndpointSecurityGroupSpec>,

    /// The Route 53 Resolver inbound endpoint, to which on-premises DNS servers forward queries for the private
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<ResolverSpec>,

    /// The settings for MGN's replication servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<ReplicationSpec>,

    /// The settings for MGN's post-launch actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_launch: Option<PostLaunchSpec>,

    /// The settings for the on-premises side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_premises: Option<NetworkOnPremisesSpec>,

    /// The policy for writes to AWS. `Enforce`: the operator creates and maintains networks. `Plan`: the operator
    /// only publishes the calls that it would make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// The policy for adopting resources that already exist in the VPC: `Never`, `Retained` or `Any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// The policy for the AWS resources when a network is deleted. `Delete`: the operator deletes them. `Retain`:
    /// they stay in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// The policy for adopted resources that a network no longer needs. `Release`: the operator removes what it added to
    /// them, and its tags. `Delete`: the operator deletes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_deletion_policy: Option<AdoptedDeletionPolicy>,
}

/// A network that was deleted without access to its AWS account.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbandonedNetwork {
    /// The UID of the network, which is the value of the tag `mgnet.dev/owner` on its resources.
    #[schemars(length(max = 64))]
    pub uid: String,

    /// The namespace and name of the network.
    #[schemars(length(max = 317))]
    pub network: String,

    /// The ID of the AWS account.
    #[schemars(length(max = 12))]
    pub account_id: String,

    /// The Region.
    #[schemars(length(max = 32))]
    pub region: String,

    /// The IDs of the resources that the status of the network named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub resources: Vec<String>,
}

/// The observed state of a class.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationNetworkClassStatus {
    /// The generation of the spec that this status describes.
    #[serde(default)]
    pub observed_generation: i64,

    /// The number of networks that use the class: those that it admits, and those that were created with it. The
    /// class cannot be deleted while there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<i32>,

    /// The number of these networks that are Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_networks: Option<i32>,

    /// The external ID that the operator sends when it assumes the role: that of the spec, or else one that is derived from
    /// the cluster and the name of the class. Require it in the role's trust policy. None without `roleARN`.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    pub external_id: Option<String>,

    /// The networks that were deleted without access to their AWS account, because the annotation
    /// `mgnet.dev/account-gone` names it, with the resources that the operator could not delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["uid".into()]))]
    pub abandoned: Vec<AbandonedNetwork>,

    /// The value of the annotation `mgnet.dev/reconcile-at` that the operator handled last, at most its first 256 characters.
    /// A reconcile that began with this value has ended, and the conditions show its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,

    /// The conditions of the class. Present after the first reconcile: `Accepted`. Present only while true: `Stalled`, if the
    /// class is refused until a person acts; `Reconciling`, while it waits.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "tolerant::list")]
    #[schemars(schema_with = "schema::conditions::conditions")]
    pub conditions: Vec<Condition>,
}
