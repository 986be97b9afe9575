//! Existing resources are used as they are: what is wrong with them is said, and nothing is ever written to them.

use std::collections::BTreeSet;

use crate::{
    api::{EndpointMode, EndpointSpec, EndpointType, MigrationNetworkSpec, Reason},
    model::{
        ids::{EndpointId, SecurityGroupId},
        observed::{EndpointState, Permission, PrivateDns, Protocol, ResolverState, Rule},
        ownership::{OWNER_TAG, Tags},
        plan::Blocker,
        settings::{ReplicationGroup, Resolver},
        slot::{EndpointKey, GroupRole, Service, Slot},
        status::inventory,
        testing::{Lab, endpoints, identity},
    },
};

/// A second network's resources in the same VPC, as strangers: made by the fixture, and with other people's tags.
struct Stranger {
    lab: Lab,
}

impl Stranger {
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
        found.expect("the stranger has it").0.clone()
    }

    /// Uses all that the stranger has.
    fn used() -> Self {
        let mut stranger = Self::new();
        let entries = EndpointKey::standard().map(|key| EndpointSpec {
            service: key.service.to_string(),
            type_: if key == EndpointKey::S3_GATEWAY { EndpointType::Gateway } else { EndpointType::Interface },
            mode: Some(EndpointMode::Existing),
            endpoint_id: Some(stranger.endpoint(key).to_string()),
            ..EndpointSpec::default()
        });
        let spec = MigrationNetworkSpec { endpoints: Some(entries.collect()), ..MigrationNetworkSpec::default() };
        stranger.lab.settings.endpoints = endpoints(&spec);
        let resolver = stranger.lab.observed.resources.resolvers.keys().next().expect("the stranger has one").clone();
        stranger.lab.settings.resolver = Resolver::Existing(resolver);
        stranger
    }

    fn findings(&self) -> Vec<(Reason, String)> {
        match crate::model::testing::resolve(&self.lab.settings, &self.lab.observed) {
            Ok(_) => Vec::new(),
            Err(findings) => {
                findings.into_iter().filter_map(|finding| Some((finding.reason()?, finding.message))).collect()
            }
        }
    }

    /// What is said of one thing that is wrong.
    fn said(change: impl FnOnce(&mut Lab, &EndpointId, &SecurityGroupId)) -> String {
        let mut stranger = Self::used();
        let mgn = stranger.endpoint(EndpointKey::interface(Service::Mgn));
        let group = stranger.lab.observed.resources.endpoints[&mgn].groups.first().expect("it has one").clone();
        change(&mut stranger.lab, &mgn, &group);
        let findings = stranger.findings();
        assert!(!findings.is_empty(), "nothing is found");
        assert!(findings.iter().all(|(reason, _)| *reason == Reason::ExistingUnfit), "{findings:#?}");
        findings.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_network_of_nothing_but_existing_resources_is_complete_without_a_step() {
    let mut stranger = Stranger::used();
    assert_eq!(stranger.findings(), []);
    assert!(stranger.lab.plan().is_done(), "{:#?}", stranger.lab.plan());
    let desired = stranger.lab.desired();
    assert_eq!(inventory::endpoints_available(&desired, &stranger.lab.observed), (7, 7));
    assert_eq!(stranger.lab.delete(), Vec::<String>::new(), "and deletion leaves it alone");
}

#[test]
fn what_is_wrong_with_an_existing_endpoint_is_said_with_its_cure() {
    let gone = Stranger::said(|lab, mgn, _| drop(lab.observed.resources.endpoints.remove(mgn)));
    assert!(gone.contains("which has no vpce-") && gone.contains("[mgn/Interface].endpointID"), "{gone}");
    let other = Stranger::said(|lab, mgn, _| {
        let endpoint = lab.observed.resources.endpoints.get_mut(mgn).unwrap();
        endpoint.key = Some(EndpointKey::interface(Service::named("kms").unwrap()));
    });
    assert!(other.contains("must name the mgn/Interface endpoint"), "{other}");
    let failed = Stranger::said(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().state = EndpointState::Failed("rejected".to_owned());
    });
    assert!(failed.contains("is rejected"), "{failed}");
    let unnamed = Stranger::said(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().private_dns = PrivateDns::Disabled;
    });
    assert!(unnamed.contains("turn it on"), "{unnamed}");
    let nowhere = Stranger::said(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().subnets.clear();
    });
    assert!(nowhere.contains("has none; give it one"), "{nowhere}");
    let closed = Stranger::said(|lab, _, group| {
        lab.observed.resources.groups.get_mut(group).unwrap().ingress.clear();
    });
    assert!(closed.contains("tcp 443 from 192.168.10.0/24") && closed.contains("add the rules"), "{closed}");
    let own = Stranger::said(|lab, mgn, _| {
        lab.observed.resources.endpoints.get_mut(mgn).unwrap().tags =
            identity().standing_tags(&Tags::new(), Slot::Endpoint(EndpointKey::interface(Service::Mgn)));
    });
    assert!(own.contains("is the network's own"), "{own}");
}

