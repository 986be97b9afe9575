//! Tests of the operator that runs from its image against a real API server, with the rights that `deploy/base` gives it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use mgnet::controller::LEASE;
use support::{Lab, LabOptions, OPERATOR_NAMESPACE, OperatorOptions};

use super::image::Image;
use crate::{in_repository, output};

const REPLICA: &str = "replica-from-the-image";

/// The storage of podman for one test. Containers that are left in it are removed with it.
struct Containers {
    folder: tempfile::TempDir,
}

const IMAGE: &str = "localhost/mgnet:test";

impl Containers {
    fn with_the_image() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let image = Image::build(folder.path())?.reference();
        let (root, run) = (folder.path().join("storage"), folder.path().join("run"));
        let stored = format!("containers-storage:[vfs@{}+{}]{IMAGE}", root.display(), run.display());
        output(Command::new("skopeo").args(["copy", "--quiet", &image, &stored]))?;
        Ok(Self { folder })
    }

    /// Returns the variables that `tests/release/run-image.sh` reads.
    fn variables(&self, user: &str) -> Vec<(String, String)> {
        let storage = self.folder.path().display().to_string();
        let variables = [("STORAGE", storage.as_str()), ("IMAGE", IMAGE), ("USER", user)];
        let named = |(name, value): (&str, &str)| (format!("MGNET_TEST_{name}"), value.to_owned());
        variables.into_iter().filter(|(_, value)| !value.is_empty()).map(named).collect()
    }
}

impl Containers {
    /// Fails unless the kernel reports this user and group, no capability, and a root file system that cannot be written.
    fn run_with_no_more_rights_than(&self, user_and_group: &str) -> Result<()> {
        let inspect = ["inspect", "--latest", "--format", "{{.State.Pid}}"];
        let process = Path::new("/proc").join(output(podman(self.folder.path()).args(inspect))?);
        let status = fs::read_to_string(process.join("status"))?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let first = |name: &str| field(name).split('\t').next().unwrap_or_default().to_owned();
        assert_eq!(format!("{}\t{}", first("Uid:"), first("Gid:")), user_and_group, "{status}");
        assert_eq!((field("CapEff:"), field("NoNewPrivs:")), ("0000000000000000", "1"), "{status}");
        let mounts = fs::read_to_string(process.join("mountinfo"))?;
        let root = mounts.lines().find(|mount| mount.split(' ').nth(4) == Some("/")).context("a root file system")?;
        assert!(root.split(' ').nth(5).is_some_and(|options| options.starts_with("ro,")), "{root}");
        Ok(())
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        // A failed test may leave the operator running.
        let _ = podman(self.folder.path()).args(["rm", "--all", "--force", "--time", "1"]).output();
        let _ = podman(self.folder.path()).args(["rmi", "--all", "--force"]).output();
    }
}

fn podman(storage: &Path) -> Command {
    let mut command = Command::new("podman");
    command.arg("--root").arg(storage.join("storage")).arg("--runroot").arg(storage.join("run"));
    command.args(["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
    command
}

fn operator(containers: &Containers, user: &str) -> OperatorOptions {
    let lab = LabOptions::default().operator;
    OperatorOptions {
        program: Some(in_repository("tests/release/run-image.sh")),
        environment: containers.variables(user),
        leader_election: true,
        arguments: vec![format!("--pod-name={REPLICA}")],
        ..lab
    }
}

#[tokio::test]
async fn the_operator_leads_and_builds_a_network() -> Result<()> {
    let containers = Containers::with_the_image()?;
    let lab = Lab::start(LabOptions { operator: operator(&containers, ""), ..LabOptions::default() }).await?;

    let site = lab.site("image").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().summary());

    let leases: Api<Lease> = Api::namespaced(lab.kube().await?, OPERATOR_NAMESPACE);
    let holder = leases.get(LEASE).await?.spec.and_then(|lease| lease.holder_identity).context("nobody leads")?;
    assert!(holder.contains(REPLICA), "{holder}");
    containers.run_with_no_more_rights_than("65532\t65532")?;

    network.delete_and_wait().await?;
    assert_eq!(lab.operator().stop().await?, Some(0));
    assert_eq!(leases.get(LEASE).await?.spec.and_then(|lease| lease.holder_identity).unwrap_or_default(), "");
    Ok(())
}

#[tokio::test]
async fn it_runs_as_any_user_as_openshift_assigns_one() -> Result<()> {
    let containers = Containers::with_the_image()?;
    let lab =
        Lab::start(LabOptions { operator: operator(&containers, "1000650000:0"), ..LabOptions::default() }).await?;
    containers.run_with_no_more_rights_than("1000650000\t0")?;
    assert_eq!(lab.operator().stop().await?, Some(0));
    Ok(())
}
