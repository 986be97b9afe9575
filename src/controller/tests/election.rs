//! Tests of leader election: its rule, many random schedules of several candidates, and a failing Kubernetes API.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use tokio::time::Instant;

use crate::controller::{
    StoreError,
    leader_election::{Campaign, Candidate, LEASE, LeaseStore, Lost, Move, Timing},
};

const TIMING: Timing =
    Timing { lease: Duration::from_secs(15), renew_deadline: Duration::from_secs(10), retry: Duration::from_secs(2) };

fn candidate() -> Candidate {
    Candidate::new("me".to_owned(), TIMING)
}

fn wall(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn lease(holder: &str, renewed: i64) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(15),
        acquire_time: Some(MicroTime(wall(0))),
        renew_time: Some(MicroTime(wall(renewed))),
        lease_transitions: Some(3),
        ..LeaseSpec::default()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A candidate that took the Lease at `since`.
fn leader(since: Instant) -> Candidate {
    let mut leader = candidate();
    assert!(matches!(leader.decide(None, since, wall(0)), Move::Write(_)));
    assert!(leader.holds_since(since, since));
    leader
}

/// The Lease that the candidate decided to write.
fn written(next: Move) -> LeaseSpec {
    let Move::Write(spec) = next else { panic!("{next:?} does not write") };
    spec
}

#[test]
fn a_missing_lease_is_created() {
    let first = written(candidate().decide(None, Instant::now(), wall(7)));
    assert_eq!(
        first,
        LeaseSpec { lease_transitions: Some(0), acquire_time: Some(MicroTime(wall(7))), ..lease("me", 7) }
    );
}

#[test]
fn a_lease_without_a_holder_is_taken_and_the_transition_counted() {
    for free in [LeaseSpec { holder_identity: None, ..lease("", 0) }, lease("", 0)] {
        let taken = written(candidate().decide(Some(free), Instant::now(), wall(7)));
        let expected =
            LeaseSpec { acquire_time: Some(MicroTime(wall(7))), lease_transitions: Some(4), ..lease("me", 7) };
        assert_eq!(taken, expected);
    }
    // Some tools create an empty Lease.
    let taken = written(candidate().decide(Some(LeaseSpec::default()), Instant::now(), wall(7)));
    assert_eq!(taken.lease_transitions, Some(1));
}

#[test]
fn a_lease_expires_after_its_last_observed_change() {
    let (start, mut candidate) = (Instant::now(), candidate());
    let mut decide = |renewed, after| candidate.decide(Some(lease("other", renewed)), start + seconds(after), wall(0));
    assert_eq!(decide(0, 0), Move::Wait(start + seconds(15)));
    assert_eq!(decide(0, 14), Move::Wait(start + seconds(15)));
    // A renewal extends the Lease.
    assert_eq!(decide(1, 14), Move::Wait(start + seconds(29)));
    assert_eq!(decide(1, 28), Move::Wait(start + seconds(29)));
    let taken = written(decide(1, 29));
    assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("me"), Some(4)));
}

#[test]
fn a_lease_expires_after_its_own_duration() {
    for (says, counts) in [(Some(40), 40), (Some(2), 2), (Some(0), 15), (Some(-5), 15), (None, 15)] {
        let start = Instant::now();
        let other = LeaseSpec { lease_duration_seconds: says, ..lease("other", 0) };
        assert_eq!(candidate().decide(Some(other), start, wall(0)), Move::Wait(start + seconds(counts)), "{says:?}");
    }
}

#[test]
fn times_written_by_others_are_ignored() {
    for hour in [-3600, 3600] {
        for own in [-3600, 3600] {
            let (start, mut candidate) = (Instant::now(), candidate());
            let mut decide = |after| candidate.decide(Some(lease("other", hour)), start + seconds(after), wall(own));
            assert_eq!(decide(0), Move::Wait(start + seconds(15)));
            assert_eq!(decide(14), Move::Wait(start + seconds(15)));
            assert!(matches!(decide(15), Move::Write(_)));
        }
    }
}

