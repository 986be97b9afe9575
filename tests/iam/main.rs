//! Tests of the IAM policies in `deploy/iam`: they allow every call that the operator makes, and nothing else.
//!
//! The operator runs on the simulated lab. [`calls`] derives from each recorded call the requests that AWS authorizes,
//! with the resources and condition keys of the Service Authorization Reference ([`reference`]), and [`evaluate`]
//! decides each of them with the policies as they are shipped. No AWS account takes part: `docs/iam.md` lists what is
//! untried.

mod allowed;
mod calls;
mod denied;
mod documented;
mod evaluate;
mod needed;
mod policy;
mod reference;
mod scenarios;
mod semantics;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result};

use crate::{
    evaluate::Principal,
    policy::{Policy, Statement},
};

/// The tag of the role that names the cluster.
const CLUSTER_OF_ROLE: &str = "mgnet-cluster";

/// Reads a policy of `deploy/iam`.
fn shipped(name: &str) -> Result<Policy> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iam").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read '{}'", path.display()))?;
    Policy::parse(&text).with_context(|| name.to_owned())
}

/// Returns the statements of the policies that the role needs, with or without the right to adopt.
fn statements(adopts: bool) -> Result<Vec<Statement>> {
    let mut statements = shipped("operator-policy.json")?.statements;
    if adopts {
        statements.extend(shipped("adoption-policy.json")?.statements);
    }
    Ok(statements)
}

/// The UID of the old cluster in `transfer-policy.json`, which users replace.
const OLD_CLUSTER: &str = "5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234";

/// Returns the statements with which the role takes over what a cluster has left to its own.
fn statements_for_transfer(from: &str) -> Result<Vec<Statement>> {
    let mut statements = shipped("transfer-policy.json")?.statements;
    let values = statements.iter_mut().flat_map(|statement| statement.condition.values_mut());
    for texts in values.flat_map(BTreeMap::values_mut) {
        texts.0.iter_mut().filter(|text| *text == OLD_CLUSTER).for_each(|text| from.clone_into(text));
    }
    Ok(statements)
}

/// Returns the role of the operator of a cluster.
fn role_of(cluster: &str) -> Principal {
    Principal { tags: BTreeMap::from([(CLUSTER_OF_ROLE.to_owned(), cluster.to_owned())]) }
}

/// Returns the names of all files in `deploy/iam`.
fn files() -> Result<BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iam");
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    entries.collect()
}
