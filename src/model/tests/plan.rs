//! Tests of the planner, with snapshots of complete plans.

use std::collections::BTreeSet;

use crate::model::{
    ids::SecurityGroupId,
    observed::{Endpoint, EndpointState, Peer, ResolverState, Rule, Traffic},
    ownership::{self, Tags},
    plan::{
        Blocker, deletion,
        step::{Effect, Step},
    },
    preflight::checks::Check,
    settings::{ReplicationGroup, Resolver, SubnetSelector},
    slot::{EndpointKey, GroupRole, Service, Slot},
    testing::{Lab, endpoints, identity, resolve, settings, subnets, without_ssm},
    transfer::Transfer,
};

fn endpoint(lab: &mut Lab, key: EndpointKey) -> &mut Endpoint {
    let id = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).unwrap();
    lab.observed.resources.endpoints.get_mut(&id.into()).unwrap()
}

fn group(lab: &Lab, role: GroupRole) -> SecurityGroupId {
    lab.observed.resources.group(&identity(), role).unwrap()
}

#[test]
fn a_new_network_is_built_in_order() {
    let mut lab = Lab::new();
    lab.settings.replication = ReplicationGroup::Managed;
    insta::assert_snapshot!(lab.run().join("\n"));
    assert!(lab.plan().is_done());
}

#[test]
fn a_network_is_deleted_in_reverse_order() {
    let mut lab = Lab::built();
    insta::assert_snapshot!(lab.delete().join("\n"));
    assert!(!lab.observed.resources.any_held(&identity()));
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    assert!(lab.claims.all_resolved());
}

#[test]
fn nothing_is_planned_at_rest() {
    let lab = Lab::built();
    assert!(lab.plan().is_done(), "{:#?}", lab.plan());
}

#[test]
fn a_new_source_is_granted_before_the_old_one_is_revoked() {
    let mut lab = Lab::built();
    lab.settings.sources = BTreeSet::from(["192.168.20.0/24".parse().unwrap()]);
    lab.settings.clients.clone_from(&lab.settings.sources);
    insta::assert_snapshot!(lab.run().join("\n"));
}

#[test]
fn a_proxy_is_admitted_to_the_endpoints_only() {
    let mut lab = Lab::built();
    lab.settings.proxies = BTreeSet::from(["192.168.99.1/32".parse().unwrap()]);
    let steps = lab.run();
    assert_eq!(
        steps,
        [format!("authorize on {}: tcp 443 from 192.168.99.1/32", group(&lab, GroupRole::Endpoints)), "--".to_owned()]
    );
}

#[test]
fn a_missing_rule_is_restored_and_a_foreign_rule_is_kept() {
    let mut lab = Lab::built();
    let id = group(&lab, GroupRole::Endpoints);
    let rules = &mut lab.observed.resources.groups.get_mut(&id).unwrap().ingress;
    let removed = rules.pop().unwrap();
    rules.push(Rule {
        id: Some("sgr-foreign".into()),
        permission: None,
        traffic: Traffic { protocol: None, ports: (1, 0), peer: Peer::Other },
        description: "by hand".to_owned(),
        text: "icmp from 0.0.0.0/0".to_owned(),
    });
    assert_eq!(lab.run(), [format!("authorize on {id}: {}", removed.text), "--".to_owned()]);
    assert!(lab.observed.resources.groups[&id].ingress.iter().any(|rule| rule.description == "by hand"));
}

#[test]
fn an_endpoint_deleted_by_hand_is_created_again_in_the_next_epoch() {
    let mut lab = Lab::built();
    endpoint(&mut lab, EndpointKey::interface(Service::Mgn)).state = EndpointState::Deleting;
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    let plan = lab.plan();
    assert!(plan.steps.is_empty(), "AWS is still deleting it: {plan:?}");
    lab.observed.resources.endpoints.retain(|_, endpoint| endpoint.state != EndpointState::Deleting);
    insta::assert_snapshot!(lab.run().join("\n"));
    let key = EndpointKey::interface(Service::Mgn);
    assert_eq!(ownership::epoch(&endpoint(&mut lab, key).tags), 2);
}

#[test]
fn a_new_zone_is_added_before_the_old_one_is_removed() {
    let mut lab = Lab::built();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-c", "subnet-d"]));
    insta::assert_snapshot!(lab.run().join("\n"));
}

