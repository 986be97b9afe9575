//! Tests of SIGKILL at every call that changes something in AWS while a network is created, edited and deleted: before
//! the call arrives, after its effect but with the answer withheld, and after its answer. A new process must bring AWS
//! to the desired state. It must not create a second resource in any slot, must not write to foreign resources, and
//! must leave nothing behind after the deletion.
//!
//! `MGNET_KILLS=all` kills at all of these calls. Otherwise the test chooses a few.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use support::state::State;
use support::{Call, ExclusiveLab, Expected, Fault, FaultKind, Lab, Operator, OperatorOptions, Site, Use};

use support::failing::{NAME, is_as_before, spoil, uncrowd, until_built, until_spoiled};
use support::history::History;

/// The number of networks that one kill affects.
const AT_ONCE: usize = 10;

/// The concurrency of the operator. It exceeds `AT_ONCE`, because each delayed call occupies a reconcile.
const CONCURRENCY: u32 = 16;

/// The number of rounds, which repeat the kills that came too late: on a busy machine a call may time out before all
/// networks have reached the call at which they are to be killed.
const ROUNDS: usize = 4;

/// A delay in seconds that exceeds every timeout of a call.
const BEYOND_EVERY_TIMEOUT: f64 = 40.0;

/// The operation on a network during which the process is killed.
enum Operation {
    Create,
    Edit(Value),
    Delete,
}

/// A scenario: an operation, the spec before it, and the resources after it.
struct Scenario {
    name: &'static str,
    /// A part of the spec before the operation.
    base: Value,
    operation: Operation,
    /// The expected resources after the operation. Not used after a deletion.
    expected: fn(Expected) -> Expected,
}

/// A placeholder key for endpoint subnets by the numbers of the landing's zones. A spec lists their IDs instead.
const SUBNETS: &str = "subnets of zones";

fn scenarios() -> Vec<Scenario> {
    let scenario = |name, base, operation, expected| Scenario { name, base, operation, expected };
    let nothing = || json!({});
    let no_resolver = || json!({ "resolver": { "mode": "Disabled" } });
    let no_ssm = || json!({ "postLaunch": { "ssm": "Disabled" } });
    let tags = || json!({ "tags": { "team": "billing" } });
    let ranges = json!({ "sourceCIDRs": ["10.50.0.0/16"], "proxyCIDRs": ["10.9.0.0/24"] });
    let same: fn(Expected) -> Expected = |expected| expected;
    vec![
        scenario("create", nothing(), Operation::Create, same),
        scenario("delete", nothing(), Operation::Delete, same),
        scenario(
            "other subnets",
            json!({ SUBNETS: [1, 2] }),
            Operation::Edit(json!({ SUBNETS: [2, 3] })),
            |expected| expected.subnets(["endpoints-2", "endpoints-3"]),
        ),
        scenario("other sources, and proxies", nothing(), Operation::Edit(ranges), |expected| {
            expected.sources(["10.50.0.0/16"]).proxies(["10.9.0.0/24"])
        }),
        scenario("no resolver", nothing(), Operation::Edit(no_resolver()), Expected::without_resolver),
        scenario("a resolver", no_resolver(), Operation::Edit(json!({ "resolver": null })), same),
        scenario("no SSM", nothing(), Operation::Edit(no_ssm()), Expected::without_ssm),
        scenario("SSM", no_ssm(), Operation::Edit(json!({ "postLaunch": null })), same),
        scenario("tags", nothing(), Operation::Edit(tags()), |expected| expected.tag("team", "billing")),
        scenario("no tags", tags(), Operation::Edit(json!({ "tags": null })), same),
    ]
}

/// The moment of the kill, relative to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Before the call arrives.
    Before,
    /// After the effect of the call, but before its answer.
    Unanswered,
    /// After the answer.
    Answered,
}

const MOMENTS: [Moment; 3] = [Moment::Before, Moment::Unanswered, Moment::Answered];

/// One kill.
#[derive(Clone)]
struct Kill<'s> {
    scenario: &'s Scenario,
    action: String,
    /// The number of the call among the scenario's calls of that action, counted from 1.
    nth: u64,
    moment: Moment,
}

impl fmt::Display for Kill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, action, nth, moment } = self;
        write!(f, "'{}', {action} {nth}, {moment:?}", scenario.name)
    }
}

/// A network in a site of its own, prepared for the operation.
struct Target<'s> {
    scenario: &'s Scenario,
    site: Site,
    history: History,
    before: State,
    subnets: BTreeMap<String, String>,
    /// The last call before the network was created.
    before_creation: u64,
    /// The last call before the operation.
    mark: u64,
}

