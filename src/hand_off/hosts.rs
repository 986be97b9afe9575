//! Lines for hosts files: one for each address of an endpoint, with all names that must resolve to it.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use anyhow::Result;

use super::{merged::Export, network::Label};
use crate::api::NameUse;

/// The largest number of names on one line. Windows ignores further ones, as its administrators report; Microsoft documents no
/// limit.
const NAMES_PER_LINE: usize = 9;

/// Returns the lines, between two comments. Hosts files know no wildcards, so every name of a source server is listed.
pub(super) fn render(export: &Export) -> Result<String> {
    let mut lines = String::new();
    for title in export.titles() {
        writeln!(lines, "# begin {title}")?;
    }
    for (address, names) in by_address(export)? {
        for names in names.chunks(NAMES_PER_LINE) {
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            writeln!(lines, "{address}\t{names}")?;
        }
    }
    for title in export.titles() {
        writeln!(lines, "# end {title}")?;
    }
    Ok(lines)
}

fn by_address(export: &Export) -> Result<BTreeMap<Ipv4Addr, Vec<&Label>>> {
    let mut lines = BTreeMap::<_, Vec<&Label>>::new();
    for one in export.names()?.into_iter().filter(|one| one.for_ == NameUse::Source) {
        for address in &one.addresses {
            lines.entry(*address).or_default().push(&one.name);
        }
    }
    Ok(lines)
}
