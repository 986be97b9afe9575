//! `MigrationNetworkClass`: where networks may be built, as whom and for whom. Written by a platform team, and only read
//! by the operator.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdoptionPolicy, DEFAULT_CLASS_ANNOTATION, DeletionPolicy, EndpointSecurityGroupSpec, EndpointSpec,
    ManagementPolicy, PolicySpec, PostLaunchSpec, ReplicationSpec, ResolverSpec, SubnetSelectors, VpcSelector, schema,
};

/// Where networks are built, as whom, for which namespaces, and with which defaults.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::duplicated_attributes, reason = "columns have a type and a priority each")]
#[kube(
    group = "mgnet.dev",
    version = "v1alpha1",
    kind = "MigrationNetworkClass",
    doc = "MigrationNetworkClass says where networks may be built, as whom and by which namespaces, and what holds for \
           those that do not say otherwise. A class with the annotation mgnet.dev/is-default-class: \"true\" is used by \
           networks that name none.",
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
    .message("must be a role of the AWS partition that `region` is in; correct `roleARN` or `region`")
    .field_path(".account.roleARN")
)]
pub struct MigrationNetworkClassSpec {
    /// What this class is for, in a line for its users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub description: Option<String>,

    /// The AWS account that networks of this class are built in, and how the operator gets into it. Cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("must not be changed; create another class for another `account` or role")
    )]
    pub account: AccountSpec,

    /// The AWS Region that networks of this class are built in. Cannot be changed.
    #[schemars(schema_with = "schema::ids::region")]
    pub region: String,

    /// The namespaces that may use this class. Omitted: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,

    /// What networks may ask for, here and in `defaults`. A network over a limit is told so and not changed any further;
    /// what it has stays, and it can be deleted. Omitted: no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ClassLimits>,

    /// What holds for a network that does not say otherwise. Edits reach existing networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<NetworkDefaults>,

    /// AWS tags for every resource of every network of this class. They win over the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::resource_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl MigrationNetworkClass {
    /// Whether it is marked as the class of networks that name none.
    pub fn is_marked_default(&self) -> bool {
        self.annotations().get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true")
    }
}

/// The AWS account of a class, and how the operator gets into it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("!has(self.roleARN) || self.roleARN.contains(':iam::' + self.id + ':role/')")
        .message("must be a role of the account in `id`; correct `roleARN` or `id`")
        .field_path(".roleARN"),
    validation = Rule::new("!has(self.externalID) || has(self.roleARN)")
        .message("must be set only together with `roleARN`; add the role, or remove `externalID`")
        .field_path(".externalID"),
)]
pub struct AccountSpec {
    /// The id of the account: 12 digits, in quotes. The operator checks it before anything else.
    #[schemars(schema_with = "schema::ids::account_id")]
    pub id: String,

    /// The role that the operator assumes in that account. Omitted: the operator's own credentials lead into it.
    #[serde(default, rename = "roleARN", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::role_arn")]
    pub role_arn: Option<String>,

    /// The external id that the role's trust policy asks for. It is no secret.
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
    /// Which namespaces: 'All', those that the 'Selector' matches, or 'None'.
    pub from: AllowedFrom,

    /// The labels of the namespaces, when `from` is 'Selector'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<NamespaceSelector>,
}

/// Which namespaces may use a class.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum AllowedFrom {
    /// Every namespace.
    All,
    /// Those whose labels match the selector.
    Selector,
    /// None.
    #[default]
    None,
}

/// Selects namespaces by their labels: a namespace matches when all of it does.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || \
         (has(self.matchExpressions) && size(self.matchExpressions) > 0)"
    )
    .message("must have `matchLabels` or `matchExpressions`; to admit every namespace set `from` to 'All'")
)]
pub struct NamespaceSelector {
    /// Labels that the namespace has, with these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::labels::match_labels")]
    pub match_labels: Option<BTreeMap<String, String>>,

    /// Requirements that the namespace's labels meet, all of them.
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
    /// The label that it is about.
    #[schemars(schema_with = "schema::labels::label_key")]
    pub key: String,

    /// How the label's value relates to the values: 'In' or 'NotIn' them; or whether the label 'Exists' or
    /// 'DoesNotExist'.
    pub operator: NamespaceSelectorOperator,

    /// The values, when `operator` is 'In' or 'NotIn'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::labels::label_values")]
    pub values: Option<Vec<String>>,
}

/// How a label relates to the values of a requirement.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum NamespaceSelectorOperator {
    /// The label is there and has one of the values.
    #[default]
    In,
    /// The label is missing or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is missing.
    DoesNotExist,
}

/// What networks of a class may ask for. What is omitted is not limited.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassLimits {
    /// The ids of the VPCs that networks may use, however they select them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::limited_vpcs")]
    pub vpcs: Option<Vec<String>>,

    /// The IPv4 ranges that networks may admit: each of a network's `sourceCIDRs`, and of its own `proxyCIDRs` and
    /// `resolver.clientCIDRs`, lies inside one of these.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The services that networks may have endpoints for, in short, such as 'mgn'. What a network has endpoints for unless
    /// it says otherwise has to be among them, or to be left out by the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::names::limited_services")]
    pub services: Option<Vec<String>>,

    /// The deletion policies that networks may have. One that a network had before stays its own when it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub deletion_policies: Option<Vec<DeletionPolicy>>,

    /// The adoption policies that networks may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub adoption_policies: Option<Vec<AdoptionPolicy>>,

    /// How many networks of this class a namespace may have. The oldest keep their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub networks_per_namespace: Option<i32>,
}

/// What holds for a network that does not say otherwise, field by field.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.0)
        .message(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.1)
        .field_path(".subnets")
)]
pub struct NetworkDefaults {
    /// The VPC that networks are built in. Existing networks keep theirs when it changes, and say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcSelector>,

    /// The subnets of that VPC, by what they are used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetSelectors>,

    /// The IPv4 ranges of the source servers, and of the DNS servers that forward to the resolver.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The IPv4 ranges of proxies that source servers really go through; they may reach the endpoints on TCP 443.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::proxy_cidrs")]
    pub proxy_cidrs: Option<Vec<String>>,

    /// VPC endpoints that are to be otherwise than usual, and those of further services. Where a network lists the same
    /// service and type, its entry holds, and this one not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Option<Vec<EndpointSpec>>,

    /// What the endpoints that the operator builds let through, where they do not say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_policy: Option<PolicySpec>,

    /// The security group of the interface endpoints that the operator builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_security_group: Option<EndpointSecurityGroupSpec>,

    /// The Route 53 Resolver inbound endpoint, to which on-premises DNS servers forward the private names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<ResolverSpec>,

    /// What concerns MGN's replication servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<ReplicationSpec>,

    /// What concerns MGN's post-launch actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_launch: Option<PostLaunchSpec>,

    /// Whether the operator acts: 'Enforce' builds and keeps networks, 'Plan' only says what would be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// Which resources that are in the VPC already become a network's own: 'Never', 'Retained' or 'Any'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What becomes of the AWS resources when a network is deleted: 'Delete' or 'Retain' them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// What the operator found out about a class.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationNetworkClassStatus {
    /// The generation of the spec that this status is about.
    #[serde(default)]
    pub observed_generation: i64,

    /// How many networks use the class: admitted by it, or built by it. It is kept while any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<i32>,

    /// How many of them are Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_networks: Option<i32>,

    /// What is true of the class: `Accepted`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions::conditions")]
    pub conditions: Vec<Condition>,
}
