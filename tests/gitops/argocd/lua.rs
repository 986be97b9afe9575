//! The health checks and the actions in Argo CD's own Lua engine: its command line runs the scripts of `argocd-cm.yaml`, as the
//! controller does.

use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::processes::program;
use crate::in_repository;
use crate::lua::{HealthStatus, Script};
use crate::situations;

/// Runs a command of Argo CD about an object, and returns its output.
fn argocd(object: &Value, command: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("object.json");
    fs::write(&file, object.to_string())?;
    let mut argocd = Command::new(program()?);
    // The output of an action comes from `diff`.
    argocd.env_clear().env("PATH", env::var("PATH")?).env("HOME", folder.path()).env("ARGOCD_BINARY_NAME", "argocd");
    argocd.args(["admin", "settings", "resource-overrides", command[0]]).arg(&file).args(&command[1..]);
    let output = argocd.arg("--argocd-cm-path").arg(in_repository("deploy/argocd/argocd-cm.yaml")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn argo_cd_reports_the_health_of_every_situation() -> Result<()> {
    let script = Script::of("health/migrationnetwork.lua")?;
    for (name, object, expected) in situations::all()? {
        let reported = argocd(&object, &["health"])?;
        // This release runs no script for an object that is being deleted: see docs/gitops.md.
        let is_deleted = object["metadata"]["deletionTimestamp"].is_string();
        let (expected, message) = if is_deleted {
            (HealthStatus::Progressing, "Pending deletion".to_owned())
        } else {
            (expected, script.health(&object)?.message)
        };
        ensure!(reported.trim() == format!("STATUS: {expected:?}\nMESSAGE: {message}"), "{name}: {reported}");
    }
    Ok(())
}

#[test]
fn argo_cd_reports_the_health_of_a_class() -> Result<()> {
    for (status, expected) in
        [("True", HealthStatus::Healthy), ("False", HealthStatus::Degraded), ("Unknown", HealthStatus::Progressing)]
    {
        let accepted = json!({ "type": "Accepted", "status": status, "reason": "R", "observedGeneration": 1 });
        let class = json!({
            "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetworkClass",
            "metadata": { "name": "tokyo", "generation": 1 }, "spec": {},
            "status": { "observedGeneration": 1, "conditions": [accepted] },
        });
        let reported = argocd(&class, &["health"])?;
        ensure!(reported.contains(&format!("STATUS: {expected:?}")), "{status}: {reported}");
        let actions = argocd(&class, &["list-actions"])?;
        ensure!(actions.contains("reconcile  false"), "{actions}");
    }
    Ok(())
}

#[test]
fn argo_cd_runs_the_actions() -> Result<()> {
    let network = json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork",
        "metadata": { "name": "tokyo", "namespace": "team-billing", "generation": 1 },
        "spec": { "migrationNetworkClassName": "tokyo" },
    });
    let mut suspended = network.clone();
    suspended["spec"]["suspend"] = json!(true);
    for (action, object, change) in [
        ("suspend", &network, ">   suspend: true"),
        ("resume", &suspended, "<   suspend: true"),
        ("approve-plan", &network, ">   managementPolicy: Enforce"),
        ("reconcile", &network, ">     mgnet.dev/reconcile-at: "),
    ] {
        let output = argocd(object, &["run-action", action])?;
        let changes: Vec<&str> = output.lines().filter(|line| line.starts_with(['<', '>'])).collect();
        let change =
            changes.iter().find(|line| line.starts_with(change)).with_context(|| format!("{action}: {output}"))?;
        let others = changes.iter().filter(|line| *line != change && !line.ends_with("annotations:")).count();
        ensure!(others == 0, "{action} changes more: {output}");
    }
    Ok(())
}
