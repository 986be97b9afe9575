//! What a test may set about a world: delays, quotas, lag, paging, throttling, and the choices where AWS is silent.
//!
//! In JSON, durations are seconds and may have a fraction.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::table::Lag;

/// Everything that can be set for one account, or for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// How long AWS takes for what it does in the background.
    pub delays: Delays,
    /// Service quotas.
    pub quotas: Quotas,
    /// For how many seconds a new resource is not listed, and its id answers `*.NotFound`.
    #[serde(with = "seconds")]
    pub new_invisible_for: Duration,
    /// For how many seconds a deleted resource is still listed.
    #[serde(with = "seconds")]
    pub deleted_visible_for: Duration,
    /// The longest page of any list, whatever a caller asks for. `null`: as AWS.
    pub max_page: Option<u32>,
    /// Whether calls are throttled by token buckets as AWS does.
    pub throttling: bool,
    /// What becomes of a client token when its resource is deleted.
    pub client_tokens: TokenMemory,
    /// What Resolver answers to a `CreatorRequestId` it knows.
    pub creator_request_id: RepeatedRequest,
    /// Whether a VPC endpoint that is still `pending` may be modified.
    pub modify_while_pending: bool,
    /// Whether ListHostedZonesByVPC lists the zones that AWS keeps for the private DNS of VPC endpoints.
    pub endpoint_zones_listed: bool,
    /// Changes to the catalogue, keyed `region/service`, for example `ap-northeast-3/mgn`.
    pub services: BTreeMap<String, ServiceRule>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            delays: Delays::aws(),
            quotas: Quotas::default(),
            new_invisible_for: Duration::ZERO,
            deleted_visible_for: Duration::ZERO,
            max_page: None,
            throttling: true,
            client_tokens: TokenMemory::Remember,
            creator_request_id: RepeatedRequest::Refuse,
            modify_while_pending: false,
            endpoint_zones_listed: true,
            services: BTreeMap::new(),
        }
    }
}

impl Options {
    /// How far behind the truth callers are.
    pub fn lag(&self) -> Lag {
        Lag { new_invisible_for: self.new_invisible_for, deleted_visible_for: self.deleted_visible_for }
    }
}

/// How long AWS takes for what it does in the background.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delays {
    /// An interface endpoint from `pending` to `available`.
    #[serde(with = "seconds")]
    pub endpoint_creating: Duration,
    /// An interface endpoint that was modified, back to `available`.
    #[serde(with = "seconds")]
    pub endpoint_modifying: Duration,
    /// An interface endpoint from `deleting` to `deleted`; its network interfaces go at the end.
    #[serde(with = "seconds")]
    pub endpoint_deleting: Duration,
    /// A gateway endpoint from `deleting` to `deleted`; its routes go at once.
    #[serde(with = "seconds")]
    pub gateway_deleting: Duration,
    /// How long a `deleted` endpoint is still listed.
    #[serde(with = "seconds")]
    pub endpoint_listed_deleted: Duration,
    /// A Resolver endpoint from `CREATING` to `OPERATIONAL`.
    #[serde(with = "seconds")]
    pub resolver_creating: Duration,
    /// A Resolver endpoint from `UPDATING` to `OPERATIONAL`.
    #[serde(with = "seconds")]
    pub resolver_updating: Duration,
    /// A Resolver endpoint from `DELETING` to absent.
    #[serde(with = "seconds")]
    pub resolver_deleting: Duration,
    /// A virtual private gateway from `attaching` to `attached`.
    #[serde(with = "seconds")]
    pub vpn_gateway_attaching: Duration,
    /// A virtual private gateway from `detaching` to `detached`.
    #[serde(with = "seconds")]
    pub vpn_gateway_detaching: Duration,
    /// How long a `deleted` virtual private gateway is still listed.
    #[serde(with = "seconds")]
    pub vpn_gateway_listed_deleted: Duration,
}

impl Delays {
    /// Durations in the order of what AWS takes. ASSUMED: AWS publishes none (`ASSUMPTIONS.md`, "Durations").
    pub fn aws() -> Self {
        Self {
            endpoint_creating: Duration::from_mins(1),
            endpoint_modifying: Duration::from_secs(15),
            endpoint_deleting: Duration::from_mins(1),
            gateway_deleting: Duration::from_secs(5),
            endpoint_listed_deleted: Duration::from_mins(1),
            resolver_creating: Duration::from_secs(90),
            resolver_updating: Duration::from_mins(1),
            resolver_deleting: Duration::from_mins(1),
            vpn_gateway_attaching: Duration::from_secs(15),
            vpn_gateway_detaching: Duration::from_secs(15),
            vpn_gateway_listed_deleted: Duration::from_mins(1),
        }
    }

    /// Every transition is over by the next call; only the answer of the call that starts it shows the state between.
    pub fn none() -> Self {
        Self {
            endpoint_creating: Duration::ZERO,
            endpoint_modifying: Duration::ZERO,
            endpoint_deleting: Duration::ZERO,
            gateway_deleting: Duration::ZERO,
            endpoint_listed_deleted: Duration::ZERO,
            resolver_creating: Duration::ZERO,
            resolver_updating: Duration::ZERO,
            resolver_deleting: Duration::ZERO,
            vpn_gateway_attaching: Duration::ZERO,
            vpn_gateway_detaching: Duration::ZERO,
            vpn_gateway_listed_deleted: Duration::ZERO,
        }
    }
}

/// Service quotas with their default values.
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

/// What becomes of a client token when its resource is deleted. AWS does not say (`ASSUMPTIONS.md`, "Client tokens").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenMemory {
    /// The token goes on answering with the record of the deleted resource.
    Remember,
    /// The token is free again: the same call creates a new resource.
    ForgetDeleted,
}

/// What Resolver answers to a `CreatorRequestId` it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RepeatedRequest {
    /// `ResourceExistsException`. Source: aws/aws-cdk issue 5012.
    Refuse,
    /// The endpoint that has the id already.
    Return,
}

/// A change to one service of one region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRule {
    /// Whether the region offers the service at all.
    #[serde(default = "offered")]
    pub offered: bool,
    /// The ids of the availability zones in which interface endpoints may be made; `null`: as in the catalogue.
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// The message with which new interface endpoints end as `failed`; `null`: they become `available`.
    #[serde(default)]
    pub fails: Option<String>,
}

fn offered() -> bool {
    true
}

/// Durations as seconds with a fraction.
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
