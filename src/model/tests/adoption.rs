//! What may become a network's own, and how.

use std::collections::BTreeSet;

use crate::{
    api::AdoptionPolicy,
    model::{
        claims::{Claims, Phase},
        desired::Desired,
        observed::{EndpointState, PrivateDns},
        ownership::{self, ADOPTED_TAG, CLUSTER_TAG, NAME_TAG, NETWORK_TAG, OWNER_TAG, RETAINED_TAG, Tags},
        plan::{
            Blocker, deletion, plan,
            step::{Effect, Step},
        },
        slot::{EndpointKey, GroupRole, Service, Slot},
        testing::{Lab, identity},
    },
};

/// A network of the same name whose predecessor was deleted with `Retain`.
fn heir(adoption: AdoptionPolicy) -> Lab {
    let mut lab = Lab::built();
    lab.run_plan(|lab| deletion::retain(&identity(), &lab.observed.resources, &lab.claims));
    // The predecessor had another uid.
    let all = &mut lab.observed.resources;
    for group in all.groups.values_mut() {
        group.tags.insert(OWNER_TAG.to_owned(), "uid-of-the-predecessor".to_owned());
        group.name = group.name.replace(&identity().uid, "uid-of-the-predecessor");
    }
    for endpoint in all.endpoints.values_mut() {
        endpoint.tags.insert(OWNER_TAG.to_owned(), "uid-of-the-predecessor".to_owned());
    }
    for resolver in all.resolvers.values_mut() {
        resolver.tags.insert(OWNER_TAG.to_owned(), "uid-of-the-predecessor".to_owned());
    }
    lab.claims = Claims::default();
    lab.settings.adoption = adoption;
    lab
}

fn tags_of_all(lab: &Lab) -> Vec<Tags> {
    let all = &lab.observed.resources;
    let groups = all.groups.values().map(|group| &group.tags);
    let endpoints = all.endpoints.values().map(|endpoint| &endpoint.tags);
    groups.chain(endpoints).chain(all.resolvers.values().map(|resolver| &resolver.tags)).cloned().collect()
}

#[test]
fn a_network_of_the_same_name_gets_its_own_back_by_tags_alone() {
    for adoption in [AdoptionPolicy::Retained, AdoptionPolicy::Any] {
        let mut lab = heir(adoption);
        let before = lab.observed.resources.clone();
        let steps = lab.run();
        let adopted = steps.iter().filter(|step| step.starts_with("adopt")).count();
        assert_eq!(adopted, 10, "two groups, seven endpoints, a resolver: {steps:#?}");
        assert!(
            steps.iter().all(|step| step == "--" || step.starts_with("adopt") || step.starts_with("untag")),
            "{steps:#?}"
        );
        assert!(lab.plan().is_done());
        assert!(tags_of_all(&lab).iter().all(|tags| {
            identity().owns(tags) && tags.contains_key(ADOPTED_TAG) && !tags.contains_key(RETAINED_TAG)
        }));
        assert!(before.endpoints.keys().eq(lab.observed.resources.endpoints.keys()), "the same endpoints");
        assert!(before.resolvers.keys().eq(lab.observed.resources.resolvers.keys()), "the same resolver");
        lab.delete();
        assert!(lab.observed.resources.endpoints.is_empty() && lab.observed.resources.groups.is_empty());
    }
}

