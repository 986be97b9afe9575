//! Two replicas of the operator: one leads, and the other one takes over when it is killed, halted or asked to end. And what
//! becomes of AWS when two work at once, which leader election makes rare and cannot rule out.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::env;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use mgnet::api::ClaimPhase;
use mgnet::controller::LEASE;
use serde_json::json;
use support::state::State;
use support::{ExclusiveLab, Fault, FaultKind, Lab, OPERATOR_NAMESPACE, Operator, OperatorOptions, Site};

use support::failing::{NAME, is_as_before, spoil, uncrowd, until, until_built, until_observed, until_spoiled};
use support::history::{History, slot_of};

/// Times with which many rounds fit into a test: lease, renew deadline, retry.
const SHORT: [&str; 3] = ["--lease-seconds=3", "--renew-deadline-seconds=2", "--lease-retry-seconds=0.5"];

/// The lease of those.
const LEASE_OF_SHORT: Duration = Duration::from_secs(3);

/// The longest from the end of a leader to the next one, beyond the lease.
const BEYOND: Duration = Duration::from_secs(2);

/// Two replicas, in place of the lab's operator.
struct Pair<'l> {
    lab: &'l ExclusiveLab,
    replicas: [Operator; 2],
    leases: Api<Lease>,
}

/// Who leads, by the Lease.
struct Led<'p> {
    holder: String,
    leader: &'p Operator,
    standby: &'p Operator,
}

impl<'l> Pair<'l> {
    /// Starts both, with those arguments beside the lab's.
    async fn start(lab: &'l ExclusiveLab, leader_election: bool, arguments: &[&str]) -> Result<Self> {
        // It would do all the work.
        lab.operator().kill().await?;
        let replicas = ["first", "second"].map(|name| {
            let arguments = arguments.iter().map(|&argument| argument.to_owned());
            let name = format!("--pod-name={name}");
            let arguments = arguments.chain([name]).collect();
            lab.operator().another(OperatorOptions { leader_election, arguments, ..lab.operator().options().clone() })
        });
        try_join(replicas[0].start(), replicas[1].start()).await?;
        let leases = Api::namespaced(lab.kube().await?, OPERATOR_NAMESPACE);
        Ok(Self { lab, replicas, leases })
    }

    async fn holder(&self) -> Result<Option<String>> {
        let lease = self.leases.get_opt(LEASE).await?;
        Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty()))
    }

    /// Waits until one of the two leads.
    async fn until_led(&self) -> Result<Led<'_>> {
        let holder = until("one of the two leads", async || self.holder().await).await?;
        let [first, second] = &self.replicas;
        let (leader, standby) = if holder.starts_with("first_") { (first, second) } else { (second, first) };
        Ok(Led { holder, leader, standby })
    }

    /// Waits until another one leads than that, and tells for how long it was waited since `since`.
    async fn until_taken_over(&self, from: &str, since: Instant) -> Result<Duration> {
        until("the other one takes over", async || {
            let taken = self.holder().await?.is_some_and(|holder| holder != from);
            Ok(taken.then(|| since.elapsed()))
        })
        .await
    }

    /// Starts again what has ended, as Kubernetes would.
    async fn restart_ended(&self) -> Result<()> {
        try_join_all(self.replicas.iter().map(Operator::start)).await?;
        Ok(())
    }
}

/// A network in a site of its own.
struct Watched {
    site: Site,
    history: History,
    before: State,
}

impl Watched {
    async fn new(lab: &Lab, name: &str) -> Result<Self> {
        let site = lab.site(name).await?;
        uncrowd(&site).await?;
        let (history, before) = (History::of(&site), site.state().await?);
        Ok(Self { site, history, before })
    }

    async fn create(&self) -> Result<()> {
        self.site.network(NAME).with_replication_group().apply().await?;
        Ok(())
    }

