//! The hand-off in the formats of the on-premises teams: one file for each group of formats.
//!
//! An export depends on the objects only, so that two exports of one revision are equal. The documents of the checklist also
//! show which work is acknowledged.

mod agent;
mod ansible;
mod checklist;
mod dns;
mod firewall;
mod firewall_diff;
mod firewall_json;
mod hosts;
mod infoblox;
mod json;
mod merged;
mod narrow;
mod network;
mod proxies;
mod region;
pub mod saved;
mod selection;
#[cfg(test)]
mod tests;
mod windows_dns;

use std::collections::BTreeMap;

use anyhow::Result;
use clap::ValueEnum;

use crate::api::ChecklistWork;

pub use self::{
    firewall_diff::{DiffFormat, FirewallDiff, FirewallRows},
    merged::{Action, Export},
    network::HandOff,
    selection::{Scope, Selection},
};

/// The format of an export.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for hosts files, one for each address
    Hosts,
    /// Zones of BIND, to include in named.conf
    Bind,
    /// Options of BIND, to include inside `options` of named.conf
    BindOptions,
    /// Configuration of unbound
    Unbound,
    /// Configuration of dnsmasq
    Dnsmasq,
    /// Firewall rules as CSV, one row for each source and destination
    FirewallCsv,
    /// All facts as one JSON array, an object for each network
    Json,
    /// Firewall rules as one JSON array, with a text for tickets
    FirewallJson,
    /// Work of all on-premises teams as one document in Markdown
    Markdown,
    /// The same document in Japanese
    MarkdownJa,
    /// Script for the DNS server of Windows Server, in PowerShell
    WindowsDns,
    /// Forward zones for the CSV import of Infoblox NIOS
    InfobloxCsv,
    /// Exceptions of proxies, for each program
    NoProxy,
    /// Command lines of the agent's installer
    AgentArgs,
    /// Playbook for Ansible, which prepares and checks source servers
    Ansible,
}

impl Format {
    /// Returns the name of the file that contains an export of this format.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Bind => "bind-zones.conf",
            Self::BindOptions => "bind-options.conf",
            Self::Unbound => "unbound.conf",
            Self::Dnsmasq => "dnsmasq.conf",
            Self::FirewallCsv => "firewall.csv",
            Self::Json => "on-premises.json",
            Self::FirewallJson => "firewall.json",
            Self::Markdown => "on-premises.md",
            Self::MarkdownJa => "on-premises.ja.md",
            Self::WindowsDns => "windows-dns.ps1",
            Self::InfobloxCsv => "infoblox.csv",
            Self::NoProxy => "no-proxy.txt",
            Self::AgentArgs => "agent-args.txt",
            Self::Ansible => "ansible.yaml",
        }
    }

    /// Returns the item of the checklist for which a file of this format is. None if it is for all items.
    const fn work(self) -> Option<ChecklistWork> {
        match self {
            Self::Hosts => Some(ChecklistWork::HostsFiles),
            Self::Bind | Self::BindOptions | Self::Unbound | Self::Dnsmasq | Self::WindowsDns | Self::InfobloxCsv => {
                Some(ChecklistWork::DnsForwarders)
            }
            Self::FirewallCsv | Self::FirewallJson => Some(ChecklistWork::Firewall),
            Self::NoProxy => Some(ChecklistWork::Proxies),
            Self::Json | Self::AgentArgs | Self::Ansible | Self::Markdown | Self::MarkdownJa => None,
        }
    }

    /// Renders an export.
    ///
    /// # Errors
    /// If its networks cannot share one export of this format.
    pub fn render(self, export: &Export) -> Result<String> {
        match self {
            Self::Hosts => hosts::render(export),
            Self::Bind => dns::bind_zones(export),
            Self::BindOptions => dns::bind_options(export),
            Self::Unbound => dns::unbound(export),
            Self::Dnsmasq => dns::dnsmasq(export),
            Self::FirewallCsv => Ok(firewall::csv(export)),
            Self::Json => json::render(export),
            Self::FirewallJson => firewall_json::render(export),
            Self::Markdown => checklist::english(export),
            Self::MarkdownJa => checklist::japanese(export),
            Self::WindowsDns => windows_dns::script(export),
            Self::InfobloxCsv => infoblox::csv(export),
            Self::NoProxy => proxies::text(export),
            Self::AgentArgs => agent::text(export),
            Self::Ansible => ansible::playbook(export),
        }
    }
}

/// The files of an export in all formats, by their names. One that cannot be rendered keeps no other one from its readers:
/// networks that share no DNS server or hosts file still share a firewall.
#[derive(Debug, Default)]
pub struct Files {
    /// The texts of the files.
    pub rendered: BTreeMap<&'static str, String>,
    /// Why files cannot be rendered.
    pub failed: BTreeMap<&'static str, anyhow::Error>,
}

impl Files {
    /// Renders an export in all formats.
    #[must_use]
    pub fn of(export: &Export) -> Self {
        let mut files = Self::default();
        for format in Format::value_variants() {
            match format.render(export) {
                Ok(text) => drop(files.rendered.insert(format.file_name(), text)),
                Err(error) => drop(files.failed.insert(format.file_name(), error)),
            }
        }
        files
    }
}
