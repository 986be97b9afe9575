//! Two leaders: two processes that both act as the only leader. Each pauses at any point while the other continues.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Outcome, Tally, closed, eve, go, intact, same_jitter};
use crate::{
    history::{What, Who},
    operator::{Operator, Process},
    scenario::Scenario,
    stage::{Decider, Decision, Point, Stage, When},
    universe::Universe,
};

/// Selects calls by their number and their choice point.
pub trait Of: Fn(u64, &Point) -> bool + Clone + Send + 'static {}

impl<F: Fn(u64, &Point) -> bool + Clone + Send + 'static> Of for F {}

/// The maximum number of reconciles of a leader until it is quiet or pauses.
const MOST: usize = 80;

/// Pauses the first leader at each of its calls and the second leader at each of its own. Then the first continues to
/// its end, and after it the second. `of` selects the calls. Each distinct state that results is run to its end.
///
/// # Errors
/// The first broken promise.
pub async fn leaders(landing: &Universe, scenario: &Scenario, of: impl Of) -> Outcome<Tally> {
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    let mut seen = HashSet::new();
    let eve = eve(landing, &scenario.acts, scenario.name).await?;
    for first in stops_of(&eve, None, of.clone()).await {
        let mut seconds = stops_of(&eve, Some(first), of.clone()).await;
        // Also the case without a pause, in which the second leader reaches its end before the first one continues.
        seconds.push(u64::MAX);
        for second in seconds {
            let how = || format!("leaders paused at their calls {first} and {second}");
            same_jitter();
            let stage = Stage::new(eve.branch(), stops([first, second]));
            let [one, other] = [1, 2].map(|number| Process::Idle(Operator::start(&stage, number)));
            let one = until_stopped(one).await;
            let other = until_stopped(other).await;
            until_quiet(one).await;
            until_quiet(other).await;
            intact(&stage, scenario.name, how)?;
            tally.leaders += 1;
            let universe = stage.with(|universe| universe.branch());
            if seen.insert(universe.likeness()) {
                closed(&universe, go(), scenario.name, how).await?;
                tally.closures += 1;
            }
        }
    }
    tally.states = seen.len() as u64;
    Ok(tally)
}

/// Returns a decider that pauses each of two processes before the given call.
fn stops(at: [u64; 2]) -> Decider {
    let mut calls: BTreeMap<usize, u64> = BTreeMap::new();
    Box::new(move |point, _| {
        if point.when == When::After {
            return Decision::Go;
        }
        let number = calls.entry(point.operator).or_default();
        *number += 1;
        let stop = at.get(point.operator - 1).is_some_and(|at| at == number);
        if stop { Decision::Park } else { Decision::Go }
    })
}

async fn until_stopped(mut process: Process) -> Option<Process> {
    for _ in 0..MOST {
        process = process.go().await?;
        if matches!(process, Process::Parked(..)) || process.is_quiet() {
            break;
        }
    }
    Some(process)
}

async fn until_quiet(process: Option<Process>) {
    let Some(mut process) = process else { return };
    for _ in 0..MOST {
        let Some(next) = process.go().await else { return };
        process = next;
        if process.is_quiet() {
            return;
        }
    }
}

/// The course of a reconcile: its calls so far, and the state of the world at each of them.
#[derive(Default)]
struct Course {
    /// The number of starts and ends of reconciles of its process.
    reconciles: usize,
    calls: u64,
}

impl Course {
    /// Adds a call, and returns a hash that identifies the course.
    fn take(&mut self, point: &Point, universe: &Universe) -> u64 {
        let is_bound = |what: &What| matches!(what, What::Begin | What::End);
        let moments = universe.history.moments.iter();
        let own = moments.filter(|moment| moment.who == Who::Operator(point.operator) && is_bound(&moment.what));
        let (reconciles, of) = own.fold((0, None), |(number, _), moment| (number + 1, moment.of.as_deref()));
        if reconciles != self.reconciles {
            *self = Self { reconciles, calls: 0 };
        }
        let mut hasher = DefaultHasher::new();
        (self.calls, of, universe.likeness(), &point.call).hash(&mut hasher);
        self.calls = hasher.finish();
        self.calls
    }
}

/// Returns the calls at which the first leader can pause, or the second one while the first is paused. Several
/// reconciles may reach a call through the same calls in equal worlds, for example while they wait for AWS. Only the
/// first of them pauses there.
async fn stops_of(eve: &Universe, first: Option<u64>, of: impl Of) -> Vec<u64> {
    let leader = if first.is_some() { 2 } else { 1 };
    let found: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (finder, mut own) = (Arc::clone(&found), 0);
    let (mut course, mut seen) = (Course::default(), HashSet::new());
    let mut stop = stops([first.unwrap_or(u64::MAX), u64::MAX]);
    let decider: Decider = Box::new(move |point, universe| {
        if point.operator == leader && point.when == When::Before {
            own += 1;
            let is_new = seen.insert(course.take(point, universe));
            if is_new && of(own, point) {
                finder.lock().unwrap_or_else(PoisonError::into_inner).push(own);
            }
        }
        stop(point, universe)
    });
    same_jitter();
    let stage = Stage::new(eve.branch(), decider);
    let start = |number| Process::Idle(Operator::start(&stage, number));
    let (one, other) = (start(1), first.map(|_| start(2)));
    // The first leader stays paused until the end.
    let one = until_stopped(one).await;
    if let Some(other) = other {
        until_quiet(Some(other)).await;
    }
    drop(one);
    std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::scenario;

    /// Returns all calls of a leader that is never paused, each with a hash of the world.
    async fn calls_of(eve: &Universe) -> Vec<(u64, String)> {
        let calls: Arc<Mutex<Vec<_>>> = Arc::default();
        let made = Arc::clone(&calls);
        let decider: Decider = Box::new(move |point, universe| {
            if point.when == When::Before {
                let call = (universe.likeness(), point.call.clone());
                made.lock().unwrap_or_else(PoisonError::into_inner).push(call);
            }
            Decision::Go
        });
        same_jitter();
        until_quiet(Some(Process::Idle(Operator::start(&Stage::new(eve.branch(), decider), 1)))).await;
        std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[test]
    fn a_leader_pauses_once_at_each_call_in_each_world() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let landing = scenario::landing(std::time::Duration::ZERO).await.expect("a VPC");
            let create = scenario::all().into_iter().find(|one| one.name == "create").expect("the scenario");
            let eve = eve(&landing, &create.acts, create.name).await.expect("no promise is broken");
            let calls = calls_of(&eve).await;
            assert_eq!(calls_of(&eve).await, calls, "a call has another number in the second run");
            let stops = stops_of(&eve, None, |_, _| true).await;
            let call = |stop: &u64| &calls[usize::try_from(stop - 1).expect("the number is a valid index")];
            let stopped: HashSet<_> = stops.iter().map(call).collect();
            assert_eq!(stopped, calls.iter().collect(), "a call in some world is missing");
            assert!(stops.len() < calls.len(), "the leader pauses at all {} calls, also at repeated ones", calls.len());
        });
    }
}
