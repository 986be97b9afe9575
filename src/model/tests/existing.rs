//! Existing resources are used read-only: problems are reported, and nothing is ever written to them.

use std::collections::BTreeSet;

use crate::{
    api::{EndpointMode, EndpointSpec, EndpointType, MigrationNetworkSpec, Reason},
    model::{
        ids::{EndpointId, SecurityGroupId},
        observed::{EndpointState, Peer, Permission, PrivateDns, Protocol, ResolverState, Rule, Traffic},
        ownership::{OWNER_TAG, Tags},
        plan::Blocker,
        settings::{ReplicationGroup, Resolver},
        slot::{EndpointKey, GroupRole, Service, Slot},
        status::inventory,
        testing::{Lab, endpoints, identity},
    },
};

/// The resources of a second network in the same VPC: created by the fixture, with foreign tags.
struct ForeignNetwork {
    lab: Lab,
}

impl ForeignNetwork {
    fn new() -> Self {
        let mut lab = Lab::built();
        let resources = &mut lab.observed.resources;
        let tags = Tags::from([("team".to_owned(), "network".to_owned())]);
        let all = resources.groups.values_mut().map(|group| &mut group.tags);
        let all = all.chain(resources.endpoints.values_mut().map(|endpoint| &mut endpoint.tags));
        for one in all.chain(resources.resolvers.values_mut().map(|resolver| &mut resolver.tags)) {
            one.clone_from(&tags);
        }
        for (index, group) in resources.groups.values_mut().enumerate() {
            group.name = format!("by-hand-{index}");
        }
        lab.claims = crate::model::claims::Claims::default();
        Self { lab }
    }

    fn endpoint(&self, key: EndpointKey) -> EndpointId {
        let found = self.lab.observed.resources.endpoints.iter().find(|(_, endpoint)| endpoint.key == Some(key));
        found.expect("the foreign network has it").0.clone()
    }

    /// Uses all resources of the foreign network.
    fn used() -> Self {
        let mut foreign = Self::new();
        let entries = EndpointKey::standard().map(|key| EndpointSpec {
            service: key.service.to_string(),
            type_: if key == EndpointKey::S3_GATEWAY { EndpointType::Gateway } else { EndpointType::Interface },
            mode: Some(EndpointMode::Existing),
            endpoint_id: Some(foreign.endpoint(key).to_string()),
            ..EndpointSpec::default()
        });
        let spec = MigrationNetworkSpec { endpoints: Some(entries.collect()), ..MigrationNetworkSpec::default() };
        foreign.lab.settings.endpoints = endpoints(&spec);
        let resolver =
            foreign.lab.observed.resources.resolvers.keys().next().expect("the foreign network has one").clone();
        foreign.lab.settings.resolver = Resolver::Existing(resolver);
        foreign
    }

    fn findings(&self) -> Vec<(Reason, String)> {
        match crate::model::testing::resolve(&self.lab.settings, &self.lab.observed) {
            Ok(_) => Vec::new(),
            Err(findings) => {
                findings.into_iter().filter_map(|finding| Some((finding.reason()?, finding.message))).collect()
            }
        }
    }

    /// Returns the only finding after a change.
    fn only_finding(change: impl FnOnce(&mut Lab, &EndpointId, &SecurityGroupId)) -> String {
        let mut foreign = Self::used();
        let mgn = foreign.endpoint(EndpointKey::interface(Service::Mgn));
        let group = foreign.lab.observed.resources.endpoints[&mgn].groups.first().expect("it has one").clone();
        change(&mut foreign.lab, &mgn, &group);
        let findings = foreign.findings();
        assert!(!findings.is_empty(), "no finding");
        assert!(findings.iter().all(|(reason, _)| *reason == Reason::ExistingUnfit), "{findings:#?}");
        findings.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_network_of_nothing_but_existing_resources_is_complete_without_a_step() {
    let mut foreign = ForeignNetwork::used();
    assert_eq!(foreign.findings(), []);
    assert!(foreign.lab.plan().is_done(), "{:#?}", foreign.lab.plan());
    let desired = foreign.lab.desired();
    assert_eq!(inventory::endpoints_available(&desired, &foreign.lab.observed), (7, 7));
    assert_eq!(foreign.lab.delete(), Vec::<String>::new(), "deletion changes nothing");
}

#[test]
fn problems_of_an_existing_endpoint_are_reported_with_their_cure() {
    let gone = ForeignNetwork::only_finding(|lab, mgn, _| drop(lab.observed.resources.endpoints.remove(mgn)));
    assert!(gone.contains("which has no vpce-") && gone.contains("[mgn/Interface].endpointID"), "{gone}");
    let other = ForeignNetwork::only_finding(|lab, mgn, _| {
        let endpoint = lab.observed.resources.endpoints.get_mut(mgn).unwrap();
        endpoint.key = Some(EndpointKey::interface(Service::named("kms").unwrap()));
    });
    assert!(other.contains("must name the mgn/Interface endpoint"), "{other}");
    let failed = ForeignNetwork::only_finding(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().state = EndpointState::Failed("rejected".to_owned());
    });
    assert!(failed.contains("is rejected"), "{failed}");
    let unnamed = ForeignNetwork::only_finding(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().private_dns = PrivateDns::Disabled;
    });
    assert!(unnamed.contains("enable it"), "{unnamed}");
    let nowhere = ForeignNetwork::only_finding(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().subnets.clear();
    });
    assert!(nowhere.contains("has none; add one to it"), "{nowhere}");
    let closed = ForeignNetwork::only_finding(|lab, _, group| {
        lab.observed.resources.groups.get_mut(group).unwrap().ingress.clear();
    });
    assert!(closed.contains("tcp 443 from 192.168.10.0/24") && closed.contains("add the rules"), "{closed}");
    let own = ForeignNetwork::only_finding(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().tags =
            identity().standing_tags(&Tags::new(), Slot::Endpoint(EndpointKey::interface(Service::Mgn)));
    });
    assert!(own.contains("which the network owns"), "{own}");
}

