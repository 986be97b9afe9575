//! What stands around a network and changes seldom. Only the preflight looks at it; a Ready network's look at AWS may take
//! it from a few minutes ago (`crate::aws::Scope`).

use std::collections::BTreeSet;

use crate::model::{ids::EndpointId, observed::network_acl::NetworkAcl};

/// The surroundings of a VPC. What the operator is not permitted to read is `None`, and not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The DNS servers that the VPC's DHCP options name, as AWS writes them.
    pub dns_servers: Option<Vec<String>>,
    /// The network ACLs of the VPC.
    pub network_acls: Option<Vec<NetworkAcl>>,
    /// The private hosted zones that are associated with the VPC and that people made.
    pub hosted_zones: Option<Vec<HostedZone>>,
    /// All gateway endpoints of the Region.
    pub gateway_endpoints: Option<BTreeSet<EndpointId>>,
}

/// A private hosted zone of Route 53.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    /// Its id.
    pub id: String,
    /// Its name, without the final dot.
    pub name: String,
    /// The account it belongs to.
    pub owner: String,
}
