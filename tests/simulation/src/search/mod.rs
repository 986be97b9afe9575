//! The search: tries every known kind of fault in every scenario, and checks the promises.

pub mod faults;
pub mod late;
pub mod leaders;
pub mod random;
pub mod reach;
pub mod tampering;
pub mod throttling;
pub mod watches;

use std::{fmt, ops::AddAssign};

use crate::{
    closure::closure,
    promises::Breach,
    scenario::{Act, Cue, Scenario, play},
    stage::{Decider, Decision, Stage},
    universe::Universe,
};

/// The numbers of cases that a search has tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scenarios played.
    pub scenarios: u64,
    /// Calls of the scenarios without faults. Each call has three points at which a process can crash: before it is
    /// sent, after its effect, and after its answer, which is the point before the next call.
    pub calls: u64,
    /// Distinct states in which a process or one of its successors crashed.
    pub states: u64,
    /// Pairs of consecutive crashes: each point of each run from one of these states to the end.
    pub crash_pairs: u64,
    /// Single faults.
    pub faults: u64,
    /// Requests that arrived after the end of the process that sent them.
    pub late: u64,
    /// Pairs of points at which two leaders paused.
    pub leaders: u64,
    /// Scenarios played with unreliable watches.
    pub watches: u64,
    /// Manual changes of status and annotations.
    pub tamperings: u64,
    /// Random schedules.
    pub schedules: u64,
    /// Faults in random schedules.
    pub random_faults: u64,
    /// Runs to the end without faults, from all of these cases.
    pub closures: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.scenarios += other.scenarios;
        self.calls += other.calls;
        self.states += other.states;
        self.crash_pairs += other.crash_pairs;
        self.faults += other.faults;
        self.late += other.late;
        self.leaders += other.leaders;
        self.watches += other.watches;
        self.tamperings += other.tamperings;
        self.schedules += other.schedules;
        self.random_faults += other.random_faults;
        self.closures += other.closures;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenarios,
            calls,
            states,
            crash_pairs,
            faults,
            late,
            leaders,
            watches,
            tamperings,
            schedules,
            random_faults,
            closures,
        } = self;
        let tried = [
            (*scenarios, "scenarios"),
            (*calls, "calls"),
            (calls * 3, "crash points"),
            (*states, "distinct states"),
            (*crash_pairs, "pairs of crashes"),
            (*faults, "single faults"),
            (*late, "late requests"),
            (*leaders, "pairs of paused leaders"),
            (*watches, "runs with unreliable watches"),
            (*tamperings, "manual changes"),
            (*schedules, "random schedules"),
            (*random_faults, "faults in random schedules"),
            (*closures, "runs to the end"),
        ];
        let tried = tried.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        f.write_str(&tried.collect::<Vec<_>>().join(", "))
    }
}

/// A broken promise, with its scenario and the complete history.
pub struct Found {
    /// The scenario.
    pub scenario: String,
    /// The faults in the scenario.
    pub how: String,
    /// The broken promise.
    pub breach: Breach,
    /// The universe in which the promise is broken.
    pub universe: Box<Universe>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, how, breach, universe } = self;
        writeln!(f, "'{}' does not hold in '{scenario}', {how}: {}", breach.promise, breach.why)?;
        for moment in &universe.history.moments {
            writeln!(f, "{moment}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Found {}

/// A result whose error is boxed, because it contains a universe.
pub type Outcome<T = ()> = Result<T, Box<Found>>;

pub(crate) fn go() -> Decider {
    Box::new(|_, _| Decision::Go)
}

/// Fixes the jitter of the operator's delays, so that a call has the same number in every run until the runs are made
/// to differ.
fn same_jitter() {
    fastrand::seed(1);
}

/// Returns an error if a promise was broken on the stage.
fn intact(stage: &Stage, scenario: &str, how: impl Fn() -> String) -> Outcome {
    let found = stage.with(|universe| Some((universe.breach.clone()?, universe.branch())));
    found.map_or(Ok(()), |(breach, universe)| {
        Err(Box::new(Found { scenario: scenario.to_owned(), how: how(), breach, universe: Box::new(universe) }))
    })
}

/// Runs the closure of a universe.
async fn closed(universe: &Universe, decider: Decider, scenario: &str, how: impl Fn() -> String) -> Outcome<Universe> {
    closure(universe, decider).await.map_err(|broken| {
        let (breach, universe) = *broken;
        Box::new(Found { scenario: scenario.to_owned(), how: how(), breach, universe: Box::new(universe) })
    })
}

/// Plays a scenario without faults.
///
/// # Errors
/// The broken promise.
pub async fn once(landing: &Universe, scenario: &Scenario) -> Outcome<Tally> {
    let how = || "without faults".to_owned();
    let stage = play(landing, &scenario.acts, 1, || 0, go()).await;
    intact(&stage, scenario.name, how)?;
    let universe = stage.with(|universe| universe.branch());
    closed(&universe, go(), scenario.name, how).await?;
    Ok(Tally { scenarios: 1, calls: stage.calls(), closures: 1, ..Tally::default() })
}

/// Returns the universe right after the last act, before the operator has learned of it.
async fn eve(universe: &Universe, acts: &[Act], scenario: &str) -> Outcome<Universe> {
    let Some((last, before)) = acts.split_last() else { return Ok(universe.branch()) };
    let stage = play(universe, before, 1, || 0, go()).await;
    intact(&stage, scenario, || "without faults".to_owned())?;
    Ok(stage.with(|universe| {
        universe.act(last.what, |universe| (last.act)(universe));
        universe.branch()
    }))
}

/// Checks that every act has an effect when no fault occurs, because an act without effect tests nothing.
///
/// # Errors
/// The first act without an effect.
pub async fn acts_have_effects(universe: &Universe, acts: &[Act]) -> Result<(), String> {
    for count in 1..=acts.len() {
        let last = &acts[count - 1];
        // An act that does not wait for rest may precede the resource that it acts on.
        if last.cue != Cue::AtRest {
            continue;
        }
        let stage = play(universe, &acts[..count - 1], 1, || 0, go()).await;
        let (before, after) = stage.with(|universe| {
            let before = universe.likeness();
            universe.act(last.what, |universe| (last.act)(universe));
            (before, universe.likeness())
        });
        if before == after {
            return Err(format!("'{}' has no effect", last.what));
        }
    }
    Ok(())
}
