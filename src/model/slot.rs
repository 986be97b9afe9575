//! Slots: the places in a network that one AWS resource each fills, and what identifies them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The AWS services a migration network reaches through VPC endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Application Migration Service: agents and replication servers talk to it all the time.
    Mgn,
    /// S3: installers and replication software.
    S3,
    /// EC2: replication servers make snapshots and volumes.
    Ec2,
    /// Systems Manager: post-launch actions.
    Ssm,
    /// The channel of the SSM agent.
    SsmMessages,
    /// The older channel of the SSM agent; Regions launched in 2024 and later do not have it.
    Ec2Messages,
}

impl Service {
    /// All services, in the order in which their endpoints are made.
    pub const ALL: [Self; 6] = [Self::Mgn, Self::S3, Self::Ec2, Self::Ssm, Self::SsmMessages, Self::Ec2Messages];

    /// The last part of the service's name: `com.amazonaws.<region>.<this>`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mgn => "mgn",
            Self::S3 => "s3",
            Self::Ec2 => "ec2",
            Self::Ssm => "ssm",
            Self::SsmMessages => "ssmmessages",
            Self::Ec2Messages => "ec2messages",
        }
    }

    /// Whether a network works without it: post-launch actions do what they can with the channels a Region has.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Ssm | Self::SsmMessages | Self::Ec2Messages)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The two types of VPC endpoint in use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointType {
    /// Network interfaces with private addresses, reachable from on premises.
    Interface,
    /// Routes in route tables, reachable from inside the VPC only.
    Gateway,
}

impl EndpointType {
    /// AWS's word for it.
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

/// What makes an endpoint one of a kind in a network: S3 is needed both as Interface and as Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointKey {
    /// The service behind it.
    pub service: Service,
    /// How it is reached.
    pub endpoint_type: EndpointType,
}

impl EndpointKey {
    /// The S3 gateway endpoint.
    pub const S3_GATEWAY: Self = Self { service: Service::S3, endpoint_type: EndpointType::Gateway };
    /// The S3 interface endpoint.
    pub const S3_INTERFACE: Self = Self::interface(Service::S3);

    /// The interface endpoint of a service.
    pub const fn interface(service: Service) -> Self {
        Self { service, endpoint_type: EndpointType::Interface }
    }

    /// All endpoints that a network can have.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::S3_GATEWAY).chain(Service::ALL.into_iter().map(Self::interface))
    }
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.endpoint_type)
    }
}

/// What a security group of a network protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GroupRole {
    /// Interface endpoints.
    Endpoints,
    /// The Resolver inbound endpoint.
    Resolver,
    /// Replication servers.
    Replication,
}

impl GroupRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Endpoints, Self::Resolver, Self::Replication];

    /// As it stands in slots and group names.
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

/// One place in a network that one AWS resource fills. Written `sg/endpoints`, `vpce/s3/Gateway`, `resolver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Slot {
    /// A security group.
    Group(GroupRole),
    /// A VPC endpoint.
    Endpoint(EndpointKey),
    /// The Resolver inbound endpoint.
    Resolver,
}

impl Slot {
    /// Every slot there is, in the order of creation.
    pub fn all() -> impl Iterator<Item = Self> {
        GroupRole::ALL
            .into_iter()
            .map(Self::Group)
            .chain(EndpointKey::all().map(Self::Endpoint))
            .chain(std::iter::once(Self::Resolver))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(role) => write!(f, "sg/{role}"),
            Self::Endpoint(key) => write!(f, "vpce/{key}"),
            Self::Resolver => f.write_str("resolver"),
        }
    }
}

/// A text that names no slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a slot of a migration network")]
pub struct UnknownSlot(String);

impl FromStr for Slot {
    type Err = UnknownSlot;

    fn from_str(text: &str) -> Result<Self, UnknownSlot> {
        Self::all().find(|slot| slot.to_string() == text).ok_or_else(|| UnknownSlot(text.chars().take(64).collect()))
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}

impl TryFrom<String> for Slot {
    type Error = UnknownSlot;

    fn try_from(text: String) -> Result<Self, UnknownSlot> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_reads_back_from_its_text() {
        let slots: Vec<Slot> = Slot::all().collect();
        assert_eq!(slots.len(), 11, "three groups, seven endpoints, one resolver");
        for slot in slots {
            assert_eq!(slot.to_string().parse(), Ok(slot));
        }
    }

    #[test]
    fn a_foreign_text_is_no_slot() {
        assert!("vpce/mgn/Gateway".parse::<Slot>().is_err());
    }
}
