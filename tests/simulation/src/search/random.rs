//! Random schedules: a scenario with one or two processes, with or without lagging lists, with reliable or unreliable
//! watches, and with faults of all kinds at random calls. The same seed gives the same schedule.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;

use super::{Outcome, Tally, closed, faults, go, intact};
use crate::{
    kubernetes::Watch,
    scenario::{Scenario, play},
    stage::{Decider, Decision, Fault, LATEST, Point, Stage, When},
    universe::Universe,
};

/// The minimum number of faults for which a schedule counts.
pub const FEWEST: u64 = 5;

/// Plays the schedule of a seed, and runs it to its end.
///
/// # Errors
/// The broken promise.
pub async fn schedule(landing: &Universe, scenarios: &[Scenario], seed: u64) -> Outcome<Tally> {
    let Played { scenario, stage, processes, struck } = played(landing, scenarios, seed).await;
    let how = || format!("seed {seed} ({processes} processes)");
    intact(&stage, scenario, how)?;
    let universe = stage.with(|universe| universe.branch());
    closed(&universe, go(), scenario, how).await?;
    let counts = u64::from(struck >= FEWEST);
    Ok(Tally { schedules: counts, random_faults: struck * counts, closures: 1, ..Tally::default() })
}

/// A scenario that was played, with the number of its faults.
struct Played {
    scenario: &'static str,
    stage: Arc<Stage>,
    processes: usize,
    struck: u64,
}

async fn played(landing: &Universe, scenarios: &[Scenario], seed: u64) -> Played {
    let mut rng = Rng::with_seed(seed);
    // Fixes the jitter of the delays of the operator and the SDK.
    fastrand::seed(rng.u64(..));
    let scenario = &scenarios[rng.usize(..scenarios.len())];
    let processes = if rng.u8(..3) == 0 { 2 } else { 1 };
    let mut landing = landing.branch();
    if rng.bool() {
        landing.lag(Duration::from_secs(rng.u64(1..=30)));
    }
    if rng.bool() {
        landing.watch = Watch::Anyhow(rng.u64(..));
    }
    let struck = Arc::new(AtomicU64::new(0));
    let decider = strikes(&mut rng, processes, &struck);
    let turns = move || rng.usize(..processes);
    let stage = play(&landing, &scenario.acts, processes, turns, decider).await;
    Played { scenario: scenario.name, stage, processes, struck: struck.load(Ordering::Relaxed) }
}

/// Returns a decider that injects random faults at random calls.
fn strikes(rng: &mut Rng, processes: usize, struck: &Arc<AtomicU64>) -> Decider {
    // The first calls get many faults, because a fault that is not reached does not count.
    let mut number = 0;
    let mut at: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..rng.u64(FEWEST + 1..=20) {
        number += rng.u64(1..=25);
        at.insert(number, rng.u64(..));
    }
    let (struck, mut left) = (Arc::clone(struck), at);
    Box::new(move |point: &Point, _: &mut Universe| {
        // The first call at or after the number.
        let Some((number, seed)) = left.first_key_value().map(|(number, seed)| (*number, *seed)) else {
            return Decision::Go;
        };
        let mut rng = Rng::with_seed(seed);
        let when = if point.is_write && rng.bool() { When::After } else { When::Before };
        if point.number < number || point.when != when {
            return Decision::Go;
        }
        left.remove(&number);
        struck.fetch_add(1, Ordering::Relaxed);
        match rng.u8(..10) {
            0..3 => Decision::Crash,
            3 if point.is_write => Decision::CrashSent(Duration::from_secs(rng.u64(0..=LATEST.as_secs()))),
            4 | 5 if processes > 1 => Decision::Park,
            _ => Decision::Fault(any(&mut rng, point.to_aws)),
        }
    })
}

fn any(rng: &mut Rng, to_aws: bool) -> Fault {
    let kinds = if to_aws { &faults::AWS[..] } else { &faults::KUBERNETES[..] };
    kinds[rng.usize(..kinds.len())]
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let landing = scenario::landing(Duration::ZERO).await.expect("a VPC");
            let all = scenario::all();
            let happened = async |seed| {
                let stage = played(&landing, &all, seed).await.stage;
                stage.with(|universe| universe.history.moments.iter().map(ToString::to_string).collect::<Vec<_>>())
            };
            for seed in 1..=5 {
                let once = happened(seed).await;
                assert_eq!(happened(seed).await, once, "seed {seed}");
                assert_ne!(happened(seed + 100).await, once, "seed {seed} and another one");
            }
        });
    }
}
