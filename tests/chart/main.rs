//! Tests of the Helm chart. Those in `with_helm` run Helm 3 and Helm 4, whose builds take minutes: `make test-full` runs them.

mod files;
mod readme;
mod values;
mod with_helm;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The folder of the chart.
const CHART: &str = "deploy/chart";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Reads a file of the repository.
fn text(path: &str) -> Result<String> {
    fs::read_to_string(in_repository(path)).with_context(|| format!("cannot read '{path}'"))
}
