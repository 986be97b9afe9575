//! All facts as JSON, for tools. A removal has the same facts, because they name what to remove; `action` tells the two apart.

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    merged::{Action, Export},
    network::HandOff,
};

/// The facts of one network, and what to do with them.
#[derive(Serialize)]
struct Entry<'a> {
    action: Action,
    planned: bool,
    #[serde(flatten)]
    facts: &'a HandOff,
}

/// Returns an array with one object for each network, and an end of line.
pub(super) fn render(export: &Export) -> Result<String> {
    let entry = |facts| Entry { action: export.action, planned: HandOff::is_planned(facts), facts };
    let entries: Vec<Entry> = export.networks.iter().map(entry).collect();
    let json = serde_json::to_string_pretty(&entries).context("cannot render the facts as JSON")?;
    Ok(json + "\n")
}
