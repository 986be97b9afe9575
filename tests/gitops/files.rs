//! The files of the repositories that a GitOps tool applies.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::in_repository;

/// The files of a repository, by path.
pub(crate) type Files = BTreeMap<String, String>;

/// Reads all files under folders, with their paths below `root`, a folder of this repository.
pub(crate) fn read(root: &str, folders: &[&str]) -> Result<Files> {
    let root = in_repository(root);
    let mut files = Files::new();
    let mut rest: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = rest.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                rest.push(path);
                continue;
            }
            let name = path.strip_prefix(&root)?.display().to_string();
            files.insert(name, fs::read_to_string(&path).with_context(|| path.display().to_string())?);
        }
    }
    Ok(files)
}

/// Returns the files with which a GitOps tool installs the operator. There is no node that could run the Deployment, so it
/// is left out with its PodDisruptionBudget: the operator is a process.
pub(crate) fn of_operator() -> Result<Files> {
    let mut files = read("", &["crds", "deploy/base"])?;
    let all = files.get_mut("deploy/base/kustomization.yaml").context("deploy/base has no kustomization.yaml")?;
    for absent in ["- deployment.yaml\n", "- disruption-budget.yaml\n"] {
        ensure!(all.contains(absent), "deploy/base does not contain {absent}");
        *all = all.replace(absent, "");
    }
    Ok(files)
}

/// Returns a repository whose folder exists, but contains nothing to apply.
pub(crate) fn nothing_in(folder: &str) -> Files {
    let nothing = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: []\n".to_owned();
    [(format!("{folder}/kustomization.yaml"), nothing)].into()
}
