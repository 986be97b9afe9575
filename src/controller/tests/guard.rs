//! Tests of the guard: one bad object affects only itself.

use kube::core::{DeserializeGuard, error_boundary::InvalidObject};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{ConditionType, conditions::find},
    controller::{
        Dispatch, Next,
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

#[tokio::test]
async fn a_status_that_the_api_server_rejects_is_reduced_and_reported() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().rejects_endpoints = true;
    fake.reconcile(&context).await;
    let message = broken(&fake);
    assert!(message.contains("rejected the status: status.endpoints: Too many"), "{message}");
    assert!(!fake.network().status.unwrap_or_default().claims.is_empty(), "the claims are stored");
    let reported: Vec<String> = fake.world().events.iter().map(|event| event.reason.clone()).collect();
    assert!(reported.contains(&"StatusRejected".to_owned()), "{reported:?}");
    let metrics = context.metrics.text();
    assert!(metrics.contains(r#"mgnet_rejected_writes_total{kind="MigrationNetwork"} 1"#), "{metrics}");
    fake.world().rejects_endpoints = false;
    fake.settle(&context).await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_has_an_event_of_the_leader() {
    let fake = Fake::tokyo();
    let metadata = fake.network().metadata;
    let unreadable = DeserializeGuard(Err(InvalidObject { error: "unknown variant `Later`".to_owned(), metadata }));
    let dispatch = Dispatch::new(fake.context(), Box::new(Vec::new), CancellationToken::new());
    let standby = tokio::time::timeout(std::time::Duration::from_millis(50), dispatch.reconcile_network(&unreadable));
    assert!(standby.await.is_err(), "a standby waits");
    assert_eq!(fake.world().events, []);
    dispatch.lead(1);
    assert_eq!(dispatch.reconcile_network(&unreadable).await, Next::OnChange);
    let [event] = fake.world().events.clone().try_into().expect("one event");
    assert!(event.warning && event.reason == "Unreadable", "{event:?}");
    assert!(event.note.contains("unknown variant `Later`"), "{event:?}");
}
