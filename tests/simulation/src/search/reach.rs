//! Crashes: at every point of a scenario, then at every point of each run that starts there, up to the requested
//! depth.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Outcome, Tally, closed, intact};
use crate::{
    scenario::{Scenario, play},
    stage::{Decider, Decision, Point},
    universe::Universe,
};

/// The distinct states in which a process may have crashed.
#[derive(Clone, Default)]
struct States {
    inner: Arc<Mutex<Inner>>,
    /// The text in the names of the selected calls.
    at: Arc<str>,
}

#[derive(Default)]
struct Inner {
    seen: HashSet<u64>,
    /// The states that are still to be run, each with its description and its number of crashes.
    waiting: VecDeque<(Universe, String, usize)>,
    /// The length of the history at the last point. If it has not changed, the state is not new.
    length: usize,
    points: u64,
    /// The number of selected points that are still to be skipped.
    skip: u64,
}

impl States {
    /// Returns a decider that injects no faults, but records every new state with at most `most` crashes.
    fn recorder(&self, how: &str, crashes: usize, most: usize) -> Decider {
        let (states, how) = (self.clone(), how.to_owned());
        states.lock().length = usize::MAX;
        Box::new(move |point: &Point, universe: &mut Universe| {
            let mut inner = states.lock();
            inner.points += 1;
            if !point.call.contains(&*states.at) {
                return Decision::Go;
            }
            if inner.skip > 0 {
                inner.skip -= 1;
                return Decision::Go;
            }
            if crashes <= most && inner.length != universe.history.moments.len() {
                inner.length = universe.history.moments.len();
                if inner.seen.insert(universe.likeness()) {
                    let how = if how.is_empty() { point.to_string() } else { format!("{how}; {point}") };
                    inner.waiting.push_back((universe.branch(), how, crashes));
                }
            }
            Decision::Go
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries up to `most` consecutive crashes at every point of the calls whose name contains `at`, except for the first
/// `skip` of these points, and runs each distinct state to its end.
///
/// # Errors
/// The first broken promise.
pub async fn reach(landing: &Universe, scenario: &Scenario, most: usize, at: &str, skip: u64) -> Outcome<Tally> {
    let states = States { at: at.into(), ..States::default() };
    states.lock().skip = skip;
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    let stage = play(landing, &scenario.acts, 1, || 0, states.recorder("", 1, most)).await;
    intact(&stage, scenario.name, || "without faults".to_owned())?;
    tally.calls = stage.calls();
    loop {
        let Some((universe, how, crashes)) = states.lock().waiting.pop_front() else { break };
        let before = states.lock().points;
        let recorder = states.recorder(&how, crashes + 1, most);
        closed(&universe, recorder, scenario.name, || format!("crash at {how}")).await?;
        tally.closures += 1;
        if crashes < most {
            tally.crash_pairs += states.lock().points - before;
        }
    }
    tally.states = states.lock().seen.len() as u64;
    Ok(tally)
}
