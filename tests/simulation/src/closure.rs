//! The closure: from any state of the universe, and without faults, one new process of the operator must reach the
//! goal, come to rest, and stay at rest.

use crate::{
    history::{What, Who},
    kubernetes::Watch,
    operator::Operator,
    promises::Breach,
    stage::{Decider, Decision, Stage},
    universe::Universe,
};

/// The maximum number of reconciles until the operator must be at rest. The creation of a network takes about 10
/// reconciles, and so does its deletion. Each failure that the operator encounters adds a few.
pub const MOST_RECONCILES: usize = 150;

/// Runs the closure of a universe, and returns its end. `decider` sees every call, and may deliver requests that are
/// in transit. The remaining requests arrive when they are due, or when the operator is at rest for the first time.
///
/// # Errors
/// The broken promise, with the universe in which it is broken.
pub async fn closure(universe: &Universe, decider: Decider) -> Result<Universe, Box<(Breach, Universe)>> {
    let mut universe = universe.branch();
    universe.watch = Watch::Prompt;
    let stage = Stage::new(universe, decider);
    let mut operator = Operator::start(&stage, 100);
    let mut quiet = operator.settle(MOST_RECONCILES).await;
    stage.decide_by(Box::new(|_, _| Decision::Go));
    if stage.with(|universe| universe.is_awaited()) {
        stage.with(Universe::deliver);
        operator.restless();
        quiet = operator.settle(MOST_RECONCILES).await;
    }
    let end = |promise, why: String| {
        let universe = stage.with(|universe| universe.branch());
        Err(Box::new((Breach { promise, why }, universe)))
    };
    if let Some(Breach { promise, why }) = stage.with(|universe| universe.breach.clone()) {
        return end(promise, why);
    }
    if !quiet {
        return end("stable", format!("the operator is not at rest after {MOST_RECONCILES} reconciles"));
    }
    stage.with(|universe| universe.record(Who::User, None, What::Rest, true, ""));
    for _ in 0..3 * operator.objects().max(1) {
        operator.step().await;
    }
    match stage.with(|universe| universe.breach.clone()) {
        Some(Breach { promise, why }) => end(promise, why),
        None => Ok(stage.with(|universe| universe.branch())),
    }
}
