//! Changes to existing resources: the calls that lead to the desired state, and what they wait for.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    observed::{Endpoint, EndpointState, PrivateDns, ResolverEndpoint, ResolverState},
    ownership::{ADOPTED_TAG, NAME_TAG, Tags},
    plan::{Blocker, resolver_addresses, step::Step},
    settings::{Resolver, SubnetSelector},
    slot::{EndpointKey, EndpointType, Service, Slot},
    testing::{Lab, attached, identity, subnets},
};

const MGN: EndpointKey = EndpointKey::interface(Service::Mgn);

fn endpoint(lab: &mut Lab, key: EndpointKey) -> &mut Endpoint {
    let all = lab.observed.resources.endpoints.values_mut();
    all.into_iter().find(|endpoint| endpoint.key == Some(key)).expect("it is built")
}

fn resolver(lab: &mut Lab) -> &mut ResolverEndpoint {
    lab.observed.resources.resolvers.values_mut().next().expect("it is built")
}

fn waits(lab: &Lab, slot: Slot) -> Option<Blocker> {
    lab.plan().blockers.into_iter().find(|blocker| blocker.slot() == Some(slot))
}

#[test]
fn the_gateway_endpoint_follows_the_route_tables() {
    let mut lab = Lab::built();
    let gateway = endpoint(&mut lab, EndpointKey::S3_GATEWAY);
    gateway.route_tables = BTreeSet::from(["rtb-main".into(), "rtb-of-others".into()]);
    let steps = lab.run();
    assert!(matches!(&steps[..], [one, _] if one.contains("+rtb-s") && one.contains("-rtb-of-others")), "{steps:#?}");
}

#[test]
fn groups_are_added_before_a_subnet_is_removed() {
    let mut lab = Lab::built();
    lab.settings.resolver = Resolver::Disabled;
    lab.run();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a"]));
    endpoint(&mut lab, MGN).groups.clear();
    let plan = lab.plan();
    let change = plan.steps.iter().find_map(|step| match step {
        Step::ModifyEndpoint { key: MGN, change, .. } => Some(change),
        _ => None,
    });
    let change = change.expect("it is changed");
    assert!(!change.add_groups.is_empty() && change.remove_subnets.is_empty(), "{change:?}");
}

#[test]
fn subnets_are_replaced_zone_by_zone() {
    let mut lab = Lab::new();
    lab.settings.resolver = Resolver::Disabled;
    let beside = lab.observed.subnets[&"subnet-c".into()].clone();
    lab.observed.subnets.insert("subnet-c2".into(), beside);
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a", "subnet-c"]));
    lab.run();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2", "subnet-c2"]));
    let steps = lab.run();
    let of_mgn: Vec<_> = steps.iter().filter(|step| step.contains("(mgn/Interface)")).collect();
    assert!(of_mgn[0].ends_with(": -subnet-a"), "the other zone still answers: {of_mgn:#?}");
    assert_eq!(endpoint(&mut lab, MGN).subnets, subnets(&["subnet-a2", "subnet-c2"]));
}

#[test]
fn a_resolver_never_has_fewer_than_two_addresses() {
    let address = |subnet: &str| attached(&subnet.into(), Ipv4Addr::new(10, 20, 1, 10));
    let mut lab = Lab::built();
    let mut two = resolver(&mut lab).clone();
    two.addresses = BTreeMap::from([("rni-1".into(), address("subnet-a")), ("rni-2".into(), address("subnet-c"))]);
    let wanted = BTreeMap::from([("subnet-a".into(), None)]);
    let next = |resolver: &ResolverEndpoint| {
        resolver_addresses::next_step(&"rslvr-1".into(), resolver, &wanted, &BTreeSet::new())
    };
    assert_eq!(next(&two), None, "AWS refuses to go below two");
    two.addresses.insert("rni-3".into(), address("subnet-d"));
    assert!(matches!(next(&two), Some(Step::DisassociateResolverAddress { .. })));
    for state in ["DETACHING", "DELETING"] {
        let mut three = two.clone();
        three.addresses.get_mut(&"rni-2".into()).expect("it is there").state = state.to_owned();
        assert_eq!(next(&three), None, "{state}: AWS removes it, so it does not count");
    }
}

