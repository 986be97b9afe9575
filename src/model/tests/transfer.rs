//! Transfers between clusters: what a deletion leaves for another cluster, and what a network takes over from one.

use std::collections::{BTreeMap, BTreeSet};

use super::adoption::{disown, tags_of_all, tags_of_all_mut};
use crate::{
    api::{AdoptionPolicy, DeletionPolicy},
    model::{
        ownership::{ADOPTED_TAG, CLUSTER_TAG, OWNER_TAG, RETAINED_TAG, TRANSFER_TAG, Tags, epoch},
        plan::{Blocker, deletion, step::Step},
        preflight::{
            self,
            checks::{Check, Finding},
        },
        slot::{EndpointKey, Slot},
        testing::{Lab, identity, resolve},
        transfer::{ClusterUid, InvalidTransfer, Transfer},
    },
};

const OLD: &str = "5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234";
const OTHER: &str = "11111111-2222-4333-8444-555555555555";

fn uid(text: &str) -> ClusterUid {
    text.parse().expect("a UID")
}

fn retain(lab: &mut Lab, transfer: &Transfer) {
    lab.run_plan(|lab| deletion::retain(&identity(), &lab.observed.resources, &lab.claims, transfer));
}

/// Creates a network whose predecessor in the cluster `OLD` left it everything.
fn heir() -> Lab {
    let mut lab = Lab::built();
    retain(&mut lab, &Transfer::None);
    disown(&mut lab);
    for tags in tags_of_all_mut(&mut lab) {
        tags.insert(CLUSTER_TAG.to_owned(), OLD.to_owned());
        tags.insert(TRANSFER_TAG.to_owned(), identity().cluster);
    }
    lab.settings.adoption = AdoptionPolicy::Retained;
    lab.settings.transfers_from = BTreeSet::from([uid(OLD)]);
    lab
}

/// Sets a tag of all resources, or removes it.
fn set(lab: &mut Lab, key: &str, value: Option<&str>) {
    for tags in tags_of_all_mut(lab) {
        match value {
            Some(value) => drop(tags.insert(key.to_owned(), value.to_owned())),
            None => drop(tags.remove(key)),
        }
    }
}

fn findings(lab: &Lab) -> Vec<Finding> {
    let findings = resolve(&lab.settings, &lab.observed).expect_err("a finding blocks the network");
    findings.into_iter().filter(|finding| finding.reason().is_some()).collect()
}

#[test]
fn what_is_left_to_another_cluster_gets_both_tags_in_one_call() {
    let mut lab = Lab::built();
    let transfer = Transfer::To(uid(OTHER));
    let plan = deletion::retain(&identity(), &lab.observed.resources, &lab.claims, &transfer);
    assert_eq!(plan.steps.len(), 10);
    let expected =
        Tags::from([(RETAINED_TAG.to_owned(), "true".to_owned()), (TRANSFER_TAG.to_owned(), OTHER.to_owned())]);
    for step in &plan.steps {
        assert!(matches!(step, Step::SetTags { tags, .. } if *tags == expected), "{step:?}");
    }
    retain(&mut lab, &transfer);
    assert!(deletion::retain(&identity(), &lab.observed.resources, &lab.claims, &transfer).is_done());
    assert!(tags_of_all(&lab).iter().all(|tags| tags[OWNER_TAG] == identity().uid), "the owner remains visible");
}

#[test]
fn a_transfer_that_is_changed_or_withdrawn_changes_the_tag() {
    let mut lab = Lab::built();
    retain(&mut lab, &Transfer::To(uid(OTHER)));
    retain(&mut lab, &Transfer::To(uid(OLD)));
    assert!(tags_of_all(&lab).iter().all(|tags| tags[TRANSFER_TAG] == OLD));
    retain(&mut lab, &Transfer::None);
    assert!(tags_of_all(&lab).iter().all(|tags| !tags.contains_key(TRANSFER_TAG) && tags[RETAINED_TAG] == "true"));
}

#[test]
fn nothing_is_retained_for_an_unclear_cluster() {
    let lab = Lab::built();
    let invalid = InvalidTransfer::NotUid { value: "green".to_owned() };
    let transfer = Transfer::Invalid(invalid.clone());
    let plan = deletion::retain(&identity(), &lab.observed.resources, &lab.claims, &transfer);
    assert_eq!((plan.steps, plan.blockers), (vec![], vec![Blocker::InvalidTransfer(invalid)]));
}

