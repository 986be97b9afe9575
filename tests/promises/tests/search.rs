//! The search as far as it goes in minutes. `make soak` goes all the way.
// The futures of a whole search are deep.
#![recursion_limit = "256"]
#![allow(clippy::expect_used, clippy::large_futures, reason = "a test fails by panicking, and runs one future")]

use std::{future::Future, time::Duration};

use promises::{
    scenario::{self, Scenario},
    search::{self, Tally, faults, late, leaders, random, reach},
    universe::Universe,
};

/// Runs on virtual time, from a VPC that nobody has asked for anything in.
fn search<F: Future<Output = Tally>>(searched: impl FnOnce(Universe) -> F) -> Tally {
    promises::silence_planted_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let tally = runtime.expect("a runtime").block_on(async {
        let landing = scenario::landing(Duration::ZERO).await.expect("a VPC");
        searched(landing).await
    });
    println!("{tally}; 0 broken promises");
    tally
}

fn scenario(name: &str) -> Scenario {
    scenario::all().into_iter().find(|one| one.name == name).expect("a scenario of that name")
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

async fn crashes(landing: Universe, odd: bool) -> Tally {
    let mut tally = Tally::default();
    for (number, scenario) in scenario::all().into_iter().enumerate().filter(|(number, _)| (number % 2 == 1) == odd) {
        let mut landing = landing.branch();
        landing.lag(scenario.lag);
        let searched = reach::reach(&landing, &scenario, 1).await.expect("no promise is broken");
        assert!(searched.states > 20, "{number}: {searched}");
        tally += searched;
    }
    tally
}

#[test]
fn a_crash_at_any_point_of_any_scenario_breaks_no_promise() {
    search(|landing| crashes(landing, false));
}

#[test]
fn nor_in_the_other_half_of_the_scenarios() {
    search(|landing| crashes(landing, true));
}

#[test]
fn every_kind_of_fault_at_every_kind_of_call_breaks_no_promise() {
    let tally =
        search(async |landing| faults::faults(&landing, &scenario("delete"), 1).await.expect("no promise is broken"));
    assert!(tally.faults > 200, "{tally}");
}

#[test]
fn requests_that_arrive_after_their_sender_is_gone_break_no_promise() {
    let tally = search(async |landing| {
        late::late(&landing, &scenario("delete while it is made"), 9).await.expect("no promise is broken")
    });
    assert!(tally.late > 20, "{tally}");
}

#[test]
fn two_leaders_break_no_promise() {
    let tally = search(async |landing| {
        let some = |number: u64, point: &promises::stage::Point| point.is_write && number.is_multiple_of(3);
        let mut tally = Tally::default();
        for name in ["create", "delete"] {
            tally += leaders::leaders(&landing, &scenario(name), some).await.expect("no promise is broken");
        }
        tally
    });
    assert!(tally.leaders > 30, "{tally}");
}

#[test]
fn random_schedules_break_no_promise() {
    let tally = search(async |landing| {
        let (all, mut tally) = (scenario::all(), Tally::default());
        for seed in 1..=150 {
            tally += random::schedule(&landing, &all, seed).await.expect("no promise is broken");
        }
        tally
    });
    assert!(tally.schedules > 100, "most have at least {} faults: {tally}", random::FEWEST);
}
