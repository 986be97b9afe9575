//! A Kustomization in a test: request its reconcile, edit it, and wait for its conditions.

use anyhow::{Context as _, Result};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::tokyo;

/// Waits like [`tokyo::until`], and reports Flux's log if it fails.
pub(crate) async fn until<T>(
    cluster: &Cluster,
    what: &str,
    read: impl AsyncFn() -> Result<std::result::Result<T, String>>,
) -> Result<T> {
    tokyo::until(what, || cluster.log_tail(), read).await
}

pub(crate) struct Kustomization<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) all: Api<DynamicObject>,
    pub(crate) name: &'c str,
}

/// The condition `Ready` of a Kustomization.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Kustomization<'_> {
    pub(crate) async fn get(&self) -> Result<Value> {
        Ok(serde_json::to_value(self.all.get(self.name).await?)?)
    }

    /// Edits the spec by a merge patch.
    pub(crate) async fn edit(&self, spec: Value) -> Result<()> {
        self.patch(json!({ "spec": spec })).await
    }

    async fn patch(&self, patch: Value) -> Result<()> {
        self.all.patch(self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Requests a reconcile like `flux reconcile kustomization`, and waits until Flux has handled the request.
    pub(crate) async fn reconcile(&self) -> Result<()> {
        let now = jiff::Timestamp::now().to_string();
        let annotation = json!({ "reconcile.fluxcd.io/requestedAt": now });
        self.patch(json!({ "metadata": { "annotations": annotation } })).await?;
        let what = format!("Flux reconciles {}", self.name);
        until(self.cluster, &what, async || {
            let object = self.get().await?;
            let is_handled = object["status"]["lastHandledReconcileAt"] == json!(now);
            Ok(if is_handled { Ok(()) } else { Err(object["status"].to_string()) })
        })
        .await
    }

    /// Waits until Ready passes the test, for the last commit of the source. `observedGeneration` does not count: Flux raises
    /// it only after a success.
    pub(crate) async fn until(&self, what: &str, test: impl Fn(&Ready) -> bool) -> Result<Ready> {
        until(self.cluster, &format!("{}: {what}", self.name), async || {
            let object = self.get().await?;
            let status = &object["status"];
            let ready = ready(status);
            Ok(match ready {
                Some(ready) if self.is_attempted(status).await? && test(&ready) => Ok(ready),
                _ => Err(status.to_string()),
            })
        })
        .await
    }

    /// Whether Flux has tried to apply the last commit.
    async fn is_attempted(&self, status: &Value) -> Result<bool> {
        let revision = self.cluster.revision_of(&self.get().await?).await?;
        Ok(revision.is_some_and(|revision| status["lastAttemptedRevision"] == json!(revision)))
    }

    pub(crate) async fn until_ready(&self) -> Result<Ready> {
        self.until("is Ready", |ready| ready.status == "True").await
    }

    /// Waits until the health check has failed, and returns its message.
    pub(crate) async fn until_unhealthy(&self) -> Result<String> {
        let ready = self.until("fails", |ready| ready.status == "False" && ready.reason == "HealthCheckFailed").await?;
        Ok(ready.message)
    }
}

fn ready(status: &Value) -> Option<Ready> {
    let ready = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")?;
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    Some(Ready { status: text("status"), reason: text("reason"), message: text("message") })
}

impl Cluster {
    /// Returns the revision of the source of a Kustomization.
    async fn revision_of(&self, kustomization: &Value) -> Result<Option<String>> {
        let name = kustomization["spec"]["sourceRef"]["name"].as_str().context("a source")?;
        let repository = self.repositories().get(name).await?;
        Ok(repository.data["status"]["artifact"]["revision"].as_str().map(str::to_owned))
    }
}
