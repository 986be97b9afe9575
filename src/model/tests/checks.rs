//! What the preflight finds beside the selectors: in others' resources, routes, network ACLs, quotas; and that each check
//! is documented.

use std::collections::{BTreeMap, BTreeSet};

use super::found::{findings, one};
use crate::model::{
    checks::{Check, Finding, Severity},
    network_acl::{AclEntry, NetworkAcl, TCP, UDP},
    observed::{EndpointState, Observed, PrivateDns, Rule, Traffic},
    report,
    routes::RouteTarget,
    settings::Resolver,
    settings::{ReplicationGroup, Settings},
    slot::{EndpointKey, GroupRole, Service},
    surroundings::HostedZone,
    testing::{Lab, endpoints as endpoints_of, subnets, tokyo, without_ssm},
};

const PAGE: &str = include_str!("../../../docs/checks.md");

/// Puts into the VPC what another network has built there: the same endpoints, under another owner.
fn strangers(
    keys: &[EndpointKey],
    change: impl Fn(&mut crate::model::observed::Endpoint),
) -> impl FnOnce(&mut Settings, &mut Observed) {
    let mut endpoints = Lab::built().observed.resources.endpoints;
    endpoints.retain(|_, endpoint| endpoint.key.is_some_and(|key| keys.contains(&key)));
    for endpoint in endpoints.values_mut() {
        endpoint.tags.clear();
        change(endpoint);
    }
    move |_, observed| observed.resources.endpoints.extend(endpoints)
}

#[test]
fn private_dns_exists_once() {
    let mgn = EndpointKey::interface(Service::Mgn);
    one(strangers(&[mgn], |_| {}), Check::PrivateDnsFree, "vpce/mgn/Interface: endpoint vpce-");
    one(
        strangers(&[EndpointKey::S3_INTERFACE], |_| {}),
        Check::PrivateDnsFree,
        "has private DNS for com.amazonaws.ap-northeast-1.s3",
    );
    one(strangers(&[mgn], |other| other.state = EndpointState::Deleting), Check::PrivateDnsFree, "vpce/mgn/Interface");
    for change in [
        |other: &mut crate::model::observed::Endpoint| other.private_dns = PrivateDns::Disabled,
        |other: &mut crate::model::observed::Endpoint| other.state = EndpointState::Deleted,
        |other: &mut crate::model::observed::Endpoint| other.key = None,
    ] {
        assert_eq!(findings(strangers(&[mgn], change)), []);
    }
    let unwanted = |settings: &mut Settings, observed: &mut Observed| {
        settings.endpoints = endpoints_of(&without_ssm());
        strangers(&[EndpointKey::interface(Service::Ssm)], |_| {})(settings, observed);
    };
    assert_eq!(findings(unwanted), [], "a service that the network does not want is nobody's conflict");
}

#[test]
fn what_is_the_networks_own_is_no_conflict() {
    let mut lab = Lab::built();
    lab.observed.surroundings.hosted_zones = Some(vec![zone("mgn.ap-northeast-1.amazonaws.com")]);
    assert_eq!(lab.desired().warnings, []);
    for id in lab.observed.resources.endpoints.keys() {
        lab.observed.surroundings.gateway_endpoints.get_or_insert_default().insert(id.clone());
    }
    assert_eq!(lab.desired().warnings, []);
}

#[test]
fn an_own_endpoint_that_lost_its_names_to_another_is_a_conflict() {
    let mut lab = Lab::built();
    let mgn = EndpointKey::interface(Service::Mgn);
    let own = lab.observed.resources.endpoints.values_mut().find(|endpoint| endpoint.key == Some(mgn)).unwrap();
    own.private_dns = PrivateDns::Disabled;
    let mut other = own.clone();
    (other.private_dns, other.tags) = (PrivateDns::Enabled, BTreeMap::new());
    lab.observed.resources.endpoints.insert("vpce-other".into(), other);
    let refused =
        crate::model::desired::Desired::resolve(crate::model::testing::identity(), &lab.settings, None, &lab.observed)
            .unwrap_err();
    assert_eq!(refused.iter().map(|finding| finding.check).collect::<Vec<_>>(), [Check::PrivateDnsFree]);
    assert!(refused[0].message.contains("vpce-other"), "{refused:#?}");
}

