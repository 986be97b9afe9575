//! Lines for hosts files: one for each address of an endpoint, with all names that must resolve to it.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use super::hand_off::{HandOff, Label};
use crate::api::NameUse;

/// The largest number of names on one line. Windows ignores further ones, as its administrators report; Microsoft documents no
/// limit.
const NAMES_PER_LINE: usize = 9;

/// Returns the lines. Hosts files know no wildcards, so every name of a source server is listed.
pub(super) fn render(hand_off: &HandOff) -> String {
    let HandOff { namespace, name, revision, .. } = hand_off;
    let mut lines = format!("# mgnet {namespace}/{name} revision {revision}\n");
    for (address, names) in by_address(hand_off) {
        for names in names.chunks(NAMES_PER_LINE) {
            let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{address}\t{names}");
        }
    }
    let _ = writeln!(lines, "# end of mgnet {namespace}/{name}");
    lines
}

fn by_address(hand_off: &HandOff) -> BTreeMap<Ipv4Addr, Vec<&Label>> {
    let mut lines = BTreeMap::<_, Vec<&Label>>::new();
    for one in hand_off.names.iter().filter(|one| one.for_ == NameUse::Source) {
        for address in &one.addresses {
            lines.entry(*address).or_default().push(&one.name);
        }
    }
    lines
}
