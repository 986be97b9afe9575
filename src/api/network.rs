//! `MigrationNetwork`: what an application team asks for.
//!
//! An omitted field is filled from the class's `defaults`, then from the built-in default that its description names. The
//! schema has no defaults and nothing is written back to `spec`: Git and cluster stay equal, and `status.settings` says
//! what holds.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::constraints;
use super::network_status::MigrationNetworkStatus;

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
    validation = Rule::new(constraints::RESOLVER_NEEDS_TWO_SUBNETS.0)
        .message(constraints::RESOLVER_NEEDS_TWO_SUBNETS.1)
        .field_path(".subnets"),
)]
pub struct MigrationNetworkSpec {
    /// The MigrationNetworkClass that says in which account and Region the network is built, and that fills in what is
    /// omitted here. Omitted: the class marked as the default one. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "constraints::class_name")]
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
    #[schemars(schema_with = "constraints::source_cidrs")]
    pub source_cidrs: Option<Vec<String>>,

    /// The IPv4 ranges of proxies that source servers really go through; they may reach the endpoints on TCP 443.
    /// Omitted: the class's, or none.
    #[serde(default, rename = "proxyCIDRs", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "constraints::proxy_cidrs")]
    pub proxy_cidrs: Option<Vec<String>>,

    /// The Route 53 Resolver inbound endpoint, to which on-premises DNS servers forward the private names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<ResolverSpec>,

    /// What concerns MGN's replication servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<ReplicationSpec>,

    /// What concerns MGN's post-launch actions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_launch: Option<PostLaunchSpec>,

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
    #[schemars(schema_with = "constraints::resource_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Selects one VPC, either by id or by tags.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.id) != has(self.tags)").message("must set exactly one of `id` and `tags`"))]
pub struct VpcSelector {
    /// The id of the VPC. Exactly one of `id` and `tags` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "constraints::vpc_id")]
    pub id: Option<String>,

    /// Tags that exactly one VPC of the account and Region carries, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "constraints::selector_tags")]
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
    #[schemars(schema_with = "constraints::subnet_ids")]
    pub ids: Option<Vec<String>>,

    /// Tags that each of the subnets carries, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "constraints::selector_tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// The Route 53 Resolver inbound endpoint.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverSpec {
    /// 'Managed': the operator builds it. 'Disabled': there is none, and source servers resolve the names by hosts
    /// files. Omitted: 'Managed', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ResolverMode>,
}

/// Whether the operator builds the Route 53 Resolver inbound endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = constraints::undescribed)]
pub enum ResolverMode {
    /// The operator builds and keeps it.
    #[default]
    Managed,
    /// There is none: source servers resolve the names by hosts files.
    Disabled,
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
pub struct ReplicationSecurityGroupSpec {
    /// 'ServiceManaged': MGN's own ("always use the Application Migration Service security group"). 'Managed': one that
    /// the operator builds, with TCP 1500 open to the source servers. Omitted: 'ServiceManaged', unless the class's
    /// `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ReplicationSecurityGroupMode>,
}

/// Whose security group the replication servers have.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = constraints::undescribed)]
pub enum ReplicationSecurityGroupMode {
    /// MGN's own: "always use the Application Migration Service security group".
    #[default]
    ServiceManaged,
    /// One that the operator builds, with TCP 1500 open to the source servers.
    Managed,
}

/// What concerns MGN's post-launch actions.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLaunchSpec {
    /// Whether the endpoints `ssm`, `ssmmessages` and `ec2messages` are built, which AWS Systems Manager needs for
    /// post-launch actions: 'Enabled' or 'Disabled'. Omitted: 'Enabled', unless the class's `defaults` say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssm: Option<Toggle>,
}

/// On or off.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = constraints::undescribed)]
pub enum Toggle {
    /// On.
    #[default]
    Enabled,
    /// Off.
    Disabled,
}

/// Whether resources that are there already, and nobody's, are taken over.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = constraints::undescribed)]
pub enum AdoptionPolicy {
    /// None is.
    #[default]
    Never,
    /// Those that a network of the same namespace and name left when it was deleted with 'Retain'.
    Retained,
    /// All that fit.
    Any,
}

/// What becomes of the AWS resources when the object goes.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = constraints::undescribed)]
pub enum DeletionPolicy {
    /// They are deleted with it.
    #[default]
    Delete,
    /// They stay, marked by tags as retained.
    Retain,
}
