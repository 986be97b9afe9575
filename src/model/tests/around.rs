//! Checks of the surroundings of a network: foreign resources, the VPC and its routes.

use std::collections::BTreeMap;

use crate::model::{
    observed::{EndpointState, Observed, PrivateDns, routes::RouteTarget, surroundings::HostedZone},
    preflight::checks::Check,
    settings::{Resolver, Settings, SubnetSelector},
    slot::{EndpointKey, Service},
    testing::{Lab, endpoints as endpoints_of, subnets, without_ssm},
    tests::found::{findings, one},
};

/// Adds the same endpoints to the VPC under another owner, as another network would create them.
fn foreign_endpoints(
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
fn private_dns_for_a_service_exists_once() {
    let mgn = EndpointKey::interface(Service::Mgn);
    one(foreign_endpoints(&[mgn], |_| {}), Check::PrivateDnsFree, "vpce/mgn/Interface: endpoint vpce-");
    one(
        foreign_endpoints(&[EndpointKey::S3_INTERFACE], |_| {}),
        Check::PrivateDnsFree,
        "has private DNS for com.amazonaws.ap-northeast-1.s3",
    );
    one(
        foreign_endpoints(&[mgn], |other| other.state = EndpointState::Deleting),
        Check::PrivateDnsFree,
        "vpce/mgn/Interface",
    );
    for change in [
        |other: &mut crate::model::observed::Endpoint| other.private_dns = PrivateDns::Disabled,
        |other: &mut crate::model::observed::Endpoint| other.state = EndpointState::Deleted,
        |other: &mut crate::model::observed::Endpoint| other.key = None,
    ] {
        assert_eq!(findings(foreign_endpoints(&[mgn], change)), []);
    }
    let unwanted = |settings: &mut Settings, observed: &mut Observed| {
        settings.endpoints = endpoints_of(&without_ssm());
        foreign_endpoints(&[EndpointKey::interface(Service::Ssm)], |_| {})(settings, observed);
    };
    assert_eq!(findings(unwanted), [], "an endpoint of a disabled service causes no conflict");
}

#[test]
fn own_endpoints_cause_no_conflict() {
    let mut lab = Lab::built();
    lab.observed.surroundings.hosted_zones = Some(vec![zone("mgn.ap-northeast-1.amazonaws.com")]);
    assert_eq!(lab.warnings(), []);
    for id in lab.observed.resources.endpoints.keys() {
        lab.observed.surroundings.gateway_endpoints.get_or_insert_default().insert(id.clone());
    }
    assert_eq!(lab.warnings(), []);
}

#[test]
fn an_own_endpoint_without_names_conflicts_with_a_foreign_one() {
    let mut lab = Lab::built();
    let mgn = EndpointKey::interface(Service::Mgn);
    let own = lab.observed.resources.endpoints.values_mut().find(|endpoint| endpoint.key == Some(mgn)).unwrap();
    own.private_dns = PrivateDns::Disabled;
    let mut other = own.clone();
    (other.private_dns, other.tags) = (PrivateDns::Enabled, BTreeMap::new());
    lab.observed.resources.endpoints.insert("vpce-other".into(), other);
    let refused = crate::model::testing::resolve(&lab.settings, &lab.observed).unwrap_err();
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
    assert_eq!(findings(|_, observed| observed.surroundings.hosted_zones = None), [], "no check without permission");
}

#[test]
fn a_route_table_has_one_route_to_s3() {
    let gateway = [EndpointKey::S3_GATEWAY];
    one(foreign_endpoints(&gateway, |_| {}), Check::GatewayRoutesFree, "has the route to S3 in rtb-main, rtb-s");
    one(
        foreign_endpoints(&gateway, |other| other.route_tables = ["rtb-s".into()].into()),
        Check::GatewayRoutesFree,
        "has the route to S3 in rtb-s,",
    );
    assert_eq!(findings(foreign_endpoints(&gateway, |other| other.route_tables = ["rtb-other".into()].into())), []);
    assert_eq!(findings(foreign_endpoints(&gateway, |other| other.state = EndpointState::Deleting)), []);
}

#[test]
fn ranges_that_overlap_the_vpc_are_reported() {
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
fn other_dns_servers_than_amazons_are_reported() {
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
    assert_eq!(findings(|_, observed| observed.surroundings.dns_servers = None), [], "no check without permission");
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
    let chosen: [fn(&mut Settings); 2] = [
        |settings| settings.staging_subnets = SubnetSelector::Ids(subnets(&["subnet-a"])),
        |settings| settings.launch_subnets = Some(SubnetSelector::Ids(subnets(&["subnet-a"]))),
    ];
    for choose in chosen {
        let twice = |settings: &mut Settings, observed: &mut Observed| {
            share(&["subnet-a"])(settings, observed);
            choose(settings);
        };
        one(twice, Check::SubnetsOwned, "shares subnet-a with this account");
    }
    assert_eq!(findings(share(&["subnet-d"])), [], "a subnet that the network does not use is not checked");
}

#[test]
fn a_vpc_with_dedicated_tenancy_cannot_have_a_resolver() {
    one(|_, observed| observed.vpcs[0].dedicated = true, Check::ResolverTenancy, "ModifyVpcTenancy");
    let without = |settings: &mut Settings, observed: &mut Observed| {
        (settings.resolver, observed.vpcs[0].dedicated) = (Resolver::Disabled, true);
    };
    one(without, Check::DefaultTenancy, "dedicated hardware");
}

#[test]
fn answers_need_a_return_route() {
    let without = |tables: &'static [usize]| {
        move |_: &mut Settings, observed: &mut Observed| {
            for table in tables {
                observed.route_tables[*table].routes.truncate(1);
            }
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
        observed.route_tables[1].routes.push(crate::model::observed::routes::Route {
            destination: "172.16.0.0/12".parse().unwrap(),
            target: RouteTarget::Private,
        });
    };
    one(many, Check::ReturnRoutes, "172.16.14.0/24 and 12 more");
}
