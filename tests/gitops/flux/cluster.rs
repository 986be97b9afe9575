//! A lab with Flux's kustomize-controller.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::{env, fs, ops};

use anyhow::{Context as _, Result, ensure};
use control_plane::Supervised;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use support::{Lab, OperatorOptions};

use super::artifacts::Artifacts;
use super::kustomization::Kustomization;
use crate::files::{Files, of_operator, read};
use crate::in_repository;
use crate::tokyo::Tokyo;

/// The namespace of Flux's own objects.
pub(crate) const FLUX: &str = "flux-system";

/// The repositories that `deploy/flux` names.
pub(crate) const MGNET: &str = "mgnet";
pub(crate) const PLATFORM: &str = "platform";
pub(crate) const BILLING: &str = "team-billing";

/// A running lab with Flux. The processes end with this value, clients before their servers.
pub(crate) struct Cluster {
    flux: Supervised,
    artifacts: Artifacts,
    tokyo: Tokyo,
}

impl ops::Deref for Cluster {
    type Target = Tokyo;

    fn deref(&self) -> &Tokyo {
        &self.tokyo
    }
}

impl Cluster {
    /// Starts everything but the operator, which [`Lab::operator`] starts.
    pub(crate) async fn start(operator: OperatorOptions) -> Result<Self> {
        let tokyo = Tokyo::start(operator, false).await?;
        let lab = &tokyo.lab;
        let artifacts = Artifacts::serve().await?;
        tokyo.apply_crds(&flux_crds()?).await?;
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(FLUX.to_owned());
        Api::all(tokyo.kube.clone()).create(&PostParams::default(), &namespace).await?;
        let flux = controller(lab)?;
        Ok(Self { flux, artifacts, tokyo })
    }

    /// Applies the Kustomizations of `deploy/flux` as they are, with the first commit of their repositories.
    pub(crate) async fn apply_samples(&self) -> Result<()> {
        self.apply_samples_with(&sample_files("platform")?).await
    }

    /// The same, with another commit of the platform team's repository.
    pub(crate) async fn apply_samples_with(&self, platform: &Files) -> Result<()> {
        for file in ["operator", "platform", "tenant"] {
            let path = in_repository(&format!("deploy/flux/kustomizations/{file}.yaml"));
            let file = format!("--filename={}", path.display());
            self.lab.kubectl_output(["apply", "--server-side", &file]).await?;
        }
        self.commit(MGNET, &of_operator()?).await?;
        self.commit(PLATFORM, platform).await?;
        self.commit(BILLING, &sample_files("team-billing")?).await
    }

    /// Applies the samples, starts the operator, and waits until everything is ready.
    pub(crate) async fn with_samples(operator: OperatorOptions) -> Result<Self> {
        let cluster = Self::start(operator).await?;
        cluster.apply_samples().await?;
        cluster.lab.operator().start().await?;
        for name in ["mgnet-operator", "mgnet-platform", "team-billing-networks"] {
            cluster.kustomization(name).until_ready().await?;
        }
        Ok(cluster)
    }

    /// Publishes a commit of a repository, and reports it in the status of its GitRepository, like source-controller.
    pub(crate) async fn commit(&self, repository: &str, files: &Files) -> Result<()> {
        let artifact = self.artifacts.publish(files)?;
        let repositories = self.repositories();
        let generation = repositories.get(repository).await?.metadata.generation;
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let status = json!({ "observedGeneration": generation, "conditions": [ready], "artifact": artifact });
        let patch = Patch::Merge(json!({ "status": status }));
        repositories.patch_status(repository, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    pub(crate) fn repositories(&self) -> Api<DynamicObject> {
        self.objects("source.toolkit.fluxcd.io", "v1", "GitRepository", FLUX)
    }

    pub(crate) fn kustomization<'c>(&'c self, name: &'c str) -> Kustomization<'c> {
        let all = self.objects("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", FLUX);
        Kustomization { cluster: self, all, name }
    }

    fn objects(&self, group: &str, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.kube.clone(), namespace, &resource)
    }

    /// Returns the lines of Flux's log that contain a text.
    pub(crate) fn log_lines(&self, text: &str) -> Result<Vec<String>> {
        let log = fs::read_to_string(self.flux.log())?;
        Ok(log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect())
    }

    /// Returns the end of Flux's log, for the error of a test.
    pub(crate) fn log_tail(&self) -> String {
        self.flux.log_tail(15)
    }
}

/// Returns the files of a team's repository in `deploy/flux/git`.
pub(crate) fn sample_files(folder: &str) -> Result<Files> {
    read("deploy/flux/git", &[folder])
}

/// Returns the folders with the CRDs of Kustomizations and of all sources, which kustomize-controller watches.
fn flux_crds() -> Result<Vec<String>> {
    let module = |set: &str, name: &str| {
        let mut go = Command::new("go");
        go.args(["mod", "download", "-json", name]).current_dir(in_repository(&format!("tests/tools/{set}")));
        let output = go.env("GOWORK", "off").output().context("cannot run 'go'")?;
        ensure!(output.status.success(), "go: {}", String::from_utf8_lossy(&output.stdout));
        let downloaded: Value = serde_json::from_slice(&output.stdout)?;
        let folder = Path::new(downloaded["Dir"].as_str().context("the module has no folder")?);
        Ok(folder.join("config/crd/bases").display().to_string())
    };
    Ok(vec![
        module("flux", "github.com/fluxcd/kustomize-controller")?,
        module("flux-sources", "github.com/fluxcd/source-controller")?,
    ])
}

/// Starts kustomize-controller, which is built if necessary.
fn controller(lab: &Lab) -> Result<Supervised> {
    let built = Command::new(in_repository("tests/tools/build.sh")).arg("flux").output()?;
    ensure!(built.status.success(), "build.sh: {}", String::from_utf8_lossy(&built.stderr));
    let program = Path::new(String::from_utf8(built.stdout)?.trim()).join("kustomize-controller");
    // Finds free ports and releases them at once.
    let free = || Ok::<_, anyhow::Error>(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string());
    let (metrics, health) = (free()?, free()?);
    let process = Supervised::spawn(&program, lab.folder().join("flux.log"), |command| {
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", lab.folder())
            .env("TMPDIR", env::temp_dir())
            .env("KUBECONFIG", lab.kubeconfig())
            .env("RUNTIME_NAMESPACE", FLUX)
            .args(["--watch-all-namespaces=true", "--enable-leader-election=false", "--requeue-dependency=2s"])
            // As docs/gitops.md recommends: a commit ends the wait for the network of an earlier one.
            .arg("--feature-gates=CancelHealthCheckOnNewRevision=true")
            .args([format!("--metrics-addr={metrics}"), format!("--health-addr={health}")])
    })?;
    Ok(process)
}
