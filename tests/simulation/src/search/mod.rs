//! The search: every way that this knows in which something can go wrong, tried out in every scenario.

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

/// What was tried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scenarios that were played.
    pub scenarios: u64,
    /// Calls of the undisturbed scenarios; each has three points at which a process can crash: before it is sent, after its
    /// effect, and after its answer, which is where the next one is about to be sent.
    pub calls: u64,
    /// States that differ, among all in which a process crashed, those of its successors included.
    pub states: u64,
    /// Runs from one of these to the end, in each of which every call is again a point at which to crash.
    pub crash_pairs: u64,
    /// Single faults.
    pub faults: u64,
    /// Requests that arrived after their sender was gone.
    pub late: u64,
    /// Pairs of points at which two leaders were stopped.
    pub leaders: u64,
    /// Scenarios in which watches could not be relied on.
    pub watches: u64,
    /// What was written by hand into status and annotations.
    pub tamperings: u64,
    /// Random schedules.
    pub schedules: u64,
    /// Faults in random schedules.
    pub random_faults: u64,
    /// Runs without faults to the end, from all of these.
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
            (calls * 3, "points of crash"),
            (*states, "different states"),
            (*crash_pairs, "pairs of crashes"),
            (*faults, "single faults"),
            (*late, "late requests"),
            (*leaders, "pairs of leaders"),
            (*watches, "runs with bad watches"),
            (*tamperings, "tamperings"),
            (*schedules, "random schedules"),
            (*random_faults, "faults in them"),
            (*closures, "runs to the end"),
        ];
        let tried = tried.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        f.write_str(&tried.collect::<Vec<_>>().join(", "))
    }
}

/// A promise that was broken, where, and everything that had happened.
pub struct Found {
    /// The scenario.
    pub scenario: String,
    /// What went wrong in it.
    pub how: String,
    /// What is wrong.
    pub breach: Breach,
    /// The end.
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

/// A result whose error is as large as a universe.
pub type Outcome<T = ()> = Result<T, Box<Found>>;

pub(crate) fn go() -> Decider {
    Box::new(|_, _| Decision::Go)
}

/// From here on the operator's delays have the same jitter in every run, so that a call has the same number in each up to where
/// they are made to differ.
fn same_jitter() {
    fastrand::seed(1);
}

/// Fails if a promise was broken on the stage.
fn intact(stage: &Stage, scenario: &str, how: impl Fn() -> String) -> Outcome {
    let found = stage.with(|universe| Some((universe.breach.clone()?, universe.branch())));
    found.map_or(Ok(()), |(breach, universe)| {
        Err(Box::new(Found { scenario: scenario.to_owned(), how: how(), breach, universe: Box::new(universe) }))
    })
}

/// Runs the closure of what is on the stage, or of a universe.
async fn closed(universe: &Universe, decider: Decider, scenario: &str, how: impl Fn() -> String) -> Outcome<Universe> {
    closure(universe, decider).await.map_err(|broken| {
        let (breach, universe) = *broken;
        Box::new(Found { scenario: scenario.to_owned(), how: how(), breach, universe: Box::new(universe) })
    })
}

/// Plays a scenario in which nothing goes wrong.
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

/// Everything as it is when the last act has just been done, and the operator has not heard of it.
async fn eve(universe: &Universe, acts: &[Act], scenario: &str) -> Outcome<Universe> {
    let Some((last, before)) = acts.split_last() else { return Ok(universe.branch()) };
    let stage = play(universe, before, 1, || 0, go()).await;
    intact(&stage, scenario, || "without faults".to_owned())?;
    Ok(stage.with(|universe| {
        universe.act(last.what, |universe| (last.act)(universe));
        universe.branch()
    }))
}

/// Whether every act has an effect where nothing goes wrong. A scenario that does nothing shows nothing.
///
/// # Errors
/// The act that has none.
pub async fn acts_have_effects(universe: &Universe, acts: &[Act]) -> Result<(), String> {
    for count in 1..=acts.len() {
        let last = &acts[count - 1];
        // One that comes soon may come before what it is about.
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
