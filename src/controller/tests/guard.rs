//! One bad object hurts only itself.

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
async fn a_panic_is_caught_and_told() {
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
async fn a_hang_is_ended_and_told() {
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
async fn breaking_again_and_again_is_tried_ever_more_seldom() {
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
async fn a_network_that_is_gone_is_forgotten() {
    let fake = Fake::tokyo();
    let context = fake.context();
    assert_eq!(guard::network(&context, &key("never-there")).await, Next::OnChange);
}
