//! Tests of single faults of the Kubernetes API, at every call of the operator, while networks are created, edited and
//! deleted. The networks must reach the same final state, and the operator must continue to run.
//!
//! `MGNET_FAULTS=all` tries every fault at the first call from each call site, and at a later call. Otherwise the test
//! tries a sample that contains every call site and every fault.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use support::{ApiFault, ApiProxy, CallSite, Lab, Operator, Order, Verb};

use crate::disturbed::{Life, PHASES, Phase, run_phase, through_proxy};

/// The number of networks that exist at the same time, each with a fault of its own.
const AT_ONCE: usize = 16;

/// A delay that is shorter than every timeout. `watches` tests that the operator never waits forever.
const SILENCE: ApiFault = ApiFault::Silence(Duration::from_secs(3));

/// The faults of a call.
const FAULTS: [ApiFault; 14] = [
    ApiFault::Refuse(401),
    ApiFault::Refuse(403),
    ApiFault::Refuse(404),
    ApiFault::Refuse(409),
    ApiFault::Refuse(422),
    ApiFault::Refuse(429),
    ApiFault::Refuse(500),
    ApiFault::Refuse(503),
    ApiFault::Refuse(504),
    ApiFault::RefuseDone(504),
    ApiFault::LoseAnswer,
    ApiFault::Cut,
    ApiFault::Garbage,
    SILENCE,
];

/// Returns the faults in a phase that once kept a network from its final state: call site, number of the call, and
/// fault. Every sample contains them.
fn regressions(phase: Phase) -> Vec<(CallSite, u64, ApiFault)> {
    let networks = |verb| CallSite::new(verb, "migrationnetworks");
    match phase {
        // The operator mistook the network for one that cannot be read, and ignored it.
        Phase::Create => {
            vec![(networks(Verb::Get), 1, ApiFault::Garbage), (networks(Verb::Get), 2, ApiFault::Refuse(404))]
        }
        Phase::Edit => vec![(networks(Verb::Get), 1, ApiFault::Refuse(404))],
        // The operator mistook the network, or the VPC lease, for a deleted one.
        Phase::Delete => vec![
            (networks(Verb::Patch), 1, ApiFault::Refuse(404)),
            (CallSite::new(Verb::Delete, "leases"), 1, ApiFault::Refuse(404)),
        ],
    }
}

/// Whether the test tries all faults at all call sites.
fn tries_all() -> bool {
    env::var("MGNET_FAULTS").is_ok_and(|faults| faults == "all")
}

/// The call sites of a phase, each with the least number of its calls.
type CallCounts = BTreeMap<CallSite, u64>;

/// The calls in one phase.
#[derive(Debug, Default)]
struct Recorded {
    /// Calls that identify their network.
    own: CallCounts,
    /// Calls that do not identify a network: lists of all objects, and calls for the leader's Lease.
    common: CallCounts,
}

/// The faults that remain to be tried in one phase.
#[derive(Debug, Default)]
struct Tries {
    own: VecDeque<(CallSite, u64, ApiFault)>,
    common: BTreeMap<CallSite, VecDeque<(u64, ApiFault)>>,
}

impl Tries {
    fn of(phase: Phase, recorded: &Recorded) -> Self {
        // Each phase begins with a different fault.
        let seed = 5 * phase as usize;
        let call_counts: Vec<_> = recorded.own.iter().collect();
        let all_of = |calls: u64| {
            // The first call, and a later call if there is one.
            let nths = [1, calls.div_ceil(2).max(2)].into_iter().take_while(move |nth| *nth <= calls);
            nths.flat_map(|nth| FAULTS.map(|fault| (nth, fault)))
        };
        let own = if tries_all() {
            let each = call_counts
                .iter()
                .flat_map(|(site, calls)| all_of(**calls).map(|(nth, fault)| ((*site).clone(), nth, fault)));
            each.collect()
        } else {
            let each = (0..AT_ONCE.max(call_counts.len())).map(|at| {
                let (site, calls) = call_counts[at % call_counts.len()];
                let nth = if at < call_counts.len() { 1 } else { 2.min(*calls) };
                (site.clone(), nth, FAULTS[(at + seed) % FAULTS.len()])
            });
            regressions(phase).into_iter().chain(each).take(AT_ONCE).collect()
        };
        let common = recorded.common.iter().enumerate().map(|(at, (site, calls))| {
            let mut tries: VecDeque<_> = all_of(*calls).collect();
            if !tries_all() {
                tries.rotate_left(at + seed);
                tries.truncate(1);
            }
            (site.clone(), tries)
        });
        Self { own, common: common.collect() }
    }

    fn is_done(&self) -> bool {
        self.own.is_empty() && self.common.values().all(VecDeque::is_empty)
    }
}

/// The ordered faults, and their results.
#[derive(Debug, Default)]
struct Tally {
    ordered: usize,
    networks: usize,
    /// Faults whose call was not made.
    missed: Vec<String>,
    /// Networks that did not reach their final state.
    failed: Vec<String>,
}

