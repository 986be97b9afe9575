//! The addresses in the hand-off: they exist, and none of them is about to change.

use std::{cell::RefCell, collections::BTreeSet, net::Ipv4Addr};

use crate::{
    api::{FirewallRule, ManagementPolicy, OnPremisesBasis},
    model::{
        ids::EndpointId,
        observed::ResolverState,
        on_premises::{Facts, facts},
        ownership::Tags,
        plan::Blocker,
        settings::{Resolver, SubnetSelector, endpoints::EndpointSource},
        slot::{EndpointKey, Service, Slot},
        testing::{Lab, identity, subnets},
    },
};

const MGN: Slot = Slot::Endpoint(EndpointKey::interface(Service::Mgn));

fn facts_of(lab: &Lab) -> Option<Facts> {
    facts(&lab.settings, &lab.desired(), &lab.observed, &lab.plan())
}

fn rule(facts: &Facts, id: &str) -> FirewallRule {
    facts.firewall_rules.iter().find(|rule| rule.id == id).cloned().expect("a rule")
}

/// Runs all steps, and returns the facts before each wave of them and at the end.
fn watch(lab: &mut Lab) -> (Vec<Option<Facts>>, Option<Facts>) {
    let seen = RefCell::new(Vec::new());
    lab.run_plan(|lab| {
        seen.borrow_mut().push(facts_of(lab));
        lab.plan()
    });
    let mut seen = seen.into_inner();
    seen.pop();
    (seen, facts_of(lab))
}

fn fix(lab: &mut Lab, subnet: &str, ip: Ipv4Addr) {
    let endpoint = lab.settings.endpoints.get_mut(&EndpointKey::interface(Service::Mgn)).expect("a standard endpoint");
    let EndpointSource::Managed { addresses, .. } = &mut endpoint.source else { panic!("it is managed") };
    addresses.insert(subnet.into(), ip);
    lab.settings.resolver =
        Resolver::Managed { addresses: [(subnet.into(), Ipv4Addr::from(u32::from(ip) + 1))].into() };
}

fn allow_all(lab: &mut Lab) {
    let resources = &lab.observed.resources;
    let slots = resources.slots(&identity()).into_iter();
    lab.settings.address_changes = slots.filter_map(|slot| Some((slot, resources.live(&identity(), slot)?))).collect();
}

/// A firewall team that got the addresses of a subnet that is about to be left would do its work twice.
#[test]
fn nothing_is_handed_over_while_subnets_or_addresses_change() {
    for edit in [
        (|lab| lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-c", "subnet-d"]))) as fn(&mut Lab),
        |lab| lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2", "subnet-d"])),
        |lab| fix(lab, "subnet-c", Ipv4Addr::new(10, 20, 2, 20)),
    ] {
        let mut lab = Lab::built();
        edit(&mut lab);
        allow_all(&mut lab);
        let (meanwhile, at_the_end) = watch(&mut lab);
        assert!(meanwhile.len() > 1 && meanwhile.iter().all(Option::is_none), "{meanwhile:#?}");
        let at_the_end = at_the_end.expect("all addresses exist");
        for rule in at_the_end.firewall_rules.iter().filter(|rule| rule.id != "replication") {
            assert_eq!((rule.addresses.len(), rule.subnets.len()), (2, 2), "{rule:#?}");
        }
    }
}

/// A network that is ready has a hand-off with its present addresses. Each list of AWS has a delay of its own.
#[test]
fn a_network_whose_addresses_are_not_listed_yet_is_not_ready() {
    let mut lab = Lab::built();
    assert!(lab.plan().is_done());
    let id = lab.observed.resources.live(&identity(), MGN).expect("it is built");
    let interfaces = &lab.observed.resources.endpoints[&EndpointId::from(id)].interfaces;
    let interface = interfaces.first().cloned().expect("an interface");
    lab.observed.resources.interfaces.remove(&interface);
    assert_eq!(facts_of(&lab), None);
    let plan = lab.plan();
    assert_eq!((plan.steps.len(), plan.blockers), (0, vec![Blocker::AddressUnknown { slot: MGN, interface }]));
}

/// What changes no address is handed over at once.
#[test]
fn other_changes_do_not_hold_the_hand_off_up() {
    let mut lab = Lab::built();
    lab.settings.tags = Tags::from([("team".to_owned(), "billing".to_owned())]);
    lab.settings.sources.insert("10.50.0.0/16".parse().expect("a range"));
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.groups.insert("sg-by-hand".into());
    }
    assert!(!lab.plan().steps.is_empty());
    let facts = facts_of(&lab).expect("the addresses stay");
    assert!(rule(&facts, "mgn-https").sources.contains(&"10.50.0.0/16".to_owned()));
}

