//! The observed Route 53 Resolver inbound endpoints and the states of their addresses.

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
    /// The ARN of the endpoint, which the tagging calls need.
    pub arn: String,
    /// The state of the endpoint.
    pub state: ResolverState,
    /// The message of AWS about the state.
    pub message: String,
    /// Whether the endpoint answers plain DNS at IPv4 addresses: protocol `Do53`, and an endpoint type other than `IPV6`.
    pub answers_ipv4_dns: bool,
    /// The security groups, which cannot change after creation.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The addresses of the endpoint.
    pub addresses: BTreeMap<ResolverAddressId, ResolverAddress>,
    /// The tags of the endpoint.
    pub tags: Tags,
}

/// The state of a Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResolverState {
    /// The endpoint is being created.
    Creating,
    /// The endpoint is in use.
    Operational,
    /// Addresses are being changed. The endpoint answers meanwhile.
    Updating,
    /// The endpoint answers with fewer addresses while AWS repairs it.
    AutoRecovering,
    /// A network interface of the endpoint was removed, and AWS cannot repair it.
    ActionNeeded,
    /// The endpoint is being deleted.
    Deleting,
    /// A state that this version does not know. It counts as in progress.
    Unknown(String),
}

impl ResolverState {
    /// Parses the state that AWS reports.
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

    /// Returns the state as status and messages show it.
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
    /// The subnet of the address.
    pub subnet: SubnetId,
    /// The IP address. None until AWS has chosen it.
    pub ip: Option<Ipv4Addr>,
    /// The state that AWS reports.
    pub state: String,
    /// The time of creation as AWS reports it, in ISO 8601 and UTC, so that text order is time order.
    pub created: String,
}

/// The states are those of `IpAddressStatus` in the model of Route 53 Resolver. Unknown ones count as in progress.
impl ResolverAddress {
    /// Whether the address answers DNS queries.
    pub fn is_attached(&self) -> bool {
        self.state == "ATTACHED"
    }

    /// Whether the address answers DNS queries, or will do so without further calls. AWS moves an address to another
    /// network interface in the states `REMAP_DETACHING` and `REMAP_ATTACHING`.
    pub fn serves(&self) -> bool {
        !self.is_broken() && !self.is_leaving() && !self.failed_to_leave()
    }

    /// Whether the address has failed permanently, so that only a replacement helps.
    pub fn is_broken(&self) -> bool {
        self.state.starts_with("FAILED_") || matches!(self.state.as_str(), "UPDATE_FAILED" | "ISOLATED")
    }

    /// Whether the address is being removed.
    pub fn is_leaving(&self) -> bool {
        matches!(self.state.as_str(), "DETACHING" | "DELETING")
    }

    /// Whether AWS could not finish the removal of the address, because the credentials of the call had expired. The
    /// removal has to be requested again.
    pub fn failed_to_leave(&self) -> bool {
        self.state == "DELETE_FAILED_FAS_EXPIRED"
    }
}
