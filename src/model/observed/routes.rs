//! Routes and their targets. The most specific route decides (VPC User Guide, "Route priority").

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

/// One IPv4 route of a route table, including propagated ones. Routes to prefix lists are omitted: most lead to
/// AWS services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The destination of the route.
    pub destination: Ipv4Net,
    /// The target of the route.
    pub target: RouteTarget,
}

/// The kinds of route target, as far as they matter for packets to source servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteTarget {
    /// The VPC itself.
    Local,
    /// The internet, through a gateway or NAT. Packets do not reach private addresses there.
    Internet,
    /// A virtual private gateway, transit gateway, Cloud WAN, peering connection or appliance, which may lead to the
    /// premises.
    Private,
    /// A target that no longer exists.
    Blackhole,
}

/// Returns the parts of a range for which no route leads to the premises, merged and in order. Empty if there are
/// none.
pub fn without_return(routes: &[Route], range: Ipv4Net) -> BTreeSet<Ipv4Net> {
    let more_specific = routes.iter().any(|route| route.destination != range && range.contains(&route.destination));
    if let (true, Ok(halves)) = (more_specific, range.subnets(range.prefix_len() + 1)) {
        let missing: BTreeSet<Ipv4Net> = halves.flat_map(|half| without_return(routes, half)).collect();
        // Two halves without a route are merged into one range.
        return Ipv4Net::aggregate(&missing.into_iter().collect()).into_iter().collect();
    }
    let covering = routes.iter().filter(|route| route.destination.contains(&range));
    let best = covering.max_by_key(|route| route.destination.prefix_len());
    match best.map(|route| route.target) {
        Some(RouteTarget::Private) => BTreeSet::new(),
        Some(RouteTarget::Local | RouteTarget::Internet | RouteTarget::Blackhole) | None => BTreeSet::from([range]),
    }
}
