//! Every single fault of the Kubernetes API, at every call of the operator, while networks are created, edited and deleted: they
//! come to the same end, and the operator goes on.
//!
//! `MGNET_FAULTS=all` tries every fault at the first call of each place, and at a later one; else it is a sample, in which every
//! place and every fault occurs.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use support::{ApiFault, ApiProxy, CallSite, Lab, Operator, Order, Verb};

use crate::disturbed::{Life, PHASES, Phase, go_through, through_proxy};

/// How many networks live at once, each with a fault of its own.
const AT_ONCE: usize = 16;

/// Shorter than anything waits for an answer; that nothing waits for ever is told in `watches`.
const SILENCE: ApiFault = ApiFault::Silence(Duration::from_secs(3));

/// What becomes of a call.
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

/// What has once kept a network from its end, in every sample: the phase, the call, and what became of it.
fn found(phase: Phase) -> Vec<(CallSite, u64, ApiFault)> {
    let networks = |verb| CallSite::new(verb, "migrationnetworks");
    match phase {
        // Taken for a network that cannot be read, and left alone.
        Phase::Create => {
            vec![(networks(Verb::Get), 1, ApiFault::Garbage), (networks(Verb::Get), 2, ApiFault::Refuse(404))]
        }
        Phase::Edit => vec![(networks(Verb::Get), 1, ApiFault::Refuse(404))],
        // Taken for a network, and for a claim, that is gone.
        Phase::Delete => vec![
            (networks(Verb::Patch), 1, ApiFault::Refuse(404)),
            (CallSite::new(Verb::Delete, "leases"), 1, ApiFault::Refuse(404)),
        ],
    }
}

/// Whether everything is to be tried.
fn all() -> bool {
    env::var("MGNET_FAULTS").is_ok_and(|faults| faults == "all")
}

/// From where a phase calls, and how often at least.
type Places = BTreeMap<CallSite, u64>;

/// The calls of one phase, of one network and of all.
#[derive(Debug, Default)]
struct Recorded {
    /// What the calls say which network they are about.
    own: Places,
    /// What they do not: lists of everything, and the leader's Lease.
    common: Places,
}

/// What is tried in one phase.
#[derive(Debug, Default)]
struct Tries {
    own: VecDeque<(CallSite, u64, ApiFault)>,
    common: BTreeMap<CallSite, VecDeque<(u64, ApiFault)>>,
}

impl Tries {
    fn of(phase: Phase, recorded: &Recorded) -> Self {
        // Each phase begins with another fault.
        let seed = 5 * phase as usize;
        let places: Vec<_> = recorded.own.iter().collect();
        let all_of = |calls: u64| {
            // The first call, and one that comes later, if one does.
            let nths = [1, calls.div_ceil(2).max(2)].into_iter().take_while(move |nth| *nth <= calls);
            nths.flat_map(|nth| FAULTS.map(|fault| (nth, fault)))
        };
        let own = if all() {
            let each = places
                .iter()
                .flat_map(|(site, calls)| all_of(**calls).map(|(nth, fault)| ((*site).clone(), nth, fault)));
            each.collect()
        } else {
            let each = (0..AT_ONCE.max(places.len())).map(|at| {
                let (site, calls) = places[at % places.len()];
                let nth = if at < places.len() { 1 } else { 2.min(*calls) };
                (site.clone(), nth, FAULTS[(at + seed) % FAULTS.len()])
            });
            found(phase).into_iter().chain(each).take(AT_ONCE).collect()
        };
        let common = recorded.common.iter().enumerate().map(|(at, (site, calls))| {
            let mut tries: VecDeque<_> = all_of(*calls).collect();
            if !all() {
                tries.rotate_left(at + seed);
                tries.truncate(1);
            }
            (site.clone(), tries)
        });
        Self { own, common: common.collect() }
    }

    fn is_over(&self) -> bool {
        self.own.is_empty() && self.common.values().all(VecDeque::is_empty)
    }
}

/// What was ordered, and what came of it.
#[derive(Debug, Default)]
struct Tally {
    ordered: usize,
    networks: usize,
    /// Faults whose call was not made.
    missed: Vec<String>,
    /// Networks that did not come to their end.
    failed: Vec<String>,
}

