//! Adoption: which resources a network may adopt, and how.

use std::collections::BTreeSet;

use crate::{
    api::{AdoptedDeletionPolicy, AdoptionPolicy},
    model::{
        adoptions::Adoptions,
        claims::{Claims, Phase},
        desired::Desired,
        ids::{EndpointId, RouteTableId},
        observed::{Endpoint, EndpointState, PrivateDns},
        ownership::{
            self, ADOPTED_TAG, CLUSTER_TAG, NAME_TAG, NETWORK_TAG, OWNER_TAG, RESERVED_PREFIX, RETAINED_TAG, Tags,
        },
        plan::{
            Blocker, deletion, plan,
            step::{Effect, Step},
        },
        policy::Policy,
        preflight::{self, checks::Finding},
        settings::SubnetSelector,
        slot::{EndpointKey, GroupRole, Service, Slot},
        testing::{Lab, identity},
        transfer::Transfer,
    },
};

/// An endpoint policy that allows one action.
const NARROW: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;

/// Creates a network of the same name as one that was deleted with `Retain`.
fn heir(adoption: AdoptionPolicy) -> Lab {
    let mut lab = Lab::built();
    lab.run_plan(|lab| deletion::retain(&identity(), &lab.observed.resources, &lab.claims, &Transfer::None));
    disown(&mut lab);
    lab.settings.adoption = adoption;
    lab
}

/// Makes the network forget its resources: its predecessor had another UID.
pub(super) fn disown(lab: &mut Lab) {
    for group in lab.observed.resources.groups.values_mut() {
        group.name = group.name.replace(&identity().uid, "uid-of-the-predecessor");
    }
    for tags in tags_of_all_mut(lab) {
        tags.insert(OWNER_TAG.to_owned(), "uid-of-the-predecessor".to_owned());
    }
    lab.claims = Claims::default();
}

/// The tags of all groups, endpoints and Resolver endpoints.
pub(super) fn tags_of_all(lab: &Lab) -> Vec<Tags> {
    let all = &lab.observed.resources;
    let groups = all.groups.values().map(|group| &group.tags);
    let endpoints = all.endpoints.values().map(|endpoint| &endpoint.tags);
    groups.chain(endpoints).chain(all.resolvers.values().map(|resolver| &resolver.tags)).cloned().collect()
}

/// The tags of all groups, endpoints and Resolver endpoints, for changes.
pub(super) fn tags_of_all_mut(lab: &mut Lab) -> Vec<&mut Tags> {
    let all = &mut lab.observed.resources;
    let groups = all.groups.values_mut().map(|group| &mut group.tags);
    let endpoints = all.endpoints.values_mut().map(|endpoint| &mut endpoint.tags);
    groups.chain(endpoints).chain(all.resolvers.values_mut().map(|resolver| &mut resolver.tags)).collect()
}

#[test]
fn a_network_of_the_same_name_adopts_retained_resources_by_changing_tags_only() {
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
        // They belong to the network again, as if it had created them.
        assert!(tags_of_all(&lab).iter().all(|tags| {
            identity().owns(tags) && !tags.contains_key(ADOPTED_TAG) && !tags.contains_key(RETAINED_TAG)
        }));
        assert_eq!(lab.claims.adoptions().to_status(), []);
        assert!(before.endpoints.keys().eq(lab.observed.resources.endpoints.keys()), "the same endpoints");
        assert!(before.resolvers.keys().eq(lab.observed.resources.resolvers.keys()), "the same resolver");
        lab.delete();
        assert!(lab.observed.resources.endpoints.is_empty() && lab.observed.resources.groups.is_empty());
    }
}