#[test]
fn a_renewal_changes_only_the_renew_time() {
    let start = Instant::now();
    let mut leader = leader(start);
    let others_fields = LeaseSpec { preferred_holder: Some("kept".to_owned()), ..lease("me", 0) };
    let renewed = written(leader.decide(Some(others_fields.clone()), start + seconds(2), wall(2)));
    assert_eq!(renewed, LeaseSpec { renew_time: Some(MicroTime(wall(2))), ..others_fields });
}

#[test]
fn the_deadline_counts_from_when_the_last_answered_write_was_sent() {
    let start = Instant::now();
    let mut leader = leader(start);
    assert_eq!(leader.deadline(), Some(start + seconds(10)));
    assert!(leader.holds_since(start + seconds(2), start + seconds(5)));
    assert_eq!(leader.deadline(), Some(start + seconds(12)));
}

#[test]
fn a_response_after_the_deadline_is_ignored() {
    // The process was halted between a renewal and its response.
    let start = Instant::now();
    let mut leader = leader(start);
    assert!(leader.holds_since(start + seconds(2), start + seconds(11)));
    assert!(!leader.holds_since(start + seconds(4), start + seconds(14)));
    assert_eq!(leader.deadline(), Some(start + seconds(12)));
    let mut late = candidate();
    assert!(!late.holds_since(start, start + seconds(20)));
    assert_eq!(late.deadline(), None);
}

#[test]
fn a_leader_that_the_lease_does_not_name_has_lost_it() {
    let now = Instant::now();
    let lost = |found| leader(now).decide(found, now + seconds(1), wall(1));
    assert_eq!(lost(Some(lease("other", 0))), Move::Lose(Lost::Taken("other".to_owned())));
    assert_eq!(lost(Some(lease("", 0))), Move::Lose(Lost::Withdrawn));
    assert_eq!(lost(None), Move::Lose(Lost::Withdrawn));
}

#[test]
fn a_candidate_whose_response_was_lost_finds_itself_as_the_holder() {
    let found = written(candidate().decide(Some(lease("me", 0)), Instant::now(), wall(5)));
    assert_eq!(found, lease("me", 5));
}

#[test]
fn only_the_holder_releases_the_lease() {
    let back = candidate().release(Some(&lease("me", 0)), wall(9)).expect("the candidate holds the Lease");
    assert_eq!(back, LeaseSpec { holder_identity: None, ..lease("", 9) });
    for other in [Some(lease("other", 0)), Some(lease("", 0)), Some(LeaseSpec::default()), None] {
        assert_eq!(candidate().release(other.as_ref(), wall(9)), None, "{other:?}");
    }
}

#[test]
fn the_leaders_lease_is_not_a_vpc_lease() {
    // The name of a VPC lease has three labels with dots between them, but this name has no dot.
    let vpc = crate::model::vpc_lease::VpcKey {
        account: "123456789012".to_owned(),
        region: "ap-northeast-1".to_owned(),
        vpc: "vpc-0a1b2c3d".into(),
    };
    assert_eq!(vpc.lease_name().map(|name| name.matches('.').count()), Some(2));
    assert!(!LEASE.contains('.'));
}

/// Steele's SplitMix64: a random generator that is good enough for schedules, and repeatable by seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A candidate in a schedule, with its pending read or write, and the time until which it is halted.
struct Player {
    candidate: Candidate,
    skew: SignedDuration,
    awake_at: Instant,
    /// The Lease and version that it has read, but not decided on yet.
    shown: Option<(Option<LeaseSpec>, u64)>,
    /// When it sent a write that took effect.
    sent: Option<Instant>,
    over: bool,
}

