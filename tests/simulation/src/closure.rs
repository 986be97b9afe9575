//! The closure: from a state of the universe, without faults, one fresh process of the operator has to bring everything to
//! its goal, come to rest, and stay there.

use crate::{
    history::{What, Who},
    kubernetes::Watch,
    operator::Operator,
    promises::Breach,
    stage::{Decider, Decision, Stage},
    universe::Universe,
};

/// The reconciles after which the operator has to be at rest. A network takes about 10 to be built and as many to go; each
/// failure that it finds adds a few.
pub const MOST_RECONCILES: usize = 150;

/// Runs the closure of a universe while something watches every call, and gives how it ends. The watcher may let arrive what is on
/// its way; the rest arrives in its time, or when the operator is at rest for the first time.
///
/// # Errors
/// The promise that does not hold, with the universe in which it does not.
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
    stage.with(|universe| universe.record(Who::Somebody, None, What::Rest, true, ""));
    for _ in 0..3 * operator.objects().max(1) {
        operator.step().await;
    }
    match stage.with(|universe| universe.breach.clone()) {
        Some(Breach { promise, why }) => end(promise, why),
        None => Ok(stage.with(|universe| universe.branch())),
    }
}
