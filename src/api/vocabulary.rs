//! The words of the API: enums that spec, class and status share, each defined once.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// The type of a VPC endpoint, in AWS's word.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum EndpointType {
    /// Interfaces with private addresses in subnets.
    #[default]
    Interface,
    /// A target of route tables.
    Gateway,
}

impl EndpointType {
    /// The type in AWS's spelling.
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

/// What a security group is for.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum GroupRole {
    /// The interface endpoints: TCP 443.
    #[default]
    Endpoints,
    /// The Route 53 Resolver inbound endpoint: TCP and UDP 53.
    Resolver,
    /// MGN's replication servers: TCP 1500.
    Replication,
}

impl GroupRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Endpoints, Self::Resolver, Self::Replication];

    /// The role as slots and group names spell it.
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

/// Who resolves a service's own names to its interface endpoint.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PrivateDns {
    /// Everybody in the VPC, and whoever asks through the resolver.
    #[default]
    Enabled,
    /// Only whoever asks through the resolver.
    InboundResolverOnly,
    /// Nobody.
    Disabled,
}

/// Whose a VPC endpoint is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum EndpointMode {
    /// The operator builds and keeps it.
    #[default]
    Managed,
    /// It is there already, and never changed.
    Existing,
    /// There is none.
    Disabled,
}

/// Where an endpoint policy is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PolicyType {
    /// One of the operator's.
    #[default]
    Preset,
    /// In the object.
    Inline,
    /// In a ConfigMap beside it.
    ConfigMap,
}

/// The endpoint policies that the operator has ready.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum PolicyPreset {
    /// Everything, as AWS does it.
    #[default]
    FullAccess,
    /// What a migration needs and nothing else.
    #[serde(rename = "MGNOnly")]
    MgnOnly,
}

/// Whose a security group is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum SecurityGroupMode {
    /// The operator builds and keeps it.
    #[default]
    Managed,
    /// It is there already, and never changed.
    Existing,
}

/// Whose the Route 53 Resolver inbound endpoint is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ResolverMode {
    /// The operator builds and keeps it.
    #[default]
    Managed,
    /// It is there already, and never changed.
    Existing,
    /// There is none: source servers resolve the names by hosts files.
    Disabled,
}

/// Whose security group the replication servers have.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ReplicationSecurityGroupMode {
    /// MGN's own: "always use the Application Migration Service security group".
    #[default]
    ServiceManaged,
    /// One that the operator builds, with TCP 1500 open to the source servers.
    Managed,
    /// One that is there already, and never changed.
    Existing,
}

/// On or off.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum Toggle {
    /// On.
    #[default]
    Enabled,
    /// Off.
    Disabled,
}

/// Which resources that are in the VPC already become the network's own.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum AdoptionPolicy {
    /// None.
    #[default]
    Never,
    /// Those that a network of the same namespace and name left behind.
    Retained,
    /// Also those that nobody's tags claim.
    Any,
}

/// Whether the operator acts, or says what it would do.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ManagementPolicy {
    /// It builds and keeps the network.
    #[default]
    Enforce,
    /// It writes nothing to AWS, and says what it would do.
    Plan,
}

/// What becomes of the AWS resources when the object goes.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum DeletionPolicy {
    /// They are deleted with it.
    #[default]
    Delete,
    /// They stay, marked by tags as retained.
    Retain,
}

/// How a resource came to the network.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum Origin {
    /// The operator made it for this network.
    #[default]
    Created,
    /// It was there, and became the network's own.
    Adopted,
    /// It is somebody else's, and only used.
    Existing,
}

/// How far a claim is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[schemars(inline, transform = schema::rules::undescribed)]
pub enum ClaimPhase {
    /// The create call may have been sent; its outcome is not known.
    #[default]
    Pending,
    /// AWS refused the create call: nothing was made.
    Refused,
    /// The resource exists.
    Held,
    /// The delete call may have been sent.
    Deleting,
    /// The resource was seen to be gone.
    Released,
}
