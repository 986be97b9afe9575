//! Unreliable watches: changes are reported late, twice, or only when all objects are listed again.

use std::time::Duration;

use super::{Outcome, Tally, closed, go, intact};
use crate::{
    kubernetes::Watch,
    scenario::{Scenario, play},
    universe::Universe,
};

/// All ways except the usual one. A report that is 20 s late arrives during other work, and one that is 90 s late
/// arrives after a resync.
const WAYS: [Watch; 5] = [
    Watch::Late(Duration::from_secs(20)),
    Watch::Late(Duration::from_secs(90)),
    Watch::Twice(Duration::from_secs(3)),
    Watch::Twice(Duration::from_secs(20)),
    Watch::Missed,
];

/// Plays a scenario once for each way in which watches report changes.
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
