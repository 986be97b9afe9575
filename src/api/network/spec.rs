//! `MigrationNetwork`: what an application team asks for.
//!
//! An omitted field is filled from the class's `defaults`, then from the built-in default that its description names. The
//! schema has no defaults and nothing is written back to `spec`: Git and cluster stay equal, and `status.settings` says
//! what holds.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::MigrationNetworkStatus;
use crate::api::{
    schema,
    vocabulary::{
        AdoptionPolicy, DeletionPolicy, EndpointMode, EndpointType, ManagementPolicy, PolicyPreset, PolicyType,
        PrivateDns, ReplicationSecurityGroupMode, ResolverMode, SecurityGroupMode, Toggle,
    },
};

/// What is asked for. What is omitted comes from the class.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::duplicated_attributes, reason = "columns have a type and a priority each")]
#[kube(
    group = "mgnet.dev",
    version = "v1alpha1",
    kind = "MigrationNetwork",
    doc = "MigrationNetwork is the private AWS network that AWS Application Migration Service (MGN) needs: VPC endpoints, \
           a Route 53 Resolver inbound endpoint and their security groups. The operator builds it, keeps it and removes \
           it.",
    plural = "migrationnetworks",
    shortname = "mgnet",
    category = "mgn",
    namespaced,
    status = "MigrationNetworkStatus",
    derive = "PartialEq",
    derive = "Default",
    selectable = ".spec.migrationNetworkClassName",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.className"),
    printcolumn(name = "Endpoints", type_ = "string", json_path = ".status.endpointsAvailable"),
    printcolumn(name = "Synced", type_ = "string", json_path = r#".status.conditions[?(@.type=="Synced")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "VPC", type_ = "string", json_path = ".status.vpcID", priority = 1),
    printcolumn(name = "Resolver", type_ = "string", json_path = ".status.resolver.ipAddressSummary", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(
        "has(self.migrationNetworkClassName) == has(oldSelf.migrationNetworkClassName) && \
         (!has(self.migrationNetworkClassName) || self.migrationNetworkClassName == oldSelf.migrationNetworkClassName)"
    )
    .message(
        "must not be set, changed or removed after creation; to move, create another MigrationNetwork with another \
         `migrationNetworkClassName`"
    )
    .field_path(".migrationNetworkClassName"),
    validation = Rule::new("has(self.vpc) == has(oldSelf.vpc) && (!has(self.vpc) || self.vpc == oldSelf.vpc)")
        .message(
            "must not be set, changed or removed after creation; to move, create another MigrationNetwork with another \
             `vpc`"
        )
        .field_path(".vpc"),
    validation = Rule::new(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.0)
        .message(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.1)
        .field_path(".subnets"),
)]
pub struct MigrationNetworkSpec {
    /// The MigrationNetworkClass that says in which account and Region the network is built, and that fills in what is
    /// omitted here. Omitted: the class marked as the default one. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::names::class_name")]
    pub migration_network_class_name: Option<String>,

    /// The VPC that the network is built in. Omitted: the class's. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcSelector>,

    /// The subnets of that VPC, by what they are used for. Omitted: the class's, each use for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetSelectors>,

    /// The IPv4 ranges of the source servers, and of the DNS servers that forward to the resolver. Omitted: the class's;
    /// one of the two must name some.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The IPv4 ranges of proxies that source servers really go through; they may reach the endpoints on TCP 443.
    /// Omitted: the class's, or none.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::proxy_cidrs")]
    pub proxy_cidrs: Option<Vec<String>>,

    /// VPC endpoints that are to be otherwise than usual, and those of further services. What is not listed here is as the
    /// class lists it, else as usual: `mgn`, `s3`, `ec2` and, for post-launch actions, `ssm`, `ssmmessages` and
    /// `ec2messages` as interface endpoints, and `s3` as gateway endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Option<Vec<EndpointSpec>>,

    /// What the endpoints that the operator builds let through, where they do not say it themselves. Omitted: the class's,
    /// or the preset 'FullAccess'.
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

    /// Whether the operator acts. 'Enforce': it builds and keeps the network. 'Plan': it writes nothing to AWS, and says in
    /// `status.plan` what it would do. Omitted: 'Enforce', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// Whether resources that are in the VPC already become the network's own where they fit: its tags are put on them, and
    /// they are brought to what is wanted. 'Never': none. 'Retained': those that a network of this namespace and name made
    /// and left behind with `deletionPolicy` 'Retain'. 'Any': also those that nobody's tags claim. Omitted: 'Never', unless
    /// the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// What becomes of the AWS resources when this object is deleted. 'Delete': they are deleted first. 'Retain': they
    /// stay, marked by tags as retained. Omitted: 'Delete', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Whether the operator holds off: it changes nothing in AWS until this is false again, and what is there keeps
    /// working. Omitted: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// AWS tags for every resource of the network. Where the class has the same key, the class's value holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::resource_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Selects one VPC, either by id or by tags.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.id) != has(self.tags)").message("must set exactly one of `id` and `tags`"))]
pub struct VpcSelector {
    /// The id of the VPC. Exactly one of `id` and `tags` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::vpc_id")]
    pub id: Option<String>,

