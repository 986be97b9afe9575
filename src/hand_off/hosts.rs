//! Lines for hosts files: one for each address of an endpoint, with all names that must resolve to it.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use anyhow::Result;

use super::{
    merged::{Action, Export},
    network::{Label, Record},
};
use crate::api::NameUse;

/// The largest number of names on one line. Windows ignores further ones, as its administrators report; Microsoft documents no
/// limit.
const NAMES_PER_LINE: usize = 9;

/// Returns the lines, between two comments. Hosts files know no wildcards, so every name that source servers or the MGN connector
/// need is listed. The removal is a block without lines, which replaces the former block.
pub(super) fn render(export: &Export) -> Result<String> {
    let mut lines = String::new();
    for title in export.titles() {
        writeln!(lines, "# begin {title}")?;
    }
    for note in export.notes() {
        writeln!(lines, "# {note}")?;
    }
    match export.action {
        Action::Add => add(&mut lines, export)?,
        Action::Remove => {
            writeln!(lines, "# removal: replace the former block of the network with this one, which has no lines")?;
        }
    }
    for title in export.titles() {
        writeln!(lines, "# end {title}")?;
    }
    Ok(lines)
}

/// Writes the lines of the names.
pub(super) fn add(lines: &mut String, export: &Export) -> Result<()> {
    let names: Vec<&Record> = export.names()?.into_iter().filter(|one| one.for_ != NameUse::Replication).collect();
    for Record { name, .. } in names.iter().filter(|one| one.addresses.is_empty()) {
        writeln!(lines, "# {name}: its addresses are not known yet")?;
    }
    for (address, names) in by_address(&names) {
        for names in names.chunks(NAMES_PER_LINE) {
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            writeln!(lines, "{address}\t{names}")?;
        }
    }
    Ok(())
}

fn by_address<'a>(names: &[&'a Record]) -> BTreeMap<Ipv4Addr, Vec<&'a Label>> {
    let mut lines = BTreeMap::<_, Vec<&Label>>::new();
    for one in names {
        for address in &one.addresses {
            lines.entry(*address).or_default().push(&one.name);
        }
    }
    lines
}
