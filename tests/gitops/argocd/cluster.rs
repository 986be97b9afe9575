//! A lab with Argo CD.

use std::process::Command;
use std::{fs, ops};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use support::{Lab, OperatorOptions};

use super::application::Application;
use super::git::{Repository, url};
use super::processes::{ARGOCD, Processes};
use crate::files::{Files, of_operator, read};
use crate::tokyo::Tokyo;
use crate::{in_repository, text};

/// A running lab with Argo CD. The processes end with this value, clients before their servers.
pub(crate) struct Cluster {
    pub(crate) processes: Processes,
    pub(crate) platform: Repository,
    pub(crate) billing: Repository,
    tokyo: Tokyo,
}

impl ops::Deref for Cluster {
    type Target = Tokyo;

    fn deref(&self) -> &Tokyo {
        &self.tokyo
    }
}

/// Returns the files of a team's repository in `deploy/argocd/git`.
pub(crate) fn sample_files(folder: &str) -> Result<Files> {
    read("deploy/argocd/git", &[folder])
}

/// Returns the settings without which Argo CD does not start, with the key that its installation generates.
fn settings() -> Value {
    let named = |kind: &str, name: &str| {
        json!({
            "apiVersion": "v1", "kind": kind,
            "metadata": { "name": name, "namespace": ARGOCD, "labels": { "app.kubernetes.io/part-of": "argocd" } },
        })
    };
    let mut secret = named("Secret", "argocd-secret");
    secret["stringData"] = json!({ "server.secretkey": "a key for this test only" });
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject",
        "metadata": { "name": "default", "namespace": ARGOCD },
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{ "namespace": "*", "server": "*" }],
            "clusterResourceWhitelist": [{ "group": "*", "kind": "*" }],
        },
    });
    let maps =
        ["argocd-cm", "argocd-rbac-cm", "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm", "argocd-gpg-keys-cm"];
    let mut items = vec![json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": ARGOCD } })];
    items.extend(maps.map(|name| named("ConfigMap", name)));
    items.extend([secret, project]);
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

impl Cluster {
    /// Starts everything but the operator, with the health checks and actions of `deploy/argocd`.
    pub(crate) async fn start(operator: OperatorOptions) -> Result<Self> {
        // Argo CD deletes in the foreground, and the garbage collector removes the finalizer.
        let tokyo = Tokyo::start(operator, true).await?;
        let lab = &tokyo.lab;
        tokyo.apply_crds(&crds()?).await?;
        apply(lab, "settings.json", &settings().to_string()).await?;
        // As in docs/gitops.md.
        let file = format!("--filename={}", in_repository("deploy/argocd/argocd-cm.yaml").display());
        lab.kubectl_output(["apply", "--server-side", "--field-manager=mgnet-argocd", &file]).await?;
        let git = lab.folder().join("git");
        let repository = |name: &str, files: &Files| Repository::create(git.join(format!("{name}.git")), files);
        repository("mgnet", &of_operator()?)?;
        let platform = repository("platform", &sample_files("platform")?)?;
        let billing = repository("team-billing", &sample_files("team-billing")?)?;
        let processes = Processes::start(lab)?;
        Ok(Self { processes, platform, billing, tokyo })
    }

    /// Applies the Applications of `deploy/argocd` with the URLs of this machine.
    pub(crate) async fn apply_samples(&self) -> Result<()> {
        let here = url(&self.lab.folder().join("git"));
        for file in ["platform", "tenant"] {
            let sample = text(&format!("deploy/argocd/applications/{file}.yaml"))?;
            let local = sample
                .replace("https://git.example.com/REPLACE-ME/", &here)
                .replace("targetRevision: REPLACE-ME", "targetRevision: main");
            ensure!(local != sample, "the sample has no placeholders");
            apply(&self.lab, &format!("{file}.yaml"), &local).await?;
        }
        Ok(())
    }

    /// Applies the samples, starts the operator, and waits until everything is synced and healthy.
    pub(crate) async fn with_samples(operator: OperatorOptions) -> Result<Self> {
        let cluster = Self::start(operator).await?;
        cluster.lab.operator().start().await?;
        cluster.apply_samples().await?;
        for name in ["mgnet-platform", "team-billing-networks"] {
            cluster.application(name).until_state("Synced", "Healthy").await?;
        }
        Ok(cluster)
    }

    pub(crate) fn application<'c>(&'c self, name: &'c str) -> Application<'c> {
        Application::new(self, name)
    }
}

/// Returns the files with Argo CD's CRDs, in its module.
fn crds() -> Result<Vec<String>> {
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", "github.com/argoproj/argo-cd/v3"]);
    let output = go.current_dir(in_repository("tests/tools/argocd")).env("GOWORK", "off").output()?;
    let downloaded: Value = serde_json::from_slice(&output.stdout)?;
    let folder = downloaded["Dir"].as_str().context("the module has no folder")?;
    let kinds = ["application", "applicationset", "appproject"];
    Ok(kinds.map(|kind| format!("{folder}/manifests/crds/{kind}-crd.yaml")).into())
}

/// Applies manifests by server-side apply.
async fn apply(lab: &Lab, name: &str, manifests: &str) -> Result<()> {
    let file = lab.folder().join(name);
    fs::write(&file, manifests)?;
    lab.kubectl_output(["apply", "--server-side", &format!("--filename={}", file.display())]).await?;
    Ok(())
}
