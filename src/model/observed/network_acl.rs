//! Network ACLs, and which traffic they admit. The matching rule with the lowest number decides, and traffic that
//! matches no rule is dropped (VPC User Guide, "Network ACL rules"). Network ACLs are stateless: answers need a rule
//! of their own.

use std::{collections::BTreeSet, ops::RangeInclusive};

use ipnet::Ipv4Net;

use crate::model::ids::{NetworkAclId, SubnetId};

/// The ports to which answers are sent: the client ports of all operating systems (VPC User Guide, "Ephemeral
/// ports").
pub const EPHEMERAL: RangeInclusive<u16> = 1024..=65535;

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAcl {
    /// The ID of the network ACL.
    pub id: NetworkAclId,
    /// The subnets that use the network ACL. Each subnet uses one.
    pub subnets: BTreeSet<SubnetId>,
    /// The IPv4 rules.
    pub entries: Vec<AclEntry>,
}

/// One IPv4 rule of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// The number of the rule. Rules are evaluated in ascending order.
    pub number: i32,
    /// Whether the rule applies to traffic that leaves the subnet.
    pub egress: bool,
    /// Whether the rule allows or denies the traffic.
    pub allow: bool,
    /// The IANA protocol number. None for all protocols.
    pub protocol: Option<u8>,
    /// The source of inbound traffic, or the destination of outbound traffic.
    pub range: Ipv4Net,
    /// The destination ports. None for all ports.
    pub ports: Option<(u16, u16)>,
}

/// The direction of a packet, relative to the subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the subnet.
    In,
    /// Out of the subnet.
    Out,
}

/// How much of the traffic is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    /// None of it.
    None,
    /// Some of it.
    Some,
    /// All of it.
    All,
}

impl Passage {
    fn with(self, other: Self) -> Self {
        if self == other { self } else { Self::Some }
    }
}

/// The IANA protocol number of TCP.
pub const TCP: u8 = 6;
/// The IANA protocol number of UDP.
pub const UDP: u8 = 17;

impl NetworkAcl {
    /// Returns how much of the traffic between the subnet and a range is admitted, for all of these ports.
    pub fn passes(&self, direction: Direction, protocol: u8, ports: RangeInclusive<u16>, range: Ipv4Net) -> Passage {
        let egress = direction == Direction::Out;
        let fits = |entry: &&AclEntry| entry.egress == egress && entry.protocol.is_none_or(|one| one == protocol);
        let mut entries: Vec<&AclEntry> = self.entries.iter().filter(fits).collect();
        entries.sort_by_key(|entry| entry.number);
        split_ports(&entries, *ports.start(), *ports.end())
            .into_iter()
            .map(|port| passes(&entries.iter().copied().filter(|entry| entry.has(port)).collect::<Vec<_>>(), range))
            .reduce(Passage::with)
            .unwrap_or(Passage::All)
    }
}

/// Returns the network ACL of a subnet.
pub fn of<'a>(acls: &'a [NetworkAcl], subnet: &SubnetId) -> Option<&'a NetworkAcl> {
    acls.iter().find(|acl| acl.subnets.contains(subnet))
}

impl AclEntry {
    fn has(&self, port: u16) -> bool {
        self.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    }
}

/// Returns one port of each interval within which every rule treats all ports alike.
fn split_ports(entries: &[&AclEntry], first: u16, last: u16) -> BTreeSet<u16> {
    let bounds = entries.iter().filter_map(|entry| entry.ports);
    let starts = bounds.flat_map(|(first, last)| [Some(first), last.checked_add(1)]).flatten();
    starts.filter(|start| (first..=last).contains(start)).chain([first]).collect()
}

/// Returns how much of a range the ordered rules admit. Halves the range until no rule covers only a part of it.
fn passes(entries: &[&AclEntry], range: Ipv4Net) -> Passage {
    for (index, entry) in entries.iter().enumerate() {
        if entry.range.contains(&range) {
            return if entry.allow { Passage::All } else { Passage::None };
        }
        if range.contains(&entry.range) {
            let Ok(halves) = range.subnets(range.prefix_len() + 1) else { break };
            // The rules before this one do not overlap the range, so they do not overlap its halves either.
            let rest = entries.get(index..).unwrap_or_default();
            return halves.map(|half| passes(rest, half)).reduce(Passage::with).unwrap_or(Passage::None);
        }
    }
    Passage::None
}
