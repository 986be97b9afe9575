//! Tests how GitOps tools interpret the two kinds: the scripts and samples of `deploy/argocd`, and the rules by which
//! Flux, Helm and kubectl read a status.
//!
//! Most tests run without a cluster and without Argo CD. The scripts run in Lua 5.1 with only the libraries that Argo
//! CD provides, and the rules of kstatus and `kubectl wait` are reimplemented, with their source. `flux` and
//! `argocd` run the controllers of both.

mod actions;
mod argocd;
mod classes;
mod files;
mod flux;
mod manifests;
mod networks;
mod readers;
mod situations;
mod tokyo;
mod verdicts;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use support::lua;

/// The folder of all files for Argo CD.
const ARGOCD: &str = "deploy/argocd";

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Reads a file of the repository.
fn text(path: &str) -> Result<String> {
    fs::read_to_string(in_repository(path)).with_context(|| format!("cannot read '{path}'"))
}