#[test]
fn a_broken_or_leaving_address_can_be_removed_without_outage() {
    let fixed = BTreeMap::from([("subnet-a".into(), Some("10.20.1.53".parse().expect("an address")))]);
    let mut lab = Lab::built();
    let one = resolver(&mut lab);
    assert_eq!(resolver_addresses::moves(one, &fixed, &BTreeSet::new()).len(), 1, "another address answers there");
    for state in ["FAILED_RESOURCE_GONE", "DETACHING"] {
        let there = one.addresses.values_mut().find(|address| address.subnet == "subnet-a".into());
        there.expect("it has one").state = state.to_owned();
        assert_eq!(resolver_addresses::moves(one, &fixed, &BTreeSet::new()), [], "{state}");
    }
}

#[test]
fn an_adopted_resource_keeps_its_name() {
    let mut lab = Lab::built();
    let named = |lab: &mut Lab| endpoint(lab, MGN).tags[NAME_TAG].clone();
    let own = named(&mut lab);
    let rename = |lab: &mut Lab| endpoint(lab, MGN).tags.insert(NAME_TAG.to_owned(), "by hand".to_owned());

    rename(&mut lab);
    lab.run();
    assert_eq!(named(&mut lab), own, "a resource that the network created has the network's name");

    endpoint(&mut lab, MGN).tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
    rename(&mut lab);
    lab.run();
    assert_eq!(named(&mut lab), "by hand");

    lab.settings.tags = Tags::from([(NAME_TAG.to_owned(), "of the spec".to_owned())]);
    lab.run();
    assert_eq!(named(&mut lab), "by hand", "the operator only adds to adopted resources");

    lab.managed_tags = BTreeSet::from([NAME_TAG.to_owned()]);
    lab.settings.tags.clear();
    lab.run();
    assert_eq!(named(&mut lab), "by hand");
}

#[test]
fn a_resource_being_deleted_is_awaited_before_its_replacement_is_created() {
    let mut lab = Lab::built();
    endpoint(&mut lab, MGN).state = EndpointState::Deleting;
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    let slot = Slot::Endpoint(MGN);
    assert_eq!(waits(&lab, slot), Some(Blocker::UnderWay { slot, state: "Deleting".to_owned() }));
    assert_eq!(lab.plan().steps, []);
}

/// Adds a foreign S3 interface endpoint that leaves the traffic of the VPC to the gateway endpoint.
fn foreign_endpoint_on_the_gateway(lab: &mut Lab) -> &mut Endpoint {
    let mut foreign = endpoint(lab, EndpointKey::S3_INTERFACE).clone();
    foreign.tags.clear();
    lab.observed.resources.endpoints.entry("vpce-foreign".into()).or_insert(foreign)
}

#[test]
fn a_gateway_that_a_foreign_endpoint_needs_is_kept_and_reported() {
    use crate::api::{EndpointMode, EndpointSpec, EndpointType as Type, MigrationNetworkSpec};
    use crate::model::testing::{endpoints, with_internet};

    let left_out = |type_| EndpointSpec {
        service: "s3".to_owned(),
        type_,
        mode: Some(EndpointMode::Disabled),
        ..EndpointSpec::default()
    };
    let both = Some(vec![left_out(Type::Gateway), left_out(Type::Interface)]);
    let gateway = Slot::Endpoint(EndpointKey::S3_GATEWAY);
    let stays = |change: &dyn Fn(&mut Endpoint)| {
        let mut lab = Lab::built();
        lab.observed = with_internet(lab.observed);
        change(foreign_endpoint_on_the_gateway(&mut lab));
        let spec = MigrationNetworkSpec { endpoints: both.clone(), ..MigrationNetworkSpec::default() };
        lab.settings.endpoints = endpoints(&spec);
        // The network's own endpoint is deleted first. Only the foreign one then remains.
        lab.observed
            .resources
            .endpoints
            .retain(|_, one| one.key != Some(EndpointKey::S3_INTERFACE) || !identity().owns(&one.tags));
        let blocker = waits(&lab, gateway);
        assert_eq!(
            blocker.is_none(),
            lab.plan().steps.iter().any(|step| step.slots().contains(&gateway)),
            "it is deleted or the reason is reported"
        );
        blocker
    };
    let Some(Blocker::InUse { by, .. }) = stays(&|_| {}) else { panic!("it is in use") };
    assert!(by[0].starts_with("vpce-foreign"), "{by:?}");
    assert_eq!(stays(&|one| one.private_dns = PrivateDns::Enabled), None, "its names resolve to itself");
    assert_eq!(stays(&|one| one.state = EndpointState::Deleting), None, "it is being deleted");
    assert_eq!(stays(&|one| one.key = Some(MGN)), None, "it is of another service");
}

