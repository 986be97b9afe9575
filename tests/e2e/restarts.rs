//! The API server, etcd and AWS go away and come back while networks are created, edited and deleted: they come to the same end.
//!
//! API server and etcd are killed and started again with their data. The emulator of AWS keeps what it knows in memory, so that it
//! is a gate before it that shuts: connections end, and new ones are refused. `MGNET_FAULTS=all` takes each of the three away
//! during each phase; else each goes away once.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use control_plane::Server;
use support::{ExclusiveLab, Gate, Lab, Operator, OperatorOptions};

use crate::disturbed::{Life, PHASES, Phase, check};

/// Who goes away.
#[derive(Clone, Copy, Debug)]
enum Part {
    ApiServer,
    Etcd,
    Aws,
}

const PARTS: [Part; 3] = [Part::ApiServer, Part::Etcd, Part::Aws];

/// How long it is away; the API server needs some seconds more for its start.
const AWAY: Duration = Duration::from_secs(4);

/// How many networks live at once.
const AT_ONCE: usize = 4;

/// Takes a part away, and returns when it is back.
async fn restart(lab: &ExclusiveLab, gate: &Gate, part: Part) -> Result<()> {
    let server = match part {
        Part::ApiServer => Server::ApiServer,
        Part::Etcd => Server::Etcd,
        Part::Aws => {
            gate.shut().await;
            tokio::time::sleep(AWAY).await;
            return Ok(gate.open().await?);
        }
    };
    let lab: Lab = (**lab).clone();
    tokio::task::spawn_blocking(move || lab.control_plane().restart(server, AWAY)).await?
}

/// Starts the operator again whenever it has ended, as Kubernetes does; counts the times.
async fn keep_running(operator: &Operator, starts: &std::cell::Cell<u32>) -> Result<()> {
    loop {
        if !operator.is_running() {
            starts.set(starts.get() + 1);
            // It ends again as long as it cannot read what it needs; the next look starts it again.
            let _ = operator.start().await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Lets a phase begin, takes the part away a little later, and waits for the end of the phase.
async fn go_through(lab: &ExclusiveLab, gate: &Gate, lives: &[Life], phase: Phase, part: Part) -> Result<()> {
    for (life, wait) in lives.iter().zip([300, 200, 100, 0]) {
        life.begin(phase).await?;
        // So that the networks are at different calls.
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    restart(lab, gate, part).await.with_context(|| format!("{part:?} does not come back"))?;
    check(lives, phase).await
}

// The gate is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_come_to_the_same_end_when_api_server_etcd_or_aws_go_away_and_come_back() -> Result<()> {
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
                done = go_through(&lab, &gate, &lives, phase, part) => done,
                never = keep_running(&operator, &starts) => never,
            }
            .with_context(|| format!("{part:?} went away during {phase}"))?;
            println!("{phase}, {part:?}: {:.1?}, {} starts", began.elapsed(), starts.get() - before);
        }
    }
    Ok(())
}