/// Until a person allows the change, the present address stays in use.
#[test]
fn a_fixed_address_that_is_not_allowed_leaves_the_present_one() {
    let mut lab = Lab::built();
    let before = facts_of(&lab);
    fix(&mut lab, "subnet-c", Ipv4Addr::new(10, 20, 2, 20));
    assert_eq!(lab.plan().blockers.len(), 2);
    assert_eq!(facts_of(&lab), before);
    lab.settings.management = ManagementPolicy::Plan;
    assert_eq!(facts_of(&lab), before);
    allow_all(&mut lab);
    let planned = facts_of(&lab).expect("planned");
    assert_eq!(planned.basis, OnPremisesBasis::Planned);
    assert_eq!(rule(&planned, "mgn-https").addresses, ["10.20.2.20"]);
    assert_eq!(rule(&planned, "dns-udp").addresses, ["10.20.2.21"]);
    assert_eq!(rule(&planned, "s3-https").addresses, rule(&before.expect("facts"), "s3-https").addresses);
}

/// AWS lists an address whose network interface is gone, as `FAILED_RESOURCE_GONE`.
#[test]
fn an_address_that_does_not_answer_is_not_handed_over() {
    let mut lab = Lab::built();
    let id = lab.observed.resources.live(&identity(), Slot::Resolver).expect("it is built");
    let resolver = lab.observed.resources.resolvers.get_mut(&id.as_str().into()).expect("it is listed");
    let broken = resolver.addresses.values_mut().next().expect("an address");
    "FAILED_RESOURCE_GONE".clone_into(&mut broken.state);
    let lost = broken.ip.expect("an address").to_string();
    resolver.state = ResolverState::ActionNeeded;
    assert_eq!(facts_of(&lab), None, "the operator replaces it");
    let mut recovering = lab.clone();
    let resolver = recovering.observed.resources.resolvers.get_mut(&id.as_str().into()).expect("it is listed");
    resolver.state = ResolverState::AutoRecovering;
    assert_eq!(facts_of(&recovering), None, "AWS replaces it");

    // The operator does not replace the address of an endpoint that another team operates.
    let resolver = lab.observed.resources.resolvers.get_mut(&id.as_str().into()).expect("it is listed");
    (resolver.state, resolver.tags) = (ResolverState::Operational, Tags::new());
    let third = resolver.addresses.values().next_back().cloned().expect("an address");
    let third = crate::model::observed::ResolverAddress { ip: Some(Ipv4Addr::new(10, 20, 2, 99)), ..third };
    resolver.addresses.insert("rni-third".into(), third);
    lab.claims = crate::model::claims::Claims::default();
    lab.settings.resolver = Resolver::Existing(id.as_str().into());
    let existing = facts_of(&lab).expect("two addresses answer");
    let named: BTreeSet<String> = existing.dns_forwarders.into_iter().flat_map(|one| one.targets).collect();
    assert!(named.len() == 2 && !named.contains(&lost), "{named:?}");
}

/// The range of a rule must admit its addresses, wherever the owner of an existing endpoint has put it.
#[test]
fn the_ranges_of_an_existing_endpoint_are_those_of_its_own_subnets() {
    let mut lab = Lab::built();
    let id = lab.observed.resources.live(&identity(), MGN).expect("it is built");
    let id = EndpointId::from(id);
    let resources = &mut lab.observed.resources;
    let endpoint = resources.endpoints.get_mut(&id).expect("it is listed");
    endpoint.tags = Tags::new();
    endpoint.subnets = subnets(&["subnet-d"]);
    endpoint.interfaces = endpoint.interfaces.iter().take(1).cloned().collect();
    let interface = endpoint.interfaces.first().cloned().expect("an interface");
    let interface = resources.interfaces.get_mut(&interface).expect("it is listed");
    (interface.subnet, interface.ip) = ("subnet-d".into(), Some(Ipv4Addr::new(10, 20, 4, 9)));
    lab.claims = crate::model::claims::Claims::default();
    lab.settings.endpoints.get_mut(&EndpointKey::interface(Service::Mgn)).expect("standard").source =
        EndpointSource::Existing(id);
    let rule = rule(&facts_of(&lab).expect("all addresses exist"), "mgn-https");
    assert_eq!((rule.addresses, rule.subnets), (vec!["10.20.4.9".to_owned()], vec!["10.20.4.0/24".to_owned()]));
}
