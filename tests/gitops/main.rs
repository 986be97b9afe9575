//! What GitOps tools make of the two kinds: the scripts and samples of `deploy/argocd`, and the rules by which Flux, Helm
//! and kubectl read a status.
//!
//! No cluster and no Argo CD runs here: the scripts run in Lua 5.1 with no more than Argo CD opens to them, and the rules
//! of kstatus and `kubectl wait` are written down again, with their source.

mod actions;
mod classes;
mod manifests;
mod networks;
mod readers;
mod situations;
mod verdicts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use support::lua;

/// Where everything for Argo CD is.
const ARGOCD: &str = "deploy/argocd";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of the repository.
fn text(path: &str) -> Result<String> {
    fs::read_to_string(in_repository(path)).with_context(|| format!("{path} cannot be read"))
}
