//! What is an orphan, what is not, and what may be removed by name.

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

fn nobody() -> BTreeSet<String> {
    owners(&["another"])
}

fn all_tags(resources: &mut Resources) -> impl Iterator<Item = &mut Tags> {
    let groups = resources.groups.values_mut().map(|group| &mut group.tags);
    let endpoints = resources.endpoints.values_mut().map(|endpoint| &mut endpoint.tags);
    groups.chain(endpoints).chain(resources.resolvers.values_mut().map(|resolver| &mut resolver.tags))
}

/// With a tag on all that the network made, and on nothing else.
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
fn all_of_a_network_that_is_gone_is_orphaned_and_nothing_of_one_that_exists() {
    let resources = built();
    assert_eq!(left(&resources, &owners(&[&identity().uid])), Leftovers::default());
    let found = left(&resources, &nobody());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(7, 0), (1, 0), (2, 0)]);
    let group = found.orphans.iter().find(|made| made.slot == "sg/endpoints").expect("a group");
    assert_eq!((group.owner.as_str(), group.network.as_str()), (identity().uid.as_str(), "team-billing/tokyo"));
}

#[test]
fn what_was_retained_is_told_apart() {
    let found = left(&tagged(RETAINED_TAG, "true"), &nobody());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(0, 7), (0, 1), (0, 2)]);
    assert_eq!(left(&tagged(RETAINED_TAG, "false"), &nobody()).retained, BTreeSet::new());
}

#[test]
fn what_is_another_clusters_or_nobodys_is_not_looked_at() {
    for (key, value) in [(CLUSTER_TAG, "cluster-2"), (OWNER_TAG, "")] {
        assert_eq!(left(&tagged(key, value), &nobody()), Leftovers::default(), "{key}={value}");
    }
    let mut untagged = built();
    all_tags(&mut untagged).for_each(|tags| drop(tags.remove(CLUSTER_TAG)));
    assert_eq!(left(&untagged, &nobody()), Leftovers::default());
    let mut empty = built();
    all_tags(&mut empty).for_each(|tags| drop(tags.insert(CLUSTER_TAG.to_owned(), String::new())));
    assert_eq!(leftovers("", &empty, &nobody()), Leftovers::default(), "a cluster without a uid is none");
}

#[test]
fn what_is_going_is_not_left() {
    let mut resources = built();
    let mut states = [EndpointState::Deleting, EndpointState::Deleted].into_iter().cycle();
    for endpoint in resources.endpoints.values_mut() {
        endpoint.state = states.next().expect("it cycles");
    }
    resources.resolvers.values_mut().for_each(|resolver| resolver.state = ResolverState::Deleting);
    let found = left(&resources, &nobody());
    assert_eq!(Kind::ALL.map(|kind| count(&found, kind)), [(0, 0), (0, 0), (2, 0)]);
    let going = resources.endpoints.keys().next().expect("an endpoint").to_string();
    assert_eq!(removal(&identity().cluster, &going, &resources, &nobody()), Err(Refusal::NotOurs));
}

#[test]
fn each_orphan_is_removed_by_one_call_that_names_it() {
    let resources = built();
    for made in left(&resources, &nobody()).orphans {
        let step = removal(&identity().cluster, &made.id, &resources, &nobody()).expect("an orphan");
        let slots: Vec<String> = step.slots().iter().map(ToString::to_string).collect();
        assert_eq!(slots, std::slice::from_ref(&made.slot));
        assert!(step.to_string().starts_with(&format!("delete {}", made.id)), "{step}");
    }
}

#[test]
fn nothing_but_an_orphan_is_removed() {
    let uid = identity().uid;
    let refusals = |resources: &Resources, owners: &BTreeSet<String>| -> BTreeSet<String> {
        let ids = left(&built(), &nobody()).orphans;
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
    only(refusals(&tagged(RETAINED_TAG, "true"), &nobody()), "was retained on purpose");
    // What exists comes first: its network may be about to retain it.
    only(refusals(&tagged(RETAINED_TAG, "true"), &owners(&[&uid])), "which exists");
    only(refusals(&tagged(CLUSTER_TAG, "cluster-2"), &nobody()), "is no resource that");
    only(refusals(&tagged(OWNER_TAG, ""), &nobody()), "is no resource that");
    let unclear = tagged(SLOT_TAG, "resolver");
    let group = unclear.groups.iter().find(|(_, group)| identity().owns(&group.tags)).expect("a group").0.to_string();
    assert_eq!(removal(&identity().cluster, &group, &unclear, &nobody()), Err(Refusal::Unclear));
}
