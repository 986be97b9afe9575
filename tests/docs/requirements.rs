//! `docs/requirements.md` names fields, slots, conditions, checks and formats that exist, and each of its requirements names
//! the page of AWS that states it.

use std::{collections::BTreeSet, str::FromStr};

use clap::ValueEnum;
use mgnet::{
    api::ConditionType,
    hand_off::Format,
    model::{preflight::checks::Check, slot::Slot},
};

use crate::{code, links::read};

/// The checks that answer no requirement of AWS: they protect resources of others, and earlier decisions of the user.
const OWN_CHECKS: [Check; 6] = [
    Check::VpcIsTheSame,
    Check::DefaultTenancy,
    Check::AdoptionAdds,
    Check::AdoptedFits,
    Check::PredecessorsGone,
    Check::TransferPossible,
];

/// The items of `status.onPremises.checklist`.
const ITEMS: [&str; 6] = ["Firewall", "DNSForwarders", "HostsFiles", "Proxies", "OtherS3Clients", "OtherAWSClients"];

/// A requirement: its cells.
struct Requirement {
    sources: String,
    built_by: String,
    checked_by: String,
    hand_off: String,
}

fn page() -> String {
    read("docs/requirements.md")
}

fn requirements() -> Vec<Requirement> {
    let page = page();
    let mut found = Vec::new();
    for table in page.split("| requirement |").skip(1) {
        for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [_, sources, built_by, checked_by, hand_off] = cells.as_slice() else {
                panic!("a row has five cells: {row}");
            };
            let [sources, built_by, checked_by, hand_off] =
                [sources, built_by, checked_by, hand_off].map(|cell| (*cell).to_owned());
            found.push(Requirement { sources, built_by, checked_by, hand_off });
        }
    }
    assert!(found.len() > 25, "{} requirements", found.len());
    found
}

fn is_field(span: &str) -> bool {
    span.starts_with("spec.") || span.starts_with("status.")
}

#[test]
fn every_field_in_the_requirements_exists() {
    let reference = read("docs/reference.md");
    for field in code(&page()).into_iter().filter(|span| is_field(span)) {
        assert!(reference.contains(&format!("| `{field}` |")), "there is no field {field}");
    }
}

#[test]
fn every_slot_and_condition_in_the_requirements_exists() {
    let conditions: BTreeSet<&str> = ConditionType::ALL.map(ConditionType::as_str).into();
    for Requirement { built_by, checked_by, .. } in requirements() {
        // `group/type` of a slot; other words in this column are fields, and calls that a policy allows.
        for span in code(&built_by).iter().filter(|span| span.contains('/') || *span == "resolver") {
            assert!(Slot::from_str(span).is_ok(), "there is no slot {span}");
        }
        for span in code(&checked_by).iter().filter(|span| !is_field(span)) {
            assert!(conditions.contains(span.as_str()), "there is no condition {span}");
        }
    }
}

#[test]
fn the_hand_off_of_each_requirement_exists() {
    let formats: Vec<String> = Format::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    let network = read("tests/hand_off/tokyo.yaml");
    for Requirement { hand_off, .. } in requirements() {
        for span in code(&hand_off).iter().filter(|span| !is_field(span) && *span != "for: Replication") {
            // Proxies have rules of their own, with the same IDs and a suffix.
            let rule = span.strip_suffix("-proxies").unwrap_or(span);
            let exists = formats.contains(span)
                || ITEMS.contains(&span.as_str())
                || network.contains(&format!("- id: {rule}\n"));
            assert!(exists, "there is no format, item or rule {span}");
        }
    }
}

#[test]
fn every_check_answers_a_requirement_or_is_our_own() {
    let page = page();
    for check in Check::ALL {
        let is_named = page.contains(check.code());
        assert_eq!(is_named, !OWN_CHECKS.contains(check), "{} in docs/requirements.md", check.code());
    }
}

#[test]
fn every_requirement_names_a_page_of_aws() {
    let page = page();
    for Requirement { sources, .. } in requirements() {
        let names: Vec<&str> = sources.split(['[', ']']).skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "a requirement has no source: {sources}");
        for name in names {
            let target = page.lines().find_map(|line| line.strip_prefix(&format!("[{name}]: ")));
            let target = target.unwrap_or_else(|| panic!("[{name}] has no address"));
            assert!(target.starts_with("https://docs.aws.amazon.com/"), "{target}");
        }
    }
}
