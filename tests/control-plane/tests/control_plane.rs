//! Tests of the behavior that tests of an operator depend on. A start takes seconds, so checks share a control plane
//! where possible.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use control_plane::{Assets, ControlPlane};
use tempfile::TempDir;

fn text(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn kubectl(control_plane: &ControlPlane, line: &str) -> anyhow::Result<String> {
    text(control_plane.kubectl().args(line.split_whitespace()))
}

fn refusal(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output()?;
    ensure!(!output.status.success(), "{command:?} was not refused");
    Ok(String::from_utf8(output.stderr)?)
}

#[test]
fn it_serves_requests_enforces_rbac_and_deletes_dependants() -> anyhow::Result<()> {
    let control_plane = ControlPlane::start()?;
    assert_eq!(kubectl(&control_plane, "get --raw /readyz")?, "ok");
    it_reports_the_version_it_was_built_as(&control_plane)?;

    kubectl(&control_plane, "create namespace tokyo")?;
    kubectl(&control_plane, "create serviceaccount operator -n tokyo")?;
    a_service_account_has_its_granted_rights_and_no_others(&control_plane)?;
    dependants_are_deleted_with_their_owner(&control_plane)?;
    a_namespace_is_deleted_when_its_last_finalizer_is_removed(&control_plane)?;

    let (server, data) = (control_plane.server_url().to_owned(), control_plane.data_dir().to_owned());
    control_plane.stop()?;
    assert!(!data.exists(), "the data still exists");
    let address = server.trim_start_matches("https://");
    assert!(std::net::TcpStream::connect(address).is_err(), "a process still listens on {address}");
    Ok(())
}

fn it_reports_the_version_it_was_built_as(control_plane: &ControlPlane) -> anyhow::Result<()> {
    let client = text(control_plane.kubectl().args(["version", "--client"]))?;
    let both = kubectl(control_plane, "version")?;
    let version = |text: &str, of: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(of)).map(str::to_owned);
        line.with_context(|| format!("no '{of}' in: {text}"))
    };
    let server = version(&both, "Server Version: ")?;
    assert_eq!(server, version(&client, "Client Version: ")?);
    // A build without the linker flags reports such a version.
    assert!(!server.starts_with("v0."), "{server}");
    Ok(())
}

fn a_service_account_has_its_granted_rights_and_no_others(control_plane: &ControlPlane) -> anyhow::Result<()> {
    let token = kubectl(control_plane, "create token operator -n tokyo")?;
    // The file is in a folder of its own, because the text must not depend on files of the control plane.
    let folder = TempDir::new()?;
    let file = folder.path().join("kubeconfig");
    fs::write(&file, control_plane.kubeconfig_for_token("operator", &token))?;
    let operator = |line: &str| {
        let mut command = control_plane.kubectl();
        command.env("KUBECONFIG", &file).args(line.split_whitespace());
        command
    };

    assert_eq!(
        text(&mut operator("auth whoami -o jsonpath={.status.userInfo.username}"))?,
        "system:serviceaccount:tokyo:operator"
    );
    let error = refusal(&mut operator("get configmaps -n tokyo"))?;
    assert!(error.contains("forbidden"), "{error}");
    assert!(error.contains("system:serviceaccount:tokyo:operator"), "{error}");

    kubectl(control_plane, "create role reader -n tokyo --verb=get,list --resource=configmaps")?;
    kubectl(control_plane, "create rolebinding reader -n tokyo --role=reader --serviceaccount=tokyo:operator")?;
    text(&mut operator("get configmaps -n tokyo"))?;
    let error = refusal(&mut operator("create configmap mine -n tokyo"))?;
    assert!(error.contains("forbidden"), "{error}");

    let unknown = control_plane.kubeconfig_for_token("unknown", "no-such-token");
    fs::write(&file, unknown)?;
    let error = refusal(&mut operator("get configmaps -n tokyo"))?;
    assert!(error.contains("Unauthorized") || error.contains("logged in"), "{error}");
    Ok(())
}

fn dependants_are_deleted_with_their_owner(control_plane: &ControlPlane) -> anyhow::Result<()> {
    kubectl(control_plane, "create configmap owner -n tokyo")?;
    kubectl(control_plane, "create configmap dependant -n tokyo")?;
    let uid = kubectl(control_plane, "get configmap owner -n tokyo -o jsonpath={.metadata.uid}")?;
    let owner = format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"{uid}"}}"#);
    let patch = format!(r#"{{"metadata":{{"ownerReferences":[{owner}]}}}}"#);
    kubectl(control_plane, &format!("patch configmap dependant -n tokyo -p {patch}"))?;

    kubectl(control_plane, "delete configmap owner -n tokyo")?;
    kubectl(control_plane, "wait --for=delete configmap/dependant -n tokyo --timeout=60s")?;
    Ok(())
}

fn a_namespace_is_deleted_when_its_last_finalizer_is_removed(control_plane: &ControlPlane) -> anyhow::Result<()> {
    kubectl(control_plane, "create configmap held -n tokyo")?;
    kubectl(control_plane, r#"patch configmap held -n tokyo -p {"metadata":{"finalizers":["mgnet.dev/test"]}}"#)?;
    kubectl(control_plane, "delete namespace tokyo --wait=false")?;
    // After this condition is set, the controller has processed the namespace and waits for the finalizer.
    let condition = "wait --for=condition=NamespaceFinalizersRemaining namespace/tokyo --timeout=60s";
    kubectl(control_plane, condition)?;

    kubectl(control_plane, r#"patch configmap held -n tokyo -p {"metadata":{"finalizers":null}}"#)?;
    kubectl(control_plane, "wait --for=delete namespace/tokyo --timeout=60s")?;
    Ok(())
}

#[test]
fn two_control_planes_at_the_same_time_share_nothing() -> anyhow::Result<()> {
    // Neither needs the controllers. The demo uses the same programs.
    let assets = Assets::without_controllers()?;
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| ControlPlane::start_with(&assets));
        (one.join(), ControlPlane::start_with(&assets))
    });
    let Ok(one) = one else { bail!("the thread panicked") };
    // The thread that started the servers has ended, but the servers have not.
    let (one, other) = (one?, other?);

    assert_ne!(one.server_url(), other.server_url());
    assert_ne!(one.data_dir(), other.data_dir());
    kubectl(&one, "create namespace only-in-one")?;
    let error = refusal(other.kubectl().args(["get", "namespace", "only-in-one"]))?;
    assert!(error.contains("NotFound"), "{error}");

    let mut crossed = one.kubectl();
    crossed.env("KUBECONFIG", other.kubeconfig_path()).args(["--server", one.server_url(), "get", "namespaces"]);
    refusal(&mut crossed).context("one accepts the administrator of the other")?;
    Ok(())
}

#[test]
fn a_server_that_ends_early_is_named_with_the_end_of_its_log() -> anyhow::Result<()> {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let real = Assets::from_build_script()?;
    let folder = TempDir::new()?;
    for program in ["etcd", "kube-controller-manager", "kubectl"] {
        symlink(real.folder().join(program), folder.path().join(program))?;
    }
    let broken = folder.path().join("kube-apiserver");
    fs::write(&broken, "#!/bin/sh\necho 'the flag is unknown' >&2\nexit 1\n")?;
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755))?;

    let error = ControlPlane::start_with(&Assets::in_folder(folder.path())?).err().context("it started")?;
    let expected = "kube-apiserver ended before it was ready; the end of its log:\nthe flag is unknown";
    assert_eq!(error.to_string(), expected);
    Ok(())
}
