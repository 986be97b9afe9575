//! Single faults: every kind of fault at every call, in a process that continues.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Outcome, Tally, closed, go, intact, same_jitter};
use crate::{
    scenario::{Scenario, play},
    stage::{Decision, Fault, Point, When},
    universe::Universe,
};

/// The faults of calls to AWS. One delay is longer than an attempt of the SDK, the other is longer than all attempts.
pub const AWS: [Fault; 12] = [
    Fault::Drop,
    Fault::LoseAnswer,
    Fault::Throttle,
    Fault::Refuse("UnauthorizedOperation"),
    Fault::Refuse("InvalidParameterValue"),
    Fault::Refuse("ResourceNotFoundException"),
    Fault::Error500,
    Fault::Error503,
    Fault::Delay(Duration::from_secs(12)),
    Fault::Delay(Duration::from_secs(40)),
    Fault::Garbage,
    Fault::Truncate,
];

/// The faults of calls to Kubernetes. The delay is longer than the deadline of a reconcile.
pub const KUBERNETES: [Fault; 5] =
    [Fault::Drop, Fault::LoseAnswer, Fault::Conflict, Fault::Delay(Duration::from_secs(150)), Fault::Panic];

/// Returns the calls of a scenario without faults, in order.
async fn calls(landing: &Universe, scenario: &Scenario) -> Outcome<Vec<Point>> {
    let calls: Arc<Mutex<Vec<Point>>> = Arc::default();
    let log = Arc::clone(&calls);
    let recorder = move |point: &Point, _: &mut Universe| {
        if point.when == When::Before {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(point.clone());
        }
        Decision::Go
    };
    same_jitter();
    let stage = play(landing, &scenario.acts, 1, || 0, Box::new(recorder)).await;
    intact(&stage, scenario.name, || "without faults".to_owned())?;
    Ok(std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Tries every fault whose name contains `kind` at the calls whose name contains `at`. `which` selects calls of the
/// same name, counted from 1.
///
/// # Errors
/// The first broken promise.
pub async fn faults(
    landing: &Universe,
    scenario: &Scenario,
    which: RangeInclusive<usize>,
    at: &str,
    kind: &str,
) -> Outcome<Tally> {
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    let mut sites: BTreeMap<String, usize> = BTreeMap::new();
    for point in calls(landing, scenario).await? {
        let met = sites.entry(point.call.clone()).or_default();
        *met += 1;
        if !which.contains(met) || !point.call.contains(at) {
            continue;
        }
        let kinds = if point.to_aws { &AWS[..] } else { &KUBERNETES[..] };
        for fault in kinds.iter().filter(|fault| format!("{fault:?}").contains(kind)) {
            let number = point.number;
            let strike = move |point: &Point, _: &mut Universe| {
                let strikes = point.number == number && point.when == When::Before;
                if strikes { Decision::Fault(*fault) } else { Decision::Go }
            };
            let how = || format!("{fault:?} at {point}");
            same_jitter();
            let stage = play(landing, &scenario.acts, 1, || 0, Box::new(strike)).await;
            intact(&stage, scenario.name, how)?;
            let universe = stage.with(|universe| universe.branch());
            closed(&universe, go(), scenario.name, how).await?;
            tally.faults += 1;
            tally.closures += 1;
        }
    }
    Ok(tally)
}
