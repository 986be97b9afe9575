//! The installation of the operator in an empty control plane, and access to the control plane.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use control_plane::ControlPlane;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The namespace of the operator in `deploy/base`.
pub const OPERATOR_NAMESPACE: &str = "mgnet-system";

/// The ServiceAccount of the operator in `deploy/base`.
pub const OPERATOR_SERVICE_ACCOUNT: &str = "mgnet";

/// Returns the root folder of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Installs `deploy/base` without its Deployment: there is no node to run it, and the operator is a process here.
pub(crate) fn install_operator(control_plane: &ControlPlane) -> Result<()> {
    let all = output(control_plane.kubectl().arg("kustomize").arg(repository().join("deploy/base")))?;
    let wanted: String = all
        .split("\n---\n")
        .filter(|object| !object.lines().any(|line| line == "kind: Deployment"))
        .flat_map(|object| ["---\n", object, "\n"])
        .collect();
    ensure!(wanted.len() < all.len(), "deploy/base has no Deployment");
    apply(control_plane, &wanted)?;
    output(control_plane.kubectl().args([
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        "crd/migrationnetworks.mgnet.dev",
        "crd/migrationnetworkclasses.mgnet.dev",
    ]))?;
    Ok(())
}

/// Applies manifests by server-side apply.
pub(crate) fn apply(control_plane: &ControlPlane, manifests: &str) -> Result<String> {
    let mut command = control_plane.kubectl();
    output_of(command.args(["apply", "--server-side", "--filename=-"]), manifests)
}

/// Writes a kubeconfig with a token of the operator's ServiceAccount and no other credentials. Returns its path.
pub(crate) fn operator_kubeconfig(control_plane: &ControlPlane, folder: &Path) -> Result<PathBuf> {
    let token = output(control_plane.kubectl().args([
        "create",
        "token",
        OPERATOR_SERVICE_ACCOUNT,
        &format!("--namespace={OPERATOR_NAMESPACE}"),
        "--duration=720h",
    ]))?;
    let file = folder.join("operator.kubeconfig");
    fs::write(&file, control_plane.kubeconfig_for_token(OPERATOR_SERVICE_ACCOUNT, token.trim()))
        .with_context(|| format!("cannot write '{}'", file.display()))?;
    Ok(file)
}

/// Returns a client for the user of a kubeconfig. It belongs to the runtime in which it was created.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Runs a command and returns its standard output. If it fails, the error contains its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    output_of(command, "")
}

/// Runs a command like [`output`], with a text on its standard input.
pub(crate) fn output_of(command: &mut Command, input: &str) -> Result<String> {
    let what = format!("{} {}", command.get_program().display(), arguments(command));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {what}"))?;
    // A separate thread writes the input: a child that prints before it has read its input would otherwise cause a
    // deadlock.
    let (input, mut pipe) = (input.to_owned(), child.stdin.take().context("a child without standard input")?);
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    ensure!(matches!(written, Ok(Ok(()))), "{what} did not read its input");
    Ok(String::from_utf8(output.stdout)?)
}

fn arguments(command: &Command) -> String {
    command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
