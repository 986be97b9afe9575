//! Plans changes of a Resolver endpoint's addresses, one call at a time: AWS adds or removes one address per call.
//!
//! The endpoint never has fewer than two addresses, which AWS requires, and a step never removes an address that answers
//! queries while only two do. A replacement is attached before the address that it replaces is removed, unless the
//! endpoint already has the maximum number of addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{changes::Move, step::Step};
use crate::model::{
    ids::{ResolverAddressId, ResolverId, SubnetId},
    observed::{ResolverAddress, ResolverEndpoint},
};

/// The number of addresses that AWS requires (API reference of DisassociateResolverEndpointIpAddress).
const FEWEST: usize = 2;

/// The default quota of addresses of an endpoint (Route 53 quotas: six, adjustable). At this number, an address is removed
/// before another one is added. A higher quota is not used, because no API of Resolver reports it.
const MOST: usize = 6;

/// The desired addresses: the fixed address of each subnet, or `None` if AWS chooses it.
type Wanted = BTreeMap<SubnetId, Option<Ipv4Addr>>;

/// The addresses that stay: those that an adopted endpoint had.
type Kept = BTreeSet<ResolverAddressId>;

/// Returns the moves of a Resolver endpoint: the subnets that have another address instead of the fixed address.
pub(crate) fn moves(resolver: &ResolverEndpoint, wanted: &Wanted, kept: &Kept) -> Vec<Move> {
    let serving = |subnet: &SubnetId| {
        let all = resolver.addresses.iter().filter(|(id, address)| address.serves() && !kept.contains(*id));
        all.filter(|(_, one)| one.subnet == *subnet).filter_map(|(_, address)| address.ip).collect::<Vec<_>>()
    };
    wanted
        .iter()
        .filter_map(|(subnet, ip)| Some((subnet, (*ip)?)))
        .filter_map(|(subnet, to)| {
            let ips = serving(subnet);
            let from = *ips.first().filter(|_| !ips.contains(&to))?;
            Some(Move { subnet: subnet.clone(), from, to })
        })
        .collect()
}

/// Returns the next step that adds or removes an address.
pub(crate) fn next_step(id: &ResolverId, resolver: &ResolverEndpoint, wanted: &Wanted, kept: &Kept) -> Option<Step> {
    let addresses = Addresses { all: &resolver.addresses, wanted, kept };
    let remove = |address: &ResolverAddressId| Step::DisassociateResolverAddress {
        resolver: id.clone(),
        address: address.clone(),
    };
    let add = |(subnet, ip): (&SubnetId, Option<Ipv4Addr>)| Step::AssociateResolverAddress {
        resolver: id.clone(),
        subnet: subnet.clone(),
        ip,
    };
    if let Some(broken) = addresses.removable_broken() {
        return Some(remove(broken));
    }
    match addresses.missing() {
        Some(missing) if addresses.all.len() < MOST => Some(add(missing)),
        Some(_) | None => addresses.surplus().map(remove),
    }
}

/// Returns one of the addresses that were added to an adopted endpoint, if AWS lets it go: two must remain.
pub(crate) fn added<'a>(resolver: &'a ResolverEndpoint, had: &Kept) -> Option<&'a ResolverAddressId> {
    let associated = || resolver.addresses.iter().filter(|(_, address)| !address.is_leaving());
    let enough = associated().count() > FEWEST;
    associated().find(|(id, _)| enough && !had.contains(*id)).map(|(id, _)| id)
}

struct Addresses<'a> {
    all: &'a BTreeMap<ResolverAddressId, ResolverAddress>,
    wanted: &'a Wanted,
    kept: &'a Kept,
}

impl<'a> Addresses<'a> {
    /// The addresses that AWS counts: all but those being removed.
    fn associated(&self) -> impl Iterator<Item = (&'a ResolverAddressId, &'a ResolverAddress)> {
        self.all.iter().filter(|(_, address)| !address.is_leaving())
    }

    /// An address that does not answer and never will. It is removed as soon as two others remain, because its IP address
    /// may be needed again, and because it counts against the quota.
    fn removable_broken(&self) -> Option<&'a ResolverAddressId> {
        let enough = self.associated().count() > FEWEST;
        let is_useless = |address: &ResolverAddress| address.is_broken() || address.failed_to_leave();
        self.associated()
            .find(|(id, address)| enough && is_useless(address) && !self.kept.contains(*id))
            .map(|(id, _)| id)
    }

    /// The first subnet without its desired address, and the address to add.
    ///
    /// A fixed address that a broken address still has cannot be added. If the broken address cannot be removed, because
    /// only two addresses are left, a temporary address is added in another subnet. It is removed when it is no longer
    /// needed, because it is the youngest one there.
    fn missing(&self) -> Option<(&'a SubnetId, Option<Ipv4Addr>)> {
        let holder = |ip: Ipv4Addr| self.associated().find(|(_, address)| address.ip == Some(ip)).map(|(id, _)| id);
        // A broken address that stays keeps its IP address for good.
        let is_free = |ip: Option<Ipv4Addr>| !ip.and_then(holder).is_some_and(|id| self.kept.contains(id));
        let mut unserved = self.wanted.iter().filter(|(subnet, ip)| self.serving(subnet).is_none() && is_free(**ip));
        let (subnet, ip) = unserved.next()?;
        let taken = ip.and_then(holder).is_some();
        if !taken {
            return Some((subnet, *ip));
        }
        let elsewhere = self.wanted.keys().find(|other| *other != subnet);
        Some((elsewhere.unwrap_or(subnet), None))
    }

    /// The address that serves a subnet as desired. If there are several, it is an attached one, and of these the oldest:
    /// on-premises DNS servers already use it.
    fn serving(&self, subnet: &SubnetId) -> Option<&'a ResolverAddressId> {
        let fixed = self.wanted.get(subnet)?;
        // An address that AWS has not chosen yet counts as the desired one, because it may become any address.
        let fits = |address: &ResolverAddress| fixed.is_none() || address.ip.is_none() || address.ip == *fixed;
        self.associated()
            .filter(|(_, address)| address.subnet == *subnet && address.serves() && fits(address))
            .min_by_key(|(id, address)| (!address.is_attached(), address.created.as_str(), *id))
            .map(|(id, _)| id)
    }

    /// An address that is not desired, and that can be removed while two others serve.
    fn surplus(&self) -> Option<&'a ResolverAddressId> {
        let kept: BTreeSet<_> = self.wanted.keys().filter_map(|subnet| self.serving(subnet)).collect();
        let serving = self.associated().filter(|(_, address)| address.serves()).count();
        self.associated()
            .find(|(id, address)| {
                serving > FEWEST && address.serves() && !kept.contains(id) && !self.kept.contains(*id)
            })
            .map(|(id, _)| id)
    }
}