#[test]
fn a_subnet_is_swapped_within_its_zone_while_the_other_zone_serves() {
    let mut lab = Lab::built();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2", "subnet-c"]));
    insta::assert_snapshot!(lab.run().join("\n"));
}

#[test]
fn the_only_subnet_is_swapped_in_one_call() {
    let mut lab = Lab::new();
    lab.settings.resolver = Resolver::Disabled;
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a"]));
    lab.run();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2"]));
    let steps = lab.run();
    assert!(steps.iter().filter(|step| *step != "--").all(|step| step.ends_with("+subnet-a2 -subnet-a")), "{steps:#?}");
    assert_eq!(steps.len(), 7, "six endpoints, one wave: {steps:#?}");
}

#[test]
fn all_subnets_are_replaced_without_interruption() {
    let mut lab = Lab::built();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a2", "subnet-d"]));
    insta::assert_snapshot!(lab.run().join("\n"));
}

#[test]
fn post_launch_endpoints_are_deleted_in_one_call_and_created_again() {
    let mut lab = Lab::built();
    lab.settings.endpoints = endpoints(&without_ssm());
    let steps = lab.run();
    assert_eq!(steps.len(), 2, "{steps:#?}");
    assert!(steps[0].contains("(ssm/Interface)") && steps[0].contains("(ec2messages/Interface)"), "{steps:#?}");
    lab.settings.endpoints = settings().endpoints;
    assert_eq!(lab.run().len(), 4);
    let key = EndpointKey::interface(Service::Ssm);
    assert_eq!(ownership::epoch(&endpoint(&mut lab, key).tags), 2);
}

#[test]
fn the_resolver_is_deleted_before_its_group() {
    let mut lab = Lab::built();
    lab.settings.resolver = Resolver::Disabled;
    let steps = lab.run();
    assert!(steps[0].starts_with("delete rslvr-in"), "{steps:#?}");
    assert!(steps[2].starts_with("delete sg"), "{steps:#?}");
}

#[test]
fn a_group_in_use_is_not_deleted() {
    let mut lab = Lab::built();
    let id = group(&lab, GroupRole::Endpoints);
    lab.observed.resources.interfaces.insert(
        "eni-of-an-instance".into(),
        crate::model::observed::NetworkInterface {
            subnet: "subnet-s".into(),
            ip: Some(std::net::Ipv4Addr::new(10, 20, 11, 9)),
            groups: BTreeSet::from([id.clone()]),
            description: "an instance".to_owned(),
        },
    );
    let resources = |lab: &Lab| lab.deletion();
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    for _ in 0..3 {
        for step in resources(&lab).steps {
            let effect = lab.execute(&step);
            lab.claims.done(&step, &effect);
        }
        lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::new());
    }
    let blocker = Blocker::InUse {
        slot: Slot::Group(GroupRole::Endpoints),
        id: id.to_string(),
        by: vec!["eni-of-an-instance (an instance)".to_owned()],
    };
    assert_eq!(resources(&lab).blockers, [blocker]);
}

#[test]
fn tags_follow_the_spec_and_foreign_tags_are_kept() {
    let mut lab = Lab::new();
    lab.settings.tags = Tags::from([("Wave".to_owned(), "3".to_owned())]);
    lab.run();
    let key = EndpointKey::S3_GATEWAY;
    endpoint(&mut lab, key).tags.insert("CostCenter".to_owned(), "theirs".to_owned());
    lab.managed_tags = BTreeSet::from(["Wave".to_owned()]);
    lab.settings.tags = Tags::from([("Phase".to_owned(), "2".to_owned())]);
    lab.run();
    let tags = endpoint(&mut lab, key).tags.clone();
    assert_eq!(tags.get("CostCenter").map(String::as_str), Some("theirs"));
    assert_eq!(tags.get("Phase").map(String::as_str), Some("2"));
    assert_eq!(tags.get("Wave"), None);
}

#[test]
fn retain_tags_every_resource_and_deletes_none() {
    let mut lab = Lab::built();
    let retain = |lab: &Lab| deletion::retain(&identity(), &lab.observed.resources, &lab.claims, &Transfer::None);
    let steps = retain(&lab).steps;
    assert_eq!(steps.len(), 10, "two groups, seven endpoints, one resolver: {steps:#?}");
    assert!(steps.iter().all(|step| matches!(step, Step::SetTags { .. })), "{steps:#?}");
    for step in steps {
        lab.execute(&step);
    }
    assert!(retain(&lab).is_done());
    assert!(identity().owns(&endpoint(&mut lab, EndpointKey::S3_GATEWAY).tags), "the former owner remains visible");
}

