//! The enums that spec, class and status share, each defined once.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// The type of a VPC endpoint, in AWS terms.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum EndpointType {
    /// Network interfaces with private addresses in subnets.
    #[default]
    Interface,
    /// A target of route tables.
    Gateway,
}

impl EndpointType {
    /// Returns the type in AWS's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Gateway => "Gateway",
        }
    }
}

impl fmt::Display for EndpointType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The role of a security group in a network.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum GroupRole {
    /// The group of the interface endpoints: TCP 443.
    #[default]
    Endpoints,
    /// The group of the Route 53 Resolver inbound endpoint: TCP and UDP 53.
    Resolver,
    /// The group of MGN's replication servers: TCP 1500.
    Replication,
}

impl GroupRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Endpoints, Self::Resolver, Self::Replication];

    /// Returns the role as slots and group names spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Resolver => "resolver",
            Self::Replication => "replication",
        }
    }
}

impl fmt::Display for GroupRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The clients for which a service's own DNS names resolve to its interface endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PrivateDns {
    /// All clients in the VPC, and clients that query the resolver.
    #[default]
    Enabled,
    /// Only clients that query the resolver.
    InboundResolverOnly,
    /// No clients.
    Disabled,
}

/// The management mode of a VPC endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum EndpointMode {
    /// The operator creates and maintains it.
    #[default]
    Managed,
    /// The network uses an existing one, which the operator never changes.
    Existing,
    /// The network has none.
    Disabled,
}

/// The source of an endpoint policy.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PolicyType {
    /// A policy that the operator provides.
    #[default]
    Preset,
    /// JSON in the spec.
    Inline,
    /// JSON in a ConfigMap of the same namespace.
    ConfigMap,
}

/// The endpoint policies that the operator provides.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PolicyPreset {
    /// All requests, like the AWS default policy.
    #[default]
    FullAccess,
    /// Only the requests that a migration needs.
    #[serde(rename = "MGNOnly")]
    MgnOnly,
}

/// The management mode of a security group.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum SecurityGroupMode {
    /// The operator creates and maintains it.
    #[default]
    Managed,
    /// The network uses an existing one, which the operator never changes.
    Existing,
}

/// The management mode of the Route 53 Resolver inbound endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ResolverMode {
    /// The operator creates and maintains it.
    #[default]
    Managed,
    /// The network uses an existing one, which the operator never changes.
    Existing,
    /// The network has none, and source servers resolve the names from hosts files.
    Disabled,
}

/// The management mode of the security group of the replication servers.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ReplicationSecurityGroupMode {
    /// MGN manages its own group: "always use the Application Migration Service security group".
    #[default]
    ServiceManaged,
    /// The operator creates a group that admits the source servers on TCP 1500.
    Managed,
    /// The network uses an existing group, which the operator never changes.
    Existing,
}

/// A setting that is on or off.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum Toggle {
    /// On.
    #[default]
    Enabled,
    /// Off.
    Disabled,
}

/// The policy for adopting resources that already exist in the VPC.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum AdoptionPolicy {
    /// No resources.
    #[default]
    Never,
    /// Resources that a network of the same namespace and name left behind.
    Retained,
    /// Also resources whose tags name no other owner.
    Any,
}

/// The policy for writes to AWS.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ManagementPolicy {
    /// The operator creates and maintains the network.
    #[default]
    Enforce,
    /// The operator writes nothing to AWS, and publishes the calls that it would make.
    Plan,
}

/// The policy for the AWS resources when the object is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum DeletionPolicy {
    /// The operator deletes them.
    #[default]
    Delete,
    /// They stay in AWS, tagged as retained.
    Retain,
}

/// The policy for adopted resources that a network no longer needs.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum AdoptedDeletionPolicy {
    /// The operator removes what it added, and its tags.
    #[default]
    Release,
    /// The operator deletes them.
    Delete,
}

/// The origin of a resource.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum Origin {
    /// The operator created it for this network.
    #[default]
    Created,
    /// The network adopted it.
    Adopted,
    /// It is foreign, and the network uses it read-only.
    Existing,
}

/// The phase of a claim.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ClaimPhase {
    /// The create call may have been sent; its outcome is unknown.
    #[default]
    Pending,
    /// AWS rejected the create call, and nothing was created.
    Refused,
    /// The resource exists.
    Held,
    /// The delete call may have been sent.
    Deleting,
    /// The resource was observed to be gone.
    Released,
}
