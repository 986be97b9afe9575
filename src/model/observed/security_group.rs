//! Security groups, and the traffic that their rules admit.

use std::fmt;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::model::{ids::SecurityGroupRuleId, ownership::Tags};

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The name, unique in the VPC.
    pub name: String,
    /// The ingress rules. The operator does not change egress rules.
    pub ingress: Vec<Rule>,
    /// The tags of the group.
    pub tags: Tags,
}

/// A security group rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The ID of the rule. None for a rule that was just added and has not been read back yet.
    pub id: Option<SecurityGroupRuleId>,
    /// The traffic that the rule admits, if it has the form that the operator writes.
    pub permission: Option<Permission>,
    /// The traffic that the rule admits, in any form.
    pub traffic: Traffic,
    /// The description, which marks the rules of the operator.
    pub description: String,
    /// The rule in readable form.
    pub text: String,
}

/// The traffic that a rule admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The protocol. None for all protocols, or, with an empty port range, for a protocol that does not matter here.
    pub protocol: Option<Protocol>,
    /// The first and the last port.
    pub ports: (u16, u16),
    /// The source range. None if the rule alone does not show it: a prefix list or another group.
    pub source: Option<Ipv4Net>,
}

impl Traffic {
    fn is_of(&self, permission: Permission) -> bool {
        self.protocol.is_none_or(|protocol| protocol == permission.protocol)
            && (self.ports.0..=self.ports.1).contains(&permission.port)
    }
}

impl From<Permission> for Traffic {
    fn from(permission: Permission) -> Self {
        let Permission { protocol, port, source } = permission;
        Self { protocol: Some(protocol), ports: (port, port), source: Some(source) }
    }
}

/// Whether the groups together admit the traffic. A rule with an unknown source counts as admitting it.
pub fn admit<'a>(groups: impl IntoIterator<Item = &'a SecurityGroup>, wanted: Permission) -> bool {
    let rules: Vec<&Rule> =
        groups.into_iter().flat_map(|group| &group.ingress).filter(|rule| rule.traffic.is_of(wanted)).collect();
    let ranges: Vec<Ipv4Net> = rules.iter().filter_map(|rule| rule.traffic.source).collect();
    rules.iter().any(|rule| rule.traffic.source.is_none())
        || Ipv4Net::aggregate(&ranges).iter().any(|range| range.contains(&wanted.source))
}

/// The transport protocols that the operator uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Protocol {
    /// Returns the name that EC2 uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// The traffic that one ingress rule admits, in canonical form: EC2 clears the host bits of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The source range.
    pub source: Ipv4Net,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from {}", self.protocol.as_str(), self.port, self.source)
    }
}
