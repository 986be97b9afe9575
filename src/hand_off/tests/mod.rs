//! Exports of the test network, and of objects whose values would add lines to an export.

mod firewall_diff;
mod firewall_json;
mod merged;
mod narrow;
mod networks;
mod planned;
mod removal;
mod saved;
mod tools;

use clap::ValueEnum as _;
use serde_json::json;

use super::{Action, Export, Format, HandOff};
use crate::{
    api::{
        ManagementPolicy, MigrationNetwork, MigrationNetworkSpec, MigrationNetworkStatus, NameUse, OnPremisesBasis,
        OnPremisesStatus,
    },
    model::{
        on_premises::{facts, revision_of, status},
        testing::Lab,
    },
};

/// A network whose addresses exist.
fn network() -> MigrationNetwork {
    of(&Lab::built())
}

/// The same network before it is built, with no fixed addresses.
fn planned_network() -> MigrationNetwork {
    let mut lab = Lab::new();
    lab.settings.management = ManagementPolicy::Plan;
    of(&lab)
}

/// A network in another VPC and Region.
fn frankfurt() -> MigrationNetwork {
    let text = serde_json::to_string(&network()).expect("an object");
    let text =
        text.replace("ap-northeast-1", "eu-central-1").replace("\"10.20.", "\"10.30.").replace("tokyo", "frankfurt");
    edited(serde_json::from_str(&text).expect("an object"), |_| ())
}

fn of(lab: &Lab) -> MigrationNetwork {
    let facts = facts(&lab.settings, &lab.desired(), &lab.observed, &lab.plan()).expect("a hand-off");
    let mut network = MigrationNetwork::new("tokyo", MigrationNetworkSpec::default());
    network.metadata.namespace = Some("team-billing".to_owned());
    network.status =
        Some(MigrationNetworkStatus { on_premises: Some(status(facts, None)), ..MigrationNetworkStatus::default() });
    network
}

/// Returns the network with an edited hand-off, whose revision matches the edit.
fn edited(mut network: MigrationNetwork, edit: impl FnOnce(&mut OnPremisesStatus)) -> MigrationNetwork {
    let hand_off = network.status.as_mut().and_then(|status| status.on_premises.as_mut()).expect("a hand-off");
    edit(hand_off);
    hand_off.revision = revision_of(hand_off);
    network
}

fn hand_off(network: &MigrationNetwork) -> HandOff {
    HandOff::of(network).expect("it is valid")
}

/// Renders an export of the networks that adds its entries.
fn added(networks: &[MigrationNetwork], format: Format) -> String {
    let export = Export { networks: networks.iter().map(hand_off).collect(), action: Action::Add };
    format.render(&export).expect("it is rendered")
}

/// Returns the error for a network whose hand-off was edited.
fn refusal(edit: impl FnOnce(&mut OnPremisesStatus)) -> String {
    HandOff::of(&edited(network(), edit)).map(|_| ()).expect_err("the value is invalid").to_string()
}

#[test]
fn every_format_renders_every_kind_of_network() {
    for (name, network) in networks::all() {
        insta::with_settings!({ snapshot_suffix => name }, {
            for format in Format::value_variants() {
                insta::assert_snapshot!(format.file_name(), added(std::slice::from_ref(&network), *format));
            }
        });
    }
}

#[test]
fn the_json_and_yaml_of_an_object_lead_to_the_same_export() {
    let network = network();
    let json = serde_json::to_string(&network).expect("an object");
    let read: MigrationNetwork = serde_saphyr::from_str(&json).expect("JSON is YAML");
    assert_eq!(HandOff::of(&read).ok(), HandOff::of(&network).ok());
}

#[test]
fn no_value_adds_a_line_a_record_or_a_rule() {
    let hostile = "10.0.0.1\n10.0.0.2 mgn.ap-northeast-1.amazonaws.com";
    for (field, error) in [
        ("firewallRules[0].sources", refusal(|one| one.firewall_rules[0].sources = vec![hostile.to_owned()])),
        ("firewallRules[0].addresses", refusal(|one| one.firewall_rules[0].addresses = vec![hostile.to_owned()])),
        ("firewallRules[0].subnets", refusal(|one| one.firewall_rules[0].subnets = vec!["10.0.0.0/8,any".to_owned()])),
        ("firewallRules[0].id", refusal(|one| one.firewall_rules[0].id = "a,b".to_owned())),
        ("firewallRules[0].port", refusal(|one| one.firewall_rules[0].port = 70_000)),
        ("dnsForwarders[0].domain", refusal(|one| one.dns_forwarders[0].domain = "x\"; }; zone \"y".to_owned())),
        (
            "dnsForwarders[0].targets",
            refusal(|one| one.dns_forwarders[0].targets = vec!["10.0.0.1; 10.0.0.2".to_owned()]),
        ),
        ("names[0].name", refusal(|one| one.names[0].name = "a b".to_owned())),
        ("names[0].addresses", refusal(|one| one.names[0].addresses = vec!["::1".to_owned()])),
        ("endpoints[0].service", refusal(|one| one.endpoints[0].service = "mgn\ns3".to_owned())),
        ("endpoints[1].name", refusal(|one| one.endpoints[1].name = "*.vpce-1 --no-prompt".to_owned())),
    ] {
        assert!(error.contains(&format!("status.onPremises.{field}")), "{field}: {error}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn names_of_the_object_are_checked_too() {
    for (field, edit) in [
        (
            "metadata.name",
            (|network: &mut MigrationNetwork| network.metadata.name = Some("a\nb".to_owned())) as fn(&mut _),
        ),
        ("metadata.namespace", |network| network.metadata.namespace = Some("A".to_owned())),
    ] {
        let mut network = network();
        edit(&mut network);
        let error = HandOff::of(&network).map(|_| ()).expect_err("the name is invalid").to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn a_network_may_have_a_longer_name_than_a_host() {
    let mut network = network();
    network.metadata.name = Some(format!("{}.tokyo", "t".repeat(100)));
    for format in Format::value_variants() {
        assert!(!added(std::slice::from_ref(&network), *format).is_empty());
    }
    network.metadata.name = Some("t".repeat(254));
    let error = HandOff::of(&network).map(|_| ()).expect_err("Kubernetes does not admit it").to_string();
    assert!(error.contains("metadata.name"), "{error}");
}

#[test]
fn facts_that_do_not_have_the_recorded_revision_are_refused() {
    let mut object = serde_json::to_value(network()).expect("an object");
    // A word of a later version: the entry cannot be read, and would be missing from the export.
    object["status"]["onPremises"]["firewallRules"][0]["protocol"] = json!("QUIC");
    let network = serde_json::from_value(object).expect("an object");
    let error = HandOff::of(&network).map(|_| ()).expect_err("it is not complete").to_string();
    assert!(error.contains("`status.onPremises.revision`") && error.contains("later version"), "{error}");
}

#[test]
fn a_network_without_hand_off_is_refused_with_the_reason() {
    let mut network = network();
    network.status = None;
    let error = HandOff::of(&network).map(|_| ()).expect_err("there is none").to_string();
    for words in ["'team-billing/tokyo'", "`managementPolicy: Plan`", "'--planned'"] {
        assert!(error.contains(words), "{error}");
    }
}