/// What stops the network before its first write.
fn what_is_in_the_way(lab: &Lab) -> String {
    let findings = crate::model::testing::resolve(&lab.settings, &lab.observed).expect_err("something is in the way");
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_a_word_nothing_is_adopted_and_what_is_in_the_way_is_told_with_the_ways_out() {
    let told = what_is_in_the_way(&heir(AdoptionPolicy::Never));
    for word in ["`mode` 'Existing'", "`spec.adoptionPolicy` 'Retained'"] {
        assert!(told.contains(word), "{told}");
    }
    let mut lab = heir(AdoptionPolicy::Never);
    lab.observed.resources.endpoints.clear();
    assert!(!lab.run().iter().any(|step| step.starts_with("adopt")), "groups and resolver are in nobody's way");
}

#[test]
fn what_somebody_keeps_is_never_adopted() {
    for (key, value) in [
        (OWNER_TAG, "another-uid"),
        (CLUSTER_TAG, "another-cluster"),
        ("services.k8s.aws/namespace", "team"),
        ("crossplane-name", "endpoint"),
        ("aws:cloudformation:stack-name", "network"),
        ("managed-by", "Terraform"),
        ("kubernetes.io/cluster/blue", "owned"),
    ] {
        let mut lab = stranger(&[(key, value)]);
        let steps = lab.run();
        assert!(!steps.iter().any(|step| step.contains("vpce-theirs")), "{key}: {steps:#?}");
    }
}

#[test]
fn what_another_network_left_behind_stays_anothers() {
    for (key, value) in [(NETWORK_TAG, "team-web/tokyo"), (CLUSTER_TAG, "another-cluster"), (RETAINED_TAG, "false")] {
        let mut lab = heir(AdoptionPolicy::Any);
        for endpoint in lab.observed.resources.endpoints.values_mut() {
            endpoint.tags.insert(key.to_owned(), value.to_owned());
        }
        let told = what_is_in_the_way(&lab);
        assert!(!told.contains("adoptionPolicy"), "{key} leaves no such way out: {told}");
    }
}

/// A network that is complete but for the mgn endpoint, in whose place there is one with these tags.
fn stranger(tags: &[(&str, &str)]) -> Lab {
    let mut lab = Lab::built();
    let key = EndpointKey::interface(Service::Mgn);
    let id = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).unwrap();
    let mut endpoint = lab.observed.resources.endpoints.remove(&id.into()).unwrap();
    endpoint.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    endpoint.groups = BTreeSet::from(["sg-theirs".into()]);
    endpoint.private_dns = PrivateDns::Disabled;
    lab.observed.resources.endpoints.insert("vpce-theirs".into(), endpoint);
    lab.claims.settle(&identity(), &lab.observed.resources, &BTreeSet::from([Slot::Endpoint(key)]));
    lab.settings.adoption = AdoptionPolicy::Any;
    lab
}

#[test]
fn a_stranger_that_nobody_keeps_is_adopted_and_brought_to_what_is_wanted() {
    let mut lab = stranger(&[(NAME_TAG, "by hand")]);
    insta::assert_snapshot!(lab.run().join("\n"));
    let endpoint = &lab.observed.resources.endpoints[&"vpce-theirs".into()];
    assert_eq!(endpoint.tags[NAME_TAG], "by hand", "its name stays");
    assert_eq!(ownership::epoch(&endpoint.tags), 2, "it fills the slot after the one that is gone");
    assert!(lab.plan().is_done());
}

#[test]
fn of_several_that_fit_none_is_taken() {
    let mut lab = stranger(&[]);
    let second = lab.observed.resources.endpoints[&"vpce-theirs".into()].clone();
    lab.observed.resources.endpoints.insert("vpce-others".into(), second);
    let plan = lab.plan();
    assert_eq!(plan.steps, vec![]);
    assert!(matches!(&plan.blockers[..], [Blocker::Ambiguous { ids, .. }] if ids.len() == 2), "{plan:#?}");
}

#[test]
fn what_is_going_does_not_fit() {
    let mut lab = stranger(&[]);
    for endpoint in lab.observed.resources.endpoints.values_mut().filter(|endpoint| endpoint.tags.is_empty()) {
        endpoint.state = EndpointState::Deleting;
    }
    assert!(lab.plan().steps.iter().all(|step| !step.to_string().starts_with("adopt")));
}

#[test]
fn an_unanswered_create_call_is_settled_before_anything_is_adopted() {
    let mut lab = stranger(&[]);
    let never = Desired { adoption: AdoptionPolicy::Never, ..lab.desired() };
    let steps = plan(&never, &lab.observed.resources, &lab.claims, &lab.managed_tags).steps;
    assert!(lab.claims.reserve(&steps));
    let planned: Vec<String> = lab.plan().steps.iter().map(ToString::to_string).collect();
    assert!(matches!(&planned[..], [one] if one.starts_with("create vpce/mgn/Interface")), "{planned:#?}");
}

