//! A network at rest, over many reconciles of Flux and of the operator: nothing is applied or written again.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use support::OperatorOptions;

use super::cluster::Cluster;

/// How long the network is watched.
const WATCHED: Duration = Duration::from_mins(10);

/// The interval of Flux, in seconds. A difference that appears only sometimes has this many opportunities: one per interval.
const INTERVAL: u64 = 15;

/// The interval of the operator's resync, in seconds.
const RESYNC: u32 = 20;

/// Ten minutes are 40 intervals of Flux and 30 resyncs of the operator. What either of them writes at rest depends only on the
/// state of the objects and of AWS, which does not change, so a write would happen in the first of them; the others cover the
/// answers that the operator caches for up to ten minutes, and the renewal of watches.
#[tokio::test]
async fn nothing_is_applied_or_written_again_within_ten_minutes() -> Result<()> {
    let operator = OperatorOptions { resync_seconds: RESYNC, ..OperatorOptions::default() };
    let cluster = Cluster::with_samples(operator).await?;
    for name in ["mgnet-operator", "mgnet-platform", "team-billing-networks"] {
        let kustomization = cluster.kustomization(name);
        kustomization.edit(json!({ "interval": format!("{INTERVAL}s") })).await?;
        kustomization.until_ready().await?;
    }
    // The counts in the class's status follow the network within a resync.
    tokio::time::sleep(Duration::from_secs(2 * u64::from(RESYNC))).await;
    let (before, mark) = (cluster.versions().await?, cluster.last_call().await?);
    ensure!(before.len() == 2, "{before:?}");
    let finished = || anyhow::Ok(cluster.log_lines("Reconciliation finished")?.len());
    let applied = || anyhow::Ok(cluster.log_lines("configured")?.len());
    let (finished_before, applied_before) = (finished()?, applied()?);

    tokio::time::sleep(WATCHED).await;
    ensure!(cluster.versions().await? == before, "{before:?} became {:?}", cluster.versions().await?);
    ensure!(applied()? == applied_before, "Flux applied again: {:?}", cluster.log_lines("configured")?);
    let writes = cluster.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{writes:?}");
    // All of them were at work.
    let reconciles = finished()? - finished_before;
    ensure!(reconciles >= 60, "Flux reconciled three Kustomizations only {reconciles} times");
    let observations = cluster.observations_after(mark).await?;
    ensure!(observations >= 20, "the operator observed AWS only {observations} times");
    println!("{reconciles} reconciles of Flux and {observations} observations of the operator without a write");
    cluster.lab.check_statuses()
}
