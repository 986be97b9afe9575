//! Edits in the cluster, which Flux reverts, and edits in Git: suspension, plans and their approval.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt;
use mgnet::api::{ConditionType, RECONCILE_ANNOTATION, Reason};
use support::OperatorOptions;

use super::cluster::{BILLING, Cluster, sample_files};
use crate::files::Files;
use crate::tokyo::TEAM;

const NETWORK: &str = "team-billing/network.yaml";

/// A range that edits add to the network.
const OTHER: &str = "192.168.20.0/24";

/// Returns the team's repository with a line added to the spec of the network.
fn with(line: &str) -> Result<Files> {
    let mut files = sample_files("team-billing")?;
    let network = files.get_mut(NETWORK).context("no network in the sample")?;
    *network = format!("{network}  {line}\n");
    Ok(files)
}

async fn commit_line(cluster: &Cluster, line: &str) -> Result<()> {
    cluster.commit(BILLING, &with(line)?).await
}

#[tokio::test]
async fn edits_in_the_cluster_are_reverted() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.kustomization("team-billing-networks");
    let from_git = cluster.network().await?.spec;

    // A field that Git contains, fields that it does not, and the field of a suspension.
    for edit in [
        format!("{{\"sourceCIDRs\": [\"{OTHER}\"]}}"),
        format!("{{\"proxyCIDRs\": [\"{OTHER}\"]}}"),
        "{\"suspend\": true}".to_owned(),
    ] {
        cluster.kubectl_patch(&edit).await?;
        ensure!(cluster.network().await?.spec != from_git, "{edit} changed nothing");
        team.reconcile().await?;
        team.until_ready().await?;
        ensure!(
            cluster.network().await?.spec == from_git,
            "{edit} was not reverted: {:?}",
            cluster.network().await?.spec
        );
    }
    ensure!(!cluster.admits(OTHER).await?, "AWS follows Git");
    cluster.lab.check_statuses()
}

/// The annotation of a requested reconcile is not in Git, and Flux may remove it. The report in the status stays.
#[tokio::test]
async fn a_requested_reconcile_is_handled_beside_flux() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.kustomization("team-billing-networks");
    let annotation = format!("{RECONCILE_ANNOTATION}=now");
    cluster.lab.kubectl_output(["annotate", "mgnet", "tokyo", "-n", TEAM, &annotation]).await?;
    let handled = "--for=jsonpath={.status.lastHandledReconcileAt}=now";
    cluster.lab.kubectl_output(["wait", "mgnet/tokyo", "-n", TEAM, handled, "--timeout=60s"]).await?;
    team.reconcile().await?;
    team.until_ready().await?;
    let network = cluster.network().await?;
    println!("annotations after Flux has reconciled: {:?}", network.annotations());
    ensure!(network.status.and_then(|status| status.last_handled_reconcile_at).as_deref() == Some("now"));
    cluster.lab.check_statuses()
}

#[tokio::test]
async fn a_network_is_suspended_and_resumed_by_commits() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.kustomization("team-billing-networks");
    commit_line(&cluster, "suspend: true").await?;
    team.until_ready().await?;
    cluster.until_reason(ConditionType::Suspended, Reason::Suspended).await?;

    // Due changes wait: nothing is written in AWS, and Flux waits, too.
    let mark = cluster.last_call().await?;
    commit_line(&cluster, &format!("suspend: true\n  proxyCIDRs: ['{OTHER}']")).await?;
    cluster.until_reason(ConditionType::Ready, Reason::Suspended).await?;
    team.until("waits for the suspended network", |ready| ready.status == "Unknown").await?;
    let writes = cluster.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{writes:?}");

    commit_line(&cluster, &format!("proxyCIDRs: ['{OTHER}']")).await?;
    team.until_ready().await?;
    ensure!(cluster.admits(OTHER).await?);
    cluster.lab.check_statuses()
}

#[tokio::test]
async fn a_plan_fails_the_kustomization_until_a_commit_approves_it() -> Result<()> {
    let cluster = Cluster::with_samples(OperatorOptions::default()).await?;
    let team = cluster.kustomization("team-billing-networks");
    let mark = cluster.last_call().await?;
    commit_line(&cluster, &format!("managementPolicy: Plan\n  proxyCIDRs: ['{OTHER}']")).await?;
    let message = team.until_unhealthy().await?;
    ensure!(message.contains("MigrationNetwork/team-billing/tokyo status: 'Failed'"), "{message}");
    let planned = cluster.until_reason(ConditionType::Stalled, Reason::AwaitingApproval).await?;
    let plan = planned.status.and_then(|status| status.plan).context("no plan")?;
    ensure!(!plan.calls.is_empty(), "{plan:?}");
    let writes = cluster.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{writes:?}");

    commit_line(&cluster, &format!("managementPolicy: Enforce\n  proxyCIDRs: ['{OTHER}']")).await?;
    team.until_ready().await?;
    ensure!(cluster.admits(OTHER).await?);
    cluster.lab.check_statuses()
}
