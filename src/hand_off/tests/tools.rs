//! Exports for programs that do something: scripts, command lines, playbooks and imports, with their removal.

use super::{
    Action::{Add, Remove},
    *,
};
use crate::{
    api::{OnPremisesName, RulePurpose},
    hand_off::region::Region,
};

const FORMATS: [Format; 5] =
    [Format::WindowsDns, Format::InfobloxCsv, Format::NoProxy, Format::AgentArgs, Format::Ansible];

/// The options of the installer that AWS documents (MGN User Guide, "Installing the AWS Replication Agent on Linux servers", edition
/// 2026; the page for Windows lists the same).
const DOCUMENTED: [&str; 13] = [
    "--region",
    "--aws-access-key-id",
    "--aws-secret-access-key",
    "--aws-session-token",
    "--no-prompt",
    "--devices",
    "--force-volumes",
    "--tags",
    "--s3-endpoint",
    "--user-provided-id",
    "--endpoint",
    "--no-replication",
    "--dualstack",
];

/// The programs whose options are those.
const INSTALLERS: [&str; 2] = ["aws-replication-installer-init --", "AwsReplicationWindowsInstaller.exe --"];

/// Renders the test network after an edit.
fn rendered(format: Format, edit: impl FnOnce(&mut OnPremisesStatus)) -> String {
    added(&[edited(network(), edit)], format)
}

/// Returns the test network and another one in the same Region, with the same addresses.
fn two() -> Vec<HandOff> {
    let mut other = network();
    other.metadata.name = Some("osaka-2.old".to_owned());
    vec![hand_off(&network()), hand_off(&other)]
}

#[test]
fn no_placeholder_of_a_template_is_left() {
    for networks in [vec![hand_off(&network())], two()] {
        for action in [Add, Remove] {
            for format in FORMATS {
                let text = format.render(&Export { networks: networks.clone(), action }).expect("it is rendered");
                for placeholder in ["@TITLES@", "@FORWARDERS@", "@NETWORK@", "@SERVERS@", "@FACTS@"] {
                    assert!(!text.contains(placeholder), "{format:?} {action:?}: {placeholder}");
                }
            }
        }
    }
}

#[test]
fn the_installer_has_documented_options_only() {
    let agent_args = rendered(Format::AgentArgs, |_| ());
    let is_command = |line: &&str| INSTALLERS.iter().any(|installer| line.contains(installer));
    let commands: Vec<&str> = agent_args.lines().filter(is_command).collect();
    assert_eq!(commands.len(), 6, "{commands:?}");
    let options = commands.iter().flat_map(|line| line.split_whitespace()).filter(|word| word.starts_with("--"));
    let playbook = rendered(Format::Ansible, |_| ());
    let (_, arguments) = playbook.split_once("argv: >-").expect("the command of the installer");
    let of_playbook = arguments.split('\'').filter(|word| word.starts_with("--"));
    let options: Vec<&str> = options.chain(of_playbook).collect();
    assert!(options.len() > 20, "{options:?}");
    for option in options {
        assert!(DOCUMENTED.contains(&option), "AWS documents no option {option}");
    }
}

#[test]
fn the_credentials_of_the_installer_are_variables() {
    let agent_args = rendered(Format::AgentArgs, |_| ());
    let words: Vec<&str> = agent_args.split_whitespace().collect();
    let secrets = words.windows(2).filter(|pair| pair[0].starts_with("--aws-")).map(|pair| pair[1]);
    let secrets: Vec<&str> = secrets.collect();
    assert_eq!(secrets.len(), 6, "{secrets:?}");
    assert!(secrets.iter().all(|secret| secret.starts_with("\"$")), "{secrets:?}");
}

#[test]
fn without_the_names_of_both_endpoints_there_is_no_second_choice() {
    let text = rendered(Format::AgentArgs, |status| status.endpoints.truncate(1));
    assert!(!text.contains("--endpoint") && !text.contains("Second choice"), "{text}");
}

#[test]
fn the_installer_comes_from_the_bucket_that_the_hand_off_names() {
    let text = rendered(Format::AgentArgs, |status| {
        for one in &mut status.names {
            one.name = one.name.replace("-ap-northeast-1.s3.", "-ap-northeast-1-f1d.s3.");
        }
    });
    let suffix = "ap-northeast-1-f1d.s3.ap-northeast-1.amazonaws.com/latest/linux/aws-replication-installer-init";
    assert!(text.contains(&format!("https://aws-application-migration-service-{suffix}\n")), "{text}");
    assert!(text.contains(&format!("https://aws-application-migration-service-hashes-{suffix}.sha512\n")), "{text}");
    let text = rendered(Format::AgentArgs, |status| status.names.retain(|one| one.for_ == NameUse::Replication));
    let documented =
        "https://aws-application-migration-service-ap-northeast-1.s3.ap-northeast-1.amazonaws.com/latest/windows";
    assert!(text.contains(documented), "{text}");
}

#[test]
fn comments_replace_forwarders_without_targets() {
    let planned = |status: &mut OnPremisesStatus| {
        status.basis = OnPremisesBasis::Planned;
        status.dns_forwarders[0].targets.clear();
    };
    let script = rendered(Format::WindowsDns, planned);
    let comment =
        "    # 'mgn.ap-northeast-1.amazonaws.com': the addresses of the Resolver endpoint are not known yet\n";
    assert!(script.contains(comment), "{script}");
    assert_eq!(script.matches("[pscustomobject]").count(), 1, "{script}");
    let rows = rendered(Format::InfobloxCsv, planned);
    let imported: Vec<&str> = rows.lines().filter(|row| row.starts_with("forwardzone,")).collect();
    assert_eq!(imported.len(), 1, "{rows}");
    assert!(!imported[0].contains("mgn.ap-northeast-1"), "{rows}");
}

