//! All facts as JSON, for tools.

use anyhow::{Context as _, Result};

use super::merged::Export;

/// Returns an array with one object for each network, and an end of line.
pub(super) fn render(export: &Export) -> Result<String> {
    let json = serde_json::to_string_pretty(&export.networks).context("cannot render the facts as JSON")?;
    Ok(json + "\n")
}
