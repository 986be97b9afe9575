//! The spec of a `MigrationNetwork`, which an application team writes.
//!
//! An omitted field takes its value from the class's `defaults`, then from the built-in default that its description
//! states. The schema has no defaults, and the operator writes nothing back to `spec`: the object in the cluster
//! stays equal to the one in Git, and `status.settings` shows the effective values.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::MigrationNetworkStatus;
use crate::api::{
    schema,
    vocabulary::{
        AdoptedDeletionPolicy, AdoptionPolicy, DeletionPolicy, EndpointMode, EndpointType, ManagementPolicy,
        PolicyPreset, PolicyType, PrivateDns, ReplicationSecurityGroupMode, ResolverMode, SecurityGroupMode, Toggle,
    },
};

/// The desired network. Omitted fields take their values from the class.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::duplicated_attributes, reason = "columns have a type and a priority each")]
#[kube(
    group = "mgnet.dev",
    version = "v1alpha1",
    kind = "MigrationNetwork",
    doc = "MigrationNetwork is the private AWS network that AWS Application Migration Service (MGN) needs: VPC \
           endpoints, a Route 53 Resolver inbound endpoint and their security groups. The operator creates, maintains \
           and deletes them.",
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
    printcolumn(name = "OnPremises", type_ = "string", json_path = ".status.onPremises.revision", priority = 1),
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
    validation = Rule::new(schema::rules::INLINE_POLICIES_FIT.0).message(schema::rules::INLINE_POLICIES_FIT.1),
    validation = Rule::new(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.0)
        .message(schema::rules::RESOLVER_NEEDS_TWO_SUBNETS.1)
        .field_path(".subnets"),
)]
pub struct MigrationNetworkSpec {
    /// The name of the MigrationNetworkClass that sets the AWS account and Region and provides the values of omitted
    /// fields. This field is immutable. If omitted, the default class is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::names::class_name")]
    pub migration_network_class_name: Option<String>,

    /// The VPC in which the network is created. This field is immutable. If omitted, the class's value is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcSelector>,

    /// The subnets of the VPC, grouped by use. If omitted, the class's subnets are used, separately for each use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<SubnetSelectors>,

    /// The IPv4 ranges of the source servers, and of the DNS servers that forward queries to the resolver. If
    /// omitted, the class's value is used; the network or the class must set this field.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The IPv4 ranges of the proxies through which source servers actually connect. They may reach the endpoints on
    /// TCP 443. If omitted, the class's value is used, or no proxies are admitted.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::proxy_cidrs")]
    pub proxy_cidrs: Option<Vec<String>>,

    /// Overrides for the standard VPC endpoints, and endpoints for additional services. An endpoint that is not
    /// listed follows the class's entry for the same `service` and `type`, or else the standard. The standard
    /// endpoints are interface endpoints for `mgn`, `s3`, `ec2` and, for post-launch actions, `ssm`, `ssmmessages`
    /// and `ec2messages`, and a gateway endpoint for `s3`. `onPremises.connector` adds `secretsmanager` and `sts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["service".into(), "type".into()]))]
    pub endpoints: Option<Vec<EndpointSpec>>,

    /// The endpoint policy of the VPC endpoints that the operator manages and that set no `policy` of their own. If
    /// omitted, the class's policy is used, or the preset `FullAccess`.
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

    /// The policy for writes to AWS. `Enforce`: the operator creates and maintains the network. `Plan`: the operator
    /// writes nothing to AWS and publishes the calls that it would make in `status.plan`. Defaults to `Enforce`,
    /// unless the class's `defaults` set another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub management_policy: Option<ManagementPolicy>,

    /// The policy for adopting resources that already exist in the VPC and fit the network. `Never`: no resource is
    /// adopted. `Retained`: the network takes back the resources that a network of the same namespace and name left
    /// behind with `deletionPolicy: Retain`, in this cluster or, as the class accepts transfers, in another. `Any`: resources are also adopted if their tags name no other owner, such
    /// as another network or Terraform. The operator only adds to these: tags, and the subnets, security groups, route
    /// tables, addresses and rules that the network needs. Defaults to `Never`, unless the class's `defaults` set
    /// another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,

    /// The policy for the AWS resources when this object is deleted. `Delete`: the operator deletes them first.
    /// `Retain`: they stay in AWS, tagged as retained. Defaults to `Delete`, unless the class's `defaults` set
    /// another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// The policy for adopted resources when this object is deleted, or when its spec no longer needs them. `Release`:
    /// the operator removes what it added to them, and its tags. `Delete`: the operator deletes them. With
    /// `deletionPolicy: Retain`, they stay as they are. Defaults to `Release`, unless the class's `defaults` set
    /// another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_deletion_policy: Option<AdoptedDeletionPolicy>,

