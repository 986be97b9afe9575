//! The observed VPC endpoints and their states.

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
    /// The endpoint of a network that this one could be. None if networks use no endpoint of its service and type.
    pub key: Option<EndpointKey>,
    /// The state of the endpoint.
    pub state: EndpointState,
    /// The reason that AWS gives for a failure, if any.
    pub failure: Option<String>,
    /// The subnets of an interface endpoint.
    pub subnets: BTreeSet<SubnetId>,
    /// The security groups of an interface endpoint.
    pub groups: BTreeSet<SecurityGroupId>,
    /// The route tables of a gateway endpoint.
    pub route_tables: BTreeSet<RouteTableId>,
    /// The network interfaces of the endpoint.
    pub interfaces: BTreeSet<NetworkInterfaceId>,
    /// Whether an AWS service manages the endpoint for the account, so that the account cannot change it.
    pub is_requester_managed: bool,
    /// Whether an interface endpoint has no IPv4 addresses (`IpAddressType` `ipv6`).
    pub is_ipv6_only: bool,
    /// The private DNS setting of an interface endpoint.
    pub private_dns: PrivateDns,
    /// The endpoint policy.
    pub policy: Policy,
    /// The DNS names of the endpoint.
    pub dns_names: BTreeSet<String>,
    /// The tags of the endpoint.
    pub tags: Tags,
}

impl Endpoint {
    /// Returns the DNS name of an interface endpoint that needs no private DNS and leads to all zones. None until AWS has given
    /// it one.
    ///
    /// The name of a zone has the zone behind the same first label (AWS PrivateLink guide, "Access an AWS service using an
    /// interface VPC endpoint"), so the shortest name is the regional one, which AWS lists first (CloudFormation User Guide,
    /// `AWS::EC2::VPCEndpoint`, `DnsEntries`). AWS lists the names of S3 behind `*.`, where clients put the name of a bucket
    /// (S3 User Guide, "AWS PrivateLink for Amazon S3"). The agent's installer takes the name without `*.` (AWS Prescriptive
    /// Guidance, "Connect to MGN data and control planes over a private network").
    pub fn regional_name(&self) -> Option<&str> {
        let names = self.dns_names.iter().map(|name| name.strip_prefix("*.").unwrap_or(name));
        names.filter(|name| name.starts_with("vpce-")).min_by_key(|name| name.len())
    }
}

/// The state of a VPC endpoint.
///
/// EC2 returns lower camel case although its own model has Pascal case, so the enum of the SDK never matches
/// (awslabs/aws-sdk-rust#619). The operator therefore parses the text in any case. An unknown state counts as in
/// progress.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointState {
    /// The endpoint is being created or changed.
    Pending,
    /// The endpoint is in use.
    Available,
    /// The endpoint is being deleted.
    Deleting,
    /// The endpoint is deleted, but AWS lists it for a while.
    Deleted,
    /// `failed`, `rejected`, `expired`: waiting does not make the endpoint available.
    Failed(String),
    /// A state that this version does not know, or `partial`, in which the endpoint works in some of its zones. It counts as
    /// in progress.
    Unknown(String),
}

impl EndpointState {
    /// Parses the state that AWS reports.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "pending" | "pendingacceptance" => Self::Pending,
            "available" => Self::Available,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "failed" | "rejected" | "expired" => Self::Failed(text.to_owned()),
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// Returns the state as status and messages show it.
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
