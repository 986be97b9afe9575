//! The fields of the spec that are facts of the hand-off, and what each of their values changes. Every other field changes
//! neither facts nor revision.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr};

use serde_json::Value;

use super::{
    paths::{apply, settings, world},
    values::values,
};
use crate::{
    api::OnPremisesStatus,
    model::{
        observed::NetworkInterface,
        on_premises::{facts, status},
        testing::Lab,
    },
};

/// The fields that are facts, by the names of their chains in `tests/manifests/values.yaml`.
const FACTS: [&str; 14] = [
    "endpointPolicy",
    "endpoints.addresses",
    "endpoints.mode",
    "endpoints.policy",
    "endpoints.privateDNS",
    "endpoints.privateDNS of s3",
    "endpoints.type",
    "proxyCIDRs",
    "resolver.addresses",
    "resolver.clientCIDRs",
    "resolver.mode",
    "sourceCIDRs",
    "subnets.endpoints",
    "subnets.staging",
];

/// The fields that on-premises teams do not need.
const OTHERS: [&str; 11] = [
    "adoptedDeletionPolicy",
    "adoptionPolicy",
    "deletionPolicy",
    "endpointSecurityGroup",
    "managementPolicy",
    "postLaunch",
    "replication",
    "subnets.launch",
    "suspend",
    "tags",
    "vpc",
];

/// The fields that add endpoints, whose addresses exist only after AWS has created them: `tests/behavior/connector.rs` compares
/// the hand-off before and after.
const ADD_ENDPOINTS: [&str; 1] = ["onPremises"];

/// Returns the VPC of the chains, with the network interfaces of the existing endpoint.
fn vpc() -> Lab {
    let mut lab = world();
    let resources = &mut lab.observed.resources;
    let endpoint = &resources.endpoints[&"vpce-theirs".into()];
    for ((id, subnet), host) in endpoint.interfaces.iter().zip(&endpoint.subnets).zip(11_u32..) {
        let range = lab.observed.subnets[subnet].cidr;
        let ip = Some(Ipv4Addr::from(u32::from(range.network()) + host));
        let (groups, description) = (endpoint.groups.clone(), String::new());
        resources.interfaces.insert(id.clone(), NetworkInterface { subnet: subnet.clone(), ip, groups, description });
    }
    lab
}

/// Returns the hand-off after an edit of the spec.
fn edited(lab: &mut Lab, spec: &Value, previous: Option<&OnPremisesStatus>) -> OnPremisesStatus {
    apply(lab, settings(spec));
    let facts = facts(&lab.settings, &lab.desired(), &lab.observed, &lab.plan());
    status(facts.expect("all addresses exist"), previous)
}

/// Returns all values of all fields. A held value contains a proxy, which only tests of its effect need.
fn all() -> Vec<(String, String, Value)> {
    let values = values();
    let all = values.fixed.into_iter().chain(values.chains);
    let all = all.flat_map(|(chain, values)| values.into_iter().map(move |value| (chain.clone(), value)));
    all.map(|(chain, mut value)| {
        if let Some(spec) = value.spec.as_object_mut().filter(|_| value.held) {
            spec.remove("proxyCIDRs");
        }
        (chain, value.name, value.spec)
    })
    .collect()
}

#[test]
fn every_field_is_a_fact_of_the_hand_off_or_is_not() {
    let chains: BTreeSet<String> = all().into_iter().map(|(chain, ..)| chain).collect();
    let classified: BTreeSet<String> =
        FACTS.into_iter().chain(OTHERS).chain(ADD_ENDPOINTS).map(str::to_owned).collect();
    assert_eq!(chains, classified, "decide whether the on-premises teams need the new field");
}

#[test]
fn each_field_changes_its_own_entries_and_no_others() {
    let mut built = vpc();
    let before = edited(&mut built, &Value::Object(serde_json::Map::new()), None);
    let mut text = String::new();
    let mut changing = BTreeSet::new();
    for (chain, name, spec) in all().into_iter().filter(|(chain, ..)| !ADD_ENDPOINTS.contains(&chain.as_str())) {
        let after = edited(&mut built.clone(), &spec, Some(&before));
        assert_eq!(after.changes.is_empty(), after.revision == before.revision, "{chain}: {name}");
        let is_fact = FACTS.contains(&chain.as_str());
        assert!(is_fact || after == before, "{chain}: {name} is no fact, but changes {:?}", after.changes);
        if !after.changes.is_empty() {
            changing.insert(chain.clone());
        }
        if is_fact {
            writeln!(text, "# {chain}: {name}").expect("a string");
            for change in &after.changes {
                writeln!(text, "  {:?} {}", change.change, change.subject).expect("a string");
            }
        }
    }
    assert_eq!(changing, FACTS.map(str::to_owned).into(), "a fact that no value changes is not tested");
    insta::assert_snapshot!(text);
}