    /// Whether the operator is suspended for this network: until this is false again, it changes nothing in AWS
    /// except for a deletion, and existing resources keep working. Defaults to `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// The AWS tags of every resource of the network. If the class sets the same key, the class's value takes
    /// precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::resource_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The selection of one VPC, by either ID or tags.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.id) != has(self.tags)").message("must set exactly one of `id` and `tags`"))]
pub struct VpcSelector {
    /// The ID of the VPC. Set exactly one of `id` and `tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::vpc_id")]
    pub id: Option<String>,

    /// The tags of the VPC. Exactly one VPC of the account and Region must have all of these tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::selector_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The subnets of a network, grouped by use.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetSelectors {
    /// The subnets in which the interface endpoints and the resolver get their addresses: one subnet per Availability
    /// Zone, and at least two zones for the resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<SubnetSelector>,

    /// The subnets in which MGN launches replication servers. The S3 gateway endpoint is added to their route tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staging: Option<SubnetSelector>,

    /// The subnets in which MGN launches test and cutover instances. The S3 gateway endpoint is added to their route
    /// tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<SubnetSelector>,
}

/// The selection of subnets, by either ID or tags.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.ids) != has(self.tags)").message("must set exactly one of `ids` and `tags`"))]
pub struct SubnetSelector {
    /// The IDs of the subnets. Set exactly one of `ids` and `tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::subnet_ids")]
    pub ids: Option<Vec<String>>,

    /// The tags of the subnets. Every subnet of the VPC that has all of these tags is selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::tags::selector_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The settings of one VPC endpoint.
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
        .message("must not be set when `type` is 'Gateway', which has no DNS names; remove `privateDNS`")
        .field_path(".privateDNS"),
    validation = Rule::new("!has(self.privateDNS) || self.privateDNS != 'InboundResolverOnly' || self.service == 's3'")
        .message(
            "must not be 'InboundResolverOnly' for a service other than 's3', because AWS supports it for S3 only; set \
             `privateDNS` to 'Enabled'"
        )
        .field_path(".privateDNS"),
    validation = Rule::new("!has(self.addresses) || self.type == 'Interface'")
        .message("must not be set when `type` is 'Gateway', which has no addresses; remove `addresses`")
        .field_path(".addresses"),
    validation = Rule::new(schema::rules::IPS_DIFFER.0).message(schema::rules::IPS_DIFFER.1).field_path(".addresses"),
    validation = Rule::new("!(has(self.addresses) || has(self.policy)) || !has(self.mode) || self.mode == 'Managed'")
        .message(
            "must not have `addresses` or `policy` unless `mode` is 'Managed', because the operator changes no other \
             endpoint; remove them, or change `mode`"
        )
)]
pub struct EndpointSpec {
    /// The short name of the AWS service, such as `mgn` or `kms`: the last part of
    /// `com.amazonaws.<region>.<service>`.
    #[schemars(schema_with = "schema::names::service")]
    pub service: String,

    /// The type of the endpoint. `Interface`: network interfaces with private addresses in subnets. `Gateway`: a
    /// target of route tables, for `s3` only.
    #[serde(rename = "type")]
    pub type_: EndpointType,

    /// The management mode of the endpoint. `Managed`: the operator creates it. `Existing`: the network uses the
    /// endpoint in `endpointID`, which the operator checks but never changes. `Disabled`: the network has no such
    /// endpoint. Defaults to `Managed`, except that `ssm`, `ssmmessages` and `ec2messages` follow `postLaunch.ssm` and
    /// `onPremises.connector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<EndpointMode>,

    /// The ID of the endpoint, when `mode` is `Existing`.
    #[serde(default, rename = "endpointID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::endpoint_id")]
    pub endpoint_id: Option<String>,

    /// The clients for which the service's own DNS names resolve to this interface endpoint. `Enabled`: all clients
    /// in the VPC, and clients that query the resolver. `InboundResolverOnly`: only clients that query the resolver;
    /// requires the S3 gateway endpoint. `Disabled`: none. Defaults to `InboundResolverOnly` for `s3` with a gateway
    /// endpoint, and `Enabled` for all others.
    #[serde(default, rename = "privateDNS", skip_serializing_if = "Option::is_none")]
    pub private_dns: Option<PrivateDns>,

    /// The fixed private addresses of this interface endpoint. In subnets that are not listed, AWS chooses the
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["subnetID".into()]))]
    pub addresses: Option<Vec<AddressSpec>>,

    /// The endpoint policy of this endpoint. Defaults to the network's `endpointPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySpec>,
}