fn zone(name: &str) -> HostedZone {
    HostedZone { id: "Z0123".to_owned(), name: name.to_owned(), owner: "222233334444".to_owned() }
}

#[test]
fn a_hosted_zone_of_the_same_name_excludes_private_dns() {
    let zones = |names: &'static [&'static str]| {
        move |_: &mut Settings, observed: &mut Observed| {
            observed.surroundings.hosted_zones = Some(names.iter().map(|name| zone(name)).collect());
        }
    };
    one(
        zones(&["mgn.ap-northeast-1.amazonaws.com"]),
        Check::HostedZonesApart,
        "vpce/mgn/Interface: private hosted zone Z0123 of account 222233334444",
    );
    one(zones(&["S3.ap-northeast-1.amazonaws.com"]), Check::HostedZonesApart, "vpce/s3/Interface");
    for apart in [
        &["ap-northeast-1.amazonaws.com"][..],
        &["bucket.s3.ap-northeast-1.amazonaws.com"],
        &["mgn.eu-west-1.amazonaws.com"],
        &["corp.example.com"],
    ] {
        assert_eq!(findings(zones(apart)), [], "{apart:?}");
    }
    assert_eq!(findings(|_, observed| observed.surroundings.hosted_zones = None), [], "not permitted, not checked");
}

#[test]
fn a_route_table_has_one_route_to_s3() {
    let gateway = [EndpointKey::S3_GATEWAY];
    one(strangers(&gateway, |_| {}), Check::GatewayRoutesFree, "has the route to S3 in rtb-main, rtb-s");
    one(
        strangers(&gateway, |other| other.route_tables = ["rtb-s".into()].into()),
        Check::GatewayRoutesFree,
        "has the route to S3 in rtb-s,",
    );
    assert_eq!(findings(strangers(&gateway, |other| other.route_tables = ["rtb-other".into()].into())), []);
    assert_eq!(findings(strangers(&gateway, |other| other.state = EndpointState::Deleting)), []);
}

#[test]
fn ranges_of_the_vpc_itself_are_told() {
    let sources = |range: &'static str| {
        move |settings: &mut Settings, observed: &mut Observed| {
            settings.sources = [range.parse().unwrap()].into();
            for table in &mut observed.route_tables {
                table.routes[1].destination = "0.0.0.0/0".parse().unwrap();
            }
        }
    };
    for range in ["10.20.30.0/24", "10.20.0.0/16", "10.0.0.0/8"] {
        one(
            sources(range),
            Check::SourcesApart,
            &format!("`spec.sourceCIDRs`: {range} overlaps the VPC's own 10.20.0.0/16"),
        );
    }
    assert_eq!(findings(sources("10.21.0.0/16")), []);
    let proxies =
        |settings: &mut Settings, _: &mut Observed| settings.proxies = ["10.20.30.0/24".parse().unwrap()].into();
    one(proxies, Check::SourcesApart, "`spec.proxyCIDRs`");
}

#[test]
fn dns_servers_that_are_not_amazons_are_told() {
    let servers = |servers: &'static [&'static str]| {
        move |_: &mut Settings, observed: &mut Observed| {
            observed.surroundings.dns_servers = Some(servers.iter().map(|server| (*server).to_owned()).collect());
        }
    };
    for amazons in [&["AmazonProvidedDNS"][..], &["169.254.169.253"], &["10.20.0.2"]] {
        assert_eq!(findings(servers(amazons)), [], "{amazons:?}");
    }
    one(servers(&["192.168.1.53", "192.168.1.54"]), Check::AmazonDns, "(192.168.1.53, 192.168.1.54)");
    one(servers(&["AmazonProvidedDNS", "192.168.1.53"]), Check::AmazonDns, "(192.168.1.53)");
    one(servers(&[]), Check::AmazonDns, "(none)");
    assert_eq!(findings(|_, observed| observed.surroundings.dns_servers = None), [], "not permitted, not checked");
}

