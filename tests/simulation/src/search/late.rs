//! Late requests: a process ends, and its last request arrives at any call of its successor.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{Outcome, Tally, closed, intact, same_jitter};
use crate::{
    scenario::{Scenario, play},
    stage::{Decision, LATEST, Point, When},
    universe::Universe,
};

/// Delivers each write to AWS whose name contains `of` at every `step`th call of the successor, starting with call
/// `from`.
///
/// # Errors
/// The first broken promise.
pub async fn late(landing: &Universe, scenario: &Scenario, from: u64, step: usize, of: &str) -> Outcome<Tally> {
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    let mut nth = 0;
    loop {
        nth += 1;
        let Some((universe, sent)) = left(landing, scenario, nth, of).await? else { return Ok(tally) };
        let mut at = from;
        loop {
            let calls = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&calls);
            let deliver = move |point: &Point, universe: &mut Universe| {
                // Counts the calls until the request has arrived.
                let waits = point.when == When::Before && universe.is_awaited();
                if waits && counter.fetch_add(1, Ordering::Relaxed) + 1 == at {
                    universe.deliver();
                }
                Decision::Go
            };
            let how = || format!("{sent} arrives before call {at} of the successor");
            same_jitter();
            closed(&universe, Box::new(deliver), scenario.name, how).await?;
            tally.late += 1;
            tally.closures += 1;
            if calls.load(Ordering::Relaxed) < at {
                break;
            }
            at += step as u64;
        }
    }
}

/// Returns the universe in which the process has ended and its `nth` write to AWS is in transit, or none if it has
/// fewer writes.
async fn left(landing: &Universe, scenario: &Scenario, nth: usize, of: &str) -> Outcome<Option<(Universe, String)>> {
    let sent: Arc<Mutex<Option<String>>> = Arc::default();
    let (catch, mut met, of) = (Arc::clone(&sent), 0, of.to_owned());
    let decider = move |point: &Point, universe: &mut Universe| {
        if point.to_aws && point.is_write && point.when == When::Before && point.call.contains(&of) {
            met += 1;
            if met == nth {
                *catch.lock().unwrap_or_else(PoisonError::into_inner) = Some(point.to_string());
                return Decision::CrashSent(LATEST);
            }
        }
        // The write is in transit, and the successor has reached its first call.
        universe.is_over = met >= nth;
        Decision::Go
    };
    same_jitter();
    let stage = play(landing, &scenario.acts, 1, || 0, Box::new(decider)).await;
    intact(&stage, scenario.name, || format!("write {nth} is late"))?;
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(sent.map(|sent| (stage.with(|universe| universe.branch()), sent)))
}
