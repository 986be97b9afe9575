//! Tests of the inventory in status.

use crate::{
    api::{MigrationNetworkStatus, Origin},
    model::{
        observed::{Peer, Rule, Traffic},
        ownership::{ADOPTED_TAG, Tags},
        slot::{GroupRole, Slot},
        status::inventory,
        testing::{Lab, identity},
    },
};

fn inventory_of(lab: &Lab) -> MigrationNetworkStatus {
    let mut status = MigrationNetworkStatus::default();
    inventory::write(&mut status, &lab.settings, &lab.desired(), &lab.observed, true);
    status
}

#[test]
fn the_inventory_lists_every_resource_by_id() {
    let mut lab = Lab::built();
    let group = lab.observed.resources.group(&identity(), GroupRole::Endpoints).expect("it is built");
    lab.observed.resources.groups.get_mut(&group).expect("it is listed").ingress.push(Rule {
        id: Some("sgr-foreign".into()),
        permission: None,
        traffic: Traffic { protocol: None, ports: (1, 0), peer: Peer::Other },
        description: "by hand".to_owned(),
        text: "icmp from 0.0.0.0/0".to_owned(),
    });
    insta::assert_yaml_snapshot!(inventory_of(&lab));
    assert_eq!(inventory::foreign_rules(&lab.desired(), &lab.observed), [format!("{group}: icmp from 0.0.0.0/0")]);
}

#[test]
fn a_manual_rule_that_is_desired_is_not_foreign() {
    let mut lab = Lab::built();
    for group in lab.observed.resources.groups.values_mut() {
        group.ingress.iter_mut().for_each(|rule| rule.description = "by hand".to_owned());
    }
    assert_eq!(inventory::foreign_rules(&lab.desired(), &lab.observed), [""; 0]);
}

#[test]
fn an_adopted_resource_has_the_origin_adopted() {
    let mut lab = Lab::built();
    for resolver in lab.observed.resources.resolvers.values_mut() {
        resolver.tags.insert(ADOPTED_TAG.to_owned(), "true".to_owned());
    }
    let origin = inventory_of(&lab).resolver.and_then(|resolver| resolver.origin);
    assert_eq!(origin, Some(Origin::Adopted));
    lab.observed.resources.resolvers.clear();
    assert_eq!(inventory_of(&lab).resolver, None);
}

#[test]
fn tags_stay_recorded_until_every_resource_has_lost_them() {
    let mut lab = Lab::built();
    lab.settings.tags = Tags::from([("team".to_owned(), "billing".to_owned())]);
    let mut status = inventory_of(&lab);
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
fn a_slot_is_serialized_as_it_is_displayed() {
    for slot in Slot::standard() {
        assert_eq!(String::from(slot), slot.to_string());
    }
}
