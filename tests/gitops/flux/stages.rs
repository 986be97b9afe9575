//! The order in which Flux applies the samples, and what holds back the networks: a missing operator, a class that waits, and a
//! class that is refused.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mgnet::api::{ConditionType, Reason, conditions::find};
use support::OperatorOptions;

use super::cluster::{BILLING, Cluster, sample_files};
use super::kustomization::until;
use crate::files::Files;
use crate::tokyo::with_role;

/// The time for which nothing must happen: two checks of dependencies.
const MEANWHILE: Duration = Duration::from_secs(5);

async fn until_class_is_applied(cluster: &Cluster) -> Result<()> {
    until(cluster, "the class is applied", async || {
        Ok(cluster.classes().get_opt("tokyo").await?.map_or(Err("no class".to_owned()), |_| Ok(())))
    })
    .await
}

async fn check_that_no_network_exists(cluster: &Cluster) -> Result<()> {
    let networks = cluster.networks().list(&kube::api::ListParams::default()).await?;
    ensure!(networks.items.is_empty(), "the class is not accepted, but a network was applied");
    Ok(())
}

/// The Kustomization of the classes waits until the operator has accepted them, and the team's waits for it.
#[tokio::test]
async fn the_samples_become_ready_in_the_order_of_their_dependencies() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    cluster.apply_samples().await?;
    cluster.kustomization("mgnet-operator").until_ready().await?;
    until_class_is_applied(&cluster).await?;
    tokio::time::sleep(MEANWHILE).await;
    let platform = cluster.kustomization("mgnet-platform");
    platform.until("waits for the operator", |ready| ready.status == "Unknown").await?;
    let team = cluster.kustomization("team-billing-networks");
    let waiting = team.get().await?["status"]["conditions"][0].clone();
    ensure!(waiting["reason"] == "DependencyNotReady", "{waiting}");
    check_that_no_network_exists(&cluster).await?;

    cluster.lab.operator().start().await?;
    platform.until_ready().await?;
    team.until_ready().await?;
    let network = cluster.network().await?;
    let status = network.status.context("no status")?;
    let ready = find(&status.conditions, ConditionType::Ready).context("no Ready")?;
    ensure!(ready.status == "True", "Flux reports Ready, but the network is not: {ready:?}");
    let class = cluster.class().await?.status.unwrap_or_default();
    let accepted = find(&class.conditions, ConditionType::Accepted).context("no Accepted")?;
    let created = network.metadata.creation_timestamp.context("no time")?;
    ensure!(accepted.last_transition_time <= created, "{accepted:?}, but the network was created at {created:?}");
    cluster.lab.check_statuses()
}

/// The rights of the team's ServiceAccount apply, not those of Flux.
#[tokio::test]
async fn a_team_cannot_apply_a_class() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let mut files = sample_files("team-billing")?;
    let class = sample_files("platform")?.remove("platform/class.yaml").context("no class in the sample")?;
    files.insert("team-billing/class.yaml".to_owned(), class.replace("name: tokyo", "name: own"));
    cluster.commit(BILLING, &files).await?;
    let team = cluster.kustomization("team-billing-networks");
    let failed = team.until("fails", |ready| ready.status == "False").await?;
    ensure!(failed.message.contains("migrationnetworkclasses") && failed.message.contains("forbidden"), "{failed:?}");
    ensure!(cluster.classes().get_opt("own").await?.is_none());
    cluster.lab.check_statuses()
}

/// Returns a platform team's repository that also contains the network, so that one Kustomization has both, as in
/// `deploy/samples/tokyo`: Flux applies classes in a stage of their own, and waits for them.
fn with_the_network() -> Result<Files> {
    let mut files = sample_files("platform")?;
    let network = sample_files("team-billing")?.remove("team-billing/network.yaml").context("no network")?;
    files.insert("platform/network.yaml".to_owned(), network);
    Ok(files)
}

#[tokio::test]
async fn a_class_that_waits_holds_back_the_networks_of_the_same_kustomization() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    cluster.apply_samples_with(&with_the_network()?).await?;
    until_class_is_applied(&cluster).await?;
    tokio::time::sleep(MEANWHILE).await;
    check_that_no_network_exists(&cluster).await?;
    cluster.lab.operator().start().await?;
    cluster.kustomization("mgnet-platform").until_ready().await?;
    ensure!(cluster.networks().get_opt("tokyo").await?.is_some());
    cluster.lab.check_statuses()
}

#[tokio::test]
async fn a_refused_class_fails_the_kustomization_at_once_and_is_named() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    cluster.lab.operator().start().await?;
    // The role does not trust the operator: waiting does not help.
    let mut files = with_the_network()?;
    let class = with_role(&files["platform/class.yaml"])?;
    files.insert("platform/class.yaml".to_owned(), class);
    let began = Instant::now();
    cluster.apply_samples_with(&files).await?;
    let platform = cluster.kustomization("mgnet-platform");
    let failed = platform.until("fails", |ready| ready.status == "False" && ready.message.contains("Failed")).await?;
    ensure!(began.elapsed() < Duration::from_mins(2), "the timeout of five minutes must not pass: {failed:?}");
    ensure!(failed.message.contains("MigrationNetworkClass/tokyo status: 'Failed'"), "{failed:?}");
    println!("the Kustomization of a refused class: {failed:?}");
    check_that_no_network_exists(&cluster).await?;
    let status = cluster.class().await?.status.unwrap_or_default();
    let stalled = find(&status.conditions, ConditionType::Stalled).context("the class is not stalled")?;
    ensure!(stalled.reason == Reason::AccessDenied.as_str(), "{stalled:?}");

    cluster.admit_role().await?;
    platform.reconcile().await?;
    platform.until_ready().await?;
    ensure!(cluster.networks().get_opt("tokyo").await?.is_some());
    cluster.lab.check_statuses()
}
