//! Security groups, and the traffic that their rules admit.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::model::{
    ids::{PrefixListId, SecurityGroupRuleId},
    ownership::Tags,
};

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The name, unique in the VPC.
    pub name: String,
    /// The ingress rules.
    pub ingress: Vec<Rule>,
    /// The egress rules, which the operator does not change.
    pub egress: Vec<Rule>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The protocol. None for all protocols, or, with an empty port range, for a protocol that does not matter here.
    pub protocol: Option<Protocol>,
    /// The first and the last port.
    pub ports: (u16, u16),
    /// The source of ingress, or the destination of egress.
    pub peer: Peer,
}

/// The other side of the traffic that a rule admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An IPv4 range.
    Range(Ipv4Net),
    /// The ranges of a prefix list.
    PrefixList(PrefixListId),
    /// The network interfaces of a security group, which are in a VPC.
    Group(String),
    /// An IPv6 range, or a peer of a kind that this version does not know.
    Other,
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
        Self { protocol: Some(protocol), ports: (port, port), peer: Peer::Range(source) }
    }
}

/// The ranges of prefix lists. A list whose entries could not be read is missing.
pub type PrefixLists = BTreeMap<PrefixListId, BTreeSet<Ipv4Net>>;

/// The traffic that rules do not admit for certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortfall {
    /// The traffic that they do not admit completely.
    pub missing: BTreeSet<Permission>,
    /// The traffic that they admit only if the prefix lists or security groups in `depends_on` include the other side.
    pub unknown: BTreeSet<Permission>,
    /// The IDs of these prefix lists and security groups.
    pub depends_on: BTreeSet<String>,
}

/// Returns which of the wanted traffic the rules together do not admit for certain. A rule that refers to a security group
/// admits no range outside the VPC, which has these CIDR blocks, and may admit one inside it.
pub fn shortfall<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    wanted: impl IntoIterator<Item = Permission>,
    vpc: &BTreeSet<Ipv4Net>,
    lists: &PrefixLists,
) -> Shortfall {
    let rules: Vec<&Rule> = rules.into_iter().collect();
    let mut shortfall = Shortfall::default();
    for permission in wanted {
        let is_in_vpc = vpc.iter().any(|cidr| cidr.contains(&permission.source));
        let (mut ranges, mut depends_on) = (Vec::new(), BTreeSet::new());
        for rule in rules.iter().filter(|rule| rule.traffic.is_of(permission)) {
            match &rule.traffic.peer {
                Peer::Range(range) => ranges.push(*range),
                Peer::PrefixList(id) => match lists.get(id) {
                    Some(entries) => ranges.extend(entries),
                    None => drop(depends_on.insert(id.to_string())),
                },
                Peer::Group(id) if is_in_vpc => drop(depends_on.insert(id.clone())),
                Peer::Group(_) | Peer::Other => {}
            }
        }
        if Ipv4Net::aggregate(&ranges).iter().any(|range| range.contains(&permission.source)) {
            continue;
        }
        if depends_on.is_empty() {
            shortfall.missing.insert(permission);
        } else {
            shortfall.unknown.insert(permission);
            shortfall.depends_on.extend(depends_on);
        }
    }
    shortfall
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

/// The traffic that one rule admits, in canonical form: EC2 clears the host bits of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The source range of ingress, or the destination of egress.
    pub source: Ipv4Net,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from {}", self.protocol.as_str(), self.port, self.source)
    }
}
