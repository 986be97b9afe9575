//! The searches for a schedule that breaks a promise, each limited to a part of them.

mod hand_off;

use std::{future::Future, time::Duration};

use simulation::{
    scenario::{self, Scenario},
    search::{
        self, Tally, faults, late, leaders, random, reach,
        tampering::Ground,
        throttling::{self, Throttled},
        watches,
    },
    universe::Universe,
};

/// Runs a search in virtual time, from a universe with a VPC and without networks.
pub(super) fn search<F: Future<Output = Tally>>(searched: impl FnOnce(Universe) -> F) -> Tally {
    simulation::silence_planted_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let tally = runtime.expect("a runtime").block_on(async {
        let landing = scenario::landing(Duration::ZERO).await.expect("a VPC");
        searched(landing).await
    });
    println!("{tally}; 0 broken promises");
    tally
}

fn scenario(name: &str) -> Scenario {
    scenario::all().into_iter().find(|one| one.name == name).expect("a scenario with that name exists")
}

#[test]
fn every_act_of_every_scenario_has_an_effect() {
    search(async |landing| {
        for scenario in scenario::all() {
            search::acts_have_effects(&landing, &scenario.acts).await.expect(scenario.name);
        }
        Tally::default()
    });
}

/// Tries a crash at every point of half of the scenarios; of every third one of them, unless `MGNET_SEARCH` is `all`.
async fn crashes(landing: Universe, odd: bool) -> Tally {
    let mut tally = Tally::default();
    let all = std::env::var("MGNET_SEARCH").is_ok_and(|search| search == "all");
    let is_tried = |number: usize| (number % 2 == 1) == odd && (all || number % 6 < 2);
    for (number, scenario) in scenario::all().into_iter().enumerate().filter(|(number, _)| is_tried(*number)) {
        let mut landing = landing.branch();
        landing.lag(scenario.lag);
        let searched = reach::reach(&landing, &scenario, 1, "", 0).await.expect("no promise is broken");
        assert!(searched.states > 20, "{number}: {searched}");
        tally += searched;
    }
    tally
}

#[test]
fn crashes_break_no_promise_in_the_first_half_of_the_scenarios() {
    search(|landing| crashes(landing, false));
}

#[test]
fn crashes_break_no_promise_in_the_second_half_of_the_scenarios() {
    search(|landing| crashes(landing, true));
}

#[test]
fn single_faults_break_no_promise() {
    let tally = search(async |landing| {
        faults::faults(&landing, &scenario("delete"), 1..=1, "", "").await.expect("no promise is broken")
    });
    assert!(tally.faults > 200, "{tally}");
}

#[test]
fn late_requests_break_no_promise() {
    let tally = search(async |landing| {
        late::late(&landing, &scenario("delete during creation"), 1, 9, "").await.expect("no promise is broken")
    });
    assert!(tally.late > 20, "{tally}");
}

#[test]
fn two_leaders_break_no_promise() {
    let tally = search(async |landing| {
        let some = |number: u64, point: &simulation::stage::Point| point.is_write && number.is_multiple_of(3);
        let mut tally = Tally::default();
        for name in ["create", "delete"] {
            tally += leaders::leaders(&landing, &scenario(name), some).await.expect("no promise is broken");
        }
        tally
    });
    assert!(tally.leaders > 30, "{tally}");
}

#[test]
fn unreliable_watches_break_no_promise() {
    let tally = search(async |landing| {
        let mut tally = Tally::default();
        for scenario in scenario::all() {
            tally += watches::watches(&landing, &scenario).await.expect("no promise is broken");
        }
        tally
    });
    assert!(tally.watches >= 80, "{tally}");
}

/// Seeds of the long search whose schedules once found a violation.
const FOUND_SOMETHING: [u64; 2] = [11475, 114_668];

#[test]
fn random_schedules_break_no_promise() {
    let tally = search(async |landing| {
        let (all, mut tally) = (scenario::all(), Tally::default());
        for seed in (1..=110).chain(FOUND_SOMETHING) {
            tally += random::schedule(&landing, &all, seed).await.expect("no promise is broken");
        }
        tally
    });
    assert!(tally.schedules > 80, "most have at least {} faults: {tally}", random::FEWEST);
}

/// Plays these scenarios, each with this number of seeds, while AWS throttles `percent` of all calls.
async fn throttled(landing: &Universe, percent: u8, names: &[&str], seeds: u64) -> Throttled {
    let mut all = Throttled::default();
    for name in names {
        for seed in 1..=seeds {
            let one = throttling::throttled(landing, &scenario(name), percent, seed).await;
            all += one.expect("no promise is broken").0;
        }
    }
    println!("{percent} % throttled: {all}");
    all
}

#[test]
fn throttling_delays_but_adds_few_writes() {
    search(async |landing| {
        let undisturbed = throttled(&landing, 0, &["delete", "other sources"], 3).await;
        let half = throttled(&landing, 50, &["delete", "other sources"], 3).await;
        throttled(&landing, 95, &["delete"], 1).await;
        // With half of the calls throttled, each call is sent twice on average. The rest are calls that the operator
        // repeats without need.
        assert!(
            half.writes * 2 <= undisturbed.writes * 5,
            "{} writes with throttling, {} without",
            half.writes,
            undisturbed.writes
        );
        assert!(half.refused * 10 > half.sent * 4, "about half of the calls must be throttled: {half}");
        Tally::default()
    });
}

/// The step between the manual changes that the test tries, unless `MGNET_TAMPERINGS` is `all`.
const ONE_OF: usize = 13;

#[test]
fn manual_changes_of_status_and_annotations_heal_and_harm_no_foreign_resource() {
    let all = std::env::var("MGNET_TAMPERINGS").is_ok_and(|which| which == "all");
    let tally = search(async |_| {
        let ground = Ground::new().await.expect("two networks at rest");
        let tamperings = ground.tamperings().expect("the CRD has a schema");
        println!("{} manual changes", tamperings.len());
        let (mut tally, mut broken) = (Tally::default(), 0);
        for tampering in tamperings.iter().step_by(if all { 1 } else { ONE_OF }) {
            match ground.try_out(tampering).await {
                Ok(tried) => tally += tried,
                Err(found) => {
                    println!(
                        "{}, {}: '{}': {}",
                        tampering.what, found.scenario, found.breach.promise, found.breach.why
                    );
                    broken += 1;
                }
            }
        }
        assert_eq!(broken, 0, "manual changes broke promises; see the output above");
        tally
    });
    assert!(tally.tamperings > 25, "{tally}");
}
