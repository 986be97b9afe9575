//! Tests of outages of the API server, etcd and AWS while networks are created, edited and deleted. The networks must
//! reach the same final state.
//!
//! API server and etcd are killed and restarted with their data. The AWS emulator holds its state in memory, so a gate
//! in front of it closes instead: open connections end, and new ones are refused. `MGNET_FAULTS=all` interrupts each of
//! the three during each phase. Otherwise each of them is interrupted once.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use control_plane::Server;
use support::{ExclusiveLab, Gate, Lab, Operator, OperatorOptions};

use crate::disturbed::{Life, PHASES, Phase, check};

/// The parts that become unavailable.
#[derive(Clone, Copy, Debug)]
enum Part {
    ApiServer,
    Etcd,
    Aws,
}

const PARTS: [Part; 3] = [Part::ApiServer, Part::Etcd, Part::Aws];

/// The duration of an outage. The API server needs some seconds more for its start.
const OUTAGE: Duration = Duration::from_secs(4);

/// The number of networks that exist at the same time.
const AT_ONCE: usize = 4;

/// Makes a part unavailable, and returns when it is available again.
async fn restart(lab: &ExclusiveLab, gate: &Gate, part: Part) -> Result<()> {
    let server = match part {
        Part::ApiServer => Server::ApiServer,
        Part::Etcd => Server::Etcd,
        Part::Aws => {
            gate.shut().await;
            tokio::time::sleep(OUTAGE).await;
            return Ok(gate.open().await?);
        }
    };
    let lab: Lab = (**lab).clone();
    tokio::task::spawn_blocking(move || lab.control_plane().restart(server, OUTAGE)).await?
}

/// Restarts the operator whenever it has exited, as Kubernetes does, and counts the starts.
async fn keep_running(operator: &Operator, starts: &std::cell::Cell<u32>) -> Result<()> {
    loop {
        if !operator.is_running() {
            starts.set(starts.get() + 1);
            // The operator exits again while it cannot read what it needs. The next iteration restarts it.
            let _ = operator.start().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Begins a phase, interrupts the part a little later, and waits for the end of the phase.
async fn interrupt(lab: &ExclusiveLab, gate: &Gate, lives: &[Life], phase: Phase, part: Part) -> Result<()> {
    for (life, wait) in lives.iter().zip([300, 200, 100, 0]) {
        life.begin(phase).await?;
        // With these pauses the networks are at different calls.
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    restart(lab, gate, part).await.with_context(|| format!("{part:?} did not become available again"))?;
    check(lives, phase).await
}

// The gate is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_reach_the_same_state_when_api_server_etcd_or_aws_are_interrupted() -> Result<()> {
    let rounds = if env::var("MGNET_FAULTS").is_ok_and(|faults| faults == "all") { PARTS.len() } else { 1 };
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let gate = Gate::before(lab.aws_endpoint_url()).await?;
    let options = OperatorOptions { leader_election: true, ..lab.operator().options().clone() };
    let operator = lab.operator().another(options).with_aws_at(&gate.url());
    operator.start().await?;
    let starts = std::cell::Cell::new(0);
    for round in 0..rounds {
        let lives = Life::several(&lab, "interrupted", AT_ONCE).await?;
        for (at, phase) in PHASES.into_iter().enumerate() {
            let part = PARTS[(round + at) % PARTS.len()];
            let (began, before) = (Instant::now(), starts.get());
            tokio::select! {
                done = interrupt(&lab, &gate, &lives, phase, part) => done,
                never = keep_running(&operator, &starts) => never,
            }
            .with_context(|| format!("{part:?} was interrupted during {phase}"))?;
            println!("{phase}, {part:?}: {:.1?}, {} starts", began.elapsed(), starts.get() - before);
        }
    }
    Ok(())
}