impl<'s> Target<'s> {
    async fn prepare(lab: &Lab, scenario: &'s Scenario) -> Result<Self> {
        let site = lab.site("killed").await?;
        uncrowd(&site).await?;
        let mut landing = site.landing.clone();
        if scenario.base.get(SUBNETS).is_some() {
            landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
        }
        let (history, before) = (History::of(&site), site.state().await?);
        let before_creation = site.last_call().await?;
        let mut target =
            Self { scenario, site, history, before, subnets: landing.subnets, before_creation, mark: before_creation };
        if !matches!(scenario.operation, Operation::Create) {
            target.create().await?;
            target.site.existing_network(NAME).until_ready().await?;
        }
        target.mark = target.site.last_call().await?;
        Ok(target)
    }

    async fn create(&self) -> Result<()> {
        let base = self.resolve_subnets(&self.scenario.base)?;
        self.site.network(NAME).with_replication_group().spec(&base).apply().await?;
        Ok(())
    }

    fn resolve_subnets(&self, spec: &Value) -> Result<Value> {
        let Some(zones) = spec.get(SUBNETS).and_then(Value::as_array) else { return Ok(spec.clone()) };
        let ids = zones.iter().map(|zone| self.subnets.get(&format!("endpoints-{zone}")).context("no subnet"));
        Ok(json!({ "subnets": { "endpoints": { "ids": ids.collect::<Result<Vec<_>>>()? } } }))
    }

    async fn begin_operation(&self) -> Result<()> {
        let network = self.site.existing_network(NAME);
        match &self.scenario.operation {
            Operation::Create => self.create().await,
            Operation::Edit(spec) => network.edit(self.resolve_subnets(spec)?).await.map(|_| ()),
            Operation::Delete => network.delete().await,
        }
    }

    /// Waits until AWS is in the expected state.
    async fn until_done(&self) -> Result<()> {
        let network = self.site.existing_network(NAME);
        if matches!(self.scenario.operation, Operation::Delete) {
            network.until_gone().await
        } else {
            let expected = (self.scenario.expected)(self.site.expected().with_replication_group());
            until_built(&self.site, &network, &expected).await
        }
    }

    /// Checks that the operation reaches its expected state, that each slot was filled once, and that the network's own
    /// resources are the only ones written to.
    async fn check(&self) -> Result<()> {
        self.until_done().await?;
        self.history.check_each_slot_was_filled_once().await?;
        if !matches!(self.scenario.operation, Operation::Delete) {
            self.site.existing_network(NAME).delete_and_wait().await?;
        }
        is_as_before(&self.site, &self.before).await?;
        self.history.check_each_slot_was_filled_once().await?;
        self.history.check_only_own_was_written(self.before_creation).await
    }

    /// Returns the writes since the operation began that AWS accepted.
    async fn writes(&self) -> Result<Vec<Call>> {
        let writes = self.site.writes_after(self.mark).await?;
        Ok(writes.into_iter().filter(|call| call.outcome == "ok").collect())
    }

    /// Begins the operation, and waits until the process has reached the moment of the kill.
    async fn run_until_moment(&self, kill: &Kill<'_>) -> Result<()> {
        let control = self.site.lab.control();
        let at = |kind, seconds| Fault { nth: kill.nth, seconds, ..spoil(&self.site, kind, &kill.action) };
        match kill.moment {
            Moment::Before => {
                let order = control.order(&at(FaultKind::DelaySeconds, BEYOND_EVERY_TIMEOUT)).await?;
                self.begin_operation().await?;
                control.until_spoiled(order).await
            }
            Moment::Unanswered => {
                control.order(&at(FaultKind::Hold, 0.0)).await?;
                self.begin_operation().await?;
                until_spoiled(&self.site, "hold").await.map(|_| ())
            }
            Moment::Answered => {
                let order = control.order(&at(FaultKind::DelaySeconds, 1.0)).await?;
                self.begin_operation().await?;
                control.until_spoiled(order).await?;
                // The process gets no further answer from AWS after this one.
                let next = Fault {
                    action: None,
                    seconds: BEYOND_EVERY_TIMEOUT,
                    ..spoil(&self.site, FaultKind::DelaySeconds, "")
                };
                let order = control.order(&next).await?;
                control.until_spoiled(order).await
            }
        }
    }

    /// Whether the kill hit the process at the planned moment.
    async fn was_in_time(&self, kill: &Kill<'_>) -> Result<bool> {
        let writes = self.writes().await?;
        let made = u64::try_from(writes.iter().filter(|call| call.action == kill.action).count())?;
        let is_last = writes.last().is_some_and(|last| last.action == kill.action);
        Ok(match kill.moment {
            Moment::Before => made + 1 == kill.nth,
            Moment::Unanswered | Moment::Answered => made == kill.nth && is_last,
        })
    }
}

