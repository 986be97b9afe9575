//! SIGKILL at every call that changes something in AWS, of a network that is made, edited and deleted: before the call arrives, after
//! its effect with the answer withheld, and after its answer. A new process has to bring AWS to the goal, without a second
//! resource in any slot, without a write to what is not the network's, and in the end without a trace.
//!
//! `MGNET_KILLS=all` kills at all of them; else a few are chosen.

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

/// How many networks one kill hits.
const AT_ONCE: usize = 10;

/// More than those, as each call that is held up occupies a reconcile.
const CONCURRENCY: u32 = 16;

/// How often a kill is tried again that came too late: on a busy machine an answer may be given up before all networks are where they
/// are to be.
const ROUNDS: usize = 4;

/// Longer than anybody waits for a call.
const FOR_EVER: f64 = 40.0;

/// What somebody does with a network.
enum Deed {
    Create,
    Edit(Value),
    Delete,
}

/// What is killed in the middle.
struct Script {
    name: &'static str,
    /// A part of the spec that the network has before.
    base: Value,
    deed: Deed,
    /// What is to be there afterwards; nothing after a deletion.
    expected: fn(Expected) -> Expected,
}

/// Subnets by the names of the landing, which are told by their ids in a spec.
const SUBNETS: &str = "subnets of zones";

fn scripts() -> Vec<Script> {
    let script = |name, base, deed, expected| Script { name, base, deed, expected };
    let nothing = || json!({});
    let no_resolver = || json!({ "resolver": { "mode": "Disabled" } });
    let no_ssm = || json!({ "postLaunch": { "ssm": "Disabled" } });
    let tags = || json!({ "tags": { "team": "billing" } });
    let ranges = json!({ "sourceCIDRs": ["10.50.0.0/16"], "proxyCIDRs": ["10.9.0.0/24"] });
    let same: fn(Expected) -> Expected = |expected| expected;
    vec![
        script("create", nothing(), Deed::Create, same),
        script("delete", nothing(), Deed::Delete, same),
        script("other subnets", json!({ SUBNETS: [1, 2] }), Deed::Edit(json!({ SUBNETS: [2, 3] })), |expected| {
            expected.subnets(["endpoints-2", "endpoints-3"])
        }),
        script("other sources, and proxies", nothing(), Deed::Edit(ranges), |expected| {
            expected.sources(["10.50.0.0/16"]).proxies(["10.9.0.0/24"])
        }),
        script("no resolver", nothing(), Deed::Edit(no_resolver()), Expected::without_resolver),
        script("a resolver", no_resolver(), Deed::Edit(json!({ "resolver": null })), same),
        script("no SSM", nothing(), Deed::Edit(no_ssm()), Expected::without_ssm),
        script("SSM", no_ssm(), Deed::Edit(json!({ "postLaunch": null })), same),
        script("tags", nothing(), Deed::Edit(tags()), |expected| expected.tag("team", "billing")),
        script("no tags", tags(), Deed::Edit(json!({ "tags": null })), same),
    ]
}

/// When the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Before,
    Unheard,
    Answered,
}

const MOMENTS: [Moment; 3] = [Moment::Before, Moment::Unheard, Moment::Answered];

/// One kill.
#[derive(Clone)]
struct Kill<'s> {
    script: &'s Script,
    action: String,
    /// Which of the script's calls of that action, from 1.
    nth: u64,
    moment: Moment,
}

impl fmt::Display for Kill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, action, nth, moment } = self;
        write!(f, "'{}', {action} {nth}, {moment:?}", script.name)
    }
}

/// A network in a site of its own, as it is before the deed.
struct Victim<'s> {
    script: &'s Script,
    site: Site,
    history: History,
    before: State,
    subnets: BTreeMap<String, String>,
    /// The last call before the network.
    born: u64,
    /// The last call before the deed.
    mark: u64,
}

impl<'s> Victim<'s> {
    async fn prepare(lab: &Lab, script: &'s Script) -> Result<Self> {
        let site = lab.site("killed").await?;
        uncrowd(&site).await?;
        let mut landing = site.landing.clone();
        if script.base.get(SUBNETS).is_some() {
            landing.add_subnet(&site.aws, Use::Endpoints, 3).await?;
        }
        let (history, before) = (History::of(&site), site.state().await?);
        let born = site.last_call().await?;
        let mut victim = Self { script, site, history, before, subnets: landing.subnets, born, mark: born };
        if !matches!(script.deed, Deed::Create) {
            victim.create().await?;
            victim.site.existing_network(NAME).until_ready().await?;
        }
        victim.mark = victim.site.last_call().await?;
        Ok(victim)
    }

