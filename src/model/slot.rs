//! Slots: the places in a network that one AWS resource each fills, and the types that identify them.

use std::{fmt, str::FromStr};

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

pub use crate::api::{EndpointType, GroupRole};
use crate::text::truncate;

/// The maximum length of a service name, in characters. The longest name in AWS today has half of it.
const LONGEST_NAME: usize = 48;

/// The AWS services that a migration network reaches through VPC endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Application Migration Service, which agents and replication servers call all the time.
    Mgn,
    /// S3, which holds installers and replication software.
    S3,
    /// EC2, with which replication servers create snapshots and volumes.
    Ec2,
    /// Systems Manager, for post-launch actions.
    Ssm,
    /// The message channel of the SSM agent.
    SsmMessages,
    /// The older message channel of the SSM agent. Regions launched in 2024 and later do not have it.
    Ec2Messages,
    /// Secrets Manager, which holds the credentials with which the MGN connector connects to source servers.
    SecretsManager,
    /// Security Token Service, with which the MGN connector assumes roles.
    Sts,
    /// Any other service that a network requests, such as `kms`.
    Other(ArrayString<LONGEST_NAME>),
}

impl Service {
    /// The services that every network has endpoints for by default, in the order in which they are created.
    pub const STANDARD: [Self; 6] = [Self::Mgn, Self::S3, Self::Ec2, Self::Ssm, Self::SsmMessages, Self::Ec2Messages];

    /// The services that the MGN connector needs beside the standard ones (MGN User Guide, "Installing the MGN connector on a
    /// secured network"). AWS lists `kms` as optional: Secrets Manager itself calls KMS to decrypt a secret (Secrets Manager
    /// User Guide, "Secret encryption and decryption"), so that only encrypted sessions of Session Manager need that endpoint.
    pub const OF_CONNECTOR: [Self; 2] = [Self::SecretsManager, Self::Sts];

    /// Returns the service with a name. None if the name is invalid: names consist of lower-case letters, digits, `.`
    /// and `-`.
    pub fn named(name: &str) -> Option<Self> {
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fits = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'));
        if !begins || !fits {
            return None;
        }
        let known = Self::STANDARD.into_iter().chain(Self::OF_CONNECTOR).find(|service| service.as_str() == name);
        known.or_else(|| ArrayString::from(name).ok().map(Self::Other))
    }

    /// Returns the last part of the full service name: `com.amazonaws.<region>.<this>`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Mgn => "mgn",
            Self::S3 => "s3",
            Self::Ec2 => "ec2",
            Self::Ssm => "ssm",
            Self::SsmMessages => "ssmmessages",
            Self::Ec2Messages => "ec2messages",
            Self::SecretsManager => "secretsmanager",
            Self::Sts => "sts",
            Self::Other(name) => name.as_str(),
        }
    }

    /// Whether the service is for post-launch actions. These work with the channels that the Region has.
    pub const fn is_for_post_launch(self) -> bool {
        matches!(self, Self::Ssm | Self::SsmMessages | Self::Ec2Messages)
    }

    /// Whether the MGN connector needs the service, beside MGN and S3. It is a managed server of Systems Manager.
    pub const fn is_for_connector(self) -> bool {
        matches!(self, Self::SecretsManager | Self::Sts) || self.is_for_post_launch()
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The key of an endpoint in a network: service and type. S3 needs both an interface and a gateway endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointKey {
    /// The AWS service.
    pub service: Service,
    /// The type of the endpoint.
    pub endpoint_type: EndpointType,
}

impl EndpointKey {
    /// The S3 gateway endpoint.
    pub const S3_GATEWAY: Self = Self { service: Service::S3, endpoint_type: EndpointType::Gateway };
    /// The S3 interface endpoint.
    pub const S3_INTERFACE: Self = Self::interface(Service::S3);

    /// Returns the key of the interface endpoint of a service.
    pub const fn interface(service: Service) -> Self {
        Self { service, endpoint_type: EndpointType::Interface }
    }

    /// Returns the endpoints that every network has by default.
    pub fn standard() -> impl Iterator<Item = Self> {
        std::iter::once(Self::S3_GATEWAY).chain(Service::STANDARD.into_iter().map(Self::interface))
    }

    /// Returns the key for a service and type. None for a gateway endpoint of any service but S3, because networks
    /// use no other.
    pub fn of(service: Service, endpoint_type: EndpointType) -> Option<Self> {
        let key = Self { service, endpoint_type };
        (endpoint_type == EndpointType::Interface || key == Self::S3_GATEWAY).then_some(key)
    }
}

impl FromStr for EndpointKey {
    type Err = UnknownSlot;

    fn from_str(text: &str) -> Result<Self, UnknownSlot> {
        let key = || {
            let (service, kind) = text.split_once('/')?;
            let kind = [EndpointType::Interface, EndpointType::Gateway].into_iter().find(|one| one.as_str() == kind)?;
            Self::of(Service::named(service)?, kind)
        };
        key().ok_or_else(|| UnknownSlot::new(text))
    }
}

impl fmt::Display for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.endpoint_type)
    }
}

/// The place of one AWS resource in a network. Its text form is `sg/endpoints`, `vpce/s3/Gateway` or `resolver`.
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
    /// Returns the slots that exist without an entry in `spec.endpoints`, in the order of creation.
    pub fn standard() -> impl Iterator<Item = Self> {
        GroupRole::ALL
            .into_iter()
            .map(Self::Group)
            .chain(EndpointKey::standard().map(Self::Endpoint))
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

/// The error for a text that is not a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a slot of a migration network")]
pub struct UnknownSlot(String);

impl UnknownSlot {
    fn new(text: &str) -> Self {
        Self(truncate(text, 64))
    }
}

impl FromStr for Slot {
    type Err = UnknownSlot;

    fn from_str(text: &str) -> Result<Self, UnknownSlot> {
        if let Some(key) = text.strip_prefix("vpce/") {
            return key.parse().map(Self::Endpoint);
        }
        let others = GroupRole::ALL.into_iter().map(Self::Group).chain(std::iter::once(Self::Resolver));
        others.into_iter().find(|slot| slot.to_string() == text).ok_or_else(|| UnknownSlot::new(text))
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
        let slots: Vec<Slot> = Slot::standard().collect();
        assert_eq!(slots.len(), 11, "three groups, seven endpoints, one resolver");
        let others = ["kms", "ecr.dkr", "elasticfilesystem-fips"].map(|name| {
            let service = Service::named(name).unwrap();
            assert!(matches!(service, Service::Other(_)));
            Slot::Endpoint(EndpointKey::interface(service))
        });
        for slot in slots.into_iter().chain(others) {
            assert_eq!(slot.to_string().parse(), Ok(slot));
        }
    }

    #[test]
    fn an_invalid_text_is_not_a_slot() {
        for text in
            ["", "sg/", "sg/other", "vpce/", "vpce/mgn", "vpce/mgn/Gateway", "vpce/KMS/Interface", "vpce/../Interface"]
        {
            assert!(text.parse::<Slot>().is_err(), "{text}");
        }
        assert!(Service::named(&"a".repeat(LONGEST_NAME)).is_some());
        assert!(Service::named(&"a".repeat(LONGEST_NAME + 1)).is_none());
    }

    #[test]
    fn the_name_of_a_known_service_never_parses_as_another() {
        for service in Service::STANDARD.into_iter().chain(Service::OF_CONNECTOR) {
            assert_eq!(Service::named(service.as_str()), Some(service));
        }
    }
}
