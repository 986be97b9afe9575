//! Throttling: AWS throttles random calls while users act. Every network must still reach its desired state without
//! becoming `Stalled`, and without many additional calls.

use std::{
    fmt,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fastrand::Rng;
use kube::ResourceExt;
use mgnet::api::{ConditionType, MigrationNetwork, Reason, conditions::find};

use super::{Found, Outcome, Tally, closed, go, intact};
use crate::{
    goal,
    history::What,
    operator::Operator,
    promises::Breach,
    scenario::Scenario,
    stage::{Decider, Decision, Fault, Point, Stage, When},
    universe::Universe,
};

/// The numbers of calls and reconciles in a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// Calls sent to AWS.
    pub sent: u64,
    /// Calls that were throttled.
    pub refused: u64,
    /// Writes, including throttled ones.
    pub writes: u64,
    /// Reconciles.
    pub reconciles: u64,
    /// Reconciles that exceeded their deadline.
    pub ended: u64,
    /// Seconds on the world's clock.
    pub seconds: u64,
}

impl AddAssign for Throttled {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.refused += other.refused;
        self.writes += other.writes;
        self.reconciles += other.reconciles;
        self.ended += other.ended;
        self.seconds += other.seconds;
    }
}

impl fmt::Display for Throttled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, refused, writes, reconciles, ended, seconds } = self;
        write!(
            f,
            "{sent} calls sent, {refused} throttled, {writes} writes; {reconciles} reconciles, {ended} beyond their \
             deadline; {seconds} s"
        )
    }
}

/// The maximum number of reconciles between an act and the desired state.
const MOST_RECONCILES: u64 = 2_000;

/// Plays a scenario while AWS throttles `percent` of all calls, and then runs it to its end without throttling.
///
/// # Errors
/// The broken promise: `converges` if a network does not reach its desired state, `never stalled` if a network is
/// `Stalled`.
pub async fn throttled(landing: &Universe, scenario: &Scenario, percent: u8, seed: u64) -> Outcome<(Throttled, Tally)> {
    fastrand::seed(seed);
    let counts: [Arc<AtomicU64>; 3] = std::array::from_fn(|_| Arc::default());
    let how = || format!("{percent} % throttled, seed {seed}");
    let stage = Stage::new(landing.branch(), decider(percent, seed, &counts));
    let mut operator = Operator::start(&stage, 1);
    let begun = stage.with(|universe| universe.aws.now());
    let mut reconciles = 0;
    for act in scenario.acts.iter().map(Some).chain([None]) {
        let since = reconciles;
        // Waiting for rest would not be enough, because a throttled operator pauses, too.
        while let Err(why) = stage.with(|universe| goal::all_reached(universe.history.now())) {
            operator.step().await;
            reconciles += 1;
            intact(&stage, scenario.name, how)?;
            if reconciles - since > MOST_RECONCILES {
                let why = format!("the desired state is not reached within {MOST_RECONCILES} reconciles: {why}");
                return Err(Box::new(found(&stage, scenario, how(), "converges", why)));
            }
        }
        if let Some(act) = act {
            stage.with(|universe| universe.act(act.what, |universe| (act.act)(universe)));
            operator.restless();
        }
    }
    if let Some(stalled) = stage.with(|universe| stalled(universe)) {
        return Err(Box::new(found(&stage, scenario, how(), "never stalled", stalled)));
    }
    let universe = stage.with(|universe| universe.branch());
    let seconds = universe.aws.now().saturating_sub(begun).as_secs();
    let ended = ended(&universe);
    closed(&universe, go(), scenario.name, how).await?;
    let [sent, refused, writes] = counts.map(|count| count.load(Ordering::Relaxed));
    let tally = Tally { scenarios: 1, faults: refused, closures: 1, ..Tally::default() };
    Ok((Throttled { sent, refused, writes, reconciles, ended, seconds }, tally))
}

/// Returns a decider that throttles random calls to AWS, and counts sent calls, throttled calls and writes.
fn decider(percent: u8, seed: u64, counts: &[Arc<AtomicU64>; 3]) -> Decider {
    let mut rng = Rng::with_seed(seed);
    let [sent, refused, writes] = counts.clone();
    Box::new(move |point: &Point, _: &mut Universe| {
        if !point.to_aws || point.when == When::After {
            return Decision::Go;
        }
        sent.fetch_add(1, Ordering::Relaxed);
        writes.fetch_add(u64::from(point.is_write), Ordering::Relaxed);
        if rng.u8(..100) >= percent {
            return Decision::Go;
        }
        refused.fetch_add(1, Ordering::Relaxed);
        Decision::Fault(Fault::Throttle)
    })
}

/// The first moment at which a network was `Stalled`.
fn stalled(universe: &Universe) -> Option<String> {
    universe.history.moments.iter().find_map(|moment| {
        moment.after.networks.values().find_map(|network| {
            let stalled = find(&network.status.as_ref()?.conditions, ConditionType::Stalled)?;
            Some(format!("{}, {moment}: {}: {}", network.name_any(), stalled.reason, stalled.message))
        })
    })
}

/// The number of reconciles that exceeded their deadline according to the status.
fn ended(universe: &Universe) -> u64 {
    let tells = |network: &MigrationNetwork| {
        let conditions = network.status.as_ref().map_or(&[][..], |status| &status.conditions);
        find(conditions, ConditionType::Ready).is_some_and(|ready| ready.reason == Reason::InternalError.as_str())
    };
    let told = universe
        .history
        .moments
        .iter()
        .filter(|moment| matches!(moment.what, What::Write("status")) && moment.after.networks.values().any(tells));
    u64::try_from(told.count()).unwrap_or(u64::MAX)
}

fn found(stage: &Stage, scenario: &Scenario, how: String, promise: &'static str, why: String) -> Found {
    let universe = Box::new(stage.with(|universe| universe.branch()));
    Found { scenario: scenario.name.to_owned(), how, breach: Breach { promise, why }, universe }
}
