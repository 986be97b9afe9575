//! Network ACLs: they admit the traffic that their rules allow, in the order of their numbers, and no other.

use std::ops::RangeInclusive;

use ipnet::Ipv4Net;

use crate::model::{
    observed::{
        Observed,
        network_acl::{AclEntry, Direction, NetworkAcl, Passage, TCP, UDP},
    },
    preflight::checks::Check,
    settings::{Resolver, Settings},
    testing::subnets,
    tests::found::{findings, one},
};

fn rule(number: i32, allow: bool, protocol: Option<u8>, range: &str, ports: Option<(u16, u16)>) -> AclEntry {
    AclEntry { number, egress: false, allow, protocol, range: range.parse().unwrap(), ports }
}

fn acl(entries: Vec<AclEntry>) -> NetworkAcl {
    NetworkAcl { id: "acl-1".into(), subnets: [].into(), entries }
}

const SOURCES: &str = "192.168.10.0/24";

#[test]
fn the_first_matching_rule_decides() {
    use Passage::{All, None as Nothing, Some as Part};
    let everything = || rule(100, true, None, "0.0.0.0/0", None);
    let the_end = || rule(32767, false, None, "0.0.0.0/0", None);
    let cases = [
        ("the default ACL", vec![everything(), the_end()], All),
        ("no rule at all", vec![], Nothing),
        ("only the implied rule", vec![the_end()], Nothing),
        ("a drop before", vec![everything(), rule(90, false, Some(TCP), SOURCES, Some((443, 443)))], Nothing),
        ("a drop after", vec![everything(), rule(110, false, Some(TCP), SOURCES, Some((443, 443)))], All),
        ("a drop of another protocol", vec![everything(), rule(90, false, Some(UDP), SOURCES, None)], All),
        ("a drop of another port", vec![everything(), rule(90, false, Some(TCP), SOURCES, Some((444, 500)))], All),
        ("a drop of all protocols", vec![everything(), rule(90, false, None, "192.168.0.0/16", None)], Nothing),
        ("a drop of another range", vec![everything(), rule(90, false, None, "192.168.11.0/24", None)], All),
        ("a drop of one address", vec![everything(), rule(90, false, None, "192.168.10.7/32", None)], Part),
        ("half is admitted", vec![rule(100, true, Some(TCP), "192.168.10.0/25", Some((443, 443)))], Part),
        (
            "both halves are admitted",
            vec![rule(2, true, None, "192.168.10.128/25", None), rule(1, true, None, "192.168.10.0/25", None)],
            All,
        ),
        (
            "one address of a dropped range is admitted",
            vec![rule(10, true, None, "192.168.10.7/32", None), rule(20, false, None, SOURCES, None), everything()],
            Part,
        ),
        ("a rule for what leaves", vec![AclEntry { egress: true, ..everything() }], Nothing),
    ];
    for (case, entries, expected) in cases {
        let passage = acl(entries).passes(Direction::In, TCP, 443..=443, SOURCES.parse().unwrap());
        assert_eq!(passage, expected, "{case}");
    }
}

#[test]
fn answers_must_pass_to_all_ports() {
    let out = |ports: &[(u16, u16)]| {
        let entries = ports.iter().zip(100..).map(|(ports, number)| AclEntry {
            egress: true,
            ..rule(number, true, Some(TCP), "0.0.0.0/0", Some(*ports))
        });
        acl(entries.collect()).passes(Direction::Out, TCP, 1024..=65535, SOURCES.parse().unwrap())
    };
    assert_eq!(out(&[(1024, 65535)]), Passage::All);
    assert_eq!(out(&[(0, 65535)]), Passage::All);
    assert_eq!(out(&[(1024, 40000), (40001, 65535)]), Passage::All);
    assert_eq!(out(&[(1024, 40000), (40002, 65535)]), Passage::Some);
    assert_eq!(out(&[(32768, 61000)]), Passage::Some);
    assert_eq!(out(&[(443, 443)]), Passage::None);
}