#[test]
fn an_existing_gateway_needs_the_route_tables() {
    let mut foreign = ForeignNetwork::used();
    let gateway = foreign.endpoint(EndpointKey::S3_GATEWAY);
    foreign.lab.observed.resources.endpoints.get_mut(&gateway).unwrap().route_tables.clear();
    let findings = foreign.findings();
    assert!(matches!(&findings[..], [(_, one)] if one.contains("lacks rtb-main, rtb-s")), "{findings:#?}");
}

#[test]
fn problems_of_an_existing_resolver_are_reported() {
    let gone = ForeignNetwork::only_finding(|lab, _, _| lab.observed.resources.resolvers.clear());
    assert!(gone.contains("`spec.resolver.endpointID` must name an inbound endpoint of VPC vpc-1"), "{gone}");
    let broken = ForeignNetwork::only_finding(|lab, _, _| {
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.state = ResolverState::ActionNeeded;
        }
    });
    assert!(broken.contains("ActionNeeded"), "{broken}");
    let single = ForeignNetwork::only_finding(|lab, _, _| {
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.addresses.pop_first();
        }
    });
    assert!(single.contains("has 1; add some"), "{single}");
    let closed = ForeignNetwork::only_finding(|lab, _, _| {
        let groups: BTreeSet<_> =
            lab.observed.resources.resolvers.values().flat_map(|resolver| resolver.groups.clone()).collect();
        for group in groups {
            lab.observed.resources.groups.get_mut(&group).unwrap().ingress.retain(|rule| !rule.text.contains("udp"));
        }
    });
    assert!(closed.contains("udp 53 from 192.168.10.0/24") && !closed.contains("tcp 53"), "{closed}");
}

/// A rule: protocol, of which `None` means all, ports, and the source: a range, or the ID of a prefix list or group.
type Admitted<'a> = (Option<Protocol>, (u16, u16), &'a str);

#[test]
fn rules_are_judged_by_the_traffic_that_they_admit() {
    let mut foreign = ForeignNetwork::used();
    let (id, _) = foreign.lab.observed.resources.groups.iter().next().unwrap();
    let id = id.clone();
    foreign.lab.settings.replication = ReplicationGroup::Existing(id.clone());
    foreign.lab.observed.prefix_lists = [("pl-wide", "192.168.0.0/16"), ("pl-narrow", "192.168.10.0/25")]
        .map(|(list, range)| (list.into(), BTreeSet::from([range.parse().unwrap()])))
        .into();
    let group = |foreign: &mut ForeignNetwork, rules: &[Admitted<'_>]| {
        let group = foreign.lab.observed.resources.groups.get_mut(&id).unwrap();
        group.ingress.retain(|rule| rule.permission.is_some());
        for (protocol, ports, source) in rules {
            let peer = match *source {
                list if list.starts_with("pl-") => Peer::PrefixList(list.into()),
                group if group.starts_with("sg-") => Peer::Group(group.to_owned()),
                range => Peer::Range(range.parse().unwrap()),
            };
            group.ingress.push(Rule {
                id: None,
                permission: None,
                traffic: Traffic { protocol: *protocol, ports: *ports, peer },
                description: String::new(),
                text: String::new(),
            });
        }
        foreign.findings().is_empty()
    };
    let tcp = Some(Protocol::Tcp);
    for (rules, admits) in [
        (vec![], false),
        (vec![(tcp, (1500, 1500), "192.168.10.0/24")], true),
        (vec![(tcp, (1000, 2000), "192.168.0.0/16")], true),
        (vec![(None, (0, u16::MAX), "0.0.0.0/0")], true),
        (vec![(Some(Protocol::Udp), (1500, 1500), "192.168.10.0/24")], false),
        (vec![(tcp, (1501, 1600), "192.168.10.0/24")], false),
        (vec![(tcp, (1500, 1500), "192.168.10.0/25")], false),
        (vec![(tcp, (1500, 1500), "192.168.10.0/25"), (tcp, (1500, 1500), "192.168.10.128/25")], true),
        (vec![(tcp, (1500, 1500), "pl-wide")], true),
        (vec![(tcp, (1500, 1500), "pl-narrow")], false),
        (vec![(tcp, (1500, 1500), "pl-narrow"), (tcp, (1500, 1500), "192.168.10.128/25")], true),
        // A warning: the entries of the list could not be read.
        (vec![(tcp, (1500, 1500), "pl-unread")], true),
        // The members of a group are in a VPC.
        (vec![(tcp, (1500, 1500), "sg-another")], false),
    ] {
        assert_eq!(group(&mut foreign, &rules), admits, "{rules:?}");
    }
}