#[test]
fn a_strangers_resolver_comes_with_its_group_or_not_at_all() {
    let strip = |lab: &mut Lab| {
        let group = lab.observed.resources.group(&identity(), GroupRole::Resolver).unwrap();
        let found = lab.observed.resources.groups.get_mut(&group).unwrap();
        found.tags.clear();
        found.name = "dns by hand".to_owned();
        for resolver in lab.observed.resources.resolvers.values_mut() {
            resolver.tags.clear();
        }
        lab.claims = Claims::default();
        lab.settings.adoption = AdoptionPolicy::Any;
        group
    };
    let mut lab = Lab::built();
    let group = strip(&mut lab);
    let steps = lab.run();
    assert!(steps.contains(&format!("adopt {group} as sg/resolver")), "{steps:#?}");
    assert!(steps.iter().any(|step| step.starts_with("adopt rslvr-in")), "{steps:#?}");
    assert!(lab.plan().is_done());

    let mut lab = Lab::built();
    let group = strip(&mut lab);
    lab.observed.resources.groups.get_mut(&group).unwrap().tags =
        Tags::from([("managed-by".to_owned(), "terraform".to_owned())]);
    let steps = lab.run();
    assert!(!steps.iter().any(|step| step.starts_with("adopt rslvr-in")), "its group is somebody's: {steps:#?}");
}

/// What a network would do first with what its predecessor left, by slot.
fn adoptions(lab: &Lab) -> Vec<(Slot, String, Tags)> {
    let steps = lab.plan().steps;
    steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Adopt { slot, id, tags, .. } => Some((slot, id, tags)),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_adopted_gets_the_name_that_the_spec_asks_for_else_keeps_its_own() {
    let mut lab = heir(AdoptionPolicy::Retained);
    assert!(adoptions(&lab).iter().all(|(_, _, tags)| !tags.contains_key(NAME_TAG)), "each has one");
    for group in lab.observed.resources.groups.values_mut() {
        group.tags.remove(NAME_TAG);
    }
    let of_groups = adoptions(&lab).into_iter().filter(|(slot, ..)| matches!(slot, Slot::Group(_)));
    assert!(of_groups.clone().count() > 0 && of_groups.clone().all(|(_, _, tags)| tags.contains_key(NAME_TAG)));
    lab.settings.tags = Tags::from([(NAME_TAG.to_owned(), "landing".to_owned())]);
    assert!(adoptions(&lab).iter().all(|(_, _, tags)| tags.get(NAME_TAG).is_some_and(|name| name == "landing")));
}

#[test]
fn the_group_of_a_resolver_is_adopted_for_nothing_else() {
    let mut lab = heir(AdoptionPolicy::Retained);
    let endpoints = Slot::Group(GroupRole::Endpoints);
    let adopted = adoptions(&lab);
    let (_, id, _) = adopted.iter().find(|(slot, ..)| *slot == endpoints).expect("it was left behind");
    lab.observed.resources.groups.remove(&id.as_str().into());
    assert!(!adoptions(&lab).iter().any(|(slot, ..)| *slot == endpoints), "{:#?}", adoptions(&lab));
    assert!(adoptions(&lab).iter().any(|(slot, ..)| *slot == Slot::Group(GroupRole::Resolver)));
}

#[test]
fn an_adoption_settles_the_claim_before_anything_is_listed() {
    let lab = heir(AdoptionPolicy::Retained);
    let mut claims = Claims::default();
    let steps: Vec<_> = lab.plan().steps.into_iter().filter(|step| matches!(step, Step::Adopt { .. })).collect();
    for step in &steps {
        claims.done(step, &Effect::Accepted);
        let Step::Adopt { slot, id, .. } = step else { continue };
        let phase = claims.get(*slot).map(|claim| &claim.phase);
        assert_eq!(phase, Some(&Phase::Held { id: Some(id.clone()) }));
    }
    assert!(!steps.is_empty());
}