    /// Waits until that many resources were asked for, and no longer than until all were.
    async fn until_asked_for(&self, resources: usize) -> Result<()> {
        // All of a network's are asked for within a second.
        for _ in 0..1_000 {
            let calls = self.site.calls().await?;
            if calls.iter().filter(|call| slot_of(call).is_ok()).count() >= resources {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("{resources} resources were not asked for")
    }

    async fn check_built_once(&self) -> Result<()> {
        let expected = self.site.expected().with_replication_group();
        until_built(&self.site, &self.site.existing_network(NAME), &expected).await?;
        self.history.check_each_slot_was_filled_once().await
    }

    async fn check_gone(&self) -> Result<()> {
        self.site.existing_network(NAME).until_gone().await?;
        is_as_before(&self.site, &self.before).await?;
        self.history.check_no_slot_held_two().await
    }
}

/// Steele's SplitMix64: chance that a printed seed brings back.
struct Chance(u64);

impl Chance {
    /// Of the seed in `MGNET_SEED`, or a new one.
    fn new() -> Result<Self> {
        let seed = match env::var("MGNET_SEED") {
            Ok(seed) => seed.parse().context("MGNET_SEED must be a number")?,
            Err(_) => RandomState::new().build_hasher().finish(),
        };
        println!("MGNET_SEED={seed}");
        Ok(Self(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// A time shorter than that.
    fn within(&mut self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.below(milliseconds))
    }
}

/// `MGNET_LEADER_KILLS` is how many leaders are killed.
#[tokio::test]
async fn a_leader_that_is_killed_during_a_create_is_replaced_within_its_lease_and_two_seconds() -> Result<()> {
    let kills = env::var("MGNET_LEADER_KILLS").map_or(Ok(4), |kills| kills.parse::<usize>())?;
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, true, &SHORT).await?;
    let mut chance = Chance::new()?;
    let (mut took, mut going) = (Vec::new(), VecDeque::new());
    for kill in 1..=kills {
        let watched = Watched::new(&lab, "leader-killed").await?;
        let led = pair.until_led().await?;
        watched.create().await?;
        watched.until_asked_for(usize::try_from(chance.below(12))?).await?;
        tokio::time::sleep(chance.within(20)).await;
        let killed = Instant::now();
        led.leader.kill().await?;
        let resources = watched.site.state().await?.slots().len();
        let after = pair.until_taken_over(&led.holder, killed).await?;
        println!("kill {kill}, with {resources} resources there: another one leads after {after:.1?}");
        ensure!(after <= LEASE_OF_SHORT + BEYOND, "kill {kill}: after {after:?}");
        took.push(after);
        pair.restart_ended().await?;
        watched.check_built_once().await.with_context(|| format!("kill {kill}"))?;
        // It goes while the next one comes, and the next leader is killed.
        watched.site.existing_network(NAME).delete().await?;
        going.push_back(watched);
        if going.len() > 2
            && let Some(gone) = going.pop_front()
        {
            gone.check_gone().await?;
        }
    }
    for gone in going {
        gone.check_gone().await?;
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!("{kills} kills; took over after {:?} (least), {:?} (median), {:?} (most)", at(0), at(50), at(100));
    Ok(())
}

/// With `MGNET_KILLS=all` the leader stands still for 30 s.
#[tokio::test]
async fn a_leader_that_is_halted_between_a_claim_and_its_call_s_answer_ends_at_once_when_it_goes_on() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, true, &SHORT).await?;
    let led = pair.until_led().await?;
    let seconds = if env::var("MGNET_KILLS").is_ok_and(|which| which == "all") { 30.0 } else { 17.0 };
    // Of some calls the effect is there and unheard, others arrive long after the next leader has made the same.
    let unheard = |action, nth| (FaultKind::Hold, action, nth);
    let late = |action, nth| (FaultKind::DelaySeconds, action, nth);
    let calls = [
        unheard("CreateSecurityGroup", 2),
        unheard("CreateVpcEndpoint", 3),
        unheard("CreateResolverEndpoint", 1),
        late("CreateVpcEndpoint", 2),
        late("CreateResolverEndpoint", 1),
        late("CreateSecurityGroup", 1),
    ];
    let all = try_join_all(calls.iter().map(async |(kind, action, nth)| {
        let watched = Watched::new(&lab, "leader-halted").await?;
        let fault = Fault { nth: *nth, seconds: seconds - 1.0, ..spoil(&watched.site, *kind, action) };
        lab.world().order(&fault).await?;
        watched.create().await?;
        Ok::<_, anyhow::Error>(watched)
    }))
    .await?;
    try_join_all(all.iter().zip(&calls).map(async |(watched, (kind, action, nth))| {
        if matches!(kind, FaultKind::Hold) {
            until_spoiled(&watched.site, "hold").await?;
        }
        until("all calls before it were made, and it is claimed", async || {
            let made = watched.site.calls().await?.iter().filter(|call| call.action == *action).count();
            let status = watched.site.existing_network(NAME).get().await?.status.unwrap_or_default();
            let claimed = status.claims.iter().any(|claim| claim.phase == ClaimPhase::Pending);
            Ok((claimed && made + 1 >= usize::try_from(*nth)?).then_some(()))
        })
        .await
    }))
    .await?;

    let halted = Instant::now();
    led.leader.signal("STOP")?;
    let after = pair.until_taken_over(&led.holder, halted).await?;
    println!("another one leads after {after:.1?}");
    ensure!(after <= LEASE_OF_SHORT + BEYOND, "after {after:?}");
    try_join_all(all.iter().map(Watched::check_built_once)).await?;
    // The calls that were late have arrived by then.
    tokio::time::sleep(Duration::from_secs_f64(seconds).saturating_sub(halted.elapsed())).await;

    led.leader.signal("CONT")?;
    let (code, took) = led.leader.until_ended().await?;
    println!("the one that was halted ended {took:.1?} after it went on");
    ensure!(code == Some(1) && took < Duration::from_secs(1), "{code:?} after {took:?}");
    lab.world().release().await?;
    try_join_all(all.iter().map(async |watched| {
        until_observed(&watched.site, 2).await?;
        watched.check_built_once().await?;
        watched.site.existing_network(NAME).delete().await?;
        watched.check_gone().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_standby_is_ready_and_does_nothing() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    // A lease of 15 s.
    let pair = Pair::start(&lab, true, &[]).await?;
    let led = pair.until_led().await?;
    let watched = Watched::new(&lab, "standby").await?;
    watched.create().await?;
    watched.check_built_once().await?;
    led.standby.probe("/readyz").await?;

    led.leader.signal("STOP")?;
    // What it has sent is answered.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mark = watched.site.last_call().await?;
    tokio::time::sleep(Duration::from_secs(u64::from(pair.lab.operator().options().resync_seconds) + 2)).await;
    let calls = watched.site.calls_after(mark).await?;
    ensure!(calls.is_empty(), "the standby called: {calls:?}");

    // It was not halted for as long as the renew deadline: it goes on.
    led.leader.signal("CONT")?;
    until_observed(&watched.site, 2).await?;
    ensure!(led.leader.is_running() && pair.holder().await?.as_ref() == Some(&led.holder), "it leads no more");
    watched.site.existing_network(NAME).delete().await?;
    watched.check_gone().await
}

#[tokio::test]
async fn a_leader_that_is_asked_to_end_finishes_its_reconciles_and_hands_over_at_once() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    // A lease of 15 s and tries every 2 s.
    let pair = Pair::start(&lab, true, &[]).await?;
    let led = pair.until_led().await?;
    let watched = Watched::new(&lab, "handed-over").await?;
    lab.world().order(&spoil(&watched.site, FaultKind::Hold, "CreateVpcEndpoint")).await?;
    watched.create().await?;
    until_spoiled(&watched.site, "hold").await?;

    led.leader.signal("TERM")?;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ensure!(led.leader.is_running(), "it did not wait for its reconcile");
    ensure!(pair.holder().await?.as_ref() == Some(&led.holder), "it gave the lead away while it works");
    lab.world().release().await?;
    let (code, _) = led.leader.until_ended().await?;
    let after = pair.until_taken_over(&led.holder, Instant::now()).await?;
    println!("another one leads {after:.1?} after the end");
    ensure!(code == Some(0), "it ended with {code:?}");
    ensure!(after < Duration::from_secs(4), "after {after:?}");

    watched.check_built_once().await?;
    watched.site.existing_network(NAME).delete().await?;
    watched.check_gone().await
}

#[tokio::test]
async fn two_that_work_at_once_and_are_halted_time_and_again_make_no_duplicate_and_leave_nothing() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, false, &[]).await?;
    let mut chance = Chance::new()?;
    let watched = try_join_all((0..3).map(|_| Watched::new(&lab, "two-leaders"))).await?;
    let seeds: Vec<u64> = watched.iter().map(|_| chance.below(u64::MAX)).collect();
    let halts = async {
        loop {
            let replica = &pair.replicas[usize::try_from(chance.below(2))?];
            replica.signal("STOP")?;
            tokio::time::sleep(chance.within(4_000)).await;
            replica.signal("CONT")?;
            tokio::time::sleep(chance.within(600)).await;
        }
    };
    let networks = try_join_all(watched.iter().zip(seeds).map(|(watched, seed)| live(watched, Chance(seed))));
    let result: Result<()> = tokio::select! {
        ended = networks => ended.map(|_| ()),
        halted = halts => halted,
    };
    for replica in &pair.replicas {
        replica.signal("CONT")?;
    }
    result?;
    // And none is worse for it.
    try_join_all(watched.iter().map(async |watched| {
        watched.create().await?;
        let expected = watched.site.expected().with_replication_group();
        until_built(&watched.site, &watched.site.existing_network(NAME), &expected).await?;
        watched.history.check_no_slot_held_two().await?;
        watched.site.existing_network(NAME).delete().await?;
        watched.check_gone().await
    }))
    .await?;
    Ok(())
}

/// Networks that come, are edited, and go, some of them before they were complete.
async fn live(watched: &Watched, mut chance: Chance) -> Result<()> {
    let edits = [
        json!({ "proxyCIDRs": ["10.9.0.0/24"] }),
        json!({ "proxyCIDRs": null, "sourceCIDRs": ["192.168.20.0/24", "192.168.30.0/24"] }),
        json!({ "resolver": { "mode": "Disabled" } }),
        json!({ "resolver": null }),
        json!({ "postLaunch": { "ssm": "Disabled" } }),
        json!({ "postLaunch": null, "tags": { "team": "billing" } }),
    ];
    for _ in 0..4 {
        watched.create().await?;
        let network = watched.site.existing_network(NAME);
        for _ in 0..chance.below(4) {
            tokio::time::sleep(chance.within(3_000)).await;
            network.edit(edits[usize::try_from(chance.below(6))?].clone()).await?;
        }
        if chance.below(2) == 0 {
            network.until_ready().await?;
        } else {
            tokio::time::sleep(chance.within(3_000)).await;
        }
        network.delete().await?;
        watched.check_gone().await?;
    }
    Ok(())
}