#[test]
fn a_retained_resource_shows_that_it_was_adopted() {
    let mut lab = Lab::built();
    let key = EndpointKey::S3_GATEWAY;
    let id = lab.observed.resources.live(&identity(), Slot::Endpoint(key)).expect("it is built");
    let tags = |lab: &Lab| lab.observed.resources.endpoints[&id.as_str().into()].tags.clone();
    lab.observed.resources.endpoints.get_mut(&id.as_str().into()).expect("it is built").tags.clear();
    lab.claims = crate::model::claims::Claims::default();
    lab.settings.adoption = AdoptionPolicy::Any;
    lab.run();
    // A person removes the tag before the deletion.
    let endpoint = lab.observed.resources.endpoints.get_mut(&id.as_str().into()).expect("it is built");
    assert_eq!(endpoint.tags.remove(ADOPTED_TAG).as_deref(), Some("true"));
    retain(&mut lab, &Transfer::To(uid(OTHER)));
    assert_eq!(tags(&lab).get(ADOPTED_TAG).map(String::as_str), Some("true"));
    let adopted = tags_of_all(&lab).into_iter().filter(|tags| tags.contains_key(ADOPTED_TAG)).count();
    assert_eq!(adopted, 1, "the network created the others");
}

#[test]
fn a_network_takes_over_what_another_cluster_left_to_it_by_tags_alone() {
    for adoption in [AdoptionPolicy::Retained, AdoptionPolicy::Any] {
        let mut lab = heir();
        lab.settings.adoption = adoption;
        let (before, epochs) = (lab.observed.resources.clone(), epochs(&lab));
        let steps = lab.run();
        assert!(
            steps.iter().all(|step| step == "--" || step.starts_with("adopt") || step.starts_with("untag")),
            "{steps:#?}"
        );
        assert!(lab.plan().is_done());
        for tags in tags_of_all(&lab) {
            assert!(identity().owns(&tags) && tags[CLUSTER_TAG] == identity().cluster, "{tags:?}");
            assert!([RETAINED_TAG, TRANSFER_TAG, ADOPTED_TAG].iter().all(|key| !tags.contains_key(*key)), "{tags:?}");
        }
        assert_eq!(self::epochs(&lab), epochs);
        assert_eq!(lab.claims.adoptions().to_status(), [], "it belongs to the network, as if it had created it");
        assert!(before.endpoints.keys().eq(lab.observed.resources.endpoints.keys()));
        lab.delete();
        assert!(lab.observed.resources.endpoints.is_empty() && lab.observed.resources.groups.is_empty());
    }
}

fn epochs(lab: &Lab) -> BTreeMap<String, u32> {
    lab.observed.resources.endpoints.iter().map(|(id, one)| (id.to_string(), epoch(&one.tags))).collect()
}

#[test]
fn a_resource_that_is_taken_over_needs_no_free_address() {
    let mut lab = heir();
    for subnet in lab.observed.subnets.values_mut() {
        subnet.available_addresses = 0;
    }
    // No endpoint is created in a full subnet.
    assert!(lab.run().iter().all(|step| !step.starts_with("create")));
    let mut lab = Lab::new();
    for subnet in lab.observed.subnets.values_mut() {
        subnet.available_addresses = 0;
    }
    assert!(findings(&lab).iter().any(|finding| finding.check == Check::AddressesFree));
}

