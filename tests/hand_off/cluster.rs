//! Exports from a cluster: a real API server with the CRDs and the roles of `deploy/base`, but without the operator. Statuses are
//! written by the test.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use control_plane::ControlPlane;
use mgnet::api::MigrationNetwork;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::networks;

/// More networks than one answer of the API server contains.
const MANY: usize = 130;

/// Runs kubectl with a document on its standard input, and returns what it prints.
fn kubectl(server: &ControlPlane, arguments: &[&str], document: &str) -> Result<String> {
    let mut command = server.kubectl();
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("kubectl cannot be started")?;
    child.stdin.take().context("standard input is a pipe")?.write_all(document.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The network as a user creates it, of a class, in a namespace.
fn object(namespace: &str, name: &str, class: &str) -> Value {
    json!({
        "apiVersion": "mgnet.dev/v1alpha1", "kind": "MigrationNetwork",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"migrationNetworkClassName": class},
    })
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// Starts the server. In `team-billing` are 'tokyo' of class 'corp' and 'frankfurt' of class 'other', both with a hand-off; in
/// `team-new` are many networks of class 'corp' without one.
fn start() -> Result<ControlPlane> {
    let server = ControlPlane::start()?;
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = |name: &str| repository.join(name).to_string_lossy().into_owned();
    kubectl(&server, &["apply", "--server-side", "-k", &path("crds")], "")?;
    kubectl(&server, &["wait", "--for=condition=Established", "crd", "--all"], "")?;
    kubectl(&server, &["apply", "-f", &path("deploy/base/tenant-roles.yaml")], "")?;
    for namespace in ["team-billing", "team-new"] {
        kubectl(&server, &["create", "namespace", namespace], "")?;
    }
    let networks = [object("team-billing", "tokyo", "corp"), object("team-billing", "frankfurt", "other")];
    kubectl(&server, &["create", "-f", "-"], &list(&networks))?;
    for network in [networks::tokyo()?, networks::frankfurt()?] {
        let name = network.metadata.name.clone().context("a name")?;
        let status =
            json!({"status": {"onPremises": network.status.and_then(|status| status.on_premises)}}).to_string();
        let arguments = ["patch", "mgnet", &name, "-n", "team-billing", "--subresource=status", "--type=merge"];
        kubectl(&server, &[&arguments[..], &["-p", &status]].concat(), "")?;
    }
    let many: Vec<Value> = (0..MANY).map(|number| object("team-new", &format!("network-{number}"), "corp")).collect();
    kubectl(&server, &["create", "-f", "-"], &list(&many))?;
    Ok(server)
}

/// Writes the kubeconfig of a user with the role `mgnet-view` in one namespace.
fn viewer(server: &ControlPlane, folder: &Path) -> Result<String> {
    kubectl(server, &["create", "serviceaccount", "viewer", "-n", "team-billing"], "")?;
    let binding = ["create", "rolebinding", "viewer", "-n", "team-billing", "--clusterrole=mgnet-view"];
    kubectl(server, &[&binding[..], &["--serviceaccount=team-billing:viewer"]].concat(), "")?;
    let token = kubectl(server, &["create", "token", "viewer", "-n", "team-billing"], "")?;
    let file = folder.join("viewer.yaml");
    fs::write(&file, server.kubeconfig_for_token("viewer", token.trim()))?;
    file.to_str().map(str::to_owned).context("a path")
}

fn export(kubeconfig: &str, arguments: &[&str]) -> Result<Output> {
    let mut export = Command::new(env!("CARGO_BIN_EXE_mgnet"));
    export
        .args(["export", "--output", "firewall-csv"])
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("NO_PROXY", "*");
    export.output().context("cannot run mgnet")
}

fn texts(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The names of the networks in an export.
fn exported(output: &Output) -> Result<Vec<String>> {
    let (rows, messages) = texts(output);
    ensure!(output.status.success(), "{messages}");
    let mut names: Vec<String> =
        rows.lines().skip(1).filter_map(|row| Some(row.split(',').nth(1)?.to_owned())).collect();
    names.dedup();
    Ok(names)
}

#[test]
fn networks_are_exported_from_a_cluster_with_the_rights_of_the_user() -> Result<()> {
    let folder = TempDir::new()?;
    let server = start()?;
    let admin = server.kubeconfig_path().to_string_lossy().into_owned();
    let viewer = viewer(&server, folder.path())?;
    let (tokyo, frankfurt) = ("team-billing/tokyo", "team-billing/frankfurt");

    assert_eq!(exported(&export(&admin, &["tokyo", "-n", "team-billing"])?)?, [tokyo]);
    assert_eq!(exported(&export(&viewer, &["tokyo", "-n", "team-billing"])?)?, [tokyo]);

    // All networks, in pages. Those without a hand-off are named.
    let all = export(&admin, &["--all-namespaces"])?;
    assert_eq!(exported(&all)?, [frankfurt, tokyo]);
    let (_, messages) = texts(&all);
    for number in [0, MANY - 1] {
        ensure!(messages.contains(&format!("'team-new/network-{number}'")), "{messages}");
    }
    assert_eq!(messages.lines().count(), MANY, "{messages}");
    assert_eq!(exported(&export(&admin, &["--class", "corp", "-A"])?)?, [tokyo]);
    assert_eq!(exported(&export(&viewer, &["--class", "other", "-n", "team-billing"])?)?, [frankfurt]);

    let none = export(&admin, &["--class", "corp", "-n", "team-new"])?;
    ensure!(!none.status.success() && none.stdout.is_empty(), "{none:?}");
    let forbidden = export(&viewer, &["--all-namespaces"])?;
    let (rows, message) = texts(&forbidden);
    ensure!(!forbidden.status.success() && rows.is_empty(), "{rows}");
    ensure!(
        message.contains("forbidden") && message.contains("cannot list the networks in all namespaces"),
        "{message}"
    );

    // What kubectl prints leads to the same export.
    let saved = folder.path().join("all.yaml");
    fs::write(&saved, kubectl(&server, &["get", "mgnet", "-A", "-o", "yaml"], "")?)?;
    let offline = export("/nonexistent", &["--file", saved.to_str().context("a path")?])?;
    assert_eq!(texts(&offline).0, texts(&all).0);
    let read: Vec<MigrationNetwork> = mgnet::hand_off::saved::networks(&fs::read_to_string(&saved)?)?;
    assert_eq!(read.len(), MANY + 2);
    Ok(())
}
