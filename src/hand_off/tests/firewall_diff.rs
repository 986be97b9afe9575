//! The change request between two states of networks.

use super::*;
use crate::hand_off::{DiffFormat, FirewallDiff, FirewallRows};

fn saved(networks: &[MigrationNetwork]) -> FirewallRows {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": networks});
    FirewallRows::parse(&list.to_string()).expect("valid objects")
}

fn diff(old: &FirewallRows, new: &FirewallRows) -> FirewallDiff {
    FirewallDiff::of(old, new, false).expect("the same networks")
}

fn csv(diff: &FirewallDiff) -> Vec<String> {
    diff.render(DiffFormat::Csv).expect("CSV").lines().skip(1).map(str::to_owned).collect()
}

fn moved() -> MigrationNetwork {
    edited(network(), |one| {
        let rule = one.firewall_rules.iter_mut().find(|rule| rule.id == "mgn-https").expect("a rule");
        rule.addresses[1] = "10.20.2.200".to_owned();
        rule.sources.push("192.168.20.0/24".to_owned());
    })
}

#[test]
fn the_rows_to_add_and_to_remove_are_listed() {
    let diff = diff(&saved(&[network()]), &saved(&[moved()]));
    insta::assert_snapshot!("csv", diff.render(DiffFormat::Csv).expect("CSV"));
    insta::assert_snapshot!("json", diff.render(DiffFormat::Json).expect("JSON"));
}

/// Applying the change request to the old rows gives the new ones.
#[test]
fn a_change_request_leads_from_one_state_to_the_other() {
    let connection = |row: &str| row.split(',').skip(5).take(6).collect::<Vec<_>>().join(",");
    let rows = |network: MigrationNetwork| -> std::collections::BTreeSet<String> {
        added(&[network], Format::FirewallCsv).lines().skip(1).map(connection).collect()
    };
    let states = [network, moved, planned_network];
    for old in states {
        for new in states {
            let mut state = rows(old());
            for row in csv(&diff(&saved(&[old()]), &saved(&[new()]))) {
                let changed = connection(&row);
                if row.starts_with("add,") {
                    assert!(state.insert(changed), "{row} is there already");
                } else {
                    assert!(row.starts_with("remove,") && state.remove(&changed), "{row} is not there");
                }
            }
            assert_eq!(state, rows(new()));
        }
    }
}

#[test]
fn a_network_that_was_requested_in_advance_needs_only_its_addresses() {
    let rows = csv(&diff(&saved(&[planned_network()]), &saved(&[network()])));
    assert_eq!(rows.len(), 8, "{rows:#?}");
    assert!(rows.iter().all(|row| row.starts_with("add,") && row.contains(",address,")), "{rows:#?}");
}

#[test]
fn another_id_revision_or_order_is_no_change() {
    let renamed = edited(network(), |one| {
        one.firewall_rules[0].id = "dns-over-tcp".to_owned();
        one.firewall_rules.reverse();
        one.firewall_rules.iter_mut().for_each(|rule| rule.addresses.reverse());
    });
    assert_ne!(hand_off(&renamed).revision, hand_off(&network()).revision);
    let diff = diff(&saved(&[network()]), &saved(&[renamed]));
    assert!(diff.is_empty());
    assert_eq!(csv(&diff), Vec::<String>::new());
    assert_eq!(diff.render(DiffFormat::Json).ok().as_deref(), Some("[]\n"));
}

#[test]
fn a_saved_export_is_compared_like_the_object() {
    let export = FirewallRows::parse(&added(&[network(), frankfurt()], Format::FirewallJson)).expect("an export");
    let objects = saved(&[network(), frankfurt()]);
    assert!(diff(&export, &objects).is_empty() && diff(&objects, &export).is_empty());
    let (from_export, from_objects) =
        (diff(&export, &saved(&[moved(), frankfurt()])), diff(&objects, &saved(&[moved(), frankfurt()])));
    assert_eq!(from_export, from_objects);
    assert!(!from_export.is_empty());
}

/// A reworded reason or text of a saved export is neither a change nor copied.
#[test]
fn the_words_of_a_saved_export_do_not_matter() {
    let export = added(&[network()], Format::FirewallJson).replace("AWS Application Migration Service", "x,\\ny");
    let export = FirewallRows::parse(&export).expect("an export");
    assert!(diff(&export, &saved(&[network()])).is_empty());
    let removed = csv(&diff(&export, &saved(&[moved()])));
    assert!(removed.iter().any(|row| row.starts_with("remove,")) && removed.iter().all(|row| !row.contains("x,")));
}

#[test]
fn different_networks_are_refused_unless_allowed() {
    let (one, both) = (saved(&[network()]), saved(&[network(), frankfurt()]));
    for (old, new, place) in [(&one, &both, "only NEW"), (&both, &one, "only OLD")] {
        let error = FirewallDiff::of(old, new, false).expect_err("they differ").to_string();
        for words in [place, "'team-billing/frankfurt'", "'--different-networks'"] {
            assert!(error.contains(words), "{error}");
        }
    }
    assert_eq!(csv(&FirewallDiff::of(&one, &both, true).expect("allowed")).len(), 17);
    // A row that a remaining network needs stays.
    let mut twin = network();
    twin.metadata.name = Some("twin".to_owned());
    assert!(FirewallDiff::of(&saved(&[network(), twin]), &one, true).expect("allowed").is_empty());
}

#[test]
fn texts_that_are_neither_are_refused_with_the_reason() {
    let export = Export { networks: vec![hand_off(&network())], action: Action::Remove };
    let removal = Format::FirewallJson.render(&export).expect("it is rendered");
    let facts = added(&[network()], Format::Json);
    let mut new = frankfurt();
    new.status = None;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [network(), new]}).to_string();
    for (text, words) in [
        (removal.as_str(), "'--remove'"),
        (facts.as_str(), "'--output firewall-json'"),
        (list.as_str(), "'team-billing/frankfurt'"),
        ("kind: ConfigMap\n", "\"ConfigMap\""),
        ("", "no network"),
    ] {
        let error = format!("{:#}", FirewallRows::parse(text).expect_err("it is neither"));
        assert!(error.contains(words), "{error}");
    }
}

/// A file may contain anything, and its values would become cells of the change request.
#[test]
fn no_value_of_a_saved_export_adds_a_cell_or_a_row() {
    let mut export: serde_json::Value =
        serde_json::from_str(&added(&[network()], Format::FirewallJson)).expect("an array");
    for (field, value) in [
        ("network", json!("a/b,c")),
        ("network", json!("tokyo")),
        ("revision", json!("1\nadd")),
        ("rule", json!("=cmd")),
        ("direction", json!("inbound")),
        ("protocol", json!("any,any")),
        ("port", json!(70_000)),
        ("sources", json!(["10.0.0.0/8,any"])),
        ("destinations", json!(["10.0.0.1/32\n"])),
        ("destinationKind", json!("any")),
        ("purpose", json!("x,y")),
        ("action", json!("x")),
    ] {
        let before = export[0][field].take();
        export[0][field] = value;
        assert!(FirewallRows::parse(&export.to_string()).is_err(), "{field}");
        export[0][field] = before;
    }
    assert!(FirewallRows::parse(&export.to_string()).is_ok());
}
