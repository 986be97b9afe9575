//! The options that a test can set: delays, quotas, lag, paging, throttling, and the choices that AWS does not
//! document.
//!
//! In JSON, durations are in seconds and may have a fraction.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::table::Lag;

/// The options of one account, or of all accounts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// The durations of AWS's background work.
    pub delays: Delays,
    /// Service quotas.
    pub quotas: Quotas,
    /// The seconds for which a new resource is not listed, and its ID returns `*.NotFound`.
    #[serde(with = "seconds")]
    pub new_invisible_for: Duration,
    /// The seconds for which a changed VPC attribute, VPC endpoint, rule of a security group or Resolver endpoint is still
    /// listed as it was before.
    #[serde(with = "seconds")]
    pub changes_invisible_for: Duration,
    /// The seconds for which a deleted resource is still listed.
    #[serde(with = "seconds")]
    pub deleted_visible_for: Duration,
    /// The maximum page size of all lists, whatever a caller requests. `null`: the limits of AWS.
    pub max_page: Option<u32>,
    /// Whether token buckets throttle calls like in AWS.
    pub throttling: bool,
    /// The handling of a client token after its resource is deleted. AWS does not document it (`ASSUMPTIONS.md`,
    /// "Client tokens").
    pub client_tokens: TokenMemory,
    /// Resolver's answer to a known `CreatorRequestId`.
    pub creator_request_id: RepeatedRequest,
    /// Whether a Resolver endpoint accepts the IP address of one of its addresses that has lost its network interface.
    pub lost_address_reuse: bool,
    /// Whether a VPC endpoint in state `pending` can be modified.
    pub modify_while_pending: bool,
    /// Whether ListHostedZonesByVPC lists the zones that AWS creates for the private DNS of VPC endpoints.
    pub endpoint_zones_listed: bool,
    /// Changes to the catalog, with keys `region/service`, for example `ap-northeast-3/mgn`.
    pub services: BTreeMap<String, ServiceRule>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delays: Delays::aws(),
            quotas: Quotas::default(),
            new_invisible_for: Duration::ZERO,
            changes_invisible_for: Duration::ZERO,
            deleted_visible_for: Duration::ZERO,
            max_page: None,
            throttling: true,
            client_tokens: TokenMemory::Remember,
            creator_request_id: RepeatedRequest::Refuse,
            lost_address_reuse: false,
            modify_while_pending: false,
            endpoint_zones_listed: true,
            services: BTreeMap::new(),
        }
    }
}

impl Options {
    /// Returns how late callers see creations and deletions.
    pub fn lag(&self) -> Lag {
        Lag {
            new_invisible_for: self.new_invisible_for,
            changes_invisible_for: self.changes_invisible_for,
            deleted_visible_for: self.deleted_visible_for,
        }
    }
}

/// The durations of AWS's background work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delays {
    /// An interface endpoint from `pending` to `available`.
    #[serde(with = "seconds")]
    pub endpoint_creating: Duration,
    /// A modified interface endpoint from `pending` back to `available`.
    #[serde(with = "seconds")]
    pub endpoint_modifying: Duration,
    /// An interface endpoint from `deleting` to `deleted`; its network interfaces are deleted at the end.
    #[serde(with = "seconds")]
    pub endpoint_deleting: Duration,
    /// A gateway endpoint from `deleting` to `deleted`; its routes are deleted immediately.
    #[serde(with = "seconds")]
    pub gateway_deleting: Duration,
    /// The time for which a `deleted` endpoint is still listed.
    #[serde(with = "seconds")]
    pub endpoint_listed_deleted: Duration,
    /// The time for which a removed CIDR block of a VPC is still listed.
    #[serde(with = "seconds")]
    pub cidr_listed_disassociated: Duration,
    /// A Resolver endpoint from `CREATING` to `OPERATIONAL`.
    #[serde(with = "seconds")]
    pub resolver_creating: Duration,
    /// A Resolver endpoint from `UPDATING` to `OPERATIONAL`.
    #[serde(with = "seconds")]
    pub resolver_updating: Duration,
    /// A Resolver endpoint from `DELETING` to its disappearance.
    #[serde(with = "seconds")]
    pub resolver_deleting: Duration,
    /// A virtual private gateway from `attaching` to `attached`.
    #[serde(with = "seconds")]
    pub vpn_gateway_attaching: Duration,
    /// A virtual private gateway from `detaching` to `detached`.
    #[serde(with = "seconds")]
    pub vpn_gateway_detaching: Duration,
    /// The time for which a `deleted` virtual private gateway is still listed.
    #[serde(with = "seconds")]
    pub vpn_gateway_listed_deleted: Duration,
}

