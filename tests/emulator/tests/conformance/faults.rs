//! Injected faults: what a client sees, and what took effect.

use std::time::{Duration, Instant};

use emulator::http::{Fault, FaultKind};

use crate::support::{Aws, code};

/// Returns the outcome of CreateVpc under a fault, and the number of VPCs afterwards.
async fn create_under(kind: FaultKind) -> (String, usize) {
    let aws = Aws::start().await;
    aws.server.order(Fault::next(kind, "CreateVpc"));
    let outcome = code(aws.ec2.create_vpc().cidr_block("10.20.0.0/16").send().await);
    (outcome, aws.state().vpcs.len())
}

#[tokio::test]
async fn a_dropped_call_has_no_effect_and_no_answer() {
    assert_eq!(create_under(FaultKind::DropBefore).await, ("no answer".to_owned(), 0));
}

#[tokio::test]
async fn a_call_with_a_lost_answer_takes_effect() {
    assert_eq!(create_under(FaultKind::LoseAnswer).await, ("no answer".to_owned(), 1));
}

#[tokio::test]
async fn throttling_and_server_errors_have_no_effect() {
    assert_eq!(create_under(FaultKind::Throttle).await, ("RequestLimitExceeded".to_owned(), 0));
    assert_eq!(create_under(FaultKind::Error500).await, ("InternalError".to_owned(), 0));
    assert_eq!(create_under(FaultKind::Error503).await, ("Unavailable".to_owned(), 0));
    assert_eq!(create_under(FaultKind::Error).await, ("UnauthorizedOperation".to_owned(), 0));
}

#[tokio::test]
async fn a_call_with_an_invalid_or_truncated_answer_takes_effect() {
    assert_eq!(create_under(FaultKind::Garbage).await, ("unreadable".to_owned(), 1));
    assert_eq!(create_under(FaultKind::Truncate).await, ("unreadable".to_owned(), 1));
}

#[tokio::test]
async fn a_delay_comes_before_the_effect() {
    let aws = Aws::start().await;
    aws.server.order(Fault { seconds: 0.2, ..Fault::next(FaultKind::DelaySeconds, "CreateVpc") });
    let begin = Instant::now();
    assert_eq!(code(aws.ec2.create_vpc().cidr_block("10.20.0.0/16").send().await), "ok");
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_held_answer_is_sent_on_release() {
    let aws = Aws::start().await;
    aws.server.order(Fault::next(FaultKind::Hold, "CreateVpc"));
    let call = tokio::spawn(aws.ec2.create_vpc().cidr_block("10.20.0.0/16").send());
    while aws.state().vpcs.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!call.is_finished());
    aws.server.release();
    assert_eq!(code(call.await.unwrap()), "ok");
}

#[tokio::test]
async fn a_fault_of_one_account_does_not_affect_others() {
    let aws = Aws::start().await;
    let account = Some("222222222222".to_owned());
    aws.server.order(Fault { account, ..Fault::next(FaultKind::Throttle, "CreateVpc") });
    assert_eq!(code(aws.ec2.create_vpc().cidr_block("10.20.0.0/16").send().await), "ok");
}
