//! Pruning and deletion, which wait for a confirmation, and the order in which classes and networks disappear.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::ResourceExt;
use mgnet::api::FINALIZER;
use serde_json::json;
use support::OperatorOptions;

use super::application::Application;
use super::cluster::{Cluster, sample_files};
use crate::files::nothing_in;
use crate::tokyo::{NAME, until};

/// The time for which nothing must be deleted without a confirmation.
const MEANWHILE: Duration = Duration::from_secs(5);

/// Confirms the pruning or the deletion, like the button in the user interface.
async fn confirm(application: &Application<'_>) -> Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let annotation = json!({ "argocd.argoproj.io/deletion-approved": now });
    application.patch(json!({ "metadata": { "annotations": annotation } })).await
}

/// Syncs with prune, and waits until Argo CD asks for a confirmation.
async fn prune(cluster: &Cluster, name: &str) -> Result<()> {
    cluster.processes.cli(&["app", "sync", name, "--prune", "--async"]).await?;
    cluster
        .application(name)
        .until("waits for the confirmation", |object| {
            let operation = &object["status"]["operationState"];
            let message = operation["message"].as_str().unwrap_or_default();
            operation["phase"] == "Running" && message.contains("confirmation")
        })
        .await?;
    tokio::time::sleep(MEANWHILE).await;
    Ok(())
}

#[tokio::test]
async fn a_network_is_pruned_only_by_a_sync_with_prune_and_after_a_confirmation() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.application("team-billing-networks");
    cluster.billing.commit(&nothing_in("team-billing"))?;
    team.refresh().await?;
    team.until("is out of sync", |object| object["status"]["sync"]["status"] == "OutOfSync").await?;
    tokio::time::sleep(MEANWHILE).await;
    ensure!(cluster.network().await?.metadata.deletion_timestamp.is_none(), "deleted without a sync with prune");
    prune(&cluster, "team-billing-networks").await?;
    ensure!(cluster.network().await?.metadata.deletion_timestamp.is_none(), "deleted without a confirmation");
    confirm(&team).await?;
    cluster.until_gone().await?;
    team.until("is synced", |object| object["status"]["sync"]["status"] == "Synced").await?;
    cluster.lab.check_statuses()
}

/// Everything is deleted in the wrong order: the class first. It stays until its networks are gone from AWS.
#[tokio::test]
async fn a_deleted_application_confirms_and_a_pruned_class_waits_for_its_networks() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let (platform, team) = (cluster.application("mgnet-platform"), cluster.application("team-billing-networks"));
    let mut files = sample_files("platform")?;
    files.remove("platform/class.yaml");
    cluster.platform.commit(&files)?;
    platform.refresh().await?;
    prune(&cluster, "mgnet-platform").await?;
    ensure!(cluster.class().await?.metadata.deletion_timestamp.is_none(), "deleted without a confirmation");
    confirm(&platform).await?;
    until(
        "the class is being deleted",
        || cluster.processes.log_tail(),
        async || {
            let class = cluster.class().await?;
            Ok(if class.metadata.deletion_timestamp.is_some() { Ok(()) } else { Err(format!("{:?}", class.metadata)) })
        },
    )
    .await?;
    // Argo CD deletes in the foreground, which adds a finalizer of its own.
    ensure!(cluster.class().await?.finalizers().iter().any(|finalizer| finalizer == FINALIZER));
    ensure!(cluster.network().await?.metadata.deletion_timestamp.is_none(), "the network is still used");

    // The finalizer of the Application deletes its networks.
    cluster.processes.cli(&["app", "delete", "team-billing-networks", "--yes", "--wait=false"]).await?;
    tokio::time::sleep(MEANWHILE).await;
    ensure!(cluster.network().await?.metadata.deletion_timestamp.is_none(), "deleted without a confirmation");
    confirm(&team).await?;
    cluster.until_gone().await?;
    until(
        "the Application and the class are gone",
        || cluster.processes.log_tail(),
        async || {
            let left = (team.exists().await?, cluster.classes().get_opt(NAME).await?.is_some());
            Ok(if left == (false, false) { Ok(()) } else { Err(format!("{left:?}")) })
        },
    )
    .await?;
    cluster.lab.check_statuses()
}