/// A fixed address in a subnet.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSpec {
    /// The ID of the subnet, which `subnets.endpoints` must select.
    #[serde(rename = "subnetID")]
    #[schemars(schema_with = "schema::ids::subnet_id")]
    pub subnet_id: String,

    /// The private IPv4 address, which must be unused and in the subnet's range.
    #[schemars(schema_with = "schema::cidrs::ipv4_address")]
    pub ip: String,
}

/// An endpoint policy: which requests a VPC endpoint allows.
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
        .message(
            "must be set when `type` is 'ConfigMap', and only then; set or remove `configMapKeyRef`, or change `type`"
        )
        .field_path(".configMapKeyRef"),
)]
pub struct PolicySpec {
    /// The source of the policy. `Preset`: a policy that the operator provides. `Inline`: the JSON in `inline`.
    /// `ConfigMap`: the JSON in the key that `configMapKeyRef` names.
    #[serde(rename = "type")]
    pub type_: PolicyType,

    /// The preset. `FullAccess`: allows all requests, like the AWS default policy. `MGNOnly`: allows only the
    /// requests that the agent, replication servers, conversion servers and AWS Systems Manager need; endpoints of
    /// additional services, and those for the MGN connector, allow all requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PolicyPreset>,

    /// The policy as JSON, with at most 20,480 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 20_480))]
    pub inline: Option<String>,

    /// The key of a ConfigMap that holds the policy as JSON. The ConfigMap is in the namespace of the
    /// MigrationNetwork, and edits to it take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeyReference>,
}

/// A reference to a key of a ConfigMap in the same namespace.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigMapKeyReference {
    /// The name of the ConfigMap.
    #[schemars(schema_with = "schema::names::config_map_name")]
    pub name: String,

    /// The key in the ConfigMap.
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
    /// The management mode of the security groups. `Managed`: the operator creates a group that admits the VPC, the
    /// source servers and the proxies on TCP 443. `Existing`: the endpoints use the groups in `ids`, which the
    /// operator checks but never changes. Defaults to `Managed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<SecurityGroupMode>,

    /// The IDs of the security groups, when `mode` is `Existing`.
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
    validation = Rule::new(schema::rules::IPS_DIFFER.0).message(schema::rules::IPS_DIFFER.1).field_path(".addresses"),
)]
pub struct ResolverSpec {
    /// The management mode of the inbound endpoint. `Managed`: the operator creates it. `Existing`: the network uses
    /// the endpoint in `endpointID`, which the operator checks but never changes. `Disabled`: the network has no
    /// inbound endpoint, and source servers resolve the names from hosts files. Defaults to `Managed`, unless the
    /// class's `defaults` set another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ResolverMode>,

    /// The ID of the inbound endpoint, when `mode` is `Existing`.
    #[serde(default, rename = "endpointID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::resolver_endpoint_id")]
    pub endpoint_id: Option<String>,

    /// The fixed private addresses, so that the configuration of DNS forwarders never changes. In subnets that are
    /// not listed, AWS chooses the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["subnetID".into()]))]
    pub addresses: Option<Vec<AddressSpec>>,

    /// The IPv4 ranges that may query the resolver on TCP and UDP 53: the DNS servers that forward queries, and
    /// clients that query the resolver directly. If omitted, the class's value is used, or `sourceCIDRs`.
    #[serde(default, rename = "clientCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::cidrs::client_cidrs")]
    pub client_cidrs: Option<Vec<String>>,
}

/// The settings for MGN's replication servers.
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
    /// The management mode of the security group. `ServiceManaged`: MGN manages its own group ("always use the
    /// Application Migration Service security group"). `Managed`: the operator creates a group that admits the source
    /// servers on TCP 1500. `Existing`: the replication servers use the group in `id`, which the operator checks but
    /// never changes. Defaults to `ServiceManaged`, unless the class's `defaults` set another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ReplicationSecurityGroupMode>,

    /// The ID of the security group, when `mode` is `Existing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ids::security_group_id")]
    pub id: Option<String>,
}

/// The settings for MGN's post-launch actions.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLaunchSpec {
    /// The interface endpoints `ssm`, `ssmmessages` and `ec2messages`, which AWS Systems Manager needs for
    /// post-launch actions. `Enabled`: the operator creates them. `Disabled`: the operator does not create them.
    /// Defaults to `Enabled`, unless the class's `defaults` set another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssm: Option<Toggle>,
}

/// The settings for the on-premises side.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkOnPremisesSpec {
    /// The endpoints for the MGN connector, a server on-premises that installs the agent on many source servers. `Enabled`: the
    /// operator creates interface endpoints for `secretsmanager`, `sts`, `ssm`, `ssmmessages` and `ec2messages`, which AWS
    /// charges, and the hand-off lists them. `Disabled`: the operator creates none for the connector. The connector must have
    /// an address in `sourceCIDRs`. Defaults to `Disabled`, unless the class's `defaults` set another value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<Toggle>,
}
