//! Exceptions of proxies, for each program that reads them, and the alternative: proxies that resolve and reach the endpoints.
//!
//! The agent and its installer read the environment by the rules of Python (`urllib.request.proxy_bypass_environment`): an entry
//! covers a name and all names below it; `*` inside an entry and ranges have no effect. curl covers the same names (curl(1),
//! `NO_PROXY`). WinHTTP needs wildcards (Microsoft, "netsh winhttp set proxy"). `tests/hand_off` tries all but WinHTTP.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::Result;
use ipnet::Ipv4Net;

use super::{
    merged::{Action, Export},
    network::Label,
};
use crate::api::NameUse;

/// The end of the IDs of the rules that admit proxies.
const OF_PROXIES: &str = "-proxies";

/// Returns the settings, with comments. The lines without `#` are commands.
pub(super) fn text(export: &Export) -> Result<String> {
    let domains = domains(export);
    let mut text = String::new();
    for title in export.titles() {
        writeln!(text, "# {title}")?;
    }
    for note in export.notes() {
        writeln!(text, "# {note}")?;
    }
    if domains.is_empty() {
        text += "# Source servers need no names of this network: there is nothing to exempt.\n";
        return Ok(text);
    }
    let list: Vec<String> = domains.iter().map(ToString::to_string).collect();
    match export.action {
        Action::Add => add(&mut text, &list, &proxies(export))?,
        Action::Remove => remove(&mut text, &list)?,
    }
    Ok(text)
}

/// Returns the names of source servers, without those that are below another.
pub(super) fn domains(export: &Export) -> Vec<&Label> {
    let names = export.networks.iter().flat_map(|network| &network.names);
    let names: BTreeSet<&Label> = names.filter(|one| one.for_ == NameUse::Source).map(|one| &one.name).collect();
    let is_below = |name: &Label, other: &Label| name.as_str().ends_with(&format!(".{other}"));
    names.iter().copied().filter(|name| !names.iter().any(|other| is_below(name, other))).collect()
}

/// Returns the ranges of the proxies that the endpoints admit.
fn proxies(export: &Export) -> BTreeSet<Ipv4Net> {
    let rules = export.networks.iter().flat_map(|network| &network.firewall_rules);
    rules.filter(|rule| rule.id.as_str().ends_with(OF_PROXIES)).flat_map(|rule| rule.sources.iter().copied()).collect()
}

fn add(text: &mut String, domains: &[String], proxies: &BTreeSet<Ipv4Net>) -> Result<()> {
    let list = domains.join(",");
    write!(
        text,
        "# Source servers reach the endpoints without a proxy (1), or the proxies resolve and reach the endpoints (2). Use one of the two.
# Port 1500 never passes a proxy. Proxies must not intercept TLS to the endpoints.

# 1. Without a proxy. The source servers resolve the names themselves, by forwarders or by hosts files.
#    An entry covers all names below it: the domain of S3 exempts all buckets of the Region.
#
#    The agent, its installer, Python and curl on Linux, in the shell from which the installer runs. 'sudo' resets the environment:
#    use 'sudo --preserve-env=https_proxy,no_proxy'.
{}
#    '*.amazonaws.com' has no effect there, nor have ranges for Python. '.amazonaws.com' works, and exempts all of AWS.
#
#    The agent and its installer on Windows, in PowerShell as an administrator, for processes that start afterwards:
{}
#    WinHTTP on Windows: replace PROXY:PORT by the proxy. The command replaces all settings: 'netsh winhttp show proxy' shows them.
#    An entry covers exactly one name, so that those below it need a wildcard.
netsh winhttp set proxy proxy-server=\"PROXY:PORT\" bypass-list=\"{}\"
",
        append_in_shell(&list),
        append_in_powershell(&list),
        wildcards(domains).join(";"),
    )?;
    let admitted = if proxies.is_empty() {
        "Not possible yet: set `spec.proxyCIDRs` of the network to the ranges of the proxies, so that the endpoints admit them.".to_owned()
    } else {
        let ranges: Vec<String> = proxies.iter().map(ToString::to_string).collect();
        format!("The endpoints admit the proxies in {}.", ranges.join(", "))
    };
    write!(
        text,
        "
# 2. Through the proxies. {admitted}
#    The proxies resolve the names, so that the forwarders belong on the DNS servers of the proxies. Hosts files of source servers
#    have no effect. Firewalls must admit the proxies to the endpoints (rules with the ending '{OF_PROXIES}').
#    Replace PROXY:PORT by the proxy; the slash at its end is required (MGN User Guide, \"Agent questions\").
export https_proxy=https://PROXY:PORT/
"
    )?;
    Ok(())
}

fn remove(text: &mut String, domains: &[String]) -> Result<()> {
    write!(
        text,
        "# Removes the exceptions of the network. Other entries stay.

# The agent, its installer, Python and curl on Linux, in the shell or the file where the line was added:
{}
# The agent and its installer on Windows, in PowerShell as an administrator:
{}
# WinHTTP on Windows: 'netsh winhttp show proxy' shows the settings. Set them again without these entries:
#   {}
",
        drop_in_shell(domains),
        drop_in_powershell(domains),
        wildcards(domains).join(";"),
    )?;
    Ok(())
}

fn append_in_shell(list: &str) -> String {
    let present = "no_proxy=\"${no_proxy:-${NO_PROXY:-}}\"";
    format!("{present}; no_proxy=\"${{no_proxy:+$no_proxy,}}{list}\"; export no_proxy NO_PROXY=\"$no_proxy\"")
}

fn drop_in_shell(domains: &[String]) -> String {
    let entries: Vec<String> = domains.iter().map(|domain| format!("-e {domain}")).collect();
    let kept =
        format!("printf '%s\\n' \"${{no_proxy:-}}\" | tr , '\\n' | grep -vxF {} | paste -sd ,", entries.join(" "));
    format!("no_proxy=\"$({kept})\"; export no_proxy NO_PROXY=\"$no_proxy\"")
}

/// Returns a command that changes `no_proxy` of the computer by `change`, an expression over `$entries`.
fn set_in_powershell(change: &str) -> String {
    format!(
        "$entries = @([Environment]::GetEnvironmentVariable('no_proxy', 'Machine') -split ',' | Where-Object {{ $_ }}); \
         [Environment]::SetEnvironmentVariable('no_proxy', (@({change}) -join ','), 'Machine')"
    )
}

fn append_in_powershell(list: &str) -> String {
    set_in_powershell(&format!("$entries + @('{}') | Select-Object -Unique", list.replace(',', "', '")))
}

fn drop_in_powershell(domains: &[String]) -> String {
    set_in_powershell(&format!("$entries | Where-Object {{ $_ -notin '{}' }}", domains.join("', '")))
}

fn wildcards(domains: &[String]) -> Vec<String> {
    domains.iter().flat_map(|domain| [domain.clone(), format!("*.{domain}")]).collect()
}
