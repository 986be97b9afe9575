//! All facts as one JSON object, for tools.

use anyhow::{Context as _, Result};

use super::hand_off::HandOff;

/// Returns the object, with an end of line.
pub(super) fn render(hand_off: &HandOff) -> Result<String> {
    let json = serde_json::to_string_pretty(hand_off).context("cannot render the facts as JSON")?;
    Ok(json + "\n")
}