#[test]
fn a_removal_contains_the_forwarders_of_networks_that_conflict() {
    let mut other = network();
    other.metadata.name = Some("rival".to_owned());
    let other = edited(other, |one| one.dns_forwarders[0].targets = vec!["10.99.0.1".to_owned()]);
    let networks = vec![hand_off(&network()), hand_off(&other)];
    for format in [Format::WindowsDns, Format::InfobloxCsv] {
        assert!(format.render(&Export { networks: networks.clone(), action: Add }).is_err(), "{format:?}");
    }
    let removal =
        |format: Format| format.render(&Export { networks: networks.clone(), action: Remove }).expect("it is rendered");
    assert_eq!(removal(Format::WindowsDns).matches("[pscustomobject]").count(), 3);
    assert_eq!(removal(Format::InfobloxCsv).matches("\nforwardzone,").count(), 2);
}

#[test]
fn names_without_addresses_are_not_checked() {
    let playbook = rendered(Format::Ansible, |status| {
        status.basis = OnPremisesBasis::Planned;
        status.names.iter_mut().for_each(|one| one.addresses.clear());
    });
    assert!(playbook.contains("    mgn_names: []\n"), "{playbook}");
}

#[test]
fn without_forwarders_the_playbook_writes_hosts_files() {
    let without = |status: &mut OnPremisesStatus| status.dns_forwarders.clear();
    assert!(rendered(Format::Ansible, without).contains("    mgn_without_forwarders: true\n"));
    assert!(rendered(Format::Ansible, |_| ()).contains("    mgn_without_forwarders: false\n"));
    assert!(rendered(Format::WindowsDns, without).contains(": no forwarders, use hosts files\n"));
}

#[test]
fn a_playbook_of_several_networks_has_a_play_for_the_group_of_each() {
    let playbook = Format::Ansible.render(&Export { networks: two(), action: Add }).expect("networks may share a file");
    let hosts: Vec<&str> = playbook.lines().filter_map(|line| line.strip_prefix("  hosts: ")).collect();
    let expected = ["mgn_team_billing__tokyo", "mgn_team_billing__osaka_2_old"]
        .map(|group| format!("\"{{{{ mgn_servers | default('{group}') }}}}\""));
    assert_eq!(hosts, expected);
    assert_eq!(playbook.matches("---\n").count(), 1);
}

#[test]
fn a_proxy_that_the_endpoints_admit_is_named() {
    let text = rendered(Format::NoProxy, |status| {
        let mut rule =
            status.firewall_rules.iter().find(|rule| rule.purpose == RulePurpose::Mgn).expect("a rule").clone();
        rule.id = "mgn-https-proxies".to_owned();
        rule.sources = vec!["192.168.20.0/28".to_owned()];
        status.firewall_rules.push(rule);
    });
    assert!(text.contains("The endpoints admit the proxies in 192.168.20.0/28."), "{text}");
    assert!(rendered(Format::NoProxy, |_| ()).contains("set `spec.proxyCIDRs`"));
}

#[test]
fn a_network_without_names_of_source_servers_exempts_nothing() {
    let text = rendered(Format::NoProxy, |status| status.names.retain(|one| one.for_ == NameUse::Replication));
    assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
}

fn region_of(names: &[&str]) -> Result<String, String> {
    let name = |name: &&str| OnPremisesName { name: (*name).to_owned(), addresses: Vec::new(), for_: NameUse::Source };
    let network = edited(network(), |status| status.names = names.iter().map(name).collect());
    let region = hand_off(&network).region();
    region.map(|region: Region| format!("{region} {}", region.bucket("b"))).map_err(|error| error.to_string())
}

#[test]
fn the_region_comes_from_the_names() {
    for (names, expected) in [
        (["mgn.eu-west-1.amazonaws.com"].as_slice(), "eu-west-1 b.s3.eu-west-1.amazonaws.com"),
        (&["mgn.us-gov-west-1.amazonaws.com"], "us-gov-west-1 b.s3.us-gov-west-1.amazonaws.com"),
        (&["mgn.cn-north-1.amazonaws.com.cn"], "cn-north-1 b.s3.cn-north-1.amazonaws.com.cn"),
        (&["x.s3.dualstack.eu-west-1.amazonaws.com", "x.s3.amazonaws.com"], "eu-west-1 b.s3.eu-west-1.amazonaws.com"),
    ] {
        assert_eq!(region_of(names).as_deref(), Ok(expected), "{names:?}");
    }
    for (names, expected) in [
        (["mgn.corp.example"].as_slice(), "has no name with a Region"),
        (&["vpce-1.mgn.eu-west-1.vpce.amazonaws.com"], "has no name with a Region"),
        (&["mgn.west-1.amazonaws.com"], "has no name with a Region"),
        (&["mgn.eu-west-1.amazonaws.com", "s3.eu-west-2.amazonaws.com"], "two Regions"),
    ] {
        let error = region_of(names).expect_err("no Region");
        assert!(error.contains(expected), "{names:?}: {error}");
    }
}
