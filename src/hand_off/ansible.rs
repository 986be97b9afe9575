//! A playbook for Ansible that prepares source servers, checks them, and installs the agent: one file, with the facts inside.
//!
//! The tasks are in `templates/`. They use modules of ansible-core only, so that no collection must be installed.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::{
    agent::Download,
    hosts,
    merged::{Action, Export},
    network::{HandOff, ObjectName, Record},
    proxies,
};
use crate::api::{NameUse, RulePurpose};

const ADD: &str = include_str!("templates/ansible-add.yaml");
const REMOVE: &str = include_str!("templates/ansible-remove.yaml");

/// The line between the comment of a template and its play.
const START: &str = "---\n";

/// Returns the playbook, with one play for each network.
pub(super) fn playbook(export: &Export) -> Result<String> {
    let template = match export.action {
        Action::Add => ADD,
        Action::Remove => REMOVE,
    };
    let (comment, play) = template.split_once(START).context("the template has no play")?;
    let notes = export.notes().map(str::to_owned);
    let titles: Vec<String> = export.titles().chain(notes).map(|title| format!("# {title}\n")).collect();
    let plays: Result<Vec<String>> = export.networks.iter().map(|network| filled(play, export, network)).collect();
    Ok(comment.replacen("@TITLES@\n", &titles.concat(), 1) + START + &plays?.join("\n"))
}

/// Returns the play of a network. The marker of its lines contains the name of the network only, so that a later revision
/// replaces them.
fn filled(play: &str, export: &Export, network: &HandOff) -> Result<String> {
    let play = match export.action {
        Action::Add => play.replacen("@FACTS@\n", &facts(network)?, 1),
        Action::Remove => play.to_owned(),
    };
    let servers = if export.networks.len() == 1 { "all".to_owned() } else { group(network) };
    Ok(play.replace("@SERVERS@", &servers).replace("@NETWORK@", &format!("mgnet {}", network.network())))
}

/// Returns the group of the source servers of a network, if a playbook has several networks. Names of groups consist of letters,
/// digits and `_` (Ansible User Guide, "How to build your inventory").
fn group(network: &HandOff) -> String {
    let word = |name: &ObjectName| name.to_string().replace(['-', '.'], "_");
    format!("mgn_{}__{}", word(&network.namespace), word(&network.name))
}

/// Returns the facts as variables. All values are numbers, addresses and labels, which have no meaning in YAML or Jinja within
/// quotes. Names without addresses are left out: the checks need addresses.
fn facts(network: &HandOff) -> Result<String> {
    let region = network.region()?;
    let Download { installer, hash } = Download::linux(network, &region);
    let alone = Export { networks: vec![network.clone()], action: Action::Add };
    let ranges = network.firewall_rules.iter().filter(|rule| rule.purpose == RulePurpose::Replication);
    let mut facts = String::new();
    writeln!(facts, "    mgn_region: \"{region}\"")?;
    writeln!(facts, "    mgn_installer: \"{installer}\"")?;
    writeln!(facts, "    mgn_installer_hash: \"{hash}\"")?;
    writeln!(facts, "    mgn_without_forwarders: {}", network.dns_forwarders.is_empty())?;
    writeln!(facts, "    mgn_domains: {}", list(proxies::domains(&alone)))?;
    writeln!(facts, "    mgn_replication_ranges: {}", list(ranges.flat_map(|rule| &rule.subnets)))?;
    let names = network.names.iter().filter(|one| one.for_ == NameUse::Source && !one.addresses.is_empty());
    let names: Vec<String> = names.map(name).collect();
    writeln!(facts, "    mgn_names:{}", if names.is_empty() { " []".to_owned() } else { names.concat() })?;
    writeln!(facts, "    mgn_hosts: |\n      # revision {}", network.revision)?;
    let mut lines = String::new();
    hosts::add(&mut lines, &alone)?;
    for line in lines.lines() {
        writeln!(facts, "      {line}")?;
    }
    Ok(facts)
}

fn name(Record { name, addresses, for_: _ }: &Record) -> String {
    format!("\n      - name: \"{name}\"\n        addresses: {}", list(addresses))
}

fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| format!("\"{}\"", value.to_string())).collect();
    format!("[{}]", values.join(", "))
}
