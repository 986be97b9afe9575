//! Tests of two replicas of the operator: one leads, and the other takes over when the leader is killed, paused or
//! terminated. Also tests two active replicas, which leader election makes rare, but cannot rule out.

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

/// Short times, so that many rounds fit into a test: lease, renew deadline, retry.
const SHORT_TIMES: [&str; 3] = ["--lease-seconds=3", "--renew-deadline-seconds=2", "--lease-retry-seconds=0.5"];

/// The lease duration in `SHORT_TIMES`.
const SHORT_LEASE: Duration = Duration::from_secs(3);

/// The longest time between the end of a leader and the next leader, in addition to the lease.
const TAKEOVER_MARGIN: Duration = Duration::from_secs(2);

/// Two replicas that replace the lab's operator.
struct Pair<'l> {
    lab: &'l ExclusiveLab,
    replicas: [Operator; 2],
    leases: Api<Lease>,
}

/// The leader and the standby according to the Lease.
struct Roles<'p> {
    holder: String,
    leader: &'p Operator,
    standby: &'p Operator,
}

impl<'l> Pair<'l> {
    /// Starts both replicas, with these arguments in addition to the lab's.
    async fn start(lab: &'l ExclusiveLab, leader_election: bool, arguments: &[&str]) -> Result<Self> {
        // The lab's operator would reconcile the same networks.
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

    /// Waits until one of the replicas leads.
    async fn until_elected(&self) -> Result<Roles<'_>> {
        let holder = until("one of the two leads", async || self.holder().await).await?;
        let [first, second] = &self.replicas;
        let (leader, standby) = if holder.starts_with("first_") { (first, second) } else { (second, first) };
        Ok(Roles { holder, leader, standby })
    }

    /// Waits until a replica other than `from` leads, and returns the time since `since`.
    async fn until_taken_over(&self, from: &str, since: Instant) -> Result<Duration> {
        until("the other replica takes over", async || {
            let taken = self.holder().await?.is_some_and(|holder| holder != from);
            Ok(taken.then(|| since.elapsed()))
        })
        .await
    }

    /// Restarts replicas that have exited, as Kubernetes would.
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

