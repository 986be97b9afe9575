//! Forward zones for Infoblox NIOS, as rows for its CSV import.
//!
//! The columns: Infoblox, "CSV Import Reference", "Forward-Mapping Zone". All columns with booleans are present, because the
//! import with the action "Override" requires them. The Grid members that forward are those of the site, so that there is no
//! column `forwarding_servers`: an import leaves theirs unchanged.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Result;

use super::{
    merged::{Action, Export},
    network::{Forwarder, Label},
};

/// The longest comment of an object in NIOS.
const LONGEST_COMMENT: usize = 256;

/// The DNS view that every NIOS has.
const VIEW: &str = "default";

/// Returns the rows. To remove the zones, import the same rows with the action "Delete". A line with `#` replaces a
/// forwarder whose targets are not known yet: NIOS cannot import it, and must not.
pub(super) fn csv(export: &Export) -> Result<String> {
    let mut rows = String::from(
        "header-forwardzone,fqdn,zone_format,comment,disabled,disable_ns_generation,forward_to,forwarders_only,view\n",
    );
    for Forwarder { domain, targets } in forwarders(export)? {
        if targets.is_empty() {
            writeln!(rows, "# {}: the targets of {domain} are not known yet", comment(export, domain))?;
            continue;
        }
        // Each forwarder is a name and an address. Exports of NIOS show the address twice where there is no name.
        let targets: Vec<String> = targets.iter().map(|target| format!("{target}/{target}")).collect();
        writeln!(
            rows,
            "forwardzone,{domain},FORWARD,\"{}\",False,False,\"{}\",True,{VIEW}",
            comment(export, domain),
            targets.join(",")
        )?;
    }
    Ok(rows)
}

/// Returns the forwarders. A removal needs no more than the domain.
fn forwarders(export: &Export) -> Result<Vec<&Forwarder>> {
    match export.action {
        Action::Add => export.forwarders(),
        Action::Remove => {
            let all = export.networks.iter().flat_map(|network| &network.dns_forwarders);
            let by_domain: BTreeMap<&Label, &Forwarder> = all.map(|one| (&one.domain, one)).collect();
            Ok(by_domain.into_values().collect())
        }
    }
}

/// Returns the titles of the networks that have the forwarder. They contain no quotes.
fn comment(export: &Export, domain: &Label) -> String {
    let titles = export.titles().zip(&export.networks);
    let of_domain = titles.filter(|(_, network)| network.dns_forwarders.iter().any(|one| one.domain == *domain));
    let titles: Vec<String> = of_domain.map(|(title, _)| title).collect();
    titles.join("; ").chars().take(LONGEST_COMMENT).collect()
}
