//! Tests of the guard: one bad object affects only itself.

use crate::{
    api::{ConditionType, conditions::find},
    controller::{
        Next,
        runtime::guard,
        tests::fakes::{Fake, Mood, key},
    },
};

fn broken(fake: &Fake) -> String {
    let status = fake.network().status.unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready).expect("Ready is always there");
    assert_eq!(ready.reason, "InternalError");
    ready.message.clone()
}

#[tokio::test]
async fn a_panic_is_caught_and_reported() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Panics;
    let (next, _) = fake.reconcile(&context).await;
    assert!(matches!(next, Next::After(_)));
    assert!(broken(&fake).contains("planted"));
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
}

#[tokio::test]
async fn a_hanging_reconcile_is_canceled_and_reported() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Hangs;
    let (next, _) = fake.reconcile(&context).await;
    assert!(matches!(next, Next::After(_)));
    assert!(broken(&fake).contains("took longer"));
    fake.world().mood = Mood::Well;
    fake.settle(&context).await;
}

#[tokio::test]
async fn repeated_panics_are_retried_with_back_off() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Panics;
    let mut delays = Vec::new();
    for _ in 0..9 {
        if let (Next::After(delay), _) = fake.reconcile(&context).await {
            delays.push(delay.as_secs());
        }
    }
    assert!(delays.last().is_some_and(|last| *last >= 100), "{delays:?}");
}

#[tokio::test]
async fn the_memory_of_a_missing_network_is_dropped() {
    let fake = Fake::tokyo();
    let context = fake.context();
    assert_eq!(guard::network(&context, &key("never-there")).await, Next::OnChange);
}