    /// Waits until this number of resources has been requested. Fails if that does not happen in time.
    async fn until_requested(&self, resources: usize) -> Result<()> {
        // The operator requests all resources of a network within a second.
        for _ in 0..1_000 {
            let calls = self.site.calls().await?;
            if calls.iter().filter(|call| slot_of(call).is_ok()).count() >= resources {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("{resources} resources were not requested")
    }

    async fn check_built_once(&self) -> Result<()> {
        let expected = self.site.expected().with_replication_group();
        until_built(&self.site, &self.site.existing_network(NAME), &expected).await?;
        self.history.check_each_slot_was_filled_once().await
    }

    async fn check_deleted(&self) -> Result<()> {
        self.site.existing_network(NAME).until_gone().await?;
        is_as_before(&self.site, &self.before).await?;
        self.history.check_no_slot_held_two().await
    }
}

/// A random number generator whose printed seed reproduces a run: Steele's SplitMix64.
struct Random(u64);

impl Random {
    /// Uses the seed in `MGNET_SEED`, or a new one.
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

    /// Returns a random duration that is shorter than `milliseconds`.
    fn within(&mut self, milliseconds: u64) -> Duration {
        Duration::from_millis(self.below(milliseconds))
    }
}

/// `MGNET_LEADER_KILLS` is the number of leaders to kill.
#[tokio::test]
async fn a_leader_killed_during_a_create_is_replaced_within_its_lease_and_two_seconds() -> Result<()> {
    let kills = env::var("MGNET_LEADER_KILLS").map_or(Ok(4), |kills| kills.parse::<usize>())?;
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, true, &SHORT_TIMES).await?;
    let mut random = Random::new()?;
    let (mut took, mut deleting) = (Vec::new(), VecDeque::new());
    for kill in 1..=kills {
        let watched = Watched::new(&lab, "leader-killed").await?;
        let roles = pair.until_elected().await?;
        watched.create().await?;
        watched.until_requested(usize::try_from(random.below(12))?).await?;
        tokio::time::sleep(random.within(20)).await;
        let killed = Instant::now();
        roles.leader.kill().await?;
        let resources = watched.site.state().await?.slots().len();
        let after = pair.until_taken_over(&roles.holder, killed).await?;
        println!("kill {kill}, with {resources} resources created: the other replica leads after {after:.1?}");
        ensure!(after <= SHORT_LEASE + TAKEOVER_MARGIN, "kill {kill}: after {after:?}");
        took.push(after);
        pair.restart_ended().await?;
        watched.check_built_once().await.with_context(|| format!("kill {kill}"))?;
        // The network is deleted while the next one is created, and while the next leader is killed.
        watched.site.existing_network(NAME).delete().await?;
        deleting.push_back(watched);
        if deleting.len() > 2
            && let Some(gone) = deleting.pop_front()
        {
            gone.check_deleted().await?;
        }
    }
    for gone in deleting {
        gone.check_deleted().await?;
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!("{kills} kills; took over after {:?} (least), {:?} (median), {:?} (most)", at(0), at(50), at(100));
    Ok(())
}

/// With `MGNET_KILLS=all` the leader is paused for 30 s.
#[tokio::test]
async fn a_leader_paused_between_a_claim_and_the_answer_exits_as_soon_as_it_resumes() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, true, &SHORT_TIMES).await?;
    let roles = pair.until_elected().await?;
    let seconds = if env::var("MGNET_KILLS").is_ok_and(|which| which == "all") { 30.0 } else { 17.0 };
    // Some calls take effect, but their answers are withheld. Other calls arrive long after the next leader has made
    // the same calls.
    let unanswered = |action, nth| (FaultKind::Hold, action, nth);
    let late = |action, nth| (FaultKind::DelaySeconds, action, nth);
    let calls = [
        unanswered("CreateSecurityGroup", 2),
        unanswered("CreateVpcEndpoint", 3),
        unanswered("CreateResolverEndpoint", 1),
        late("CreateVpcEndpoint", 2),
        late("CreateResolverEndpoint", 1),
        late("CreateSecurityGroup", 1),
    ];
    let all = try_join_all(calls.iter().map(async |(kind, action, nth)| {
        let watched = Watched::new(&lab, "leader-halted").await?;
        let fault = Fault { nth: *nth, seconds: seconds - 1.0, ..spoil(&watched.site, *kind, action) };
        lab.control().order(&fault).await?;
        watched.create().await?;
        Ok::<_, anyhow::Error>(watched)
    }))
    .await?;
    try_join_all(all.iter().zip(&calls).map(async |(watched, (kind, action, nth))| {
        if matches!(kind, FaultKind::Hold) {
            until_spoiled(&watched.site, "hold").await?;
        }
        until("all earlier calls were made, and the slot is claimed", async || {
            let made = watched.site.calls().await?.iter().filter(|call| call.action == *action).count();
            let status = watched.site.existing_network(NAME).get().await?.status.unwrap_or_default();
            let claimed = status.claims.iter().any(|claim| claim.phase == ClaimPhase::Pending);
            Ok((claimed && made + 1 >= usize::try_from(*nth)?).then_some(()))
        })
        .await
    }))
    .await?;

    let paused = Instant::now();
    roles.leader.signal("STOP")?;
    let after = pair.until_taken_over(&roles.holder, paused).await?;
    println!("the other replica leads after {after:.1?}");
    ensure!(after <= SHORT_LEASE + TAKEOVER_MARGIN, "after {after:?}");
    try_join_all(all.iter().map(Watched::check_built_once)).await?;
    // After this time the late calls have arrived.
    tokio::time::sleep(Duration::from_secs_f64(seconds).saturating_sub(paused.elapsed())).await;