/// Records the calls for a few undisturbed networks, phase by phase, and returns those that every network makes.
async fn record(lab: &Lab, proxy: &ApiProxy) -> Result<BTreeMap<Phase, Recorded>> {
    let lives = Life::several(lab, "recorded", 3).await?;
    let mut recorded = BTreeMap::new();
    for phase in PHASES {
        let before = proxy.calls().len();
        run_phase(&lives, phase).await?;
        let identifiers = try_join_all(lives.iter().map(Life::identifiers)).await?;
        let (mut own, mut common): (Vec<CallCounts>, CallCounts) =
            (vec![CallCounts::new(); lives.len()], CallCounts::new());
        for call in &proxy.calls()[before..] {
            let index = identifiers.iter().position(|identifiers| call.mentions(identifiers));
            let call_counts = index.map_or(&mut common, |index| &mut own[index]);
            *call_counts.entry(call.site.clone()).or_default() += 1;
        }
        common.retain(|site, _| site.verb != Verb::Watch && !site.in_pages);
        let first = own.pop().context("no network was recorded")?;
        let least =
            |site: &CallSite| own.iter().map(|call_counts| call_counts.get(site).copied().unwrap_or_default()).min();
        let own = first.into_iter().map(|(site, calls)| (least(&site).unwrap_or(calls).min(calls), site));
        let own = own.filter(|(calls, _)| *calls > 0).map(|(calls, site)| (site, calls)).collect();
        // These are the calls for three networks. A single network makes a third of them.
        for calls in common.values_mut() {
            *calls = calls.div_ceil(3);
        }
        recorded.insert(phase, Recorded { own, common });
    }
    Ok(recorded)
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_single_kubernetes_api_fault_changes_the_final_state_or_stops_the_operator() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let (proxy, operator) = through_proxy(&lab, lab.operator().options().clone()).await?;
    let began = Instant::now();
    let recorded = record(&lab, &proxy).await?;
    for (phase, recorded) in &recorded {
        let call_counts = |call_counts: &CallCounts| {
            call_counts.iter().map(|(site, calls)| format!("{calls} {site}")).collect::<Vec<_>>().join(", ")
        };
        println!("{phase}: {}; common: {}", call_counts(&recorded.own), call_counts(&recorded.common));
    }
    let mut tries: BTreeMap<Phase, Tries> =
        recorded.iter().map(|(phase, recorded)| (*phase, Tries::of(*phase, recorded))).collect();
    let (pid, mut tally) = (operator.pid(), Tally::default());
    while tries.values().any(|tries| !tries.is_done()) {
        run_batch(&lab, &proxy, &operator, &mut tries, &mut tally).await?;
        ensure!(operator.pid() == pid, "the operator exited:\n{}", operator.log_tail(40));
        if tries_all() {
            println!("{} faults at {} networks after {:.0?}", tally.ordered, tally.networks, began.elapsed());
        }
    }
    let Tally { ordered, networks, missed, failed } = tally;
    println!(
        "{} of {ordered} faults took effect, {networks} networks, {:.0?}",
        ordered - missed.len(),
        began.elapsed()
    );
    if !missed.is_empty() {
        println!("calls that were not made: {missed:#?}");
    }
    ensure!(failed.is_empty(), "{} networks did not reach their final state:\n{}", failed.len(), failed.join("\n\n"));
    // A fault without effect tests nothing. A few are allowed, because the number of calls varies from run to run.
    ensure!(missed.len() * 20 <= ordered, "{} of {ordered} faults took no effect", missed.len());
    Ok(())
}

/// Creates, edits and deletes a batch of networks, each of them under one fault per phase.
async fn run_batch(
    lab: &Lab,
    proxy: &ApiProxy,
    operator: &Operator,
    tries: &mut BTreeMap<Phase, Tries>,
    tally: &mut Tally,
) -> Result<()> {
    let left = tries.values().map(|tries| tries.own.len()).max().unwrap_or_default();
    let mut lives = Life::several(lab, "single-fault", left.clamp(4, AT_ONCE)).await?;
    tally.networks += lives.len();
    for phase in PHASES {
        let Some(tries) = tries.get_mut(&phase) else { continue };
        let mut ordered = Vec::new();
        for life in &lives {
            let Some((site, nth, fault)) = tries.own.pop_front() else { break };
            ordered.push(Order { site, about: life.identifiers().await?, nth, fault });
        }
        // One fault per call site at a time, because several failed renewals in a row lose the Lease.
        for (site, tries) in &mut tries.common {
            let Some((nth, fault)) = tries.pop_front() else { continue };
            ordered.push(Order { site: site.clone(), about: Vec::new(), nth, fault });
        }
        tally.ordered += ordered.len();
        for order in &ordered {
            proxy.order(order.clone());
        }
        let ends = join_all(lives.iter().map(async |life| {
            life.begin(phase).await?;
            life.check(phase).await
        }));
        let ends = ends.await;
        tally.missed.extend(proxy.take_back().iter().map(|order| format!("{phase}: {order}")));
        ensure!(operator.is_running(), "the operator exited, with {}:\n{}", to_lines(&ordered), operator.log_tail(40));
        let mut remaining = Vec::new();
        for (life, end) in lives.into_iter().zip(ends) {
            match end {
                Ok(()) => remaining.push(life),
                Err(error) => {
                    let suspects = ordered
                        .iter()
                        .filter(|order| order.about.is_empty() || order.about.first() == Some(&life.site.namespace));
                    let suspects: Vec<Order> = suspects.cloned().collect();
                    let error: String = format!("{error:#}").chars().take(2_500).collect();
                    tally.failed.push(format!("{phase}, with {}\n{error}", to_lines(&suspects)));
                }
            }
        }
        lives = remaining;
    }
    Ok(())
}

fn to_lines(orders: &[Order]) -> String {
    orders.iter().fold(String::new(), |lines, order| format!("{lines}\n  {order}"))
}