#[test]
fn an_existing_gateway_needs_the_route_tables() {
    let mut stranger = Stranger::used();
    let gateway = stranger.endpoint(EndpointKey::S3_GATEWAY);
    stranger.lab.observed.resources.endpoints.get_mut(&gateway).unwrap().route_tables.clear();
    let findings = stranger.findings();
    assert!(matches!(&findings[..], [(_, one)] if one.contains("lacks rtb-main, rtb-s")), "{findings:#?}");
}

#[test]
fn what_is_wrong_with_an_existing_resolver_is_said() {
    let gone = Stranger::said(|lab, _, _| lab.observed.resources.resolvers.clear());
    assert!(gone.contains("`spec.resolver.endpointID` must name an inbound endpoint of VPC vpc-1"), "{gone}");
    let broken = Stranger::said(|lab, _, _| {
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.state = ResolverState::ActionNeeded;
        }
    });
    assert!(broken.contains("ActionNeeded"), "{broken}");
    let single = Stranger::said(|lab, _, _| {
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.addresses.pop_first();
        }
    });
    assert!(single.contains("has 1; add some"), "{single}");
    let closed = Stranger::said(|lab, _, _| {
        let groups: BTreeSet<_> =
            lab.observed.resources.resolvers.values().flat_map(|resolver| resolver.groups.clone()).collect();
        for group in groups {
            lab.observed.resources.groups.get_mut(&group).unwrap().ingress.retain(|rule| !rule.text.contains("udp"));
        }
    });
    assert!(closed.contains("udp 53 from 192.168.10.0/24") && !closed.contains("tcp 53"), "{closed}");
}

/// A rule: protocol, ports and source; nothing said means all.
type Admitted<'a> = (Option<Protocol>, (u16, u16), Option<&'a str>);

#[test]
fn rules_are_judged_by_what_they_admit() {
    let mut stranger = Stranger::used();
    let (id, _) = stranger.lab.observed.resources.groups.iter().next().unwrap();
    let id = id.clone();
    stranger.lab.settings.replication = ReplicationGroup::Existing(id.clone());
    let group = |stranger: &mut Stranger, rules: &[Admitted<'_>]| {
        let group = stranger.lab.observed.resources.groups.get_mut(&id).unwrap();
        group.ingress.retain(|rule| rule.permission.is_some());
        for (protocol, ports, source) in rules {
            let source = source.map(|source| source.parse().unwrap());
            group.ingress.push(Rule {
                id: None,
                permission: None,
                traffic: crate::model::observed::Traffic { protocol: *protocol, ports: *ports, source },
                description: String::new(),
                text: String::new(),
            });
        }
        stranger.findings().is_empty()
    };
    let tcp = Some(Protocol::Tcp);
    for (rules, admits) in [
        (vec![], false),
        (vec![(tcp, (1500, 1500), Some("192.168.10.0/24"))], true),
        (vec![(tcp, (1000, 2000), Some("192.168.0.0/16"))], true),
        (vec![(None, (0, u16::MAX), Some("0.0.0.0/0"))], true),
        (vec![(Some(Protocol::Udp), (1500, 1500), Some("192.168.10.0/24"))], false),
        (vec![(tcp, (1501, 1600), Some("192.168.10.0/24"))], false),
        (vec![(tcp, (1500, 1500), Some("192.168.10.0/25"))], false),
        (vec![(tcp, (1500, 1500), Some("192.168.10.0/25")), (tcp, (1500, 1500), Some("192.168.10.128/25"))], true),
        // Whether a prefix list holds them cannot be seen from here.
        (vec![(tcp, (1500, 1500), None)], true),
    ] {
        assert_eq!(group(&mut stranger, &rules), admits, "{rules:?}");
    }
}

#[test]
fn existing_groups_are_given_to_the_endpoints_before_the_networks_own_goes() {
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
        tags: Tags::new(),
    };
    lab.observed.resources.groups.insert("sg-theirs".into(), group);
    lab.settings.endpoint_groups = Some(BTreeSet::from(["sg-theirs".into()]));
    // Its endpoints are still to let go of it; another owner's do not.
    let holds = |lab: &Lab| {
        let blockers = lab.plan().blockers;
        blockers
            .into_iter()
            .find(|blocker| blocker.slot() == Slot::Group(GroupRole::Endpoints))
            .expect("it cannot go yet")
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
fn what_is_only_used_is_waited_for() {
    let mut stranger = Stranger::used();
    assert!(stranger.lab.plan().is_done(), "{:#?}", stranger.lab.plan());
    let all = &stranger.lab.observed.resources;
    assert_eq!(stranger.lab.settings.named_endpoints(), all.endpoints.keys().cloned().collect());
    assert_eq!(stranger.lab.settings.named_resolver(), all.resolvers.keys().next());
    let id = stranger.endpoint(EndpointKey::interface(Service::Mgn));
    stranger.lab.observed.resources.endpoints.get_mut(&id).unwrap().state = EndpointState::Pending;
    for resolver in stranger.lab.observed.resources.resolvers.values_mut() {
        resolver.state = ResolverState::Updating;
    }
    let plan = stranger.lab.plan();
    let waits: Vec<_> = plan.blockers.iter().map(Blocker::slot).collect();
    assert_eq!(waits, [Slot::Endpoint(EndpointKey::interface(Service::Mgn)), Slot::Resolver], "{plan:#?}");
    assert_eq!(plan.steps, []);
}