/// Returns the findings that block the network before its first write.
fn blocking_findings(lab: &Lab) -> String {
    let findings =
        crate::model::testing::resolve(&lab.settings, &lab.observed).expect_err("a finding blocks the network");
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn by_default_nothing_is_adopted_and_conflicts_are_reported_with_solutions() {
    let message = blocking_findings(&heir(AdoptionPolicy::Never));
    for word in ["`mode` 'Existing'", "`spec.adoptionPolicy` 'Retained'"] {
        assert!(message.contains(word), "{message}");
    }
    let mut lab = heir(AdoptionPolicy::Never);
    lab.observed.resources.endpoints.clear();
    assert!(!lab.run().iter().any(|step| step.starts_with("adopt")), "groups and resolver conflict with nothing");
}

#[test]
fn resources_that_another_tool_manages_are_never_adopted() {
    for (key, value) in [
        (OWNER_TAG, "another-uid"),
        (CLUSTER_TAG, "another-cluster"),
        ("services.k8s.aws/namespace", "team"),
        ("crossplane-name", "endpoint"),
        ("aws:cloudformation:stack-name", "network"),
        ("managed-by", "Terraform"),
        ("kubernetes.io/cluster/blue", "owned"),
    ] {
        let mut lab = with_foreign_endpoint(&[(key, value)]);
        let steps = lab.run();
        assert!(!steps.iter().any(|step| step.contains("vpce-theirs")), "{key}: {steps:#?}");
    }
}

#[test]
fn retained_resources_of_another_network_are_not_adopted() {
    for (key, value) in [(NETWORK_TAG, "team-web/tokyo"), (CLUSTER_TAG, "another-cluster"), (RETAINED_TAG, "false")] {
        let mut lab = heir(AdoptionPolicy::Any);
        for endpoint in lab.observed.resources.endpoints.values_mut() {
            endpoint.tags.insert(key.to_owned(), value.to_owned());
        }
        let message = blocking_findings(&lab);
        assert!(!message.contains("adoptionPolicy"), "{key} rules out adoption: {message}");
    }
}

/// Creates a complete network, except that a foreign endpoint with these tags replaces its mgn endpoint.
fn with_foreign_endpoint(tags: &[(&str, &str)]) -> Lab {
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
fn adoption_only_adds_to_a_foreign_endpoint_and_the_deletion_gives_it_back() {
    let mut lab = with_foreign_endpoint(&[(NAME_TAG, "by hand"), ("team", "core")]);
    lab.settings.tags = Tags::from([("team".to_owned(), "migration".to_owned()), ("wave".to_owned(), "3".to_owned())]);
    lab.managed_tags = lab.settings.tags.keys().cloned().collect();
    let foreign = lab.observed.resources.endpoints.get_mut(&"vpce-theirs".into()).unwrap();
    foreign.subnets.remove(&"subnet-c".into());
    foreign.policy = Policy::parse(NARROW).unwrap();
    let before = foreign.clone();
    let found: Vec<String> = adoption_findings(&lab).iter().map(ToString::to_string).collect();
    let steps = [found.join("\n"), lab.run().join("\n"), lab.delete().join("\n")].join("\n\n");
    insta::assert_snapshot!(steps);
    let after = &lab.observed.resources.endpoints[&"vpce-theirs".into()];
    assert_eq!(Endpoint { interfaces: before.interfaces.clone(), ..after.clone() }, before);
    assert_eq!(lab.observed.resources.endpoints.len(), 1, "all others are deleted");
}

#[test]
fn an_adopted_endpoint_keeps_its_tags_settings_and_parts() {
    let mut lab = with_foreign_endpoint(&[(NAME_TAG, "by hand"), ("team", "core")]);
    lab.settings.tags = Tags::from([("team".to_owned(), "migration".to_owned())]);
    lab.run();
    let endpoint = &lab.observed.resources.endpoints[&"vpce-theirs".into()];
    assert_eq!(endpoint.tags[NAME_TAG], "by hand");
    assert_eq!(endpoint.tags["team"], "core");
    assert_eq!(endpoint.private_dns, PrivateDns::Disabled);
    assert!(endpoint.groups.contains(&"sg-theirs".into()) && endpoint.groups.len() == 2, "{:?}", endpoint.groups);
    assert_eq!(ownership::epoch(&endpoint.tags), 2, "it follows the deleted endpoint in the slot");
    assert!(lab.plan().is_done());
    let found: Vec<String> = adoption_findings(&lab).iter().map(ToString::to_string).collect();
    assert!(
        matches!(&found[..], [one] if one.contains("MGN126") && one.contains("private DNS setting 'Disabled' instead of 'Enabled'")),
        "{found:?}"
    );
    // The policy for adopted resources can be to delete them.
    lab.settings.adopted_deletion = AdoptedDeletionPolicy::Delete;
    lab.delete();
    assert!(lab.observed.resources.endpoints.is_empty());
}

/// Returns the warnings about adoption.
fn adoption_findings(lab: &Lab) -> Vec<Finding> {
    preflight::adoption::check(&lab.desired(), &lab.observed.resources, &lab.claims)
}

/// Creates a complete network whose gateway endpoint is foreign, and serves other route tables, too.
fn with_foreign_gateway() -> Lab {
    let mut lab = Lab::built();
    let id = lab.observed.resources.live(&identity(), Slot::Endpoint(EndpointKey::S3_GATEWAY)).unwrap();
    let gateway = lab.observed.resources.endpoints.get_mut(&id.into()).unwrap();
    gateway.tags.clear();
    gateway.route_tables = BTreeSet::from(["rtb-apps".into(), "rtb-s".into()]);
    lab.claims = Claims::default();
    lab.settings.adoption = AdoptionPolicy::Any;
    lab
}

fn gateway(lab: &Lab) -> (EndpointId, Endpoint) {
    let mut all = lab.observed.resources.endpoints.iter();
    let (id, endpoint) = all.find(|(_, one)| one.key == Some(EndpointKey::S3_GATEWAY)).unwrap();
    (id.clone(), endpoint.clone())
}

fn tables(ids: &[&str]) -> BTreeSet<RouteTableId> {
    ids.iter().map(|id| (*id).into()).collect()
}

#[test]
fn an_adopted_gateway_endpoint_keeps_the_route_tables_of_other_subnets() {
    let mut lab = with_foreign_gateway();
    lab.run();
    assert_eq!(gateway(&lab).1.route_tables, tables(&["rtb-apps", "rtb-main", "rtb-s"]));
    // Edits move only what the network added.
    lab.settings.launch_subnets = None;
    lab.run();
    assert_eq!(gateway(&lab).1.route_tables, tables(&["rtb-apps", "rtb-s"]));
    lab.settings.endpoints.remove(&EndpointKey::S3_GATEWAY);
    lab.settings.endpoints.get_mut(&EndpointKey::S3_INTERFACE).unwrap().private_dns = PrivateDns::Enabled;
    let steps = lab.run();
    assert!(steps.iter().any(|step| step.starts_with("release vpce-")), "{steps:#?}");
    let (_, released) = gateway(&lab);
    assert_eq!((released.route_tables, released.tags), (tables(&["rtb-apps", "rtb-s"]), Tags::new()));
    assert_eq!(lab.claims.adoptions().to_status(), []);
}

#[test]
fn a_lost_record_of_an_adoption_counts_everything_as_foreign() {
    let mut lab = with_foreign_gateway();
    lab.run();
    let stored = lab.claims.to_status(&identity().uid);
    let adoptions = Adoptions::from_status(&lab.claims.adoptions().to_status());
    assert_eq!(
        Claims::from_status(&identity().uid, &stored).with_adoptions(adoptions),
        lab.claims,
        "status holds the whole record"
    );
    lab.claims = Claims::from_status(&identity().uid, &stored);
    lab.delete();
    let (_, released) = gateway(&lab);
    assert_eq!(released.route_tables, tables(&["rtb-apps", "rtb-main", "rtb-s"]), "nothing is taken");
    assert_eq!(released.tags.keys().filter(|key| key.starts_with(RESERVED_PREFIX)).count(), 0);
}

#[test]
fn the_record_is_made_before_the_adoption_call() {
    let mut lab = with_foreign_gateway();
    let steps = lab.plan().steps;
    assert!(lab.claims.reserve(&steps), "it must be stored");
    assert!(!lab.claims.reserve(&steps), "once");
    // The answer of the call is lost, but the call took effect.
    let adopt = steps.iter().find(|step| matches!(step, Step::Adopt { .. })).unwrap();
    lab.execute(adopt);
    lab.run();
    lab.delete();
    assert_eq!(gateway(&lab).1.route_tables, tables(&["rtb-apps", "rtb-s"]));
}

#[test]
fn what_others_add_to_an_adopted_resource_later_stays() {
    let mut lab = with_foreign_gateway();
    lab.run();
    let (id, _) = gateway(&lab);
    lab.observed.resources.endpoints.get_mut(&id).unwrap().route_tables.insert("rtb-new".into());
    assert!(lab.claims.absorb(&lab.plan().steps));
    assert!(lab.plan().is_done() && !lab.claims.absorb(&lab.plan().steps));
    lab.delete();
    assert_eq!(gateway(&lab).1.route_tables, tables(&["rtb-apps", "rtb-new", "rtb-s"]));
}

#[test]
fn the_networks_own_group_leaves_an_endpoint_that_had_it_before_the_adoption() {
    let mut lab = with_foreign_endpoint(&[]);
    lab.run();
    let own = lab.observed.resources.group(&identity(), GroupRole::Endpoints).expect("it is built");
    let uid = identity().uid;
    // An earlier network of the same name adopted the endpoint, added its group, and retained both.
    let mut stored = lab.claims.adoptions().to_status();
    let record = stored.iter_mut().find(|record| record.id == "vpce-theirs").expect("it is adopted");
    record.security_group_ids.push(own.to_string());
    lab.claims = Claims::from_status(&uid, &lab.claims.to_status(&uid)).with_adoptions(Adoptions::from_status(&stored));
    lab.delete();
    let endpoint = &lab.observed.resources.endpoints[&"vpce-theirs".into()];
    assert!(!endpoint.groups.contains(&own) && !endpoint.groups.is_empty(), "{endpoint:?}");
    assert!(!lab.observed.resources.groups.contains_key(&own), "the group is deleted");
}

#[test]
fn none_of_several_matching_resources_is_adopted() {
    let mut lab = with_foreign_endpoint(&[]);
    let second = lab.observed.resources.endpoints[&"vpce-theirs".into()].clone();
    lab.observed.resources.endpoints.insert("vpce-others".into(), second);
    let plan = lab.plan();
    assert_eq!(plan.steps, vec![]);
    assert!(matches!(&plan.blockers[..], [Blocker::Ambiguous { ids, .. }] if ids.len() == 2), "{plan:#?}");
}

#[test]
fn an_endpoint_that_an_aws_service_manages_is_not_adopted() {
    let mut lab = with_foreign_endpoint(&[]);
    lab.observed.resources.endpoints.get_mut(&"vpce-theirs".into()).expect("it is there").is_requester_managed = true;
    assert!(lab.plan().steps.iter().all(|step| !step.to_string().starts_with("adopt vpce-theirs")), "{:?}", lab.plan());
}

#[test]
fn a_resource_being_deleted_is_not_adopted() {
    let mut lab = with_foreign_endpoint(&[]);
    for endpoint in lab.observed.resources.endpoints.values_mut().filter(|endpoint| endpoint.tags.is_empty()) {
        endpoint.state = EndpointState::Deleting;
    }
    assert!(lab.plan().steps.iter().all(|step| !step.to_string().starts_with("adopt")));
}

#[test]
fn an_unanswered_create_call_is_settled_before_anything_is_adopted() {
    let mut lab = with_foreign_endpoint(&[]);
    let never = Desired { adoption: AdoptionPolicy::Never, ..lab.desired() };
    let steps = plan(&never, &lab.observed.resources, &lab.claims, &lab.managed_tags).steps;
    assert!(lab.claims.reserve(&steps));
    let planned: Vec<String> = lab.plan().steps.iter().map(ToString::to_string).collect();
    assert!(matches!(&planned[..], [one] if one.starts_with("create vpce/mgn/Interface")), "{planned:#?}");
}

#[test]
fn a_foreign_resolver_is_adopted_only_together_with_its_group() {
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

    // An edit removes only the addresses that the network added, and the deletion gives both back.
    let adopted: Vec<_> =
        lab.observed.resources.resolvers.values().flat_map(|one| one.addresses.keys().cloned()).collect();
    lab.observed.subnets.insert("subnet-n".into(), lab.observed.subnets[&"subnet-c".into()].clone());
    lab.settings.endpoint_subnets = SubnetSelector::Ids(["subnet-a".into(), "subnet-n".into()].into());
    lab.run();
    let now = |lab: &Lab| -> Vec<_> {
        lab.observed.resources.resolvers.values().flat_map(|one| one.addresses.keys().cloned()).collect()
    };
    assert_eq!(now(&lab).len(), 3);
    lab.delete();
    assert_eq!(now(&lab), adopted);
    let left = &lab.observed.resources.groups[&group];
    assert!(left.tags.is_empty() && left.ingress.is_empty(), "{left:?}");

    let mut lab = Lab::built();
    let group = strip(&mut lab);
    lab.observed.resources.groups.get_mut(&group).unwrap().tags =
        Tags::from([("managed-by".to_owned(), "terraform".to_owned())]);
    let steps = lab.run();
    assert!(!steps.iter().any(|step| step.starts_with("adopt rslvr-in")), "another tool manages its group: {steps:#?}");
}

/// Returns the first adoptions of a network whose predecessor retained resources, by slot.
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
fn a_resource_that_comes_back_gets_the_name_of_the_spec() {
    let mut lab = heir(AdoptionPolicy::Retained);
    assert!(adoptions(&lab).iter().all(|(_, _, tags)| !tags.contains_key(NAME_TAG)), "each has it");
    for group in lab.observed.resources.groups.values_mut() {
        group.tags.remove(NAME_TAG);
    }
    let of_groups = adoptions(&lab).into_iter().filter(|(slot, ..)| matches!(slot, Slot::Group(_)));
    assert!(of_groups.clone().count() > 0 && of_groups.clone().all(|(_, _, tags)| tags.contains_key(NAME_TAG)));
    lab.settings.tags = Tags::from([(NAME_TAG.to_owned(), "landing".to_owned())]);
    assert!(adoptions(&lab).iter().all(|(_, _, tags)| tags.get(NAME_TAG).is_some_and(|name| name == "landing")));
}

#[test]
fn the_group_of_a_resolver_is_adopted_only_for_the_resolver() {
    let mut lab = heir(AdoptionPolicy::Retained);
    let endpoints = Slot::Group(GroupRole::Endpoints);
    let adopted = adoptions(&lab);
    let (_, id, _) = adopted.iter().find(|(slot, ..)| *slot == endpoints).expect("it was retained");
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
