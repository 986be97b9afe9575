//! Tests of the annotation that requests a reconcile, with in-memory fakes of Kubernetes and AWS.

use std::time::Duration;

use crate::{
    api::{ConditionType, MigrationNetwork, RECONCILE_ANNOTATION, Reason, conditions::find},
    aws::Scope,
    controller::{
        Context, Next,
        tests::fakes::{Fake, Mood},
    },
    model::failure::FailureClass,
};

/// Sets the annotation without an edit of the spec.
fn request(fake: &Fake, value: &str) {
    fake.edit(|network| {
        annotate(network, value);
        network.metadata.generation = network.metadata.generation.map(|generation| generation - 1);
    });
}

fn annotate(network: &mut MigrationNetwork, value: &str) {
    let annotations = network.metadata.annotations.get_or_insert_default();
    annotations.insert(RECONCILE_ANNOTATION.to_owned(), value.to_owned());
}

fn handled(fake: &Fake) -> Option<String> {
    fake.network().status.and_then(|status| status.last_handled_reconcile_at)
}

/// Reconciles once, and returns the delay before the next reconcile, without its jitter of a fifth.
async fn delay(fake: &Fake, context: &Context<Fake, Fake>) -> f64 {
    match fake.reconcile(context).await.0 {
        Next::After(delay) => delay.as_secs_f64() / 1.2,
        Next::OnChange => f64::INFINITY,
    }
}

async fn scope(fake: &Fake, context: &Context<Fake, Fake>) -> Scope {
    fake.reconcile(context).await;
    fake.world().scope.clone().expect("AWS was observed")
}

#[tokio::test]
async fn each_request_is_reported_once_its_reconcile_has_ended() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    for value in ["1", "2", "1"] {
        request(&fake, value);
        assert_eq!(fake.reconcile(&context).await.1, ["status"]);
        assert_eq!(handled(&fake).as_deref(), Some(value));
        assert_eq!(fake.reconcile(&context).await.1, [""; 0], "the network is at rest again");
    }
    fake.edit(|network| network.metadata.annotations = None);
    fake.settle(&context).await;
    assert_eq!(handled(&fake).as_deref(), Some("1"), "the report stays when the annotation is removed");
}

#[tokio::test]
async fn a_request_is_not_reported_if_the_reconcile_breaks() {
    let fake = Fake::tokyo();
    let context = fake.context();
    annotate(fake.world().networks.get_mut("tokyo").expect("it is there"), "1");
    fake.world().mood = Mood::Panics;
    fake.reconcile(&context).await;
    let status = fake.network().status.unwrap_or_default();
    let ready = find(&status.conditions, ConditionType::Ready).expect("Ready is always there");
    assert_eq!((ready.reason.as_str(), handled(&fake)), (Reason::InternalError.as_str(), None));
    fake.world().mood = Mood::Well;
    fake.reconcile(&context).await;
    assert_eq!(handled(&fake).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_failed_reconcile_is_reported_too() {
    let fake = Fake::tokyo();
    let context = fake.context();
    request(&fake, "1");
    fake.world().mood = Mood::Refuses(FailureClass::Unauthorized);
    fake.reconcile(&context).await;
    assert_eq!(handled(&fake).as_deref(), Some("1"), "the conditions show the failure");
}

#[tokio::test]
async fn a_request_ends_the_back_off_once() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.world().mood = Mood::Refuses(FailureClass::Transient);
    for _ in 0..5 {
        fake.reconcile(&context).await;
    }
    assert!(delay(&fake, &context).await > 10.0);
    request(&fake, "1");
    assert!(delay(&fake, &context).await <= 1.0);
    for _ in 0..4 {
        fake.reconcile(&context).await;
    }
    assert!(delay(&fake, &context).await > 10.0, "the delays grow again");
}

#[tokio::test]
async fn a_request_that_is_never_handled_does_not_end_the_back_off_again() {
    let fake = Fake::tokyo();
    let context = fake.context();
    request(&fake, "1");
    fake.world().mood = Mood::Panics;
    let mut delays = Vec::new();
    for _ in 0..5 {
        delays.push(delay(&fake, &context).await);
    }
    assert!(delays[0] <= 1.0 && delays[4] > 8.0, "{delays:?}");
}

/// A user who has corrected something in AWS requests a reconcile to have it noticed.
#[tokio::test]
async fn nothing_that_was_read_before_the_request_is_used() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    let at_rest = scope(&fake, &context).await;
    assert!(at_rest.fits && at_rest.recent > Duration::ZERO, "answers may be shared");

    // Until one observation was complete.
    fake.world().mood = Mood::Silent;
    request(&fake, "1");
    let requested = scope(&fake, &context).await;
    assert_eq!((requested.fits, requested.template_fits, requested.recent), (false, false, Duration::ZERO));
    assert_eq!(handled(&fake).as_deref(), Some("1"));
    fake.world().mood = Mood::Well;
    let repeated = scope(&fake, &context).await;
    assert_eq!((repeated.fits, repeated.recent), (false, Duration::ZERO));
    assert_eq!(scope(&fake, &context).await, at_rest);
}

#[tokio::test]
async fn a_suspended_network_handles_the_request_when_it_is_resumed() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.edit(|network| network.spec.suspend = Some(true));
    fake.settle(&context).await;
    request(&fake, "1");
    assert_eq!(fake.reconcile(&context).await.1, [""; 0]);
    assert_eq!(handled(&fake), None);
    fake.edit(|network| network.spec.suspend = None);
    fake.settle(&context).await;
    assert_eq!(handled(&fake).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_deletion_handles_requests_even_if_the_network_is_suspended() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.settle(&context).await;
    fake.edit(|network| network.spec.suspend = Some(true));
    fake.delete();
    fake.world().mood = Mood::Refuses(FailureClass::Unauthorized);
    request(&fake, "1");
    fake.reconcile(&context).await;
    assert_eq!(handled(&fake).as_deref(), Some("1"));
}

#[tokio::test]
async fn a_class_reports_requests_too() {
    let fake = Fake::tokyo();
    let context = fake.context();
    fake.reconcile_class(&context).await;
    let annotation = (RECONCILE_ANNOTATION.to_owned(), "now".to_owned());
    let in_world = || fake.world().classes["tokyo"].clone();
    fake.world().classes.get_mut("tokyo").expect("it is there").metadata.annotations = Some([annotation].into());
    assert_eq!(fake.reconcile_class(&context).await.len(), 1);
    assert_eq!(in_world().status.and_then(|status| status.last_handled_reconcile_at).as_deref(), Some("now"));
    assert_eq!(fake.reconcile_class(&context).await, [""; 0]);
}
