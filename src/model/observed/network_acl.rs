//! Network ACLs, and what passes them: the rule with the lowest number that fits decides, and what fits none is dropped
//! (VPC User Guide, "Network ACL rules"). They are stateless: an answer needs a rule of its own.

use std::{collections::BTreeSet, ops::RangeInclusive};

use ipnet::Ipv4Net;

use crate::model::ids::{NetworkAclId, SubnetId};

/// The ports to which answers are sent: those from which clients of all systems call (VPC User Guide, "Ephemeral ports").
pub const EPHEMERAL: RangeInclusive<u16> = 1024..=65535;

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// The subnets that have it; each subnet has one.
    pub subnets: BTreeSet<SubnetId>,
    /// Its IPv4 rules.
    pub entries: Vec<AclEntry>,
}

/// One IPv4 rule of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// Its number, by which rules are gone through.
    pub number: i32,
    /// Whether it is for what leaves the subnet.
    pub egress: bool,
    /// Whether it lets through or drops.
    pub allow: bool,
    /// The protocol as IANA numbers it; none for all.
    pub protocol: Option<u8>,
    /// Where the packet comes from, or where it goes to.
    pub range: Ipv4Net,
    /// The destination ports; none for all.
    pub ports: Option<(u16, u16)>,
}

/// Which way a packet goes, seen from the subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into it.
    In,
    /// Out of it.
    Out,
}

/// How much of what was asked for gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passage {
    /// Nothing.
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

/// TCP, as IANA numbers protocols.
pub const TCP: u8 = 6;
/// UDP
pub const UDP: u8 = 17;

impl NetworkAcl {
    /// How much of what goes between the subnet and a range gets through, to all of these ports.
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

impl AclEntry {
    fn has(&self, port: u16) -> bool {
        self.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
    }
}

/// One port of each stretch within which all rules treat ports alike.
fn split_ports(entries: &[&AclEntry], first: u16, last: u16) -> BTreeSet<u16> {
    let bounds = entries.iter().filter_map(|entry| entry.ports);
    let starts = bounds.flat_map(|(first, last)| [Some(first), last.checked_add(1)]).flatten();
    starts.filter(|start| (first..=last).contains(start)).chain([first]).collect()
}

/// How much of a range gets through rules that are in order: halves it until no rule is about a part of it only.
fn passes(entries: &[&AclEntry], range: Ipv4Net) -> Passage {
    for (index, entry) in entries.iter().enumerate() {
        if entry.range.contains(&range) {
            return if entry.allow { Passage::All } else { Passage::None };
        }
        if range.contains(&entry.range) {
            let Ok(halves) = range.subnets(range.prefix_len() + 1) else { break };
            // What was passed over has nothing to do with this range, nor with its halves.
            let rest = entries.get(index..).unwrap_or_default();
            return halves.map(|half| passes(rest, half)).reduce(Passage::with).unwrap_or(Passage::None);
        }
    }
    Passage::None
}
