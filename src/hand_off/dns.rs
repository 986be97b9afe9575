//! Forwarders for DNS servers. Each server needs more than the addresses, because the answers are private addresses in a domain
//! that is signed on the internet: a server without internet cannot validate them, and protection against DNS rebinding drops
//! them. `tests/hand_off` loads each format into its server.

use std::fmt::Write as _;

use anyhow::Result;

use super::{
    merged::{Action, Export},
    network::Forwarder,
};

/// Returns the zones for BIND, to include at the top level of `named.conf`.
pub(super) fn bind_zones(export: &Export) -> Result<String> {
    each(export, "//", |lines, Forwarder { domain, targets }| {
        let targets = targets.iter().fold(String::new(), |all, target| all + &format!(" {target};"));
        writeln!(lines, "zone \"{domain}\" {{ type forward; forward only; forwarders {{{targets} }}; }};")
    })
}

/// Returns the option for BIND, to include inside `options`. Without it BIND answers SERVFAIL ("broken trust chain"): it
/// validates DNSSEC by default, and forwards the queries that this needs nowhere.
pub(super) fn bind_options(export: &Export) -> Result<String> {
    let mut domains = String::new();
    let mut lines = each(export, "//", |_, Forwarder { domain, .. }| write!(domains, " \"{domain}\";"))?;
    if !domains.is_empty() {
        writeln!(lines, "validate-except {{{domains} }};")?;
    }
    Ok(lines)
}

/// Returns the configuration for unbound, to include at the top level. `domain-insecure` and `private-domain` keep it from
/// dropping the answers.
pub(super) fn unbound(export: &Export) -> Result<String> {
    each(export, "#", |lines, Forwarder { domain, targets }| {
        writeln!(lines, "server:\n  domain-insecure: \"{domain}\"\n  private-domain: \"{domain}\"")?;
        writeln!(lines, "forward-zone:\n  name: \"{domain}\"")?;
        targets.iter().try_for_each(|target| writeln!(lines, "  forward-addr: {target}"))
    })
}

/// Returns the configuration for dnsmasq, for a file in its `conf-dir`.
pub(super) fn dnsmasq(export: &Export) -> Result<String> {
    each(export, "#", |lines, Forwarder { domain, targets }| {
        targets.iter().try_for_each(|target| writeln!(lines, "server=/{domain}/{target}"))?;
        writeln!(lines, "rebind-domain-ok=/{domain}/")
    })
}

/// Renders each forwarder below the comments of the file. A forwarder without targets could not work, so that a comment stands
/// in its place. The removal is a file without entries.
fn each(
    export: &Export,
    comment: &str,
    mut render: impl FnMut(&mut String, &Forwarder) -> std::fmt::Result,
) -> Result<String> {
    let mut lines = header(export, comment)?;
    if export.action == Action::Remove {
        writeln!(
            lines,
            "{comment} removal: this file has no entries, so that the DNS server answers as before it had any"
        )?;
        return Ok(lines);
    }
    for forwarder in export.forwarders()? {
        let domain = &forwarder.domain;
        if forwarder.targets.is_empty() {
            writeln!(lines, "{comment} {domain}: the addresses of the Resolver endpoint are not known yet")?;
        } else {
            render(&mut lines, forwarder)?;
        }
    }
    Ok(lines)
}

pub(super) fn header(export: &Export, comment: &str) -> Result<String> {
    let mut lines = String::new();
    for (title, network) in export.titles().zip(&export.networks) {
        let none = if network.dns_forwarders.is_empty() { ": no forwarders, use hosts files" } else { "" };
        writeln!(lines, "{comment} {title}{none}")?;
    }
    for note in export.notes() {
        writeln!(lines, "{comment} {note}")?;
    }
    Ok(lines)
}
