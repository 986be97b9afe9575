//! The searches around the ConfigMap with the hand-off: at the end of each run it has the revision of the status, or does not
//! exist if the class does not enable it.

use simulation::{
    scenario,
    search::{faults, reach},
};

use super::search;

/// The name of all requests for the ConfigMap.
const REQUESTS: &str = "hand-off";

#[test]
fn every_act_around_the_config_map_has_an_effect() {
    search(async |landing| {
        search::acts_have_effects(&landing, &scenario::hand_off().acts).await.expect("each has one");
        search::Tally::default()
    });
}

#[test]
fn crashes_around_the_config_map_break_no_promise() {
    let tally = search(async |landing| {
        reach::reach(&landing, &scenario::hand_off(), 1, REQUESTS, 0).await.expect("no promise is broken")
    });
    assert!(tally.states >= 10, "{tally}");
}

#[test]
fn faults_of_requests_for_the_config_map_break_no_promise() {
    let tally = search(async |landing| {
        faults::faults(&landing, &scenario::hand_off(), 1..=2, REQUESTS, "").await.expect("no promise is broken")
    });
    assert!(tally.faults >= 30, "{tally}");
}
