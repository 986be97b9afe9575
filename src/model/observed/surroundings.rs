//! The surroundings of a network: data about the VPC and the Region that changes rarely and that only the preflight
//! uses. For a Ready network, an observation may reuse data that is a few minutes old (`crate::aws::Scope`).

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::model::{
    ids::EndpointId,
    observed::network_acl::{Direction, EPHEMERAL, NetworkAcl, Passage, TCP},
};

/// The surroundings of a VPC. A field is `None` if the operator has no permission to read it, and is then not
/// checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The DNS servers in the DHCP options of the VPC, as AWS reports them.
    pub dns_servers: Option<Vec<String>>,
    /// The network ACLs of the VPC.
    pub network_acls: Option<Vec<NetworkAcl>>,
    /// The private hosted zones that are associated with the VPC, except those that AWS services create.
    pub hosted_zones: Option<Vec<HostedZone>>,
    /// All gateway endpoints of the Region.
    pub gateway_endpoints: Option<BTreeSet<EndpointId>>,
}

impl Surroundings {
    /// Whether every network ACL of the VPC admits all egress over TCP 443, and the answers. True if they could not be read.
    pub fn acls_are_open(&self) -> bool {
        let all =
            |acl: &NetworkAcl, direction, ports| acl.passes(direction, TCP, ports, Ipv4Net::default()) == Passage::All;
        let is_open = |acl| all(acl, Direction::Out, 443..=443) && all(acl, Direction::In, EPHEMERAL);
        self.network_acls.iter().flatten().all(is_open)
    }
}

/// A private hosted zone of Route 53.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedZone {
    /// The ID of the zone.
    pub id: String,
    /// The name of the zone, without the final dot.
    pub name: String,
    /// The account that owns the zone.
    pub owner: String,
}
