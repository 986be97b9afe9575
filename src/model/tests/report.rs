//! What status tells of what there is.

use crate::{
    api::{MigrationNetworkStatus, Origin},
    model::{
        observed::{Rule, Traffic},
        ownership::{ADOPTED_TAG, Tags},
        slot::{GroupRole, Slot},
        status::inventory,
        testing::{Lab, identity},
    },
};

fn told(lab: &Lab) -> MigrationNetworkStatus {
    let mut status = MigrationNetworkStatus::default();
    inventory::write(&mut status, &lab.settings, &lab.desired(), &lab.observed, true);
    status
}

#[test]
fn everything_of_the_network_is_told_by_id() {
    let mut lab = Lab::built();
    let group = lab.observed.resources.group(&identity(), GroupRole::Endpoints).expect("it is built");
    lab.observed.resources.groups.get_mut(&group).expect("it is listed").ingress.push(Rule {
        id: Some("sgr-stranger".into()),
        permission: None,
        traffic: Traffic { protocol: None, ports: (1, 0), source: None },
        description: "by hand".to_owned(),
        text: "icmp from 0.0.0.0/0".to_owned(),
    });
    insta::assert_yaml_snapshot!(told(&lab));
    assert_eq!(inventory::foreign_rules(&lab.desired(), &lab.observed), [format!("{group}: icmp from 0.0.0.0/0")]);
}

#[test]
fn a_rule_by_hand_that_is_wanted_is_not_foreign() {
    let mut lab = Lab::built();
    for group in lab.observed.resources.groups.values_mut() {
        group.ingress.iter_mut().for_each(|rule| rule.description = "by hand".to_owned());
    }
    assert_eq!(inventory::foreign_rules(&lab.desired(), &lab.observed), [""; 0]);
}

#[test]
fn what_was_adopted_is_told_so() {
    let mut lab = Lab::built();
    for resolver in lab.observed.resources.resolvers.values_mut() {
        resolver.tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
    }
    let origin = told(&lab).resolver.and_then(|resolver| resolver.origin);
    assert_eq!(origin, Some(Origin::Adopted));
    lab.observed.resources.resolvers.clear();
    assert_eq!(told(&lab).resolver, None);
}

#[test]
fn tags_stay_recorded_until_they_are_gone_from_everything() {
    let mut lab = Lab::built();
    lab.settings.tags = Tags::from([("team".to_owned(), "billing".to_owned())]);
    let mut status = told(&lab);
    let tags = |status: &MigrationNetworkStatus| status.settings.as_ref().map(|settings| settings.tags.clone());
    let before = tags(&status);
    assert_eq!(before.as_ref().map(Tags::len), Some(1));
    lab.settings.tags.clear();
    inventory::write(&mut status, &lab.settings, &lab.desired(), &lab.observed, false);
    assert_eq!(tags(&status), before);
    inventory::write(&mut status, &lab.settings, &lab.desired(), &lab.observed, true);
    assert_eq!(tags(&status).map(|tags| tags.len()), Some(0));
}

#[test]
fn a_slot_is_stored_as_it_is_shown() {
    for slot in Slot::standard() {
        assert_eq!(String::from(slot), slot.to_string());
    }
}