/// Evaluates the rules for each packet, as the AWS documentation describes it.
fn naive(acl: &NetworkAcl, protocol: u8, ports: RangeInclusive<u16>, range: Ipv4Net) -> Passage {
    let mut entries: Vec<&AclEntry> = acl.entries.iter().filter(|entry| !entry.egress).collect();
    entries.sort_by_key(|entry| entry.number);
    let (first, last) = (u32::from(range.network()), u32::from(range.broadcast()));
    let packets = (first..=last).flat_map(|address| ports.clone().map(move |port| (address.into(), port)));
    let passed: Vec<bool> = packets
        .map(|(address, port): (std::net::Ipv4Addr, u16)| {
            entries
                .iter()
                .find(|entry| {
                    entry.protocol.is_none_or(|one| one == protocol)
                        && entry.ports.is_none_or(|(first, last)| first <= port && port <= last)
                        && entry.range.contains(&address)
                })
                .is_some_and(|entry| entry.allow)
        })
        .collect();
    match (passed.contains(&true), passed.contains(&false)) {
        (true, false) => Passage::All,
        (true, true) => Passage::Some,
        (false, _) => Passage::None,
    }
}

/// Compares both evaluations for 2,000 ACLs of up to eight rules, with all kinds of overlapping ranges and ports.
#[test]
fn evaluation_by_ranges_equals_evaluation_by_packets() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state >> 33).unwrap() % below
    };
    let (range, ports): (Ipv4Net, _) = ("10.0.0.16/28".parse().unwrap(), 3..=8);
    let mut seen = [0; 3];
    for _ in 0..2000 {
        let entries = (0..next(9)).map(|_| {
            let length = u8::try_from(24 + next(9)).unwrap();
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + next(48));
            let first = u16::try_from(next(10)).unwrap();
            AclEntry {
                number: i32::try_from(next(1000)).unwrap() * 10 + 1,
                egress: next(8) == 0,
                allow: next(3) > 0,
                protocol: [None, Some(TCP), Some(UDP)][next(3) as usize],
                range: Ipv4Net::new(address, length).unwrap().trunc(),
                ports: (next(3) > 0).then(|| (first, first + u16::try_from(next(8)).unwrap())),
            }
        });
        let acl = acl(entries.collect());
        let expected = naive(&acl, TCP, ports.clone(), range);
        assert_eq!(acl.passes(Direction::In, TCP, ports.clone(), range), expected, "{acl:#?}");
        seen[expected as usize] += 1;
    }
    assert!(seen.iter().all(|count| *count > 100), "all three outcomes occur: {seen:?}");
}

/// The traffic that a network ACL denies: whether it is outbound, the protocol, the range and the ports.
type Denied<'a> = (bool, Option<u8>, &'a str, Option<(u16, u16)>);

