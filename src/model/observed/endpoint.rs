//! VPC endpoints and their states.

use std::collections::BTreeSet;

pub use crate::api::PrivateDns;
use crate::model::{
    ids::{NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId},
    ownership::Tags,
    policy::Policy,
    slot::EndpointKey,
};

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `com.amazonaws.<region>.<service>`
    pub service_name: String,
    /// Which of a network's endpoints it could be, if it is of a service and type that networks use.
    pub key: Option<EndpointKey>,
    /// How far it is.
    pub state: EndpointState,
    /// AWS's reason for a failure, where it gave one.
    pub failure: Option<String>,
    /// Subnets of an interface endpoint.
    pub subnets: BTreeSet<SubnetId>,
    /// Groups of an interface endpoint.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Route tables of a gateway endpoint.
    pub route_tables: BTreeSet<RouteTableId>,
    /// Its network interfaces.
    pub interfaces: BTreeSet<NetworkInterfaceId>,
    /// Private DNS of an interface endpoint.
    pub private_dns: PrivateDns,
    /// What it lets through.
    pub policy: Policy,
    /// The names under which it can be reached.
    pub dns_names: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The state of a VPC endpoint.
///
/// EC2 writes it in lower camel case where its own model has Pascal case, so the SDK's enum never matches
/// (awslabs/aws-sdk-rust#619): it is read from text, whatever the case, and what is unknown counts as under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointState {
    /// Being made or changed.
    Pending,
    /// In use.
    Available,
    /// Going.
    Deleting,
    /// Gone, and listed for a while.
    Deleted,
    /// `failed`, `rejected`, `expired`, `partial`: it will not become available by waiting.
    Failed(String),
    /// A word that this version does not know: taken as under way.
    Unknown(String),
}

impl EndpointState {
    /// Reads AWS's word.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "pending" | "pendingacceptance" => Self::Pending,
            "available" => Self::Available,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "failed" | "rejected" | "expired" | "partial" => Self::Failed(text.to_owned()),
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The state as status and messages show it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::Available => "Available",
            Self::Deleting => "Deleting",
            Self::Deleted => "Deleted",
            Self::Failed(word) | Self::Unknown(word) => word,
        }
    }
}
