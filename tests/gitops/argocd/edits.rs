//! Edits in the cluster, which Argo CD reverts, and the actions, which it does not.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt;
use mgnet::api::{ConditionType, DeletionPolicy, MigrationNetworkSpec, RECONCILE_ANNOTATION, Reason};
use serde_json::json;
use support::OperatorOptions;

use super::cluster::{Cluster, sample_files};
use crate::tokyo::until;

const KIND: &str = "MigrationNetwork";

/// A range that edits add to the network.
const OTHER: &str = "192.168.20.0/24";

/// The range in the manifest of the network.
const IN_GIT: &str = "192.168.10.0/24";

async fn until_spec(cluster: &Cluster, what: &str, test: impl Fn(&MigrationNetworkSpec) -> bool) -> Result<()> {
    until(
        what,
        || cluster.processes.log_tail(),
        async || {
            let spec = cluster.network().await?.spec;
            Ok(if test(&spec) { Ok(()) } else { Err(format!("{spec:?}")) })
        },
    )
    .await
}

#[tokio::test]
async fn self_healing_brings_back_what_git_contains() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.application("team-billing-networks");
    let mut files = sample_files("team-billing")?;
    let network = files.get_mut("team-billing/network.yaml").context("no network in the sample")?;
    *network = format!("{network}  deletionPolicy: Delete\n");
    cluster.billing.commit(&files)?;
    team.refresh().await?;
    let delete = Some(DeletionPolicy::Delete);
    until_spec(&cluster, "the commit is applied", |spec| spec.deletion_policy == delete).await?;
    cluster.kubectl_patch("{\"deletionPolicy\": \"Retain\"}").await?;
    until_spec(&cluster, "the edit is reverted", |spec| spec.deletion_policy == delete).await?;

    // The lists of a spec are sets. Server-side apply restores the elements that Git contains, and keeps those of other
    // field managers, so that no difference appears: see docs/gitops.md.
    cluster.kubectl_patch(&format!("{{\"sourceCIDRs\": [\"{OTHER}\"]}}")).await?;
    let has = |spec: &MigrationNetworkSpec, range: &str| spec.source_cidrs.iter().flatten().any(|one| one == range);
    until_spec(&cluster, "the range is back", |spec| has(spec, IN_GIT)).await?;
    ensure!(has(&cluster.network().await?.spec, OTHER), "docs/gitops.md must state that Argo CD reverts it");
    team.until_state("Synced", "Healthy").await?;
    cluster.lab.check_statuses()
}

/// Argo CD ignores fields and annotations that Git does not contain, so the actions last.
#[tokio::test]
async fn the_actions_of_a_network_work_and_last() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.application("team-billing-networks");
    team.action(KIND, "suspend").await?;
    cluster.until_reason(ConditionType::Suspended, Reason::Suspended).await?;
    team.refresh().await?;
    team.until_state("Synced", "Suspended").await?;
    ensure!(cluster.network().await?.spec.suspend == Some(true), "self-healing reverted the action");
    let offered = cluster.processes.cli(&["app", "actions", "list", "team-billing-networks", "--kind", KIND]).await?;
    let disabled = |action: &str| offered.lines().any(|line| line.contains(action) && line.ends_with("true"));
    ensure!(disabled("reconcile") && disabled("suspend") && !disabled("resume"), "{offered}");

    team.action(KIND, "resume").await?;
    team.until_state("Synced", "Healthy").await?;
    ensure!(cluster.network().await?.spec.suspend.is_none());

    team.action(KIND, "reconcile").await?;
    let requested = cluster.network().await?.annotations().get(RECONCILE_ANNOTATION).cloned().context("no request")?;
    until(
        "the request is handled",
        || cluster.processes.log_tail(),
        async || {
            let status = cluster.network().await?.status.unwrap_or_default();
            let is_handled = status.last_handled_reconcile_at.as_ref() == Some(&requested);
            Ok(if is_handled { Ok(()) } else { Err(format!("{:?}", status.last_handled_reconcile_at)) })
        },
    )
    .await?;
    team.refresh().await?;
    team.until_state("Synced", "Healthy").await?;
    ensure!(
        cluster.network().await?.annotations().contains_key(RECONCILE_ANNOTATION),
        "self-healing reverted the action"
    );
    cluster.lab.check_statuses()
}

/// The class plans by default, and the manifest of the network does not mention the policy.
#[tokio::test]
async fn a_plan_suspends_the_application_until_the_action_approves_it() -> Result<()> {
    let cluster = Cluster::start(OperatorOptions::default()).await?;
    cluster.lab.operator().start().await?;
    let mut files = sample_files("platform")?;
    let class = files.get_mut("platform/class.yaml").context("no class in the sample")?;
    *class = class.replace("  defaults:\n", "  defaults:\n    managementPolicy: Plan\n");
    cluster.platform.commit(&files)?;
    cluster.apply_samples().await?;
    cluster.application("mgnet-platform").until_state("Synced", "Healthy").await?;
    let team = cluster.application("team-billing-networks");
    let planned = cluster_is_planned(&cluster).await?;
    ensure!(planned.contains("to create"), "{planned}");
    team.until("waits for approval", |object| object["status"]["health"]["status"] == "Suspended").await?;
    let writes = cluster.writes_after(0).await?;
    ensure!(writes.iter().all(|write| !write.contains("VpcEndpoint")), "{writes:?}");

    team.action(KIND, "approve-plan").await?;
    team.until_state("Synced", "Healthy").await?;
    ensure!(json!(cluster.network().await?.spec.management_policy) == "Enforce", "self-healing reverted the action");
    cluster.lab.check_statuses()
}

/// Waits until the network has a plan, and returns its summary.
async fn cluster_is_planned(cluster: &Cluster) -> Result<String> {
    until(
        "the network is planned",
        || cluster.processes.log_tail(),
        async || {
            let network = cluster.networks().get_opt("tokyo").await?;
            let plan = network.and_then(|network| network.status).and_then(|status| status.plan);
            Ok(plan.map(|plan| plan.summary).ok_or_else(|| "no plan".to_owned()))
        },
    )
    .await
}
