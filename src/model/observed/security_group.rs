//! Security groups, and what their rules admit.

use std::fmt;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::model::{ids::SecurityGroupRuleId, ownership::Tags};

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its name, unique in the VPC.
    pub name: String,
    /// Its ingress rules; egress is left as AWS makes it.
    pub ingress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// A security group rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id; none for a rule that was added a moment ago and not read back yet.
    pub id: Option<SecurityGroupRuleId>,
    /// What it admits, if it is of the form that this operator writes.
    pub permission: Option<Permission>,
    /// What it admits, in whatever form.
    pub traffic: Traffic,
    /// Its description, which marks the operator's own rules.
    pub description: String,
    /// The rule as a person reads it.
    pub text: String,
}

/// What a rule admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The protocol; none for all of them, or for one that is of no interest here together with an empty range of ports.
    pub protocol: Option<Protocol>,
    /// The ports, from and to.
    pub ports: (u16, u16),
    /// Where it comes from; none if that cannot be known from the rule alone: a prefix list, another group.
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

/// Whether groups admit something together. Rules whose sources cannot be known are given the benefit of the doubt.
pub fn admit<'a>(groups: impl IntoIterator<Item = &'a SecurityGroup>, wanted: Permission) -> bool {
    let rules: Vec<&Rule> =
        groups.into_iter().flat_map(|group| &group.ingress).filter(|rule| rule.traffic.is_of(wanted)).collect();
    let ranges: Vec<Ipv4Net> = rules.iter().filter_map(|rule| rule.traffic.source).collect();
    rules.iter().any(|rule| rule.traffic.source.is_none())
        || Ipv4Net::aggregate(&ranges).iter().any(|range| range.contains(&wanted.source))
}

/// Transport protocols that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Protocol {
    /// As EC2 writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What one ingress rule admits. Compared canonically: EC2 stores a range with its host bits cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The protocol.
    pub protocol: Protocol,
    /// The one port.
    pub port: u16,
    /// The range it comes from.
    pub source: Ipv4Net,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from {}", self.protocol.as_str(), self.port, self.source)
    }
}