    /// Tags that exactly one VPC of the account and Region carries, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::selector_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The subnets by use.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetSelectors {
    /// Where the interface endpoints and the resolver get their addresses: one subnet a zone, and two zones for the
    /// resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<SubnetSelector>,

    /// Where MGN starts replication servers: their route tables get the S3 gateway endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging: Option<SubnetSelector>,

    /// Where test and cutover instances are launched: their route tables get the S3 gateway endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<SubnetSelector>,
}

/// Selects subnets, either by id or by tags.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.ids) != has(self.tags)").message("must set exactly one of `ids` and `tags`"))]
pub struct SubnetSelector {
    /// The ids of the subnets. Exactly one of `ids` and `tags` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::subnet_ids")]
    pub ids: Option<Vec<String>>,

    /// Tags that each of the subnets carries, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::selector_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// One VPC endpoint, and what is to be otherwise with it.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'Gateway' || self.service == 's3'")
        .message("must be 's3' when `type` is 'Gateway'; set `type` to 'Interface' for other services")
        .field_path(".service"),
    validation = Rule::new("(has(self.mode) && self.mode == 'Existing') == has(self.endpointID)")
        .message("must be set when `mode` is 'Existing', and only then; set or remove `endpointID`, or change `mode`")
        .field_path(".endpointID"),
    validation = Rule::new("!has(self.privateDNS) || self.type == 'Interface'")
        .message("must not be set when `type` is 'Gateway', which has no DNS; remove `privateDNS`")
        .field_path(".privateDNS"),
    validation = Rule::new("!has(self.privateDNS) || self.privateDNS != 'InboundResolverOnly' || self.service == 's3'")
        .message(
            "must not be 'InboundResolverOnly' for another service than 's3', as AWS has it for no other; set \
             `privateDNS` to 'Enabled'"
        )
        .field_path(".privateDNS"),
    validation = Rule::new("!has(self.addresses) || self.type == 'Interface'")
        .message("must not be set when `type` is 'Gateway', which has no addresses; remove `addresses`")
        .field_path(".addresses"),
    validation = Rule::new("!(has(self.addresses) || has(self.policy)) || !has(self.mode) || self.mode == 'Managed'")
        .message(
            "must not have `addresses` or `policy` unless `mode` is 'Managed', as the operator changes no other endpoint; \
             remove them, or change `mode`"
        )
)]
pub struct EndpointSpec {
    /// The AWS service in short, such as `mgn` or `kms`: the last part of 'com.amazonaws.<region>.<service>'.
    #[schemars(schema_with = "schema::names::service")]
    pub service: String,

    /// The type of the endpoint: 'Interface', or 'Gateway' for `s3`.
    #[serde(rename = "type")]
    pub type_: EndpointType,

    /// 'Managed': the operator builds it. 'Existing': it is there already, is checked and never changed. 'Disabled': there
    /// is none. Omitted: 'Managed', except that `ssm`, `ssmmessages` and `ec2messages` follow `postLaunch.ssm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<EndpointMode>,

    /// The id of the endpoint when `mode` is 'Existing'.
    #[serde(default, rename = "endpointID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::endpoint_id")]
    pub endpoint_id: Option<String>,

    /// Who resolves the service's own names to this interface endpoint. 'Enabled': everybody in the VPC, and whoever asks
    /// through the resolver. 'InboundResolverOnly': only whoever asks through the resolver; needs the S3 gateway endpoint.
    /// 'Disabled': nobody. Omitted: 'InboundResolverOnly' for `s3` with a gateway endpoint, else 'Enabled'.
    #[serde(default, rename = "privateDNS", skip_serializing_if = "Option::is_none")]
    pub private_dns: Option<PrivateDns>,

    /// Fixed addresses of this interface endpoint. AWS chooses in the subnets that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["subnetID".into()]))]
    pub addresses: Option<Vec<AddressSpec>>,

    /// What this endpoint lets through. Omitted: `endpointPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySpec>,
}

/// A fixed address in a subnet.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSpec {
    /// The subnet, one of those that `subnets.endpoints` selects.
    #[serde(rename = "subnetID")]
    #[schemars(schema_with = "schema::ids::subnet_id")]
    pub subnet_id: String,

    /// The private IPv4 address, free and in the subnet's range.
    #[schemars(schema_with = "schema::cidrs::ipv4_address")]
    pub ip: String,
}