/// Runs the random schedule of a seed: it determines when each candidate reads, decides, writes and receives
/// responses, how long it is halted, and which responses are lost. Returns which candidate led, and from when to when.
fn play(seed: u64, skews: [i64; 3]) -> Vec<(usize, Duration, Duration)> {
    let mut chance = Chance(seed);
    let start = Instant::now();
    let mut now = start;
    let mut stored: (Option<LeaseSpec>, u64) = (None, 0);
    let mut reigns: Vec<(usize, Duration, Duration)> = Vec::new();
    let mut players: Vec<Player> = (0_u8..)
        .zip(skews)
        .map(|(number, skew)| Player {
            candidate: Candidate::new(number.to_string(), TIMING),
            skew: SignedDuration::from_secs(skew),
            awake_at: now,
            shown: None,
            sent: None,
            over: false,
        })
        .collect();
    for _ in 0..600 {
        now += Duration::from_millis(chance.below(900));
        let index = usize::try_from(chance.below(3)).expect("small");
        let player = &mut players[index];
        if now < player.awake_at {
            continue;
        }
        if chance.below(12) == 0 {
            player.awake_at = now + seconds(chance.below(40));
            continue;
        }
        if player.over || player.candidate.deadline().is_some_and(|deadline| now >= deadline) {
            // The process has exited, and another one starts in its place.
            let identity = format!("{index}-{}", chance.below(u64::MAX));
            player.candidate = Candidate::new(identity, TIMING);
            (player.shown, player.sent, player.over) = (None, None, false);
            continue;
        }
        let elapsed = SignedDuration::try_from(now - start).expect("short");
        if let Some(sent) = player.sent.take() {
            let lost_on_the_way = chance.below(8) == 0;
            if !lost_on_the_way && player.candidate.holds_since(sent, now) {
                let until = sent + TIMING.renew_deadline;
                reigns.push((index, now - start, until - start));
            }
        } else if let Some((found, version)) = player.shown.take() {
            match player.candidate.decide(found, now, wall(0) + elapsed + player.skew) {
                Move::Write(spec) if stored.1 == version => {
                    stored = (Some(spec), version + 1);
                    player.sent = Some(now);
                }
                Move::Write(_) | Move::Wait(_) => {}
                Move::Lose(_) => player.over = true,
            }
        } else {
            player.shown = Some(stored.clone());
        }
    }
    reigns
}

/// The times at which two candidates led, by their own clocks.
fn overlaps(reigns: &[(usize, Duration, Duration)]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, (who, from, until)) in reigns.iter().enumerate() {
        for (other, other_from, other_until) in &reigns[number + 1..] {
            if who != other && from < other_until && other_from < until {
                found.push(format!("{who} {from:?}..{until:?}, {other} {other_from:?}..{other_until:?}"));
            }
        }
    }
    found
}

#[test]
fn at_most_one_process_leads_despite_halts_and_wrong_clocks() {
    let (mut reigns, mut leaders) = (0, BTreeSet::new());
    for seed in 0..3_000 {
        let mut chance = Chance(seed);
        let skews = [0; 3].map(|_| [-3600, 0, 3600][usize::try_from(chance.below(3)).expect("small")]);
        let played = play(seed, skews);
        assert!(
            played.iter().all(|(_, from, until)| from < until),
            "seed {seed}: a leader continued after its deadline"
        );
        assert_eq!(overlaps(&played), Vec::<String>::new(), "seed {seed}, clocks off by {skews:?} s");
        reigns += played.len();
        leaders.extend(played.iter().map(|(who, ..)| *who));
    }
    assert!(reigns > 30_000 && leaders.len() == 3, "too few leaders: {reigns}");
}

#[test]
fn clocks_that_are_off_by_an_hour_change_nothing() {
    for seed in 0..1_000 {
        let right = play(seed, [0, 0, 0]);
        for skews in [[3600, 0, -3600], [-3600, 3600, 0], [3600, 3600, 3600]] {
            assert_eq!(play(seed, skews), right, "seed {seed}, clocks off by {skews:?} s");
        }
    }
}

/// An in-memory Kubernetes API that fails on demand.
#[derive(Clone, Default)]
struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lease: Mutex<Option<Lease>>,
    hangs: AtomicBool,
    fails: AtomicBool,
}

