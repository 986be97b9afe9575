//! Tests which resources are orphans, and which of them may be deleted by ID.

use std::collections::BTreeSet;

use crate::model::{
    observed::{EndpointState, ResolverState, Resources},
    orphans::{Kind, Leftovers, Refusal, leftovers, removal},
    ownership::{CLUSTER_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG, Tags},
    testing::{Lab, identity},
};

fn built() -> Resources {
    Lab::built().observed.resources
}

fn owners(uids: &[&str]) -> BTreeSet<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

fn other_owners() -> BTreeSet<String> {
    owners(&["another"])
}

fn all_tags(resources: &mut Resources) -> impl Iterator<Item = &mut Tags> {
    let groups = resources.groups.values_mut().map(|group| &mut group.tags);
    let endpoints = resources.endpoints.values_mut().map(|endpoint| &mut endpoint.tags);
    groups.chain(endpoints).chain(resources.resolvers.values_mut().map(|resolver| &mut resolver.tags))
}

/// The resources of a network, with a tag added to every resource that it owns.
fn tagged(key: &str, value: &str) -> Resources {
    let mut resources = built();
    for tags in all_tags(&mut resources).filter(|tags| identity().owns(tags)) {
        tags.insert(key.to_owned(), value.to_owned());
    }
    resources
}

fn left(resources: &Resources, owners: &BTreeSet<String>) -> Leftovers {
    leftovers(&identity().cluster, resources, owners)
}

fn count(leftovers: &Leftovers, kind: Kind) -> (usize, usize) {
    let of = |made: &BTreeSet<_>| made.iter().filter(|made: &&crate::model::orphans::Made| made.kind == kind).count();
    (of(&leftovers.orphans), of(&leftovers.retained))
}

#[test]
fn all_resources_are_orphans_when_their_network_is_gone_and_none_while_it_exists() {
    let resources = built();
    assert_eq!(left(&resources, &owners(&[&identity().uid])), Leftovers::default());
    let found = left(&resources, &other_owners());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(7, 0), (1, 0), (2, 0)]);
    let group = found.orphans.iter().find(|made| made.slot == "sg/endpoints").expect("a group");
    assert_eq!((group.owner.as_str(), group.network.as_str()), (identity().uid.as_str(), "team-billing/tokyo"));
}

#[test]
fn retained_resources_are_not_orphans() {
    let found = left(&tagged(RETAINED_TAG, "true"), &other_owners());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(0, 7), (0, 1), (0, 2)]);
    assert_eq!(left(&tagged(RETAINED_TAG, "false"), &other_owners()).retained, BTreeSet::new());
}

#[test]
fn resources_of_another_cluster_or_without_owner_are_ignored() {
    for (key, value) in [(CLUSTER_TAG, "cluster-2"), (OWNER_TAG, "")] {
        assert_eq!(left(&tagged(key, value), &other_owners()), Leftovers::default(), "{key}={value}");
    }
    let mut untagged = built();
    all_tags(&mut untagged).for_each(|tags| drop(tags.remove(CLUSTER_TAG)));
    assert_eq!(left(&untagged, &other_owners()), Leftovers::default());
    let mut empty = built();
    all_tags(&mut empty).for_each(|tags| drop(tags.insert(CLUSTER_TAG.to_owned(), String::new())));
    assert_eq!(leftovers("", &empty, &other_owners()), Leftovers::default(), "a cluster without a UID matches nothing");
}

#[test]
fn deleting_resources_are_not_orphans() {
    let mut resources = built();
    let mut states = [EndpointState::Deleting, EndpointState::Deleted].into_iter().cycle();
    for endpoint in resources.endpoints.values_mut() {
        endpoint.state = states.next().expect("it cycles");
    }
    resources.resolvers.values_mut().for_each(|resolver| resolver.state = ResolverState::Deleting);
    let found = left(&resources, &other_owners());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(0, 0), (0, 0), (2, 0)]);
    let deleting = resources.endpoints.keys().next().expect("an endpoint").to_string();
    assert_eq!(removal(&identity().cluster, &deleting, &resources, &other_owners()), Err(Refusal::NotOurs));
}

#[test]
fn each_orphan_is_deleted_by_one_call_that_names_it() {
    let resources = built();
    for made in left(&resources, &other_owners()).orphans {
        let step = removal(&identity().cluster, &made.id, &resources, &other_owners()).expect("an orphan");
        let slots: Vec<String> = step.slots().iter().map(ToString::to_string).collect();
        assert_eq!(slots, std::slice::from_ref(&made.slot));
        assert!(step.to_string().starts_with(&format!("delete {}", made.id)), "{step}");
    }
}

#[test]
fn only_an_orphan_is_deleted() {
    let uid = identity().uid;
    let refusals = |resources: &Resources, owners: &BTreeSet<String>| -> BTreeSet<String> {
        let ids = left(&built(), &other_owners()).orphans;
        let refused = |id: &str| removal(&identity().cluster, id, resources, owners).expect_err("refused").to_string();
        ids.iter().map(|made| refused(&made.id)).collect()
    };
    let only = |texts: BTreeSet<String>, words: &str| {
        assert!(texts.len() == 1 && texts.iter().all(|text| text.contains(words)), "{texts:?}");
    };
    only(
        refusals(&built(), &owners(&[&uid])),
        "'team-billing/tokyo' (uid 0a1b2c3d-0000-4000-8000-000000000001), which exists",
    );
    only(refusals(&tagged(RETAINED_TAG, "true"), &other_owners()), "was retained on purpose");
    // An existing network takes precedence: it may be about to retain the resource.
    only(refusals(&tagged(RETAINED_TAG, "true"), &owners(&[&uid])), "which exists");
    only(refusals(&tagged(CLUSTER_TAG, "cluster-2"), &other_owners()), "was not created by a migration network");
    only(refusals(&tagged(OWNER_TAG, ""), &other_owners()), "was not created by a migration network");
    let unclear = tagged(SLOT_TAG, "resolver");
    let group = unclear.groups.iter().find(|(_, group)| identity().owns(&group.tags)).expect("a group").0.to_string();
    assert_eq!(removal(&identity().cluster, &group, &unclear, &other_owners()), Err(Refusal::Unclear));
}
