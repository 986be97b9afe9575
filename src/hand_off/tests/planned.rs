//! Exports of a network before it is built.

use super::*;
use crate::hand_off::{Scope, Selection};

const PLANNED: Scope = Scope { planned: true, narrow: false };

#[test]
fn every_format_renders_the_planned_network_and_marks_it() {
    for format in Format::value_variants() {
        let text = added(&[planned_network()], *format);
        assert!(text.contains("planned") || text.contains("計画段階"), "{format:?}: {text}");
        insta::assert_snapshot!(format.file_name(), text);
    }
}

#[test]
fn a_planned_hand_off_is_refused_without_the_flag() {
    let error = Selection::of(&[planned_network()], Scope::default()).expect_err("it is planned").to_string();
    for words in ["'team-billing/tokyo'", "do not exist yet", "`Ready`", "'--planned'"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(Selection::of(&[planned_network()], PLANNED).map(|one| one.hand_offs.len()).ok(), Some(1));
}

#[test]
fn the_flag_changes_nothing_for_a_network_that_exists() {
    let with = Selection::of(&[network()], PLANNED).ok();
    assert_eq!(with, Selection::of(&[network()], Scope::default()).ok());
    assert_eq!(with.map(|one| one.hand_offs), Some(vec![hand_off(&network())]));
}

#[test]
fn forwarders_without_targets_lead_to_comments_and_to_no_zone() {
    for format in [Format::Bind, Format::BindOptions, Format::Unbound, Format::Dnsmasq] {
        let text = added(&[planned_network()], format);
        assert!(text.lines().all(|line| line.starts_with('#') || line.starts_with("//")), "{text}");
        assert!(text.contains("s3.ap-northeast-1.amazonaws.com: the addresses of the Resolver endpoint"), "{text}");
    }
}

#[test]
fn only_subnets_are_requested_while_addresses_are_unknown() {
    let rows = added(&[planned_network()], Format::FirewallCsv);
    let kinds: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.split(',').nth(9)).collect();
    assert!(kinds.len() > 5 && kinds.iter().all(|kind| *kind == "subnet"), "{rows}");
    assert!(rows.lines().skip(1).all(|row| row.split(',').nth(3) == Some("true")), "{rows}");
}

/// A firewall that admits one of two addresses would have to be changed again.
#[test]
fn addresses_are_requested_only_if_each_subnet_has_one() {
    let with_addresses = |addresses: &[&str]| {
        let network = edited(planned_network(), |one| {
            let rule = one.firewall_rules.iter_mut().find(|rule| rule.id == "mgn-https").expect("a rule");
            rule.addresses = addresses.iter().map(ToString::to_string).collect();
        });
        let rows = added(&[network], Format::FirewallCsv);
        rows.lines().filter(|row| row.contains(",mgn-https,") && row.contains(",address,")).count()
    };
    assert_eq!(with_addresses(&["10.20.1.101"]), 0);
    assert_eq!(with_addresses(&["10.20.1.101", "10.20.2.102"]), 2);
    // An existing endpoint may be in subnets that the network does not name: its addresses are complete.
    assert_eq!(with_addresses(&["10.20.40.7"]), 1);

    let observed = edited(network(), |one| one.firewall_rules[0].addresses.truncate(1));
    assert!(added(&[observed], Format::FirewallCsv).contains(",dns-tcp,outbound,tcp,192.168.10.0/24,10.20.1.113/32,"));
}

/// An unknown word of a later version counts as planned: its addresses may not exist.
#[test]
fn an_unknown_basis_is_refused_like_a_planned_one() {
    let mut object = serde_json::to_value(network()).expect("an object");
    object["status"]["onPremises"]["basis"] = json!("Guessed");
    let network: MigrationNetwork = serde_json::from_value(object).expect("an object");
    let basis = network.status.as_ref().and_then(|status| status.on_premises.as_ref()).map(|one| one.basis);
    assert_eq!(basis, Some(OnPremisesBasis::Planned));
    assert!(Selection::of(&[network], Scope::default()).is_err());
}