#[test]
fn foreign_resources_are_never_changed() {
    let mut lab = Lab::new();
    let built = Lab::built();
    // The desired state is computed first, because the preflight would report conflicts with the foreign network.
    let desired = lab.desired();
    // The VPC contains all resources of a foreign network with the same settings.
    lab.observed.resources = built.observed.resources.clone();
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.tags.insert(ownership::OWNER_TAG.to_owned(), "another-uid".to_owned());
    }
    for group in lab.observed.resources.groups.values_mut() {
        group.tags.remove(ownership::OWNER_TAG);
    }
    for resolver in lab.observed.resources.resolvers.values_mut() {
        resolver.tags.clear();
    }
    let plan = crate::model::plan::plan(&desired, &lab.observed.resources, &lab.claims, &lab.managed_tags);
    assert!(
        plan.steps.iter().all(|step| matches!(step, Step::Create { .. })),
        "the plan only creates new resources: {:#?}",
        plan.steps
    );
    let taken = plan.blockers.iter().filter(|blocker| matches!(blocker, Blocker::NotOwned { .. })).count();
    assert_eq!(taken, 2, "both groups' names are taken: {:#?}", plan.blockers);
    let teardown = lab.deletion();
    assert_eq!(teardown.steps, []);
}

#[test]
fn the_plan_waits_for_changes_in_progress() {
    let mut lab = Lab::built();
    lab.settings.endpoint_subnets = SubnetSelector::Ids(subnets(&["subnet-a", "subnet-c", "subnet-d"]));
    for endpoint in lab.observed.resources.endpoints.values_mut() {
        endpoint.state = EndpointState::parse("pending");
    }
    for resolver in lab.observed.resources.resolvers.values_mut() {
        resolver.state = ResolverState::Updating;
    }
    let plan = lab.plan();
    assert_eq!(plan.steps, []);
    assert_eq!(plan.blockers.len(), 8, "{:#?}", plan.blockers);
    // An unknown state counts as a change in progress, too.
    endpoint(&mut lab, EndpointKey::S3_GATEWAY).state = EndpointState::parse("levitating");
    assert_eq!(lab.plan().steps, []);
}

#[test]
fn a_failed_endpoint_is_reported_but_not_replaced() {
    let mut lab = Lab::built();
    let failed = endpoint(&mut lab, EndpointKey::interface(Service::Ec2));
    failed.state = EndpointState::parse("Failed");
    failed.failure = Some("no capacity".to_owned());
    let plan = lab.plan();
    assert_eq!(plan.steps, []);
    assert!(matches!(&plan.blockers[..], [Blocker::Failed { message, .. }] if message == "no capacity"), "{plan:?}");
}

#[test]
fn a_lost_resolver_address_is_replaced_before_it_is_removed() {
    let mut lab = Lab::built();
    let resolver = lab.observed.resources.resolvers.values_mut().next().unwrap();
    resolver.state = ResolverState::ActionNeeded;
    resolver.addresses.values_mut().next().unwrap().state = "FAILED_RESOURCE_GONE".to_owned();
    let plan = lab.plan();
    assert!(matches!(&plan.steps[..], [Step::AssociateResolverAddress { .. }]), "{plan:?}");
    lab.execute(&plan.steps[0]);
    let plan = lab.plan();
    assert!(matches!(&plan.steps[..], [Step::DisassociateResolverAddress { .. }]), "{plan:?}");
}

#[test]
fn nothing_is_planned_for_a_resolver_that_was_just_created() {
    let mut lab = Lab::built();
    let (id, mut resolver) = lab.observed.resources.resolvers.pop_first().unwrap();
    // The answer to the create call has the state operational, but contains no addresses.
    resolver.addresses.clear();
    let step = Step::DeleteResolver { resolver: id.clone() };
    lab.observed.resources.apply(&step, &Effect::ResolverCreated(id, resolver));
    assert_eq!(lab.plan().steps, []);
}

