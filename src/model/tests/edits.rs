//! How what is there is brought to what is wanted, call by call, and what that waits for.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use crate::model::{
    observed::{Endpoint, EndpointState, PrivateDns, ResolverAddress, ResolverEndpoint, ResolverState},
    ownership::{ADOPTED_TAG, NAME_TAG, Tags},
    plan::{Blocker, changes, step::Step},
    settings::{Resolver, SubnetSelector},
    slot::{EndpointKey, EndpointType, Service, Slot},
    testing::{Lab, identity, subnets},
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
    lab.plan().blockers.into_iter().find(|blocker| blocker.slot() == slot)
}

#[test]
fn a_gateway_follows_the_route_tables() {
    let mut lab = Lab::built();
    let gateway = endpoint(&mut lab, EndpointKey::S3_GATEWAY);
    gateway.route_tables = BTreeSet::from(["rtb-main".into(), "rtb-of-others".into()]);
    let steps = lab.run();
    assert!(matches!(&steps[..], [one, _] if one.contains("+rtb-s") && one.contains("-rtb-of-others")), "{steps:#?}");
}

#[test]
fn groups_are_given_before_a_subnet_is_left() {
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
fn zone_by_zone_where_every_subnet_is_replaced_within_its_zone() {
    let mut lab = Lab::new();
    lab.settings.resolver = Resolver::Disabled;
    let beside = lab.observed.subnets[&"subnet-c".into()].clone();
    lab.observed.subnets.insert("subnet-c2".into(), beside);
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a", "subnet-c"]));
    lab.run();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2", "subnet-c2"]));
    let steps = lab.run();
    let of_mgn: Vec<_> = steps.iter().filter(|step| step.contains("(mgn/Interface)")).collect();
    assert!(of_mgn[0].ends_with(": -subnet-a"), "one zone serves meanwhile: {of_mgn:#?}");
    assert_eq!(endpoint(&mut lab, MGN).subnets, subnets(&["subnet-a2", "subnet-c2"]));
}

#[test]
fn a_resolver_never_has_fewer_than_two_addresses() {
    let address = |subnet: &str| ResolverAddress {
        subnet: subnet.into(),
        ip: Some(Ipv4Addr::new(10, 20, 1, 10)),
        state: "ATTACHED".to_owned(),
    };
    let mut lab = Lab::built();
    let mut two = resolver(&mut lab).clone();
    two.addresses = BTreeMap::from([("rni-1".into(), address("subnet-a")), ("rni-2".into(), address("subnet-c"))]);
    let wanted = BTreeMap::from([("subnet-a".into(), None)]);
    let next = |resolver: &ResolverEndpoint| changes::resolver_addresses(&"rslvr-1".into(), resolver, &wanted);
    assert_eq!(next(&two), None, "AWS refuses to go below two");
    two.addresses.insert("rni-3".into(), address("subnet-d"));
    assert!(matches!(next(&two), Some(Step::DisassociateResolverAddress { .. })));
    for state in ["DETACHING", "REMAP_DETACHING", "DELETING"] {
        let mut three = two.clone();
        three.addresses.get_mut(&"rni-2".into()).expect("it is there").state = state.to_owned();
        assert_eq!(next(&three), None, "{state}: it leaves by itself, and does not count");
    }
}

#[test]
fn an_address_that_is_broken_or_leaves_is_none_that_anybody_would_lose() {
    let fixed = BTreeMap::from([("subnet-a".into(), Some("10.20.1.53".parse().expect("an address")))]);
    let mut lab = Lab::built();
    let one = resolver(&mut lab);
    assert_eq!(changes::resolver_moves(one, &fixed).len(), 1, "another address serves there");
    for state in ["FAILED_RESOURCE_GONE", "DETACHING"] {
        let there = one.addresses.values_mut().find(|address| address.subnet == "subnet-a".into());
        there.expect("it has one").state = state.to_owned();
        assert_eq!(changes::resolver_moves(one, &fixed), [], "{state}");
    }
}

#[test]
fn what_is_adopted_keeps_its_name_until_somebody_names_it() {
    let mut lab = Lab::built();
    let named = |lab: &mut Lab| endpoint(lab, MGN).tags[NAME_TAG].clone();
    let own = named(&mut lab);
    let rename = |lab: &mut Lab| endpoint(lab, MGN).tags.insert(NAME_TAG.to_owned(), "by hand".to_owned());

    rename(&mut lab);
    lab.run();
    assert_eq!(named(&mut lab), own, "what the network has made has the network's name");

    endpoint(&mut lab, MGN).tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
    rename(&mut lab);
    lab.run();
    assert_eq!(named(&mut lab), "by hand");

    lab.settings.tags = Tags::from([(NAME_TAG.to_owned(), "of the spec".to_owned())]);
    lab.run();
    assert_eq!(named(&mut lab), "of the spec");

    lab.managed_tags = BTreeSet::from([NAME_TAG.to_owned()]);
    lab.settings.tags.clear();
    lab.run();
    assert_eq!(named(&mut lab), own, "the spec's name is taken back, and the one by hand is gone");
}

#[test]
fn what_is_being_deleted_in_aws_is_waited_for_before_it_is_made_again() {
    let mut lab = Lab::built();
    endpoint(&mut lab, MGN).state = EndpointState::Deleting;
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    let slot = Slot::Endpoint(MGN);
    assert_eq!(waits(&lab, slot), Some(Blocker::UnderWay { slot, state: "Deleting".to_owned() }));
    assert_eq!(lab.plan().steps, []);
}

/// A stranger's S3 interface endpoint that leaves the VPC to the gateway endpoint.
fn stranger_on_the_gateway(lab: &mut Lab) -> &mut Endpoint {
    let mut stranger = endpoint(lab, EndpointKey::S3_INTERFACE).clone();
    stranger.tags.clear();
    lab.observed.resources.endpoints.entry("vpce-stranger".into()).or_insert(stranger)
}

#[test]
fn a_gateway_that_strangers_names_stand_on_stays_and_says_so() {
    use crate::api::{EndpointMode, EndpointSpec, EndpointType as Type, MigrationNetworkSpec};
    use crate::model::testing::endpoints;

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
        change(stranger_on_the_gateway(&mut lab));
        let spec = MigrationNetworkSpec { endpoints: both.clone(), ..MigrationNetworkSpec::default() };
        lab.settings.endpoints = endpoints(&spec);
        // The network's own goes first; afterwards only the stranger's is left.
        lab.observed
            .resources
            .endpoints
            .retain(|_, one| one.key != Some(EndpointKey::S3_INTERFACE) || !identity().owns(&one.tags));
        let blocker = waits(&lab, gateway);
        assert_eq!(
            blocker.is_none(),
            lab.plan().steps.iter().any(|step| step.slots().contains(&gateway)),
            "it goes or it is said why not"
        );
        blocker
    };
    let Some(Blocker::InUse { by, .. }) = stays(&|_| {}) else { panic!("it is in use") };
    assert!(by[0].starts_with("vpce-stranger"), "{by:?}");
    assert_eq!(stays(&|one| one.private_dns = PrivateDns::Enabled), None, "its names lead to itself");
    assert_eq!(stays(&|one| one.state = EndpointState::Deleting), None, "it is going");
    assert_eq!(stays(&|one| one.key = Some(MGN)), None, "it is of another service");
}

#[test]
fn the_words_of_aws_for_states_are_told_apart() {
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
fn an_address_that_is_not_attached_yet_is_waited_for() {
    let mut lab = Lab::built();
    resolver(&mut lab).addresses.values_mut().next().expect("it has two").state = "ATTACHING".to_owned();
    let Some(Blocker::UnderWay { state, .. }) = waits(&lab, Slot::Resolver) else { panic!("it is not said") };
    assert!(state.contains("ATTACHING"), "{state}");
}

#[test]
fn only_requests_of_the_slots_own_kind_fit_it() {
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
fn names_for_the_inbound_resolver_alone_wait_for_the_gateway_and_others_do_not() {
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