/// Returns the writes of a scenario, each as its action and its number among the calls of that action.
async fn calls_of(lab: &Lab, scenario: &Scenario) -> Result<Vec<(String, u64)>> {
    let target = Target::prepare(lab, scenario).await?;
    target.begin_operation().await?;
    target.until_done().await?;
    let mut met = BTreeMap::<String, u64>::new();
    let calls = target.writes().await?.into_iter().map(|call| {
        let nth = met.entry(call.action.clone()).or_default();
        *nth += 1;
        (call.action, *nth)
    });
    let calls: Vec<_> = calls.collect();
    ensure!(!calls.is_empty(), "'{}' changes nothing", scenario.name);
    target.check().await?;
    Ok(calls)
}

/// Kills the process once for all of these kills, and returns those for which the kill came too late.
async fn kill_at<'s>(lab: &ExclusiveLab, operator: &Operator, kills: &[Kill<'s>]) -> Result<Vec<Kill<'s>>> {
    let targets = try_join_all(kills.iter().map(|kill| Target::prepare(lab, kill.scenario))).await?;
    let all = || targets.iter().zip(kills);
    try_join_all(
        all().map(async |(target, kill)| target.run_until_moment(kill).await.with_context(|| kill.to_string())),
    )
    .await?;
    operator.kill().await?;
    lab.control().release().await?;
    try_join_all(targets.iter().map(|target| lab.control().cancel_faults(&target.site.account))).await?;
    let in_time = try_join_all(all().map(|(target, kill)| target.was_in_time(kill))).await?;
    operator.start().await?;
    try_join_all(all().map(async |(target, kill)| target.check().await.with_context(|| kill.to_string()))).await?;
    Ok(kills.iter().zip(in_time).filter(|(_, in_time)| !in_time).map(|(kill, _)| kill.clone()).collect())
}

/// Returns the kills of a scenario: each call at each moment, or a sample of two calls, such that the sample of three
/// scenarios contains each moment twice.
fn chosen<'s>(all: bool, scenario: &'s Scenario, calls: &[(String, u64)], index: usize) -> Vec<Kill<'s>> {
    let kill = |(action, nth): &(String, u64), moment| Kill { scenario, action: action.clone(), nth: *nth, moment };
    if all {
        return calls.iter().flat_map(|call| MOMENTS.map(|moment| kill(call, moment))).collect();
    }
    let picked = [calls.len() / 3, calls.len() * 2 / 3].into_iter().enumerate();
    picked.filter_map(|(at, call)| Some(kill(calls.get(call)?, MOMENTS[(index * 2 + at) % 3]))).collect()
}

#[tokio::test]
async fn a_kill_at_any_write_of_create_edit_or_delete_leaves_no_duplicate_and_no_trace() -> Result<()> {
    let all = std::env::var("MGNET_KILLS").is_ok_and(|which| which == "all");
    let began = Instant::now();
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let operator =
        lab.operator().another(OperatorOptions { concurrency: CONCURRENCY, ..lab.operator().options().clone() });
    operator.start().await?;
    let mut scenarios = scenarios();
    if !all {
        scenarios.truncate(3);
    }
    let calls = try_join_all(scenarios.iter().map(|scenario| calls_of(&lab, scenario))).await?;
    let planned = scenarios.iter().zip(&calls).enumerate();
    let planned: Vec<_> = planned.flat_map(|(index, (scenario, calls))| chosen(all, scenario, calls, index)).collect();
    let (mut left, mut late) = (planned.clone(), 0);
    for _ in 0..ROUNDS {
        let mut missed = Vec::new();
        for kills in left.chunks(AT_ONCE) {
            missed.extend(kill_at(&lab, &operator, kills).await?);
            println!("{:.0} s: {} kills", began.elapsed().as_secs_f64(), kills.len());
        }
        late += missed.len();
        left = missed;
    }
    if let Some(kill) = left.first() {
        bail!("{} kills came too late in every round, such as {kill}", left.len());
    }
    let of = |moment| planned.iter().filter(|kill| kill.moment == moment).count();
    println!(
        "{} networks killed at {} calls of {} scenarios: {} before, {} unanswered, {} answered; {late} came too late \
         and were repeated; {:.0} s",
        planned.len() + late,
        calls.iter().map(Vec::len).sum::<usize>(),
        scenarios.len(),
        of(Moment::Before),
        of(Moment::Unanswered),
        of(Moment::Answered),
        began.elapsed().as_secs_f64()
    );
    operator.kill().await
}
