//! Warnings about default quotas that a network would exceed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    observed::{Endpoint, Observed, Peer, Rule, Traffic},
    preflight::checks::Check,
    settings::{ReplicationGroup, Resolver, Settings},
    slot::{EndpointKey, GroupRole, Service},
    testing::Lab,
    tests::found::{findings, one},
};

#[test]
fn exceeded_default_quotas_are_reported() {
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
    // Neither gateway endpoints, which have no subnets, nor endpoints of resources, which have no service, count here.
    let uncounted: [fn(&mut Endpoint); 2] = [|one| one.subnets.clear(), |one| one.service_name.clear()];
    for change in uncounted {
        let all = |settings: &mut Settings, observed: &mut Observed| {
            endpoints(50)(settings, observed);
            observed.resources.endpoints.values_mut().for_each(change);
        };
        assert_eq!(findings(all), []);
    }
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
    assert_eq!(findings(without), [], "the network has no Resolver endpoint");
}

#[test]
fn quotas_do_not_count_own_resources_twice() {
    let mut lab = Lab::built();
    lab.observed.resolvers_in_region = lab.observed.resources.resolvers.keys().cloned().collect();
    lab.observed.resolvers_in_region.extend(["rslvr-in-x".into(), "rslvr-in-y".into(), "rslvr-in-z".into()]);
    assert_eq!(lab.warnings(), []);
    lab.observed.resolvers_in_region.insert("rslvr-out-w".into());
    assert_eq!(lab.warnings().len(), 1);

    let mut lab = Lab::built();
    let gateways = lab.observed.resources.endpoints.iter().filter(|(_, one)| one.key == Some(EndpointKey::S3_GATEWAY));
    let mut all: BTreeSet<_> = gateways.map(|(id, _)| id.clone()).collect();
    all.extend((0..19).map(|number| format!("vpce-of-others-{number}").as_str().into()));
    lab.observed.surroundings.gateway_endpoints = Some(all.clone());
    assert_eq!(lab.warnings(), [], "the network's own is one of the twenty");
    all.insert("vpce-of-others-19".into());
    lab.observed.surroundings.gateway_endpoints = Some(all);
    assert_eq!(lab.warnings().len(), 1);
}

#[test]
fn foreign_rules_of_a_group_count_for_the_quota() {
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
    assert_eq!(findings(managed).len(), 3, "each group has its own quota");

    let mut lab = Lab::built();
    let id = lab.observed.resources.group(&crate::model::testing::identity(), GroupRole::Resolver).unwrap();
    let rules = &mut lab.observed.resources.groups.get_mut(&id).unwrap().ingress;
    let foreign = Rule {
        id: None,
        permission: None,
        traffic: Traffic { protocol: None, ports: (1, 0), peer: Peer::Other },
        description: String::new(),
        text: "icmp".to_owned(),
    };
    // A foreign rule that equals a desired one counts once.
    for rule in rules.iter_mut() {
        rule.description = "by hand".to_owned();
    }
    rules.extend(std::iter::repeat_n(foreign.clone(), 58));
    assert_eq!(lab.warnings(), []);
    let rules = &mut lab.observed.resources.groups.get_mut(&id).unwrap().ingress;
    rules.push(foreign);
    let [warning] = &lab.warnings()[..] else { panic!("{:#?}", lab.warnings()) };
    assert!(warning.message.contains("59 in use by others, 2 needed"), "{warning}");
}
