//! Routes, and where they take a packet: the most specific route decides (VPC User Guide, "Route priority").

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

/// One IPv4 route of a route table, propagated ones included. Routes to prefix lists are left out: they lead to AWS's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Where it leads to.
    pub destination: Ipv4Net,
    /// By which way.
    pub target: RouteTarget,
}

/// The ways, as far as they differ for packets to source servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteTarget {
    /// The VPC itself.
    Local,
    /// The internet, by a gateway or NAT: no way to private addresses.
    Internet,
    /// A virtual private gateway, a transit gateway, Cloud WAN, a peering, an appliance: it may lead to the premises.
    Private,
    /// Nowhere: what it led to is gone.
    Blackhole,
}

/// The parts of a range for which no route leads to the premises, the fewest and in order; none if all is well.
pub fn without_return(routes: &[Route], range: Ipv4Net) -> BTreeSet<Ipv4Net> {
    let more_specific = routes.iter().any(|route| route.destination != range && range.contains(&route.destination));
    if let (true, Ok(halves)) = (more_specific, range.subnets(range.prefix_len() + 1)) {
        let missing: BTreeSet<Ipv4Net> = halves.flat_map(|half| without_return(routes, half)).collect();
        // Two halves that are both missing are one range that is.
        return Ipv4Net::aggregate(&missing.into_iter().collect()).into_iter().collect();
    }
    let covering = routes.iter().filter(|route| route.destination.contains(&range));
    let best = covering.max_by_key(|route| route.destination.prefix_len());
    match best.map(|route| route.target) {
        Some(RouteTarget::Private) => BTreeSet::new(),
        Some(RouteTarget::Local | RouteTarget::Internet | RouteTarget::Blackhole) | None => BTreeSet::from([range]),
    }
}