#[test]
fn nothing_is_built_beside_the_resources_of_another_network_of_the_name() {
    /// Changes the world of a network to which another cluster left everything.
    type Change = fn(&mut Lab);
    let cluster = identity().cluster;
    let leave = format!("annotation `mgnet.dev/transfer-to` '{cluster}'");
    let leave = leave.as_str();
    let accept = "list '5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234' in `spec.acceptTransfersFrom`";
    let adopt = "set `spec.adoptionPolicy` to 'Retained'";
    let cases: [(&str, Change, &[&str], &[&str]); 9] = [
        ("no policy", |lab| lab.settings.adoption = AdoptionPolicy::Never, &[adopt], &[leave, accept]),
        ("no class", |lab| lab.settings.transfers_from.clear(), &[accept], &[leave, adopt]),
        ("another class", |lab| lab.settings.transfers_from = BTreeSet::from([uid(OTHER)]), &[accept], &[leave, adopt]),
        ("no tag", |lab| set(lab, TRANSFER_TAG, None), &[leave], &[accept, adopt]),
        ("another target", |lab| set(lab, TRANSFER_TAG, Some(OTHER)), &[leave], &[accept, adopt]),
        ("not retained yet", |lab| set(lab, RETAINED_TAG, None), &[leave], &[accept, adopt]),
        (
            "neither cluster agrees",
            |lab| {
                lab.settings.adoption = AdoptionPolicy::Never;
                lab.settings.transfers_from.clear();
                set(lab, TRANSFER_TAG, None);
            },
            &[leave, accept, adopt],
            &[],
        ),
        (
            "given away",
            |lab| {
                set(lab, CLUSTER_TAG, Some(&identity().cluster));
                set(lab, TRANSFER_TAG, Some(OTHER));
            },
            &["left to the network of this name in cluster 11111111", "remove their tag `mgnet.dev/transfer-to`"],
            &[accept, adopt],
        ),
        (
            "lost",
            |lab| {
                set(lab, CLUSTER_TAG, Some(&identity().cluster));
                set(lab, TRANSFER_TAG, None);
                set(lab, RETAINED_TAG, None);
            },
            &["tag `mgnet.dev/retained` to 'true'", "`mgnet orphans --delete`"],
            &[accept, adopt],
        ),
    ];
    for (what, change, contained, missing) in cases {
        let mut lab = heir();
        change(&mut lab);
        let found = findings(&lab);
        let [only] = &found[..] else { panic!("{what}: {found:#?}") };
        assert_eq!(only.check, Check::PredecessorsGone, "{what}");
        for word in contained {
            assert!(only.message.contains(word), "{what}: no '{word}' in {}", only.message);
        }
        for word in missing {
            assert!(!only.message.contains(word), "{what}: '{word}' in {}", only.message);
        }
        let resolver = lab.observed.resources.resolvers.keys().next().expect("it has one").to_string();
        assert!(only.message.contains(&resolver), "{what}: {}", only.message);
        // Nothing else keeps the network from building a second Resolver endpoint.
        lab.observed.resources.endpoints.clear();
        assert_eq!(findings(&lab).len(), 1, "{what}");
    }
}

#[test]
fn a_group_alone_is_no_obstacle_unless_another_cluster_uses_it() {
    let lost = |cluster: &str| {
        let mut lab = heir();
        set(&mut lab, CLUSTER_TAG, Some(cluster));
        set(&mut lab, TRANSFER_TAG, None);
        set(&mut lab, RETAINED_TAG, None);
        lab.observed.resources.endpoints.clear();
        lab.observed.resources.resolvers.clear();
        lab
    };
    assert!(resolve(&lost(&identity().cluster).settings, &lost(&identity().cluster).observed).is_ok());
    assert_eq!(findings(&lost(OLD)).len(), 1);
}

#[test]
fn resources_that_a_network_does_not_need_are_no_obstacle() {
    let mut lab = Lab::built();
    let mut other = heir();
    set(&mut other, TRANSFER_TAG, None);
    let theirs = other.observed.resources.resolvers.into_values().next().expect("it has one");
    lab.observed.resources.resolvers.insert("rslvr-in-theirs".into(), theirs.clone());
    assert!(resolve(&lab.settings, &lab.observed).is_ok(), "the network has a Resolver endpoint of its own");
    let mut lab = Lab::new();
    lab.observed.resources.resolvers.insert("rslvr-in-theirs".into(), theirs);
    assert_eq!(findings(&lab).len(), 1);
    lab.settings.resolver = crate::model::settings::Resolver::Disabled;
    assert!(resolve(&lab.settings, &lab.observed).is_ok(), "the network needs none");
}

#[test]
fn an_annotation_without_effect_is_reported() {
    use DeletionPolicy::{Delete, Retain};
    let invalid = || Transfer::Invalid(InvalidTransfer::ThisCluster);
    for (transfer, policy, words) in [
        (Transfer::None, Delete, None),
        (Transfer::None, Retain, None),
        (Transfer::To(uid(OTHER)), Retain, None),
        (Transfer::To(uid(OTHER)), Delete, Some("no effect")),
        (invalid(), Delete, Some("no effect")),
        (invalid(), Retain, Some("names this cluster")),
    ] {
        let found = preflight::transfer::check(&transfer, policy);
        assert_eq!(found.is_some(), words.is_some(), "{transfer:?} {policy:?}");
        let message = found.map(|finding| finding.message).unwrap_or_default();
        assert!(message.contains(words.unwrap_or_default()), "{message}");
    }
}