    roles.leader.signal("CONT")?;
    let (code, took) = roles.leader.until_ended().await?;
    println!("the paused leader exited {took:.1?} after it resumed");
    ensure!(code == Some(1) && took < Duration::from_secs(1), "{code:?} after {took:?}");
    lab.control().release().await?;
    try_join_all(all.iter().map(async |watched| {
        until_observed(&watched.site, 2).await?;
        watched.check_built_once().await?;
        watched.site.existing_network(NAME).delete().await?;
        watched.check_deleted().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_standby_is_ready_and_makes_no_calls() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    // The lease lasts 15 s.
    let pair = Pair::start(&lab, true, &[]).await?;
    let roles = pair.until_elected().await?;
    let watched = Watched::new(&lab, "standby").await?;
    watched.create().await?;
    watched.check_built_once().await?;
    roles.standby.probe("/readyz").await?;

    roles.leader.signal("STOP")?;
    // This time is enough for the answers to the calls that it has sent.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mark = watched.site.last_call().await?;
    tokio::time::sleep(Duration::from_secs(u64::from(pair.lab.operator().options().resync_seconds) + 2)).await;
    let calls = watched.site.calls_after(mark).await?;
    ensure!(calls.is_empty(), "the standby made calls: {calls:?}");

    // The pause was shorter than the renew deadline, so the leader continues.
    roles.leader.signal("CONT")?;
    until_observed(&watched.site, 2).await?;
    ensure!(roles.leader.is_running() && pair.holder().await?.as_ref() == Some(&roles.holder), "it no longer leads");
    watched.site.existing_network(NAME).delete().await?;
    watched.check_deleted().await
}

#[tokio::test]
async fn a_terminated_leader_finishes_its_reconciles_and_hands_over_at_once() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    // The lease lasts 15 s, and a standby tries to acquire it every 2 s.
    let pair = Pair::start(&lab, true, &[]).await?;
    let roles = pair.until_elected().await?;
    let watched = Watched::new(&lab, "handed-over").await?;
    lab.control().order(&spoil(&watched.site, FaultKind::Hold, "CreateVpcEndpoint")).await?;
    watched.create().await?;
    until_spoiled(&watched.site, "hold").await?;

    roles.leader.signal("TERM")?;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ensure!(roles.leader.is_running(), "it did not wait for its reconcile");
    ensure!(pair.holder().await?.as_ref() == Some(&roles.holder), "it released the Lease during its reconcile");
    lab.control().release().await?;
    let (code, _) = roles.leader.until_ended().await?;
    let after = pair.until_taken_over(&roles.holder, Instant::now()).await?;
    println!("the other replica leads {after:.1?} after the exit");
    ensure!(code == Some(0), "it exited with {code:?}");
    ensure!(after < Duration::from_secs(4), "after {after:?}");

    watched.check_built_once().await?;
    watched.site.existing_network(NAME).delete().await?;
    watched.check_deleted().await
}

#[tokio::test]
async fn two_active_replicas_paused_repeatedly_make_no_duplicates_and_leave_nothing() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    let pair = Pair::start(&lab, false, &[]).await?;
    let mut random = Random::new()?;
    let watched = try_join_all((0..3).map(|_| Watched::new(&lab, "two-leaders"))).await?;
    let seeds: Vec<u64> = watched.iter().map(|_| random.below(u64::MAX)).collect();
    let pauses = async {
        loop {
            let replica = &pair.replicas[usize::try_from(random.below(2))?];
            replica.signal("STOP")?;
            tokio::time::sleep(random.within(4_000)).await;
            replica.signal("CONT")?;
            tokio::time::sleep(random.within(600)).await;
        }
    };
    let networks =
        try_join_all(watched.iter().zip(seeds).map(|(watched, seed)| create_edit_and_delete(watched, Random(seed))));
    let result: Result<()> = tokio::select! {
        ended = networks => ended.map(|_| ()),
        stopped = pauses => stopped,
    };
    for replica in &pair.replicas {
        replica.signal("CONT")?;
    }
    result?;
    // New networks are built and deleted as usual afterwards.
    try_join_all(watched.iter().map(async |watched| {
        watched.create().await?;
        let expected = watched.site.expected().with_replication_group();
        until_built(&watched.site, &watched.site.existing_network(NAME), &expected).await?;
        watched.history.check_no_slot_held_two().await?;
        watched.site.existing_network(NAME).delete().await?;
        watched.check_deleted().await
    }))
    .await?;
    Ok(())
}

/// Creates, edits and deletes a network several times, in some cases before it is complete.
async fn create_edit_and_delete(watched: &Watched, mut random: Random) -> Result<()> {
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
        for _ in 0..random.below(4) {
            tokio::time::sleep(random.within(3_000)).await;
            network.edit(edits[usize::try_from(random.below(6))?].clone()).await?;
        }
        if random.below(2) == 0 {
            network.until_ready().await?;
        } else {
            tokio::time::sleep(random.within(3_000)).await;
        }
        network.delete().await?;
        watched.check_deleted().await?;
    }
    Ok(())
}
