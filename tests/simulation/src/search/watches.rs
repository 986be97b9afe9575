//! Watches: what has changed is told late, twice, or not at all until everything is listed anew.

use std::time::Duration;

use super::{Outcome, Tally, closed, go, intact};
use crate::{
    kubernetes::Watch,
    scenario::{Scenario, play},
    universe::Universe,
};

/// Every way but the usual one. What is told 20 s late is told in the middle of something else, and 90 s late when the usual
/// look has come before it.
const WAYS: [Watch; 5] = [
    Watch::Late(Duration::from_secs(20)),
    Watch::Late(Duration::from_secs(90)),
    Watch::Twice(Duration::from_secs(3)),
    Watch::Twice(Duration::from_secs(20)),
    Watch::Missed,
];

/// Plays a scenario while watches tell of changes in each of these ways.
///
/// # Errors
/// The first broken promise.
pub async fn watches(landing: &Universe, scenario: &Scenario) -> Outcome<Tally> {
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    for watch in WAYS {
        let how = || format!("{watch:?}");
        let mut landing = landing.branch();
        landing.watch = watch;
        let stage = play(&landing, &scenario.acts, 1, || 0, go()).await;
        intact(&stage, scenario.name, how)?;
        let universe = stage.with(|universe| universe.branch());
        closed(&universe, go(), scenario.name, how).await?;
        tally.watches += 1;
        tally.closures += 1;
    }
    Ok(tally)
}
