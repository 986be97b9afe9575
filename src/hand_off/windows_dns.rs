//! Conditional forwarders for the DNS server of Windows Server, as a PowerShell script that can run again.
//!
//! The cmdlets and their parameters: Microsoft, "DnsServer Module" (`Get-DnsServerZone`,
//! `Add-DnsServerConditionalForwarderZone`, `Set-DnsServerConditionalForwarderZone`, `Remove-DnsServerZone`). A forwarder without
//! `-ReplicationScope` is stored on the server alone. The server validates DNSSEC only below its trust anchors (Microsoft, "Trust
//! Anchors"), and has none by default, so that a forwarder needs no exception.

use anyhow::Result;

use super::{
    dns,
    merged::{Action, Export},
    network::Forwarder,
};

const ADD: &str = include_str!("templates/windows-dns-add.ps1");
const REMOVE: &str = include_str!("templates/windows-dns-remove.ps1");

/// Returns the script. A comment replaces a forwarder whose targets are not known yet.
pub(super) fn script(export: &Export) -> Result<String> {
    let template = match export.action {
        Action::Add => ADD,
        Action::Remove => REMOVE,
    };
    let forwarders: String = forwarders(export)?.into_iter().map(entry).collect();
    Ok(template.replacen("@TITLES@\n", &dns::header(export, "#")?, 1).replacen("@FORWARDERS@\n", &forwarders, 1))
}

/// Returns the forwarders. Two networks may not lead one domain to different targets, but both may be removed.
fn forwarders(export: &Export) -> Result<Vec<&Forwarder>> {
    match export.action {
        Action::Add => export.forwarders(),
        Action::Remove => {
            let mut all: Vec<&Forwarder> = export.networks.iter().flat_map(|network| &network.dns_forwarders).collect();
            all.sort_by_key(|one| (&one.domain, &one.targets));
            all.dedup();
            Ok(all)
        }
    }
}

fn entry(Forwarder { domain, targets }: &Forwarder) -> String {
    let name = quoted(domain.as_str());
    if targets.is_empty() {
        return format!("    # {name}: the addresses of the Resolver endpoint are not known yet\n");
    }
    let targets: Vec<String> = targets.iter().map(|target| quoted(&target.to_string())).collect();
    format!("    [pscustomobject]@{{ Name = {name}; MasterServers = @({}) }}\n", targets.join(", "))
}

/// Returns a verbatim string, in which only the quote has a meaning (Microsoft, "about_Quoting_Rules").
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
