//! Tests of the alert rules and the dashboard in `deploy/monitoring`: with promtool, and with a real Prometheus that scrapes the
//! real operator. `tests/monitoring/install.sh` installs both.

mod dashboard;
mod fired;
mod prometheus;
mod rules;
mod scraped;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Reads a file of the repository.
fn text(path: &str) -> Result<String> {
    fs::read_to_string(in_repository(path)).with_context(|| format!("cannot read '{path}'"))
}

/// Returns the metrics that `docs/metrics.md` lists, which a unit test holds against the code.
fn known_metrics() -> Result<BTreeSet<String>> {
    let page = text("docs/metrics.md")?;
    Ok(page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect())
}

/// Returns the names of metrics of the operator in an expression that the operator does not have.
fn unknown_metrics(expression: &str) -> Result<Vec<String>> {
    let known = known_metrics()?;
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let named = words.filter(|word| word.starts_with("mgnet_"));
    // A histogram has series with three endings.
    let base =
        |word: &str| word.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count").to_owned();
    Ok(named.filter(|word| !known.contains(*word) && !known.contains(&base(word))).map(str::to_owned).collect())
}
