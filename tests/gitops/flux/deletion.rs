//! Pruning, with and without the annotation that protects an object, and the order in which classes and networks disappear.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt;
use mgnet::api::FINALIZER;
use support::OperatorOptions;

use super::cluster::{BILLING, Cluster, PLATFORM, sample_files};
use super::kustomization::until;
use crate::files::{Files, nothing_in};
use crate::tokyo::NAME;

const PROTECTION: &str = "  annotations:\n    kustomize.toolkit.fluxcd.io/prune: disabled\n";

/// Returns a team's repository without the annotation that protects its objects from pruning.
fn unprotected(folder: &str) -> Result<Files> {
    let files = sample_files(folder)?.into_iter().map(|(path, text)| (path, text.replace(PROTECTION, "")));
    Ok(files.collect())
}

#[tokio::test]
async fn a_network_is_pruned_only_after_its_protection_was_removed() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.kustomization("team-billing-networks");
    cluster.commit(BILLING, &nothing_in("team-billing")).await?;
    team.until_ready().await?;
    let kept = cluster.network().await?;
    ensure!(kept.metadata.deletion_timestamp.is_none(), "a protected network was deleted");

    cluster.commit(BILLING, &unprotected("team-billing")?).await?;
    team.until_ready().await?;
    ensure!(!cluster.network().await?.annotations().contains_key("kustomize.toolkit.fluxcd.io/prune"));
    cluster.commit(BILLING, &nothing_in("team-billing")).await?;
    team.until_ready().await?;
    cluster.until_gone().await?;
    cluster.lab.check_statuses()
}

/// Everything is removed from Git in the wrong order: the class first. It stays until its networks are gone from AWS.
#[tokio::test]
async fn a_pruned_class_stays_until_its_networks_are_gone() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    cluster.commit(PLATFORM, &unprotected("platform")?).await?;
    cluster.commit(BILLING, &unprotected("team-billing")?).await?;
    let (platform, team) = (cluster.kustomization("mgnet-platform"), cluster.kustomization("team-billing-networks"));
    platform.until_ready().await?;
    team.until_ready().await?;

    let mut without_class = unprotected("platform")?;
    without_class.remove("platform/class.yaml").context("no class in the sample")?;
    cluster.commit(PLATFORM, &without_class).await?;
    platform.until_ready().await?;
    let class = cluster.class().await?;
    ensure!(class.metadata.deletion_timestamp.is_some() && class.finalizers() == [FINALIZER], "{:?}", class.metadata);
    ensure!(cluster.network().await?.metadata.deletion_timestamp.is_none(), "the network is still used");

    cluster.commit(BILLING, &nothing_in("team-billing")).await?;
    team.until_ready().await?;
    until(&cluster, "the class is gone", async || {
        let left = cluster.classes().get_opt(NAME).await?;
        Ok(left.map_or(Ok(()), |class| Err(format!("{:?}", class.status))))
    })
    .await?;
    ensure!(cluster.networks().get_opt(NAME).await?.is_none(), "the class must be the last");
    cluster.until_gone().await?;
    cluster.lab.check_statuses()
}
