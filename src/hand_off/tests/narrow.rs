//! Forwarders for each bucket instead of the whole domain of S3.

use super::*;
use crate::hand_off::network::Forwarder;

fn narrow(network: &MigrationNetwork) -> HandOff {
    hand_off(network).narrow().expect("it has buckets")
}

#[test]
fn every_format_renders_the_narrow_hand_off() {
    let export = Export { networks: vec![narrow(&network())], action: Action::Add };
    for format in Format::value_variants() {
        insta::assert_snapshot!(format.file_name(), format.render(&export).expect("it is rendered"));
    }
}

#[test]
fn each_bucket_of_source_servers_has_a_forwarder_with_the_targets_of_the_domain() {
    let wide = hand_off(&network());
    let s3 = wide.dns_forwarders.iter().find(|one| one.domain.as_str().starts_with("s3.")).expect("a forwarder");
    let mut expected: Vec<_> = wide.dns_forwarders.iter().filter(|one| *one != s3).cloned().collect();
    let is_bucket = |name: &str| name.ends_with(&format!(".{}", s3.domain));
    let buckets = wide.names.iter().filter(|one| one.for_ == NameUse::Source && is_bucket(one.name.as_str()));
    expected.extend(buckets.map(|one| Forwarder { domain: one.name.clone(), targets: s3.targets.clone() }));
    expected.sort_by(|one, other| one.domain.cmp(&other.domain));
    assert_eq!(expected.len(), 6, "MGN and five buckets");
    assert_eq!(narrow(&network()).dns_forwarders, expected);
}

#[test]
fn the_domain_itself_is_in_no_file_that_leads_clients_to_the_endpoint() {
    let export = Export { networks: vec![narrow(&network())], action: Action::Add };
    for format in [Format::Bind, Format::BindOptions, Format::Unbound, Format::Dnsmasq, Format::Hosts] {
        let text = format.render(&export).expect("it is rendered");
        let is_domain = |word: &str| word == "s3.ap-northeast-1.amazonaws.com";
        assert!(!text.split(|c: char| c.is_whitespace() || "\"/;".contains(c)).any(is_domain), "{format:?}: {text}");
    }
}

#[test]
fn a_narrow_export_of_a_network_without_forwarders_drops_the_domain_from_hosts_files() {
    let without = edited(network(), |one| one.dns_forwarders.clear());
    let narrow = narrow(&without);
    assert_eq!(narrow.dns_forwarders, []);
    let dropped: Vec<_> = hand_off(&without).names.into_iter().filter(|one| !narrow.names.contains(one)).collect();
    assert_eq!(dropped.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["s3.ap-northeast-1.amazonaws.com"]);
}

#[test]
fn firewall_rules_and_the_revision_do_not_change() {
    let (wide, narrow) = (hand_off(&network()), narrow(&network()));
    assert_eq!((wide.firewall_rules, wide.revision), (narrow.firewall_rules, narrow.revision));
}

/// A bucket's own name may contain dots, and may begin like the domain.
#[test]
fn a_bucket_that_begins_with_s3_is_not_taken_for_the_domain() {
    let name = "s3.installers.s3.ap-northeast-1.amazonaws.com";
    let network = edited(network(), |one| {
        let bucket = one.names.iter_mut().find(|one| one.name.starts_with("amazon-ssm-")).expect("a bucket");
        bucket.name = name.to_owned();
    });
    let narrow = narrow(&network);
    assert!(narrow.names.iter().any(|one| one.name.as_str() == name), "{:?}", narrow.names);
    assert!(narrow.dns_forwarders.iter().any(|one| one.domain.as_str() == name), "{:?}", narrow.dns_forwarders);
}

#[test]
fn a_network_without_buckets_is_refused() {
    let is_bucket = |name: &str| name.contains(".s3.");
    let network = edited(network(), |one| one.names.retain(|one| !is_bucket(&one.name)));
    let error = hand_off(&network).narrow().expect_err("nothing would be left").to_string();
    assert!(error.contains("s3.ap-northeast-1.amazonaws.com") && error.contains("'--narrow'"), "{error}");
}