#[test]
fn a_lost_tag_is_restored() {
    let mut lab = Lab::built();
    endpoint(&mut lab, EndpointKey::S3_INTERFACE).tags.remove(ownership::SLOT_TAG);
    let resource = lab.resource(Slot::Endpoint(EndpointKey::S3_INTERFACE));
    let plan = lab.plan();
    assert!(
        matches!(&plan.steps[..], [Step::SetTags { resource: tagged, tags, .. }] if *tagged == resource && tags.len() == 1),
        "{plan:?}"
    );
}

#[test]
fn groups_wait_without_a_blocker_while_their_endpoints_are_deleted() {
    let lab = Lab::built();
    let plan = lab.deletion();
    let waits = |blocker: &Blocker| matches!(blocker, Blocker::Awaits { slot: Slot::Group(_), .. });
    assert!(!plan.blockers.iter().any(waits), "{:#?}", plan.blockers);
    assert!(!plan.steps.iter().any(|step| matches!(step, Step::DeleteGroup { .. })), "{:#?}", plan.steps);
}

#[test]
fn held_resources_are_listed_and_not_deleted() {
    let mut lab = Lab::built();
    let ids = |lab: &Lab| lab.observed.resources.ids_held(&identity());
    let key = EndpointKey::interface(Service::Mgn);
    let mgn = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).unwrap();
    assert_eq!(ids(&lab).len(), Slot::standard().count() - 1, "all but the replication group: {:?}", ids(&lab));
    assert!(ids(&lab).contains(&mgn));
    endpoint(&mut lab, key).state = EndpointState::Deleting;
    assert!(!ids(&lab).contains(&mgn), "AWS is deleting it");

    let resources = &mut lab.observed.resources;
    resources.endpoints.retain(|id, _| id.to_string() == mgn);
    resources.resolvers.clear();
    resources.groups.clear();
    assert!(resources.any_held(&identity()), "AWS is deleting it, but it still exists");
    resources.endpoints.values_mut().for_each(|endpoint| endpoint.state = EndpointState::Deleted);
    assert!(!resources.any_held(&identity()), "it is listed, but deleted");
}

#[test]
fn an_endpoint_is_kept_as_it_is_when_its_service_is_no_longer_offered() {
    for service in [Service::Ec2Messages, Service::Mgn] {
        let key = EndpointKey::interface(service);
        for zones in [None, Some(BTreeSet::from(["apne1-az9".into()]))] {
            let mut lab = Lab::built();
            match zones {
                None => drop(lab.observed.services.remove(&key)),
                Some(zones) => lab.observed.services.get_mut(&key).expect("it is offered").zones = zones,
            }
            let warnings = lab.warnings();
            assert!(
                matches!(&warnings[..], [one] if one.check == Check::ServicesStillOffered && one.subject == key.to_string()),
                "{warnings:?}"
            );
            assert!(lab.plan().is_done(), "{:#?}", lab.plan());
            // An endpoint that is lost cannot be created again.
            lab.observed.resources.endpoints.retain(|_, endpoint| endpoint.key != Some(key));
            let optional = service == Service::Ec2Messages;
            assert_eq!(resolve(&lab.settings, &lab.observed).is_ok(), optional);
        }
    }
}

#[test]
fn two_live_resources_of_one_slot_are_reported_and_neither_is_changed_or_deleted() {
    for slot in
        [Slot::Endpoint(EndpointKey::interface(Service::Mgn)), Slot::Group(GroupRole::Endpoints), Slot::Resolver]
    {
        let mut lab = Lab::built();
        let own = lab.observed.resources.live(&identity(), slot).expect("it is built");
        lab.duplicate(slot, "a-forged-one");
        let both = |blocker: &Blocker| matches!(blocker, Blocker::Duplicates { slot: other, ids } if *other == slot && ids.len() == 2 && ids.contains(&own));
        let touches = |step: &Step| step.slots().contains(&slot);
        lab.settings.tags = [("team".to_owned(), "billing".to_owned())].into();
        let plan = lab.plan();
        assert!(plan.blockers.iter().any(both), "{slot}: {plan:#?}");
        assert!(!plan.steps.iter().any(touches), "{slot}: {plan:#?}");
        let plan = lab.deletion();
        assert!(plan.blockers.iter().any(both), "{slot}: {plan:#?}");
        assert!(!plan.steps.iter().any(touches), "{slot}: {plan:#?}");
    }
}