impl Memory {
    fn holder(&self) -> Option<String> {
        self.0.lease.lock().expect("no panic").clone()?.spec?.holder_identity
    }

    fn transitions(&self) -> Option<i32> {
        self.0.lease.lock().expect("no panic").clone()?.spec?.lease_transitions
    }

    /// Edits the Lease like a user with kubectl.
    fn edit(&self, edit: impl FnOnce(&mut Lease)) {
        let mut lease = self.0.lease.lock().expect("no panic");
        let lease = lease.get_or_insert_default();
        edit(lease);
        lease.metadata.resource_version = Some(next(lease));
    }

    fn campaign(&self, identity: &str) -> Campaign<Self> {
        Campaign::new(Candidate::new(identity.to_owned(), QUICK), self.clone())
    }

    async fn mood(&self) -> Result<(), StoreError> {
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Other("planted".into()));
        }
        Ok(())
    }
}

fn next(lease: &Lease) -> String {
    let version = lease.metadata.resource_version.as_ref().and_then(|version| version.parse::<u64>().ok());
    (version.unwrap_or(0) + 1).to_string()
}

impl LeaseStore for Memory {
    async fn get(&self) -> Result<Option<Lease>, StoreError> {
        self.mood().await?;
        Ok(self.0.lease.lock().expect("no panic").clone())
    }

    async fn put(&self, lease: &Lease) -> Result<Lease, StoreError> {
        self.mood().await?;
        let mut stored = self.0.lease.lock().expect("no panic");
        // Like the API server: a write of an existing object without a version overwrites it.
        let version = stored.as_ref().and_then(|stored| stored.metadata.resource_version.clone());
        if lease.metadata.resource_version.is_some() && lease.metadata.resource_version != version {
            return Err(StoreError::Conflict);
        }
        if lease.metadata.resource_version.is_none() && stored.is_some() && lease.metadata.uid.is_none() {
            return Err(StoreError::Conflict);
        }
        let mut lease = lease.clone();
        lease.metadata.uid = Some("uid".to_owned());
        lease.metadata.resource_version = stored.as_ref().map_or_else(|| Some("1".to_owned()), |old| Some(next(old)));
        *stored = Some(lease.clone());
        Ok(lease)
    }
}

/// The shortest timing that a lease of whole seconds allows.
const QUICK: Timing = Timing {
    lease: Duration::from_secs(1),
    renew_deadline: Duration::from_millis(600),
    retry: Duration::from_millis(100),
};

/// Fails if the future takes longer than any part of an election may take.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("the future completes in time")
}

#[tokio::test]
async fn the_second_candidate_leads_when_the_first_releases_the_lease() {
    let api = Memory::default();
    let (mut first, mut second) = (api.campaign("first"), api.campaign("second"));
    soon(first.win()).await;
    assert_eq!(api.holder().as_deref(), Some("first"));
    // The first leader renews its Lease for three lease durations.
    tokio::select! {
        lost = first.keep() => panic!("{lost}"),
        () = second.win() => panic!("two lead"),
        () = tokio::time::sleep(QUICK.lease * 3) => {}
    }
    first.release().await;
    assert_eq!(api.holder(), None);
    let given = Instant::now();
    soon(second.win()).await;
    assert!(given.elapsed() < QUICK.lease, "it waited for {:?}", given.elapsed());
    assert_eq!((api.holder().as_deref(), api.transitions()), (Some("second"), Some(1)));
}

#[tokio::test]
async fn a_dead_leader_is_replaced_only_after_its_lease_expires() {
    let api = Memory::default();
    soon(api.campaign("gone").win()).await;
    let gone = Instant::now();
    soon(api.campaign("next").win()).await;
    let took = gone.elapsed();
    assert!(took >= QUICK.lease, "after {took:?}");
    assert_eq!((api.holder().as_deref(), api.transitions()), (Some("next"), Some(1)));
}

