//! An Application in a test: refresh it, sync it, and wait for its state.

use anyhow::Result;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::processes::ARGOCD;
use crate::tokyo;

pub(crate) struct Application<'c> {
    cluster: &'c Cluster,
    all: Api<DynamicObject>,
    name: &'c str,
}

impl<'c> Application<'c> {
    pub(crate) fn new(cluster: &'c Cluster, name: &'c str) -> Self {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
        let all = Api::namespaced_with(cluster.kube.clone(), ARGOCD, &resource);
        Self { cluster, all, name }
    }

    pub(crate) async fn get(&self) -> Result<Value> {
        Ok(serde_json::to_value(self.all.get(self.name).await?)?)
    }

    /// Whether the Application exists.
    pub(crate) async fn exists(&self) -> Result<bool> {
        Ok(self.all.get_opt(self.name).await?.is_some())
    }

    /// Edits the Application by a merge patch.
    pub(crate) async fn patch(&self, patch: Value) -> Result<()> {
        self.all.patch(self.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Requests a comparison with Git, like the button `Refresh`, and waits until it has ended.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let annotation = "argocd.argoproj.io/refresh";
        self.patch(json!({ "metadata": { "annotations": { annotation: "normal" } } })).await?;
        self.until("is refreshed", |object| object["metadata"]["annotations"][annotation].is_null()).await?;
        Ok(())
    }

    pub(crate) async fn until(&self, what: &str, test: impl Fn(&Value) -> bool) -> Result<Value> {
        tokyo::until(
            &format!("{} {what}", self.name),
            || self.cluster.processes.log_tail(),
            async || {
                let object = self.get().await?;
                Ok(if test(&object) { Ok(object) } else { Err(object["status"].to_string()) })
            },
        )
        .await
    }

    /// Waits until sync status and health are these, and no sync is running.
    pub(crate) async fn until_state(&self, sync: &str, health: &str) -> Result<Value> {
        self.until(&format!("is {sync} and {health}"), |object| {
            let status = &object["status"];
            status["sync"]["status"] == sync
                && status["health"]["status"] == health
                && status["operationState"]["phase"] != "Running"
        })
        .await
    }

    /// Returns the health of the object of a kind and its message, as Argo CD shows them to users.
    pub(crate) async fn health(&self, kind: &str) -> Result<(String, String)> {
        let shown = self.cluster.processes.cli(&["app", "get", self.name, "--output=json"]).await?;
        Ok(health_of(&serde_json::from_str(&shown)?, kind))
    }

    /// Runs an action on an object of the Application, like a user on the command line.
    pub(crate) async fn action(&self, kind: &str, action: &str) -> Result<()> {
        self.cluster.processes.cli(&["app", "actions", "run", self.name, action, "--kind", kind]).await?;
        Ok(())
    }
}

/// Returns the health of the object of a kind in the output of `argocd app get`, and its message.
fn health_of(application: &Value, kind: &str) -> (String, String) {
    let resources = application["status"]["resources"].as_array().map_or(&[][..], Vec::as_slice);
    let found = resources.iter().find(|resource| resource["kind"] == kind).unwrap_or(&Value::Null);
    let text = |field: &str| found["health"][field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("message"))
}