/// The calls of a few undisturbed networks, phase by phase: what each of them makes.
async fn record(lab: &Lab, proxy: &ApiProxy) -> Result<BTreeMap<Phase, Recorded>> {
    let lives = Life::several(lab, "recorded", 3).await?;
    let mut recorded = BTreeMap::new();
    for phase in PHASES {
        let before = proxy.calls().len();
        go_through(&lives, phase).await?;
        let words = try_join_all(lives.iter().map(Life::words)).await?;
        let (mut own, mut common): (Vec<Places>, Places) = (vec![Places::new(); lives.len()], Places::new());
        for call in &proxy.calls()[before..] {
            let whose = words.iter().position(|words| call.mentions(words));
            let places = whose.map_or(&mut common, |whose| &mut own[whose]);
            *places.entry(call.site.clone()).or_default() += 1;
        }
        common.retain(|site, _| site.verb != Verb::Watch && !site.in_pages);
        let first = own.pop().context("nobody was recorded")?;
        let least = |site: &CallSite| own.iter().map(|places| places.get(site).copied().unwrap_or_default()).min();
        let own = first.into_iter().map(|(site, calls)| (least(&site).unwrap_or(calls).min(calls), site));
        let own = own.filter(|(calls, _)| *calls > 0).map(|(calls, site)| (site, calls)).collect();
        // Of three networks; one that is alone makes a third of them.
        for calls in common.values_mut() {
            *calls = calls.div_ceil(3);
        }
        recorded.insert(phase, Recorded { own, common });
    }
    Ok(recorded)
}

// The proxy is a server, and some calls of a test block their thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_single_fault_of_the_kubernetes_api_changes_how_a_network_ends_or_stops_the_operator() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let (proxy, operator) = through_proxy(&lab, lab.operator().options().clone()).await?;
    let began = Instant::now();
    let recorded = record(&lab, &proxy).await?;
    for (phase, recorded) in &recorded {
        let places = |places: &Places| {
            places.iter().map(|(site, calls)| format!("{calls} {site}")).collect::<Vec<_>>().join(", ")
        };
        println!("{phase}: {}; of all: {}", places(&recorded.own), places(&recorded.common));
    }
    let mut tries: BTreeMap<Phase, Tries> =
        recorded.iter().map(|(phase, recorded)| (*phase, Tries::of(*phase, recorded))).collect();
    let (pid, mut tally) = (operator.pid(), Tally::default());
    while tries.values().any(|tries| !tries.is_over()) {
        batch(&lab, &proxy, &operator, &mut tries, &mut tally).await?;
        ensure!(operator.pid() == pid, "the operator ended:\n{}", operator.log_tail(40));
        if all() {
            println!("{} faults at {} networks after {:.0?}", tally.ordered, tally.networks, began.elapsed());
        }
    }
    let Tally { ordered, networks, missed, failed } = tally;
    println!("{} of {ordered} faults struck, {networks} networks, {:.0?}", ordered - missed.len(), began.elapsed());
    if !missed.is_empty() {
        println!("calls that were not made: {missed:#?}");
    }
    ensure!(failed.is_empty(), "{} networks did not come to their end:\n{}", failed.len(), failed.join("\n\n"));
    // A fault that did not strike shows nothing. How often a call is made is not the same each time.
    ensure!(missed.len() * 20 <= ordered, "{} of {ordered} faults did not strike", missed.len());
    Ok(())
}

/// One network for each of some faults, from its creation to its end.
async fn batch(
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
            ordered.push(Order { site, about: life.words().await?, nth, fault });
        }
        // One at a time: several failed renewals in a row are a lost Lease.
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
        ensure!(operator.is_running(), "the operator ended, with {}:\n{}", listed(&ordered), operator.log_tail(40));
        let mut going = Vec::new();
        for (life, end) in lives.into_iter().zip(ends) {
            match end {
                Ok(()) => going.push(life),
                Err(error) => {
                    let suspects = ordered
                        .iter()
                        .filter(|order| order.about.is_empty() || order.about.first() == Some(&life.site.namespace));
                    let suspects: Vec<Order> = suspects.cloned().collect();
                    let error: String = format!("{error:#}").chars().take(2_500).collect();
                    tally.failed.push(format!("{phase}, with {}\n{error}", listed(&suspects)));
                }
            }
        }
        lives = going;
    }
    Ok(())
}

fn listed(orders: &[Order]) -> String {
    orders.iter().fold(String::new(), |lines, order| format!("{lines}\n  {order}"))
}