    async fn create(&self) -> Result<()> {
        let base = self.in_words_of_the_api(&self.script.base)?;
        self.site.network(NAME).with_replication_group().spec(&base).apply().await?;
        Ok(())
    }

    fn in_words_of_the_api(&self, spec: &Value) -> Result<Value> {
        let Some(zones) = spec.get(SUBNETS).and_then(Value::as_array) else { return Ok(spec.clone()) };
        let ids = zones.iter().map(|zone| self.subnets.get(&format!("endpoints-{zone}")).context("no subnet"));
        Ok(json!({ "subnets": { "endpoints": { "ids": ids.collect::<Result<Vec<_>>>()? } } }))
    }

    async fn act(&self) -> Result<()> {
        let network = self.site.existing_network(NAME);
        match &self.script.deed {
            Deed::Create => self.create().await,
            Deed::Edit(spec) => network.edit(self.in_words_of_the_api(spec)?).await.map(|_| ()),
            Deed::Delete => network.delete().await,
        }
    }

    /// Waits until AWS is as it was to be.
    async fn until_done(&self) -> Result<()> {
        let network = self.site.existing_network(NAME);
        if matches!(self.script.deed, Deed::Delete) {
            network.until_gone().await
        } else {
            let expected = (self.script.expected)(self.site.expected().with_replication_group());
            until_built(&self.site, &network, &expected).await
        }
    }

    /// The deed ends as it was to end, and nothing else has happened.
    async fn check(&self) -> Result<()> {
        self.until_done().await?;
        self.history.check_each_slot_was_filled_once().await?;
        if !matches!(self.script.deed, Deed::Delete) {
            self.site.existing_network(NAME).delete_and_wait().await?;
        }
        is_as_before(&self.site, &self.before).await?;
        self.history.check_each_slot_was_filled_once().await?;
        self.history.check_only_own_was_written(self.born).await
    }

    /// The writes since the deed that AWS took.
    async fn writes(&self) -> Result<Vec<Call>> {
        let writes = self.site.writes_after(self.mark).await?;
        Ok(writes.into_iter().filter(|call| call.outcome == "ok").collect())
    }

    /// Does the deed, and waits until the process is where it is to be killed.
    async fn run_up_to(&self, kill: &Kill<'_>) -> Result<()> {
        let world = self.site.lab.world();
        let at = |kind, seconds| Fault { nth: kill.nth, seconds, ..spoil(&self.site, kind, &kill.action) };
        match kill.moment {
            Moment::Before => {
                let order = world.order(&at(FaultKind::DelaySeconds, FOR_EVER)).await?;
                self.act().await?;
                world.until_spoiled(order).await
            }
            Moment::Unheard => {
                world.order(&at(FaultKind::Hold, 0.0)).await?;
                self.act().await?;
                until_spoiled(&self.site, "hold").await.map(|_| ())
            }
            Moment::Answered => {
                let order = world.order(&at(FaultKind::DelaySeconds, 1.0)).await?;
                self.act().await?;
                world.until_spoiled(order).await?;
                // Whatever the process does in AWS after it has the answer, it is not heard.
                let next = Fault { action: None, seconds: FOR_EVER, ..spoil(&self.site, FaultKind::DelaySeconds, "") };
                let order = world.order(&next).await?;
                world.until_spoiled(order).await
            }
        }
    }

    /// Whether the process was where it was to be when it was killed.
    async fn was_in_time(&self, kill: &Kill<'_>) -> Result<bool> {
        let writes = self.writes().await?;
        let made = u64::try_from(writes.iter().filter(|call| call.action == kill.action).count())?;
        let is_last = writes.last().is_some_and(|last| last.action == kill.action);
        Ok(match kill.moment {
            Moment::Before => made + 1 == kill.nth,
            Moment::Unheard | Moment::Answered => made == kill.nth && is_last,
        })
    }
}