impl Delays {
    /// Returns durations in the order of magnitude of AWS. ASSUMED: AWS publishes none (`ASSUMPTIONS.md`,
    /// "Durations").
    pub fn aws() -> Self {
        Self {
            endpoint_creating: Duration::from_mins(1),
            endpoint_modifying: Duration::from_secs(15),
            endpoint_deleting: Duration::from_mins(1),
            gateway_deleting: Duration::from_secs(5),
            endpoint_listed_deleted: Duration::from_mins(1),
            cidr_listed_disassociated: Duration::from_mins(1),
            resolver_creating: Duration::from_secs(90),
            resolver_updating: Duration::from_mins(1),
            resolver_deleting: Duration::from_mins(1),
            vpn_gateway_attaching: Duration::from_secs(15),
            vpn_gateway_detaching: Duration::from_secs(15),
            vpn_gateway_listed_deleted: Duration::from_mins(1),
        }
    }

    /// Returns zero durations: every transition is over by the next call. Only the answer of the call that starts a
    /// transition shows the intermediate state.
    pub fn none() -> Self {
        Self {
            endpoint_creating: Duration::ZERO,
            endpoint_modifying: Duration::ZERO,
            endpoint_deleting: Duration::ZERO,
            gateway_deleting: Duration::ZERO,
            endpoint_listed_deleted: Duration::ZERO,
            cidr_listed_disassociated: Duration::ZERO,
            resolver_creating: Duration::ZERO,
            resolver_updating: Duration::ZERO,
            resolver_deleting: Duration::ZERO,
            vpn_gateway_attaching: Duration::ZERO,
            vpn_gateway_detaching: Duration::ZERO,
            vpn_gateway_listed_deleted: Duration::ZERO,
        }
    }
}

/// The service quotas, with their default values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// Source: AWS PrivateLink guide, "Quotas": 50 interface endpoints per VPC.
    pub interface_endpoints_per_vpc: usize,
    /// Source: AWS PrivateLink guide, "Quotas": 20 gateway endpoints per Region.
    pub gateway_endpoints_per_region: usize,
    /// Source: Amazon VPC quotas: 60 inbound and 60 outbound rules per security group, IPv4 and IPv6 apart.
    pub rules_per_security_group: usize,
    /// Source: Amazon VPC quotas: 5 security groups per network interface.
    pub security_groups_per_interface: usize,
    /// Source: Amazon VPC quotas: 2,500 security groups per Region.
    pub security_groups_per_region: usize,
    /// Source: Amazon VPC quotas: 200 network ACLs per VPC.
    pub network_acls_per_vpc: usize,
    /// Source: Amazon VPC quotas: 20 inbound and 20 outbound rules per network ACL.
    pub rules_per_network_acl: usize,
    /// Source: Route 53 quotas: 4 Resolver endpoints per account and Region.
    pub resolver_endpoints_per_region: usize,
    /// Source: Route 53 quotas: 6 IP addresses per Resolver endpoint.
    pub addresses_per_resolver_endpoint: usize,
    /// Source: AWS Site-to-Site VPN User Guide, "Quotas": 5 virtual private gateways per Region.
    pub vpn_gateways_per_region: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            interface_endpoints_per_vpc: 50,
            gateway_endpoints_per_region: 20,
            rules_per_security_group: 60,
            security_groups_per_interface: 5,
            security_groups_per_region: 2_500,
            network_acls_per_vpc: 200,
            rules_per_network_acl: 20,
            resolver_endpoints_per_region: 4,
            addresses_per_resolver_endpoint: 6,
            vpn_gateways_per_region: 5,
        }
    }
}

/// The handling of a client token after its resource is deleted. AWS does not document it (`ASSUMPTIONS.md`, "Client
/// tokens").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenMemory {
    /// The token still returns the record of the deleted resource.
    Remember,
    /// The token is forgotten: the same call creates a new resource.
    ForgetDeleted,
}

/// Resolver's answer to a known `CreatorRequestId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepeatedRequest {
    /// `ResourceExistsException`. Source: aws/aws-cdk issue 5012.
    Refuse,
    /// Resolver returns the existing endpoint.
    Return,
}

/// A change to one service of one Region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ServiceRule {
    /// Whether the Region offers the service.
    #[serde(default = "offered")]
    pub offered: bool,
    /// The IDs of the Availability Zones that support interface endpoints; `null`: the zones of the catalog.
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// The failure message of new interface endpoints; `null`: they become `available`.
    #[serde(default)]
    pub fails: Option<String>,
    /// Whether the IAM policies of all callers deny new endpoints for the service, as the condition key
    /// `ec2:VpceServiceName` can.
    #[serde(default)]
    pub denied: bool,
    /// Whether the service provides private DNS names.
    #[serde(default = "offered")]
    pub private_dns: bool,
    /// Whether the service supports endpoint policies.
    #[serde(default = "offered")]
    pub policies: bool,
    /// Whether the owner of the service must accept new endpoints: they are `pendingAcceptance` until
    /// [`World::set_endpoint_state`](super::World::set_endpoint_state) sets another state.
    #[serde(default)]
    pub acceptance_required: bool,
}

impl Default for ServiceRule {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            offered: true,
            zones: None,
            fails: None,
            denied: false,
            private_dns: true,
            policies: true,
            acceptance_required: false,
        }
    }
}

fn offered() -> bool {
    true
}

/// Serializes durations as seconds with a fraction.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
