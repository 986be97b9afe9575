//! The documents of networks of each kind. Both languages have the same structure and the same facts, in the same order.

use super::*;
use crate::{
    api::{ManagementPolicy, MigrationNetwork, MigrationNetworkSpec, MigrationNetworkStatus, OnPremisesStatus},
    model::{
        on_premises::{acknowledge, facts, status},
        settings::Resolver,
        testing::Lab,
    },
};

fn with_resolver() -> OnPremisesStatus {
    of(&Lab::built())
}

fn with_hosts_files() -> OnPremisesStatus {
    let mut lab = Lab::built();
    lab.settings.resolver = Resolver::Disabled;
    of(&lab)
}

fn with_proxies() -> OnPremisesStatus {
    let mut lab = Lab::built();
    lab.settings.proxies.insert("10.9.0.0/24".parse().expect("a range"));
    let mut status = of(&lab);
    let revision = status.revision.clone();
    acknowledge(&mut status, Some(&revision));
    status
}

fn planned() -> OnPremisesStatus {
    let mut lab = Lab::new();
    lab.settings.management = ManagementPolicy::Plan;
    of(&lab)
}

fn of(lab: &Lab) -> OnPremisesStatus {
    status(facts(&lab.settings, &lab.desired(), &lab.observed, &lab.plan()).expect("the facts are known"), None)
}

fn hand_off(name: &str, status: OnPremisesStatus) -> HandOff {
    let mut network = MigrationNetwork::new(name, MigrationNetworkSpec::default());
    network.metadata.namespace = Some("team-billing".to_owned());
    network.status = Some(MigrationNetworkStatus { on_premises: Some(status), ..MigrationNetworkStatus::default() });
    HandOff::of(&network).expect("it is valid")
}

fn export(status: OnPremisesStatus, action: Action) -> Export {
    Export { networks: vec![hand_off("tokyo", status)], action }
}

fn several(action: Action) -> Export {
    Export { networks: vec![hand_off("tokyo", with_resolver()), hand_off("edo", with_proxies())], action }
}

fn in_words(export: &Export, words: &Words) -> String {
    render(export, words).expect("it is rendered")
}

/// All exports whose documents the tests compare.
fn exports() -> Vec<Export> {
    let kinds = [with_resolver, with_hosts_files, with_proxies, planned];
    let actions = [Action::Add, Action::Remove].into_iter();
    actions.flat_map(|action| kinds.map(|kind| export(kind(), action)).into_iter().chain([several(action)])).collect()
}

/// Returns the code spans of a text.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Returns what both languages share of each line: its kind, the number of its cells, and its code spans. Lines of code
/// are shared as they are.
fn shape(text: &str) -> Vec<String> {
    let mut in_code = false;
    let line = |line: &str| {
        let is_fence = line.starts_with("```");
        in_code ^= is_fence;
        if in_code || is_fence {
            return line.to_owned();
        }
        let kinds = ["- [ ]", "- [x]", "- ", "###", "##", "#", "|"];
        let kind = kinds.into_iter().find(|kind| line.starts_with(kind)).unwrap_or_default();
        let cells = line.matches(" | ").count();
        format!("{kind} {cells} {:?}", spans(line))
    };
    text.lines().map(line).collect()
}

#[test]
fn a_network_with_hosts_files() {
    insta::assert_snapshot!("hosts.md", in_words(&export(with_hosts_files(), Action::Add), &ENGLISH));
    insta::assert_snapshot!("hosts.ja.md", in_words(&export(with_hosts_files(), Action::Add), &JAPANESE));
}

#[test]
fn a_network_with_proxies_whose_work_is_done() {
    insta::assert_snapshot!("proxies.md", in_words(&export(with_proxies(), Action::Add), &ENGLISH));
    insta::assert_snapshot!("proxies.ja.md", in_words(&export(with_proxies(), Action::Add), &JAPANESE));
}

