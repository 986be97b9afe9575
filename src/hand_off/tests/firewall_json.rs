//! Firewall rules as JSON.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn rules(networks: &[MigrationNetwork], action: Action) -> Vec<Value> {
    let export = Export { networks: networks.iter().map(hand_off).collect(), action };
    serde_json::from_str(&Format::FirewallJson.render(&export).expect("it is rendered")).expect("an array")
}

#[test]
fn each_rule_has_an_id_that_stays_the_same() {
    let ids = |network: MigrationNetwork| -> Vec<String> {
        rules(&[network], Action::Add).iter().map(|rule| rule["id"].as_str().expect("a text").to_owned()).collect()
    };
    let before = ids(network());
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 9, "{before:?}");
    assert!(before.contains(&"team-billing/tokyo/mgn-https/address".to_owned()), "{before:?}");
    assert_eq!(ids(edited(network(), |one| one.firewall_rules[2].addresses = vec!["10.20.1.7".to_owned()])), before);
}

/// A firewall is configured either by address or by subnet, and each form covers all purposes for which it can.
#[test]
fn the_rules_cover_the_same_rows_as_the_csv() {
    let csv = added(&[network(), frankfurt()], Format::FirewallCsv);
    let of_csv: BTreeSet<(String, String, String)> = csv
        .lines()
        .skip(1)
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            (format!("{}/{}/{}", cells[1], cells[4], cells[9]), cells[7].to_owned(), cells[8].to_owned())
        })
        .collect();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|one| Some(one.as_str()?.to_owned())).collect()
    };
    let mut of_json = BTreeSet::new();
    for rule in rules(&[network(), frankfurt()], Action::Add) {
        for source in texts(&rule["sources"]) {
            for destination in texts(&rule["destinations"]) {
                of_json.insert((rule["id"].as_str().unwrap_or_default().to_owned(), source.clone(), destination));
            }
        }
    }
    assert_eq!(of_csv.len(), 34);
    assert_eq!(of_json, of_csv);
}

#[test]
fn the_text_of_a_rule_is_a_ticket() {
    let rule = |network, action| {
        let all = rules(&[network], action);
        let id = "team-billing/tokyo/replication/subnet";
        all.into_iter().find(|rule| rule["id"] == id).expect("a rule")["text"].as_str().expect("a text").to_owned()
    };
    let revision = hand_off(&network()).revision.to_string();
    let what = "outbound TCP port 1500 from 192.168.10.0/24 to 10.20.11.0/24";
    let why = "AWS Application Migration Service: data of source servers to replication servers";
    assert_eq!(
        rule(network(), Action::Add),
        format!(
            "Permit {what}. Reason: {why}. Reference: mgnet team-billing/tokyo/replication/subnet, revision {revision}."
        )
    );
    let removal = rule(network(), Action::Remove);
    assert!(removal.starts_with(&format!("Remove the permission of {what}. It was for: {why}.")), "{removal}");
    let planned = rule(planned_network(), Action::Add);
    assert!(planned.contains("planned and do not exist yet"), "{planned}");
}
