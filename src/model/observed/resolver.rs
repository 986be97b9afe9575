//! Route 53 Resolver inbound endpoints and the states of their addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    ids::{ResolverAddressId, SecurityGroupId, SubnetId},
    ownership::Tags,
};

/// A Route 53 Resolver inbound endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverEndpoint {
    /// Its ARN, by which it is tagged.
    pub arn: String,
    /// How far it is.
    pub state: ResolverState,
    /// AWS's words on the state.
    pub message: String,
    /// Its groups, for life.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Its addresses.
    pub addresses: BTreeMap<ResolverAddressId, ResolverAddress>,
    /// Its tags.
    pub tags: Tags,
}

/// The state of a Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResolverState {
    /// Being made.
    Creating,
    /// In use.
    Operational,
    /// Addresses are changing; it answers meanwhile.
    Updating,
    /// It works with fewer addresses while AWS repairs it.
    AutoRecovering,
    /// Somebody removed one of its network interfaces.
    ActionNeeded,
    /// Going.
    Deleting,
    /// A word that this version does not know: taken as under way.
    Unknown(String),
}

impl ResolverState {
    /// Reads AWS's word.
    pub fn parse(text: &str) -> Self {
        match text {
            "CREATING" => Self::Creating,
            "OPERATIONAL" => Self::Operational,
            "UPDATING" => Self::Updating,
            "AUTO_RECOVERING" => Self::AutoRecovering,
            "ACTION_NEEDED" => Self::ActionNeeded,
            "DELETING" => Self::Deleting,
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The state as status and messages show it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Creating => "Creating",
            Self::Operational => "Operational",
            Self::Updating => "Updating",
            Self::AutoRecovering => "AutoRecovering",
            Self::ActionNeeded => "ActionNeeded",
            Self::Deleting => "Deleting",
            Self::Unknown(word) => word,
        }
    }
}

/// One address of a Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverAddress {
    /// Its subnet.
    pub subnet: SubnetId,
    /// The address, once AWS has chosen it.
    pub ip: Option<Ipv4Addr>,
    /// AWS's word for its state.
    pub state: String,
}

impl ResolverAddress {
    /// Whether it answers.
    pub fn is_attached(&self) -> bool {
        self.state == "ATTACHED"
    }

    /// Whether it is broken for good: only another address in its place helps.
    pub fn is_broken(&self) -> bool {
        self.state.starts_with("FAILED_")
    }

    /// Whether it is on its way out.
    pub fn is_leaving(&self) -> bool {
        matches!(self.state.as_str(), "DETACHING" | "REMAP_DETACHING" | "DELETING")
    }
}