/// What an endpoint lets through.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.type == 'Preset') == has(self.preset)")
        .message("must be set when `type` is 'Preset', and only then; set or remove `preset`, or change `type`")
        .field_path(".preset"),
    validation = Rule::new("(self.type == 'Inline') == has(self.inline)")
        .message("must be set when `type` is 'Inline', and only then; set or remove `inline`, or change `type`")
        .field_path(".inline"),
    validation = Rule::new("(self.type == 'ConfigMap') == has(self.configMapKeyRef)")
        .message("must be set when `type` is 'ConfigMap', and only then; set or remove `configMapKeyRef`, or change `type`")
        .field_path(".configMapKeyRef"),
)]
pub struct PolicySpec {
    /// Where the policy is: a 'Preset', 'Inline', or in a 'ConfigMap'.
    #[serde(rename = "type")]
    pub type_: PolicyType,

    /// 'FullAccess': everything, as AWS does it. 'MGNOnly': what the agent, replication and conversion servers and AWS
    /// Systems Manager need, and nothing else; of further services everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PolicyPreset>,

    /// The policy as JSON, at most 20,480 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 20_480))]
    pub inline: Option<String>,

    /// A key of a ConfigMap beside the MigrationNetwork that holds the policy as JSON. Edits of it take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeyReference>,
}

/// A key of a ConfigMap in the same namespace.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigMapKeyReference {
    /// The name of the ConfigMap.
    #[schemars(schema_with = "schema::names::config_map_name")]
    pub name: String,

    /// The key.
    #[schemars(schema_with = "schema::names::config_map_key")]
    pub key: String,
}

/// The security group of the interface endpoints.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("(has(self.mode) && self.mode == 'Existing') == has(self.ids)")
        .message("must be set when `mode` is 'Existing', and only then; set or remove `ids`, or change `mode`")
        .field_path(".ids")
)]
pub struct EndpointSecurityGroupSpec {
    /// 'Managed': the operator builds one that admits the VPC, the source servers and the proxies on TCP 443. 'Existing':
    /// those in `ids`, which are checked and never changed. Omitted: 'Managed'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SecurityGroupMode>,

    /// The ids of the groups when `mode` is 'Existing'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::security_group_ids")]
    pub ids: Option<Vec<String>>,
}

/// The Route 53 Resolver inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.mode) && self.mode == 'Existing') == has(self.endpointID)")
        .message("must be set when `mode` is 'Existing', and only then; set or remove `endpointID`, or change `mode`")
        .field_path(".endpointID"),
    validation = Rule::new("!has(self.addresses) || !has(self.mode) || self.mode == 'Managed'")
        .message("must not be set unless `mode` is 'Managed'; remove `addresses`, or change `mode`")
        .field_path(".addresses"),
)]
pub struct ResolverSpec {
    /// 'Managed': the operator builds it. 'Existing': it is there already, is checked and never changed. 'Disabled': there
    /// is none, and source servers resolve the names by hosts files. Omitted: 'Managed', unless the class's `defaults` say
    /// otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ResolverMode>,

    /// The id of the inbound endpoint when `mode` is 'Existing'.
    #[serde(default, rename = "endpointID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::resolver_endpoint_id")]
    pub endpoint_id: Option<String>,

    /// Fixed addresses, so that forwarders never change. AWS chooses in the subnets that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["subnetID".into()]))]
    pub addresses: Option<Vec<AddressSpec>>,

    /// The IPv4 ranges that may ask on TCP and UDP 53: the DNS servers that forward, and whoever asks directly. Omitted: the
    /// class's, or `sourceCIDRs`.
    #[serde(default, rename = "clientCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::client_cidrs")]
    pub client_cidrs: Option<Vec<String>>,
}

/// What concerns MGN's replication servers.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationSpec {
    /// The security group of the replication servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group: Option<ReplicationSecurityGroupSpec>,
}

/// The security group of the replication servers.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("(has(self.mode) && self.mode == 'Existing') == has(self.id)")
        .message("must be set when `mode` is 'Existing', and only then; set or remove `id`, or change `mode`")
        .field_path(".id")
)]
pub struct ReplicationSecurityGroupSpec {
    /// 'ServiceManaged': MGN's own ("always use the Application Migration Service security group"). 'Managed': one that
    /// the operator builds, with TCP 1500 open to the source servers. 'Existing': the one in `id`, which is checked and
    /// never changed. Omitted: 'ServiceManaged', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ReplicationSecurityGroupMode>,

    /// The id of the group when `mode` is 'Existing'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::security_group_id")]
    pub id: Option<String>,
}

/// What concerns MGN's post-launch actions.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLaunchSpec {
    /// Whether the endpoints `ssm`, `ssmmessages` and `ec2messages` are built, which AWS Systems Manager needs for
    /// post-launch actions: 'Enabled' or 'Disabled'. Omitted: 'Enabled', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssm: Option<Toggle>,
}
