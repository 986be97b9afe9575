//! The scenarios that the search plays: the actions of users and other tools, and the VPC in which they take place.

mod acts;
mod hand_off;
mod list;
mod setting;

use std::{sync::Arc, time::Duration};

use crate::{
    operator::{Operator, Process},
    stage::{Decider, Stage},
    universe::Universe,
};

pub use self::{
    acts::{call, foreign_resources, second_gateway},
    hand_off::hand_off,
    list::all,
    setting::{class, landing, neighbour, rival, spec, tokyo},
};

/// The time of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// When the operator is at rest.
    AtRest,
    /// After this number of reconciles since the previous act.
    After(usize),
}

/// An action of a user or of another tool.
#[derive(Clone)]
pub struct Act {
    /// The time of the act.
    pub cue: Cue,
    /// A short name of the act.
    pub what: &'static str,
    /// The effect on the universe.
    pub act: Arc<dyn Fn(&mut Universe) + Send + Sync>,
}

/// A scenario.
#[derive(Clone)]
pub struct Scenario {
    /// The name of the scenario.
    pub name: &'static str,
    /// The time by which lists in AWS lag behind.
    pub lag: Duration,
    /// The acts, in order.
    pub acts: Vec<Act>,
}

/// Plays a scenario to its end. `turn` chooses the next of the `processes` processes, which restart after a crash,
/// and `decider` chooses the faults. Every effect is checked against the promises.
pub async fn play(
    universe: &Universe,
    acts: &[Act],
    processes: usize,
    mut turn: impl FnMut() -> usize,
    decider: Decider,
) -> Arc<Stage> {
    let stage = Stage::new(universe.branch(), decider);
    let mut started = processes;
    let mut troupe: Vec<Process> =
        (1..=processes).map(|number| Process::Idle(Operator::start(&stage, number))).collect();
    // Each act waits for its cue, but only for a limited number of reconciles: faults may keep the operator from its
    // rest.
    let cues = acts.iter().map(|act| act.cue).chain([Cue::AtRest]);
    let mut acts = acts.iter();
    for cue in cues {
        let (most, must_rest) = match cue {
            Cue::AtRest => (60 * processes, true),
            Cue::After(reconciles) => (reconciles, false),
        };
        for _ in 0..most {
            let who = turn() % processes;
            let process = troupe.remove(who);
            let process = process.go().await.unwrap_or_else(|| {
                started += 1;
                Process::Idle(Operator::start(&stage, started))
            });
            troupe.insert(who, process);
            if stage.with(|universe| universe.is_over || universe.breach.is_some()) {
                return stage;
            }
            if must_rest && troupe.iter_mut().all(Process::is_quiet) {
                break;
            }
        }
        if let Some(act) = acts.next() {
            let old = stage.with(|universe| universe.cluster);
            stage.with(|universe| universe.act(act.what, |universe| (act.act)(universe)));
            if stage.with(|universe| universe.cluster) != old {
                // The other cluster has an operator of its own.
                troupe.clear();
                for _ in 0..processes {
                    started += 1;
                    troupe.push(Process::Idle(Operator::start(&stage, started)));
                }
            }
        }
    }
    stage
}
