//! The removal twin of each export.

use super::*;

/// Returns the lines that are not comments.
fn entries(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//")).collect()
}

fn removed(format: Format) -> String {
    let export = Export { networks: vec![hand_off(&network())], action: Action::Remove };
    format.render(&export).expect("it is rendered")
}

#[test]
fn every_format_renders_the_removal_of_the_network() {
    for format in Format::value_variants() {
        insta::assert_snapshot!(format.file_name(), removed(*format));
    }
}

#[test]
fn the_files_of_dns_servers_and_the_hosts_block_become_empty_but_keep_their_titles() {
    for format in [Format::Bind, Format::BindOptions, Format::Unbound, Format::Dnsmasq, Format::Hosts] {
        let removed = removed(format);
        assert_eq!(entries(&removed), Vec::<&str>::new(), "{format:?}");
        assert!(removed.contains("mgnet team-billing/tokyo revision") && removed.contains("removal"), "{removed}");
        assert!(!entries(&added(&[network()], format)).is_empty(), "{format:?}");
    }
}

/// The markers of the hosts block are those of the export that it replaces.
#[test]
fn the_hosts_block_of_a_removal_has_the_same_markers() {
    let markers = |text: &str| -> Vec<String> {
        let is_marker = |line: &&str| line.starts_with("# begin ") || line.starts_with("# end ");
        text.lines().filter(is_marker).map(str::to_owned).collect()
    };
    assert_eq!(markers(&removed(Format::Hosts)), markers(&added(&[network()], Format::Hosts)));
}

#[test]
fn firewall_rows_and_facts_are_the_same_with_another_action() {
    for (format, add, remove) in
        [(Format::FirewallCsv, "\nadd,", "\nremove,"), (Format::Json, "\"action\": \"add\"", "\"action\": \"remove\"")]
    {
        let added = added(&[network()], format);
        assert!(added.contains(add), "{added}");
        assert_eq!(added.replace(add, remove), removed(format));
    }
}

#[test]
fn a_conflict_of_two_networks_does_not_keep_their_entries_from_being_removed() {
    let mut other = network();
    other.metadata.name = Some("other".to_owned());
    let other = edited(other, |one| one.dns_forwarders[0].targets = vec!["10.99.0.1".to_owned()]);
    let networks = vec![hand_off(&network()), hand_off(&other)];
    assert!(Format::Bind.render(&Export { networks: networks.clone(), action: Action::Add }).is_err());
    let removal = Format::Bind.render(&Export { networks, action: Action::Remove }).expect("it is rendered");
    assert_eq!(entries(&removal), Vec::<&str>::new());
}