/// The calls of a script that change something, each by its action and which of them it is.
async fn calls_of(lab: &Lab, script: &Script) -> Result<Vec<(String, u64)>> {
    let victim = Victim::prepare(lab, script).await?;
    victim.act().await?;
    victim.until_done().await?;
    let mut met = BTreeMap::<String, u64>::new();
    let calls = victim.writes().await?.into_iter().map(|call| {
        let nth = met.entry(call.action.clone()).or_default();
        *nth += 1;
        (call.action, *nth)
    });
    let calls: Vec<_> = calls.collect();
    ensure!(!calls.is_empty(), "'{}' changes nothing", script.name);
    victim.check().await?;
    Ok(calls)
}

/// Kills the process once for all of these, and gives those that it came too late for.
async fn kill_at<'s>(lab: &ExclusiveLab, operator: &Operator, kills: &[Kill<'s>]) -> Result<Vec<Kill<'s>>> {
    let victims = try_join_all(kills.iter().map(|kill| Victim::prepare(lab, kill.script))).await?;
    let all = || victims.iter().zip(kills);
    try_join_all(all().map(async |(victim, kill)| victim.run_up_to(kill).await.with_context(|| kill.to_string())))
        .await?;
    operator.kill().await?;
    lab.world().release().await?;
    try_join_all(victims.iter().map(|victim| lab.world().cancel_faults(&victim.site.account))).await?;
    let in_time = try_join_all(all().map(|(victim, kill)| victim.was_in_time(kill))).await?;
    operator.start().await?;
    try_join_all(all().map(async |(victim, kill)| victim.check().await.with_context(|| kill.to_string()))).await?;
    Ok(kills.iter().zip(in_time).filter(|(_, in_time)| !in_time).map(|(kill, _)| kill.clone()).collect())
}

/// Each call at each moment; or of each script two calls, with each moment twice.
fn chosen<'s>(all: bool, script: &'s Script, calls: &[(String, u64)], turn: usize) -> Vec<Kill<'s>> {
    let kill = |(action, nth): &(String, u64), moment| Kill { script, action: action.clone(), nth: *nth, moment };
    if all {
        return calls.iter().flat_map(|call| MOMENTS.map(|moment| kill(call, moment))).collect();
    }
    let picked = [calls.len() / 3, calls.len() * 2 / 3].into_iter().enumerate();
    picked.filter_map(|(at, call)| Some(kill(calls.get(call)?, MOMENTS[(turn * 2 + at) % 3]))).collect()
}

#[tokio::test]
async fn a_kill_at_any_call_of_a_create_an_edit_and_a_deletion_leaves_no_duplicate_and_no_trace() -> Result<()> {
    let all = std::env::var("MGNET_KILLS").is_ok_and(|which| which == "all");
    let begun = Instant::now();
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let operator =
        lab.operator().another(OperatorOptions { concurrency: CONCURRENCY, ..lab.operator().options().clone() });
    operator.start().await?;
    let mut scripts = scripts();
    if !all {
        scripts.truncate(3);
    }
    let calls = try_join_all(scripts.iter().map(|script| calls_of(&lab, script))).await?;
    let planned = scripts.iter().zip(&calls).enumerate();
    let planned: Vec<_> = planned.flat_map(|(turn, (script, calls))| chosen(all, script, calls, turn)).collect();
    let (mut left, mut late) = (planned.clone(), 0);
    for _ in 0..ROUNDS {
        let mut missed = Vec::new();
        for kills in left.chunks(AT_ONCE) {
            missed.extend(kill_at(&lab, &operator, kills).await?);
            println!("{:.0} s: {} kills", begun.elapsed().as_secs_f64(), kills.len());
        }
        late += missed.len();
        left = missed;
    }
    if let Some(kill) = left.first() {
        bail!("{} kills came too late time and again, such as {kill}", left.len());
    }
    let of = |moment| planned.iter().filter(|kill| kill.moment == moment).count();
    println!(
        "{} networks killed at {} calls of {} scripts: {} before, {} unheard, {} answered; {late} came too late and were repeated; \
         {:.0} s",
        planned.len() + late,
        calls.iter().map(Vec::len).sum::<usize>(),
        scripts.len(),
        of(Moment::Before),
        of(Moment::Unheard),
        of(Moment::Answered),
        begun.elapsed().as_secs_f64()
    );
    operator.kill().await
}