#[test]
fn a_network_that_is_planned() {
    insta::assert_snapshot!("planned.md", in_words(&export(planned(), Action::Add), &ENGLISH));
    insta::assert_snapshot!("planned.ja.md", in_words(&export(planned(), Action::Add), &JAPANESE));
}

#[test]
fn the_removal_of_a_network() {
    insta::assert_snapshot!("removal.md", in_words(&export(with_resolver(), Action::Remove), &ENGLISH));
    insta::assert_snapshot!("removal.ja.md", in_words(&export(with_resolver(), Action::Remove), &JAPANESE));
}

#[test]
fn several_networks() {
    insta::assert_snapshot!("several.md", in_words(&several(Action::Add), &ENGLISH));
}

#[test]
fn both_languages_have_the_same_facts_in_the_same_order() {
    for export in exports() {
        assert_eq!(shape(&in_words(&export, &ENGLISH)), shape(&in_words(&export, &JAPANESE)));
    }
}

#[test]
fn a_document_contains_every_fact_as_a_code_span() {
    for export in exports() {
        let text = in_words(&export, &JAPANESE);
        let spans = spans(&text);
        for network in &export.networks {
            let rules = network.firewall_rules.iter().flat_map(|rule| {
                let ranges = rule.sources.iter().chain(&rule.subnets).map(ToString::to_string);
                let addresses = rule.addresses.iter().map(ToString::to_string);
                ranges.chain(addresses).chain([rule.id.to_string(), rule.port.to_string()])
            });
            let names = network.names.iter().map(|one| one.name.to_string());
            let domains = network.dns_forwarders.iter().map(|one| one.domain.to_string());
            let revision = network.revision.to_string();
            for fact in rules.chain(names).chain(domains).chain([revision]) {
                assert!(spans.contains(&fact.as_str()), "{fact} is missing:\n{text}");
            }
        }
    }
}

#[test]
fn a_document_in_japanese_has_no_english_sentence() {
    for export in exports() {
        let text = in_words(&export, &JAPANESE);
        for line in text.split("```").step_by(2).flat_map(str::lines) {
            let outside: String = line.split('`').step_by(2).collect();
            let words = outside.split(|c: char| !c.is_ascii_lowercase());
            let prepositions = words.filter(|word| ["the", "of", "a", "to", "is"].contains(word)).count();
            assert_eq!(prepositions, 0, "{line}");
        }
    }
}

#[test]
fn a_box_is_checked_only_if_the_work_was_acknowledged_for_these_facts() {
    let boxes = |status: OnPremisesStatus, action| {
        let text = in_words(&export(status, action), &ENGLISH);
        (text.matches("- [ ] ").count(), text.matches("- [x] ").count())
    };
    assert_eq!(boxes(with_resolver(), Action::Add), (4, 0));
    assert_eq!(boxes(with_proxies(), Action::Add), (0, 4));
    assert_eq!(boxes(with_proxies(), Action::Remove), (4, 0), "a removal is not recorded");

    let mut edited = with_proxies();
    edited.checklist.remove(0);
    edited.checklist[0].revision = "0000000000".to_owned();
    assert_eq!(boxes(edited, Action::Add), (2, 2), "an item that is missing, and one for other facts");
}

#[test]
fn networks_that_lead_a_name_to_different_addresses_have_no_common_document() {
    let networks = vec![hand_off("tokyo", with_resolver()), hand_off("edo", planned())];
    let error = render(&Export { networks, action: Action::Add }, &ENGLISH).expect_err("they conflict").to_string();
    assert!(error.contains("team-billing/tokyo") && error.contains("team-billing/edo"), "{error}");
}

#[test]
fn items_are_named_as_in_the_status() {
    use crate::api::ChecklistWork::{DnsForwarders, Firewall, HostsFiles, OtherAwsClients, OtherS3Clients, Proxies};
    for work in [Firewall, DnsForwarders, HostsFiles, Proxies, OtherS3Clients, OtherAwsClients] {
        assert_eq!(serde_json::to_value(work).expect("a word"), word(work));
    }
}
