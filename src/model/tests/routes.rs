//! Return routes: the most specific route decides where an answer is sent.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use crate::model::observed::routes::{Route, RouteTarget, without_return};

fn route(destination: &str, target: RouteTarget) -> Route {
    Route { destination: destination.parse().unwrap(), target }
}

fn missing(routes: &[Route], range: &str) -> String {
    let missing = without_return(routes, range.parse().unwrap());
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_range_needs_a_route_to_the_premises() {
    use RouteTarget::{Blackhole, Internet, Local, Private};
    let local = route("10.20.0.0/16", Local);
    let cases = [
        ("no route but the local one", vec![local], "192.168.10.0/24", "192.168.10.0/24"),
        ("a route to the range", vec![local, route("192.168.10.0/24", Private)], "192.168.10.0/24", ""),
        ("a route to more", vec![local, route("192.168.0.0/16", Private)], "192.168.10.0/24", ""),
        ("a default route", vec![local, route("0.0.0.0/0", Private)], "192.168.10.0/24", ""),
        ("the internet", vec![local, route("0.0.0.0/0", Internet)], "192.168.10.0/24", "192.168.10.0/24"),
        (
            "a more specific route to a missing target",
            vec![route("0.0.0.0/0", Private), route("192.168.10.128/25", Blackhole)],
            "192.168.10.0/24",
            "192.168.10.128/25",
        ),
        (
            "a more specific route to the premises",
            vec![route("0.0.0.0/0", Internet), route("192.168.10.0/25", Private)],
            "192.168.10.0/24",
            "192.168.10.128/25",
        ),
        (
            "two halves",
            vec![route("192.168.10.0/25", Private), route("192.168.10.128/25", Private)],
            "192.168.10.0/24",
            "",
        ),
        ("a range that includes the VPC", vec![local, route("10.0.0.0/8", Private)], "10.0.0.0/8", "10.20.0.0/16"),
    ];
    for (case, routes, range, expected) in cases {
        assert_eq!(missing(&routes, range), expected, "{case}");
    }
}

/// Compares the result with an evaluation of each address.
#[test]
fn evaluation_by_ranges_equals_evaluation_by_addresses() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 33).unwrap() % below
    };
    let range: Ipv4Net = "10.0.0.64/27".parse().unwrap();
    let targets =
        [RouteTarget::Local, RouteTarget::Internet, RouteTarget::Private, RouteTarget::Private, RouteTarget::Blackhole];
    let mut complete = 0;
    for _ in 0..2000 {
        // A table has one route to a destination.
        let mut routes: Vec<Route> = Vec::new();
        for _ in 0..next(7) {
            let length = u8::try_from(22 + next(11)).unwrap();
            let destination = Ipv4Net::new(std::net::Ipv4Addr::from(0x0a00_0030 + next(64)), length).unwrap().trunc();
            if routes.iter().all(|route| route.destination != destination) {
                routes.push(Route { destination, target: targets[next(5) as usize] });
            }
        }
        let missing = without_return(&routes, range);
        for address in range.network().to_bits()..=range.broadcast().to_bits() {
            let address = std::net::Ipv4Addr::from_bits(address);
            let best = routes.iter().filter(|route| route.destination.contains(&address));
            let best = best.max_by_key(|route| route.destination.prefix_len()).map(|route| route.target);
            let is_missing = missing.iter().any(|range| range.contains(&address));
            assert_eq!(is_missing, best != Some(RouteTarget::Private), "{address}: {routes:#?}");
        }
        complete += usize::from(missing.is_empty());
        let apart: BTreeSet<Ipv4Net> = Ipv4Net::aggregate(&missing.iter().copied().collect()).into_iter().collect();
        assert_eq!(apart, missing, "the ranges are merged");
    }
    assert!((100..1900).contains(&complete), "{complete} of 2000 are complete");
}
