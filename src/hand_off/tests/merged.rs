//! Exports of several networks.

use super::*;
use crate::hand_off::{Scope, Selection};

/// A second network in the VPC's Region, with other addresses.
fn rival() -> MigrationNetwork {
    let text = serde_json::to_string(&network()).expect("an object").replace("\"10.20.", "\"10.40.");
    let mut rival = edited(serde_json::from_str(&text).expect("an object"), |_| ());
    rival.metadata.name = Some("rival".to_owned());
    rival
}

fn export(networks: &[MigrationNetwork]) -> Export {
    Export::of(networks.iter().map(hand_off).collect(), Action::Add).expect("they differ")
}

#[test]
fn every_format_renders_two_networks_in_two_regions() {
    for format in Format::value_variants() {
        let text = format.render(&export(&[network(), frankfurt()])).expect("they share no name");
        insta::assert_snapshot!(format.file_name(), text);
    }
}

#[test]
fn the_order_of_the_networks_does_not_matter() {
    let (one, other) = (export(&[network(), frankfurt()]), export(&[frankfurt(), network()]));
    assert_eq!(one, other);
}

#[test]
fn one_name_with_two_addresses_is_refused_with_both_networks() {
    for format in [Format::Bind, Format::BindOptions, Format::Unbound, Format::Dnsmasq, Format::Hosts] {
        let error = format.render(&export(&[network(), rival()])).expect_err("they conflict").to_string();
        for words in ["'team-billing/rival'", "'team-billing/tokyo'", "ap-northeast-1.amazonaws.com'"] {
            assert!(error.contains(words), "{format:?}: {error}");
        }
    }
    let narrow = |network: &MigrationNetwork| hand_off(network).narrow().expect("it has buckets");
    let networks = vec![narrow(&network()), narrow(&rival())];
    assert!(Format::Bind.render(&Export { networks, action: Action::Add }).is_err());
}

#[test]
fn firewalls_admit_the_rows_of_all_networks() {
    for format in [Format::FirewallCsv, Format::FirewallJson] {
        let text = format.render(&export(&[rival(), network()])).expect("firewalls can be merged");
        for address in ["10.20.1.101/32", "10.40.1.101/32"] {
            assert!(text.contains(address), "{text}");
        }
    }
}

/// A connection that two networks need must stay open until both are gone.
#[test]
fn a_row_of_two_networks_names_both() {
    let mut twin = network();
    twin.metadata.name = Some("twin".to_owned());
    let rows = Format::FirewallCsv.render(&export(&[twin, network()])).expect("they agree");
    let of = |name: &str| rows.lines().filter(|row| row.starts_with(&format!("add,team-billing/{name},"))).count();
    assert_eq!((of("tokyo"), of("twin")), (17, 17), "{rows}");
    let lines: Vec<&str> = rows.lines().skip(1).collect();
    assert!(lines.windows(2).all(|pair| pair[0].split(',').nth(1) <= pair[1].split(',').nth(1)), "{rows}");
}

#[test]
fn networks_that_share_their_endpoints_share_one_zone() {
    let mut twin = network();
    twin.metadata.name = Some("twin".to_owned());
    let zones = Format::Bind.render(&export(&[network(), twin])).expect("they agree");
    assert_eq!(zones.lines().filter(|line| line.starts_with("zone ")).count(), 2, "{zones}");
    assert_eq!(zones.lines().filter(|line| line.starts_with("// mgnet ")).count(), 2, "{zones}");
}

#[test]
fn one_network_counts_once_and_its_two_revisions_are_refused() {
    assert_eq!(export(&[network(), network()]), export(&[network()]));
    let later = edited(network(), |one| one.firewall_rules[0].port = 54);
    let error =
        Export::of(vec![hand_off(&network()), hand_off(&later)], Action::Add).expect_err("which one?").to_string();
    assert!(error.contains("'team-billing/tokyo' is given twice"), "{error}");
    assert!(Export::of(Vec::new(), Action::Add).is_err());
}

#[test]
fn networks_without_hand_off_are_left_out_by_name_unless_none_is_left() {
    let mut new = frankfurt();
    new.status = None;
    let chosen = Selection::of(&[new.clone(), network(), planned_in_osaka()], Scope::default()).expect("one is left");
    assert_eq!(chosen.hand_offs, [hand_off(&network())]);
    let [first, second] = chosen.left_out.as_slice() else { panic!("{:?}", chosen.left_out) };
    assert!(first.contains("'team-billing/frankfurt'") && second.contains("'team-billing/osaka'"), "{first} {second}");

    let error = Selection::of(&[new, planned_in_osaka()], Scope::default()).expect_err("none is left").to_string();
    assert!(error.contains("'team-billing/frankfurt'") && error.contains("'team-billing/osaka'"), "{error}");
    assert!(Selection::of(&[], Scope::default()).is_err());
}

/// A file without the network would look like a request to close its connections.
#[test]
fn an_invalid_hand_off_is_refused_by_name_and_not_left_out() {
    let hostile = edited(frankfurt(), |one| one.firewall_rules[0].id = "a\nb".to_owned());
    let error = Selection::of(&[network(), hostile], Scope::default()).expect_err("it is invalid");
    let error = format!("{error:#}");
    assert!(error.contains("'team-billing/frankfurt'") && error.contains("firewallRules[0].id"), "{error}");
}

fn planned_in_osaka() -> MigrationNetwork {
    let mut network = planned_network();
    network.metadata.name = Some("osaka".to_owned());
    network
}
