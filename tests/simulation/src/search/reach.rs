//! Crashes: every point of a scenario, then every point of what begins there, and so on as deep as is asked for.

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

/// States in which a process may have crashed, each once.
#[derive(Clone, Default)]
struct States {
    inner: Arc<Mutex<Inner>>,
    /// What the calls of interest have in their names.
    at: Arc<str>,
}

#[derive(Default)]
struct Inner {
    seen: HashSet<u64>,
    /// The state at a point, by how it was reached and by how many crashes.
    waiting: VecDeque<(Universe, String, usize)>,
    /// The length of the history at the last look: where nothing happened since, nothing is new.
    length: usize,
    points: u64,
    /// Points of interest that are still to be passed over.
    skip: u64,
}

impl States {
    /// Decides nothing, and notes every state that is met. Deeper ones than `most` are not.
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

/// Crashes at every point of the calls of a scenario whose name has `at` in it, but for the first `skip` of these, up to `most`
/// times in a row, and runs each state that comes of it to its end.
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