#[test]
fn the_states_of_aws_are_distinguished() {
    use EndpointState::{Available, Deleted, Deleting, Failed, Pending, Unknown};
    use ResolverState as R;

    for (word, state) in [
        ("pending", Pending),
        ("pendingAcceptance", Pending),
        ("Available", Available),
        ("deleting", Deleting),
        ("Deleted", Deleted),
        ("rejected", Failed("rejected".to_owned())),
        ("new", Unknown("new".to_owned())),
    ] {
        assert_eq!(EndpointState::parse(word), state, "{word}");
    }
    for (word, state) in [
        ("CREATING", R::Creating),
        ("OPERATIONAL", R::Operational),
        ("UPDATING", R::Updating),
        ("AUTO_RECOVERING", R::AutoRecovering),
        ("ACTION_NEEDED", R::ActionNeeded),
        ("DELETING", R::Deleting),
        ("NEW", R::Unknown("NEW".to_owned())),
    ] {
        assert_eq!(R::parse(word), state, "{word}");
    }
}

#[test]
fn the_plan_waits_for_an_address_that_is_not_attached() {
    let mut lab = Lab::built();
    resolver(&mut lab).addresses.values_mut().next().expect("it has two").state = "ATTACHING".to_owned();
    let Some(Blocker::UnderWay { state, .. }) = waits(&lab, Slot::Resolver) else { panic!("it is not reported") };
    assert!(state.contains("ATTACHING"), "{state}");
}

#[test]
fn only_requests_of_its_kind_fit_a_slot() {
    let mut lab = Lab::new();
    let mut checked = 0;
    loop {
        let steps = lab.plan().steps;
        for step in &steps {
            let Step::Create { slot, request, .. } = step else { continue };
            for other in Slot::standard() {
                let same_slot = match (slot, other) {
                    (Slot::Endpoint(one), Slot::Endpoint(other)) => one == &other,
                    (Slot::Group(one), Slot::Group(other)) => one == &other,
                    (Slot::Resolver, Slot::Resolver) => true,
                    _ => false,
                };
                if same_slot {
                    assert!(request.fits(other, &identity()), "{slot} in {other}");
                }
                if let (Slot::Endpoint(one), Slot::Endpoint(other_key)) = (slot, other)
                    && one.endpoint_type != other_key.endpoint_type
                {
                    assert!(!request.fits(other, &identity()), "{slot} in {other}");
                    checked += 1;
                }
            }
        }
        if steps.is_empty() {
            break;
        }
        lab.claims.reserve(&steps);
        for step in &steps {
            let effect = lab.execute(step);
            lab.claims.done(step, &effect);
        }
    }
    let interfaces = Slot::standard()
        .filter(|slot| matches!(slot, Slot::Endpoint(key) if key.endpoint_type == EndpointType::Interface));
    assert_eq!(checked, 2 * interfaces.count(), "each interface endpoint with the gateway, and the other way round");
}

#[test]
fn only_names_for_the_inbound_resolver_wait_for_the_gateway() {
    let mut lab = Lab::built();
    endpoint(&mut lab, EndpointKey::S3_GATEWAY).state = EndpointState::Pending;
    let gone = [Some(EndpointKey::S3_INTERFACE), Some(MGN)];
    lab.observed.resources.endpoints.retain(|_, one| !gone.contains(&one.key));
    lab.claims = crate::model::claims::Claims::default();
    let created: BTreeSet<_> = lab.plan().steps.iter().flat_map(Step::slots).collect();
    assert!(created.contains(&Slot::Endpoint(MGN)), "{created:?}");
    let slot = Slot::Endpoint(EndpointKey::S3_INTERFACE);
    assert!(!created.contains(&slot), "{created:?}");
    assert_eq!(waits(&lab, slot), Some(Blocker::Awaits { slot, needs: Slot::Endpoint(EndpointKey::S3_GATEWAY) }));
}
