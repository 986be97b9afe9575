//! A network at rest, over many comparisons of Argo CD and resyncs of the operator: nothing is out of sync or written again.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use support::OperatorOptions;

use super::cluster::Cluster;
use super::processes::INTERVAL;

/// How long the network is watched.
const WATCHED: Duration = Duration::from_mins(10);

/// The interval of the operator's resync, in seconds.
const RESYNC: u32 = 20;

const APPLICATIONS: [&str; 2] = ["mgnet-platform", "team-billing-networks"];

/// Ten minutes are 60 comparisons of each Application and 30 resyncs of the operator, and as long as any answer of AWS is
/// cached.
#[tokio::test]
async fn nothing_is_out_of_sync_or_written_again_within_ten_minutes() -> Result<()> {
    let operator = OperatorOptions { resync_seconds: RESYNC, ..OperatorOptions::default() };
    let cluster = Cluster::with_samples(operator).await?;
    // The counts in the class's status follow the network within a resync.
    tokio::time::sleep(Duration::from_secs(2 * u64::from(RESYNC))).await;
    let (before, mark) = (cluster.versions().await?, cluster.last_call().await?);
    ensure!(before.len() == 2, "{before:?}");
    let syncs = || async {
        let mut syncs = Vec::new();
        for name in APPLICATIONS {
            syncs.push(cluster.application(name).get().await?["status"]["history"].clone());
        }
        anyhow::Ok(syncs)
    };
    let compared = || {
        anyhow::Ok(fs::read_to_string(cluster.processes.controller_log())?.matches("Reconciliation completed").count())
    };
    let (history, comparisons) = (syncs().await?, compared()?);

    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        for name in APPLICATIONS {
            let status = cluster.application(name).get().await?["status"].clone();
            ensure!(
                status["sync"]["status"] == "Synced" && status["health"]["status"] == "Healthy",
                "{name}: {status}"
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    ensure!(cluster.versions().await? == before, "{before:?} became {:?}", cluster.versions().await?);
    ensure!(syncs().await? == history, "Argo CD synced again");
    let writes = cluster.writes_after(mark).await?;
    ensure!(writes.is_empty(), "{writes:?}");
    // All of them were at work.
    let comparisons = compared()? - comparisons;
    let least = usize::try_from(WATCHED.as_secs() / INTERVAL)?;
    ensure!(comparisons >= least, "Argo CD compared two Applications only {comparisons} times");
    let observations = cluster.observations_after(mark).await?;
    ensure!(observations >= 20, "the operator observed AWS only {observations} times");
    println!("{comparisons} comparisons of Argo CD and {observations} observations of the operator without a write");
    cluster.lab.check_statuses()
}
