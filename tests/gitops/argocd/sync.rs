//! The waves of a sync, and a class that is refused.

use std::time::Duration;

use anyhow::{Result, ensure};
use kube::ResourceExt;
use mgnet::api::{ConditionType, conditions::is_true};
use support::OperatorOptions;

use super::cluster::{Cluster, sample_files};
use crate::tokyo::with_role;

/// A wave begins when the previous one is healthy: without the operator, the sync waits for the class.
#[tokio::test]
async fn the_samples_become_healthy_wave_by_wave() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    let mut files = sample_files("platform")?;
    // A later wave, which stands for everything that needs the class.
    let later = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: later\n  namespace: team-billing\n  annotations:\n    \
                 argocd.argoproj.io/sync-wave: \"0\"\n";
    files.insert("platform/later.yaml".to_owned(), later.to_owned());
    cluster.platform.commit(&files)?;
    cluster.apply_samples().await?;
    let platform = cluster.application("mgnet-platform");
    platform
        .until("waits for the class", |object| {
            let operation = &object["status"]["operationState"];
            let message = operation["message"].as_str().unwrap_or_default();
            operation["phase"] == "Running" && message.contains("MigrationNetworkClass/tokyo")
        })
        .await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let exists = ["get", "configmap", "later", "-n", "team-billing"];
    ensure!(cluster.lab.kubectl_output(exists).await.is_err(), "the next wave began before the class was accepted");

    cluster.lab.operator().start().await?;
    platform.until_state("Synced", "Healthy").await?;
    cluster.lab.kubectl_output(exists).await?;
    let team = cluster.application("team-billing-networks");
    team.until_state("Synced", "Healthy").await?;
    let network = cluster.network().await?;
    let conditions = network.status.clone().unwrap_or_default().conditions;
    ensure!(is_true(&conditions, ConditionType::Ready), "healthy, but {conditions:?}");
    cluster.lab.check_statuses()
}

#[tokio::test]
async fn a_refused_class_degrades_its_application_and_is_named() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    cluster.lab.operator().start().await?;
    let mut files = sample_files("platform")?;
    // The role does not trust the operator: waiting does not help.
    let class = with_role(&files["platform/class.yaml"])?;
    files.insert("platform/class.yaml".to_owned(), class);
    cluster.platform.commit(&files)?;
    cluster.apply_samples().await?;
    let platform = cluster.application("mgnet-platform");
    platform.until("is Degraded", |object| object["status"]["health"]["status"] == "Degraded").await?;
    let (status, message) = platform.health("MigrationNetworkClass").await?;
    ensure!(status == "Degraded" && message.starts_with("AccessDenied: "), "{status}: {message}");

    cluster.admit_role().await?;
    platform.until_state("Synced", "Healthy").await?;
    let team = cluster.application("team-billing-networks");
    team.until_state("Synced", "Healthy").await?;
    ensure!(cluster.network().await?.name_any() == "tokyo");
    cluster.lab.check_statuses()
}