#[test]
fn existing_groups_are_added_to_endpoints_before_the_own_group_is_deleted() {
    let mut lab = Lab::built();
    let own = lab.observed.resources.group(&identity(), GroupRole::Endpoints).unwrap();
    let wide = |source: &str| {
        let permission = Permission { protocol: Protocol::Tcp, port: 443, source: source.parse().unwrap() };
        Rule {
            id: None,
            permission: Some(permission),
            traffic: permission.into(),
            description: String::new(),
            text: String::new(),
        }
    };
    let group = crate::model::observed::SecurityGroup {
        name: "by-hand".to_owned(),
        ingress: vec![wide("10.0.0.0/8"), wide("192.168.0.0/16")],
        egress: Vec::new(),
        tags: Tags::new(),
    };
    lab.observed.resources.groups.insert("sg-theirs".into(), group);
    lab.settings.endpoint_groups = Some(BTreeSet::from(["sg-theirs".into()]));
    // The network's endpoints will stop using the group, but those of another owner will not.
    let holds = |lab: &Lab| {
        let blockers = lab.plan().blockers;
        blockers
            .into_iter()
            .find(|blocker| blocker.slot() == Some(Slot::Group(GroupRole::Endpoints)))
            .expect("it cannot be deleted yet")
    };
    assert!(matches!(holds(&lab), Blocker::Awaits { needs: Slot::Endpoint(_), .. }), "{:?}", holds(&lab));
    let endpoints = lab.observed.resources.endpoints.clone();
    let mut another = endpoints.values().find(|endpoint| endpoint.groups.contains(&own)).unwrap().clone();
    another.private_dns = PrivateDns::Disabled;
    another.tags.insert(OWNER_TAG.to_owned(), "another".to_owned());
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.groups.remove(&own);
    }
    lab.observed.resources.endpoints.insert("vpce-another".into(), another);
    assert!(matches!(holds(&lab), Blocker::InUse { .. }), "{:?}", holds(&lab));
    lab.observed.resources.endpoints = endpoints;

    let steps = lab.run();
    let at = |text: &str| steps.iter().position(|step| step.contains(text)).unwrap_or_else(|| panic!("{steps:#?}"));
    assert!(at("+sg-theirs") < at(&format!("-{own}")) && at(&format!("-{own}")) < at(&format!("delete {own}")));
    assert!(lab.observed.resources.groups.contains_key(&SecurityGroupId::from("sg-theirs")));
}

#[test]
fn the_plan_waits_for_existing_resources() {
    let mut foreign = ForeignNetwork::used();
    assert!(foreign.lab.plan().is_done(), "{:#?}", foreign.lab.plan());
    let all = &foreign.lab.observed.resources;
    assert_eq!(foreign.lab.settings.named_endpoints(), all.endpoints.keys().cloned().collect());
    assert_eq!(foreign.lab.settings.named_resolver(), all.resolvers.keys().next());
    let id = foreign.endpoint(EndpointKey::interface(Service::Mgn));
    foreign.lab.observed.resources.endpoints.get_mut(&id).unwrap().state = EndpointState::Pending;
    for resolver in foreign.lab.observed.resources.resolvers.values_mut() {
        resolver.state = ResolverState::Updating;
    }
    let plan = foreign.lab.plan();
    let waits: Vec<_> = plan.blockers.iter().map(Blocker::slot).collect();
    assert_eq!(waits, [Some(Slot::Endpoint(EndpointKey::interface(Service::Mgn))), Some(Slot::Resolver)], "{plan:#?}");
    assert_eq!(plan.steps, []);
}