fn acl_of(ids: &[&str], closed: &[Denied<'_>]) -> NetworkAcl {
    let entry = |number, egress, allow, protocol, range: &str, ports| AclEntry {
        number,
        egress,
        allow,
        protocol,
        range: range.parse().unwrap(),
        ports,
    };
    let mut entries: Vec<AclEntry> = (1..)
        .zip(closed)
        .map(|(number, (egress, protocol, range, ports))| entry(number, *egress, false, *protocol, range, *ports))
        .collect();
    entries.extend([false, true].map(|egress| entry(100, egress, true, None, "0.0.0.0/0", None)));
    NetworkAcl { id: format!("acl-of-{}", ids.concat()).as_str().into(), subnets: subnets(ids), entries }
}

fn acls(acls: Vec<NetworkAcl>) -> impl FnOnce(&mut Settings, &mut Observed) {
    move |_, observed| observed.surroundings.network_acls = Some(acls)
}

#[test]
fn traffic_that_a_network_acl_drops_is_reported() {
    let all = ["subnet-a", "subnet-c", "subnet-s", "subnet-l"];
    assert_eq!(findings(acls(vec![acl_of(&all, &[])])), []);
    let first = |closed| acls(vec![acl_of(&["subnet-a"], &[closed]), acl_of(&["subnet-c", "subnet-s"], &[])]);
    one(
        first((false, Some(TCP), "192.168.10.0/24", Some((443, 443)))),
        Check::AclsOpen,
        "network ACL acl-of-subnet-a of subnet subnet-a drops all or some of: TCP 443 from 192.168.10.0/24",
    );
    one(
        first((false, None, "192.168.10.128/25", Some((53, 53)))),
        Check::AclsOpen,
        "UDP 53 from 192.168.10.0/24, TCP 53 from 192.168.10.0/24",
    );
    one(
        first((true, Some(UDP), "0.0.0.0/0", Some((1024, 2048)))),
        Check::AclsOpen,
        "drops all or some of: UDP 1024-65535 to 192.168.10.0/24",
    );
    assert_eq!(findings(first((false, Some(TCP), "192.168.10.0/24", Some((1500, 1500))))), [], "no replication server");
    assert_eq!(findings(first((false, Some(TCP), "192.168.11.0/24", None))), [], "no source server has this range");
    assert_eq!(findings(|_, observed| observed.surroundings.network_acls = None), [], "no check without permission");
}

#[test]
fn network_acls_that_admit_nothing_block_the_network() {
    let endpoints = |closed| acls(vec![acl_of(&["subnet-a", "subnet-c"], &[closed]), acl_of(&["subnet-s"], &[])]);
    one(
        endpoints((false, Some(TCP), "192.168.0.0/16", Some((443, 443)))),
        Check::AclsPassable,
        "no endpoint subnet admits TCP 443 from any source server",
    );
    let found = findings(endpoints((true, Some(TCP), "192.168.0.0/16", Some((1024, 65535)))));
    assert_eq!(found[0].0, Check::AclsPassable, "no answer gets out: {found:#?}");
    one(endpoints((false, Some(UDP), "0.0.0.0/0", Some((53, 53)))), Check::AclsPassable, "UDP 53");
    let staging = (false, Some(TCP), "192.168.10.0/24", Some((0, 65535)));
    one(acls(vec![acl_of(&["subnet-s"], &[staging])]), Check::AclsPassable, "no staging subnet admits TCP 1500");
    let found = findings(endpoints((false, Some(TCP), "0.0.0.0/0", Some((53, 53)))));
    assert!(
        matches!(&found[..], [(Check::AclsOpen, a), (Check::AclsOpen, c)] if a.contains("subnet-a") && c.contains("subnet-c")),
        "only long answers need DNS over TCP: {found:#?}"
    );
    let proxied = |settings: &mut Settings, observed: &mut Observed| {
        settings.proxies = ["192.168.200.0/24".parse().unwrap()].into();
        endpoints((false, Some(TCP), "192.168.10.0/24", Some((443, 443))))(settings, observed);
    };
    assert!(
        findings(proxied).iter().all(|(check, _)| *check == Check::AclsOpen),
        "the proxies get through, and source servers may have no other way"
    );
    let no_resolver = |settings: &mut Settings, observed: &mut Observed| {
        settings.resolver = Resolver::Disabled;
        endpoints((false, None, "192.168.0.0/16", Some((53, 53))))(settings, observed);
    };
    assert_eq!(findings(no_resolver), [], "no DNS client uses these subnets");
}

#[test]
fn blocked_traffic_is_an_error_only_if_all_rules_are_known() {
    let closed = |ids: &[&str]| {
        let acl = NetworkAcl { subnets: subnets(ids), ..acl(Vec::new()) };
        move |_: &mut Settings, observed: &mut Observed| observed.surroundings.network_acls = Some(vec![acl])
    };
    let blocked =
        |found: &[(Check, String)]| found.iter().any(|(_, message)| message.starts_with("no endpoint subnet"));
    let both = findings(closed(&["subnet-a", "subnet-c"]));
    assert!(blocked(&both), "{both:#?}");
    let one = findings(closed(&["subnet-a"]));
    assert!(!one.is_empty() && !blocked(&one), "{one:#?}");
}