#[test]
fn nothing_is_built_in_a_shared_subnet() {
    let share = |ids: &'static [&'static str]| {
        move |settings: &mut Settings, observed: &mut Observed| {
            settings.resolver = Resolver::Disabled;
            for id in ids {
                observed.subnets.get_mut(&(*id).into()).unwrap().shared_by = Some("222233334444".to_owned());
            }
        }
    };
    for id in [&["subnet-a"][..], &["subnet-s"], &["subnet-l"], &["subnet-a", "subnet-s"]] {
        let says = format!("account 222233334444 shares {} with this account", id.join(", "));
        one(share(id), Check::SubnetsOwned, &says);
    }
    assert_eq!(findings(share(&["subnet-d"])), [], "a subnet that is not used is nobody's business");
}

#[test]
fn no_resolver_in_a_vpc_with_dedicated_tenancy() {
    one(|_, observed| observed.vpcs[0].dedicated = true, Check::ResolverTenancy, "ModifyVpcTenancy");
    let without = |settings: &mut Settings, observed: &mut Observed| {
        (settings.resolver, observed.vpcs[0].dedicated) = (Resolver::Disabled, true);
    };
    one(without, Check::DefaultTenancy, "hardware of their own");
}

fn acl_of(ids: &[&str], closed: &[(bool, Option<u8>, &str, Option<(u16, u16)>)]) -> NetworkAcl {
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
fn what_a_network_acl_drops_is_told() {
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
    assert_eq!(findings(first((false, Some(TCP), "192.168.11.0/24", None))), [], "nobody sends from there");
    assert_eq!(findings(|_, observed| observed.surroundings.network_acls = None), [], "not permitted, not checked");
}

#[test]
fn network_acls_that_let_nothing_through_stand_in_the_way() {
    let endpoints = |closed| acls(vec![acl_of(&["subnet-a", "subnet-c"], &[closed]), acl_of(&["subnet-s"], &[])]);
    one(
        endpoints((false, Some(TCP), "192.168.0.0/16", Some((443, 443)))),
        Check::AclsPassable,
        "no endpoint subnet lets TCP 443 in from any source server",
    );
    let found = findings(endpoints((true, Some(TCP), "192.168.0.0/16", Some((1024, 65535)))));
    assert_eq!(found[0].0, Check::AclsPassable, "no answer gets out: {found:#?}");
    one(endpoints((false, Some(UDP), "0.0.0.0/0", Some((53, 53)))), Check::AclsPassable, "UDP 53");
    let staging = (false, Some(TCP), "192.168.10.0/24", Some((0, 65535)));
    one(acls(vec![acl_of(&["subnet-s"], &[staging])]), Check::AclsPassable, "no staging subnet lets TCP 1500 in");
    let found = findings(endpoints((false, Some(TCP), "0.0.0.0/0", Some((53, 53)))));
    assert!(
        matches!(&found[..], [(Check::AclsOpen, a), (Check::AclsOpen, c)] if a.contains("subnet-a") && c.contains("subnet-c")),
        "long answers only are lost without DNS over TCP: {found:#?}"
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
    assert_eq!(findings(no_resolver), [], "nobody asks for names there");
}

#[test]
fn answers_need_a_way_back() {
    let without = |tables: &'static [usize]| {
        move |_: &mut Settings, observed: &mut Observed| {
            tables.iter().for_each(|table| observed.route_tables[*table].routes.truncate(1));
        }
    };
    one(
        without(&[0]),
        Check::ReturnRoutes,
        "route table rtb-main of subnet-a, subnet-c has no route back to 192.168.10.0/24;",
    );
    one(without(&[1]), Check::ReturnRoutes, "route table rtb-s of subnet-s has no route back");
    assert_eq!(findings(without(&[0, 1])).len(), 2);
    let target =
        |target| move |_: &mut Settings, observed: &mut Observed| observed.route_tables[1].routes[1].target = target;
    for no_way in [RouteTarget::Internet, RouteTarget::Blackhole, RouteTarget::Local] {
        one(target(no_way), Check::ReturnRoutes, "rtb-s");
    }
    let many = |settings: &mut Settings, observed: &mut Observed| {
        settings.sources = (0..20).map(|third| format!("172.16.{}.0/24", third * 2).parse().unwrap()).collect();
        observed.route_tables[1].routes.push(crate::model::routes::Route {
            destination: "172.16.0.0/12".parse().unwrap(),
            target: RouteTarget::Private,
        });
    };
    one(many, Check::ReturnRoutes, "172.16.14.0/24 and 12 more");
}

#[test]
fn default_quotas_that_are_exceeded_are_told() {
    let endpoints = |count: usize| {
        move |_: &mut Settings, observed: &mut Observed| {
            let built = Lab::built().observed.resources.endpoints;
            let mut one =
                built.into_values().find(|one| one.key == Some(EndpointKey::interface(Service::Mgn))).unwrap();
            (one.key, one.tags) = (None, BTreeMap::new());
            let ids = (0..count).map(|number| format!("vpce-{number}").as_str().into());
            observed.resources.endpoints.extend(ids.map(|id| (id, one.clone())));
        }
    };
    assert_eq!(findings(endpoints(44)), []);
    one(endpoints(45), Check::InterfaceEndpointQuota, "45 in use by others, 6 needed, 50 allowed by default");
    let gateways = |count: usize| {
        move |_: &mut Settings, observed: &mut Observed| {
            let ids = (0..count).map(|number| format!("vpce-{number}").as_str().into());
            observed.surroundings.gateway_endpoints = Some(ids.collect());
        }
    };
    assert_eq!(findings(gateways(19)), []);
    one(gateways(20), Check::GatewayEndpointQuota, "20 in use by others, 1 needed, 20 allowed");
    let resolvers = |count: usize| {
        move |_: &mut Settings, observed: &mut Observed| {
            observed.resolvers_in_region =
                (0..count).map(|number| format!("rslvr-in-{number}").as_str().into()).collect();
        }
    };
    assert_eq!(findings(resolvers(3)), []);
    one(resolvers(4), Check::ResolverEndpointQuota, "4 in use by others, 1 needed, 4 allowed");
    let without = |settings: &mut Settings, observed: &mut Observed| {
        settings.resolver = Resolver::Disabled;
        resolvers(4)(settings, observed);
    };
    assert_eq!(findings(without), [], "none is wanted");
}

#[test]
fn a_quota_counts_what_there_will_be_and_not_what_there_is_already() {
    let mut lab = Lab::built();
    lab.observed.resolvers_in_region = lab.observed.resources.resolvers.keys().cloned().collect();
    lab.observed.resolvers_in_region.extend(["rslvr-in-x".into(), "rslvr-in-y".into(), "rslvr-in-z".into()]);
    assert_eq!(lab.desired().warnings, []);
    lab.observed.resolvers_in_region.insert("rslvr-out-w".into());
    assert_eq!(lab.desired().warnings.len(), 1);
}

#[test]
fn rules_of_a_group_are_counted_with_those_of_others() {
    let sources = |count: u8| {
        move |settings: &mut Settings, _: &mut Observed| {
            settings.sources = (0..count).map(|third| format!("192.168.{third}.0/24").parse().unwrap()).collect();
            settings.clients.clone_from(&settings.sources);
        }
    };
    assert_eq!(findings(sources(30)), []);
    one(sources(31), Check::RuleQuota, "rules of sg/resolver: 0 in use by others, 62 needed, 60 allowed by default");
    let managed = |settings: &mut Settings, observed: &mut Observed| {
        sources(61)(settings, observed);
        settings.replication = ReplicationGroup::Managed;
    };
    assert_eq!(findings(managed).len(), 3, "each group has a quota of its own");

    let mut lab = Lab::built();
    let id = lab.observed.resources.group(&crate::model::testing::identity(), GroupRole::Resolver).unwrap();
    let rules = &mut lab.observed.resources.groups.get_mut(&id).unwrap().ingress;
    let stranger = Rule {
        id: None,
        permission: None,
        traffic: Traffic { protocol: None, ports: (1, 0), source: None },
        description: String::new(),
        text: "icmp".to_owned(),
    };
    rules.extend(std::iter::repeat_n(stranger, 59));
    let [warning] = &lab.desired().warnings[..] else { panic!("{:#?}", lab.desired().warnings) };
    assert!(warning.message.contains("59 in use by others, 2 needed"), "{warning}");
}

#[test]
fn status_lists_each_warning_once_and_no_error() {
    let warning = |subject: &str| Finding::new(Check::ReturnRoutes, "x".repeat(2000)).about(subject);
    let found = [warning("rtb-2"), warning("rtb-1"), warning("rtb-1"), Finding::new(Check::VpcFound, "no".to_owned())];
    let listed = report::warnings(&found);
    assert_eq!(listed.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["rtb-1", "rtb-2"]);
    assert!(listed.iter().all(|one| one.code == "MGN122" && one.message.len() == 1024));
    let many: Vec<Finding> = (0..100).map(|number| warning(&format!("{number}"))).collect();
    assert_eq!(report::warnings(&many).len(), 64);
}

#[test]
fn codes_are_stable_words_in_order_and_titles_are_sentences() {
    let codes: Vec<&str> = Check::ALL.iter().map(|check| check.code()).collect();
    assert!(codes.is_sorted() && codes.iter().collect::<BTreeSet<_>>().len() == codes.len(), "{codes:?}");
    for check in Check::ALL {
        assert!(check.code().starts_with("MGN1") && check.code().len() == 6, "{check}");
        assert!(check.title().starts_with("The ") || check.title().starts_with("No "), "{}", check.title());
        assert!(!check.title().contains('.'), "{}", check.title());
    }
}

/// The sections of the page: code, title and text.
fn sections(page: &str) -> Vec<(&str, &str, &str)> {
    let sections = page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    sections.filter_map(|(head, text)| head.split_once(' ').map(|(code, title)| (code, title, text))).collect()
}

#[test]
fn every_check_has_its_section_and_every_section_its_check() {
    let written: Vec<(&str, &str)> = sections(PAGE).into_iter().map(|(code, title, _)| (code, title)).collect();
    let wanted: Vec<(&str, &str)> = Check::ALL.iter().map(|check| (check.code(), check.title())).collect();
    assert_eq!(written, wanted);
}

#[test]
fn every_section_says_what_it_does_why_and_what_to_do_with_an_example() {
    for (check, (code, _, text)) in Check::ALL.iter().zip(sections(PAGE)) {
        let severity = match check.severity() {
            Severity::Error(reason) => format!("Error, reason `{reason}`."),
            Severity::Warning => "Warning.".to_owned(),
        };
        assert!(text.contains(&severity), "{code} must say: {severity}");
        for part in ["**Checks:**", "**Cause:**", "**Cure:**", &format!("```\n{code}: ")] {
            assert!(text.contains(part), "{code} lacks {part}");
        }
        let anchor = format!("<a id=\"{}\"></a>", code.to_lowercase());
        assert!(PAGE.contains(&anchor), "{code} lacks {anchor}");
    }
}

#[test]
fn the_page_is_found_from_readme_and_architecture() {
    assert!(include_str!("../../../README.md").contains("docs/checks.md"));
    assert!(include_str!("../../../docs/architecture.md").contains("checks.md"));
}