#[tokio::test]
async fn a_leader_stops_at_its_deadline_if_the_kubernetes_api_hangs() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    api.0.hangs.store(true, Ordering::SeqCst);
    let hangs = Instant::now();
    assert_eq!(soon(leader.keep()).await, Lost::Expired);
    assert!(hangs.elapsed() < QUICK.lease, "after {:?}", hangs.elapsed());
}

#[tokio::test]
async fn a_leader_stops_at_its_deadline_if_the_kubernetes_api_fails() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    api.0.fails.store(true, Ordering::SeqCst);
    let fails = Instant::now();
    assert_eq!(soon(leader.keep()).await, Lost::Expired);
    let took = fails.elapsed();
    assert!(took >= QUICK.renew_deadline / 2 && took < QUICK.lease, "after {took:?}");
}

#[tokio::test]
async fn a_hanging_renewal_is_retried_before_the_deadline() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    api.0.hangs.store(true, Ordering::SeqCst);
    let cured = async {
        tokio::time::sleep(QUICK.retry + Duration::from_millis(50)).await;
        api.0.hangs.store(false, Ordering::SeqCst);
        tokio::time::sleep(QUICK.lease * 2).await;
    };
    tokio::select! {
        lost = leader.keep() => panic!("{lost}"),
        () = cured => {}
    }
}

#[tokio::test]
async fn a_leader_detects_a_taken_lease_at_the_next_renewal_and_does_not_retake_it() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    api.edit(|lease| lease.spec.get_or_insert_default().holder_identity = Some("thief".to_owned()));
    let taken = Instant::now();
    assert_eq!(soon(leader.keep()).await, Lost::Taken("thief".to_owned()));
    assert!(taken.elapsed() < QUICK.renew_deadline, "after {:?}", taken.elapsed());
    assert_eq!(api.holder().as_deref(), Some("thief"));
    // A process does not release the Lease of another one.
    leader.release().await;
    assert_eq!(api.holder().as_deref(), Some("thief"));
}

#[tokio::test]
async fn a_foreign_label_on_the_lease_is_kept_and_the_leader_stays() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    api.edit(|lease| {
        lease.metadata.labels.get_or_insert_default().insert("team".to_owned(), "platform".to_owned());
    });
    tokio::select! {
        lost = leader.keep() => panic!("{lost}"),
        () = tokio::time::sleep(QUICK.lease) => {}
    }
    let labels = api.0.lease.lock().expect("no panic").clone().and_then(|lease| lease.metadata.labels);
    assert!(labels.is_some_and(|labels| labels.contains_key("team")));
}

#[tokio::test]
async fn work_starts_with_leadership_and_ends_before_the_release() {
    let api = Memory::default();
    let work = async |leads: futures::future::BoxFuture<'static, ()>| {
        leads.await;
        assert_eq!(api.holder().as_deref(), Some("worker"));
        tokio::time::sleep(QUICK.lease * 2).await;
        assert_eq!(api.holder().as_deref(), Some("worker"));
    };
    assert_eq!(soon(api.campaign("worker").during(work)).await, Ok(()));
    assert_eq!(api.holder(), None);
}

#[tokio::test]
async fn work_ends_when_leadership_is_lost() {
    let api = Memory::default();
    let work = async |leads: futures::future::BoxFuture<'static, ()>| {
        leads.await;
        api.edit(|lease| lease.spec.get_or_insert_default().holder_identity = Some("thief".to_owned()));
        std::future::pending::<()>().await;
    };
    let lost = soon(api.campaign("worker").during(work)).await;
    assert_eq!(lost, Err(Lost::Taken("thief".to_owned())));
}

#[tokio::test]
async fn a_process_that_never_led_releases_nothing() {
    let api = Memory::default();
    let mut leader = api.campaign("leader");
    soon(leader.win()).await;
    let stopped = api.campaign("standby").during(async |_| tokio::time::sleep(QUICK.retry * 3).await);
    tokio::select! {
        lost = leader.keep() => panic!("{lost}"),
        stopped = stopped => assert_eq!(stopped, Ok(())),
    }
    assert_eq!(api.holder().as_deref(), Some("leader"));
}
