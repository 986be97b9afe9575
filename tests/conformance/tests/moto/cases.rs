//! The cases against moto. The list is exactly right for the pinned version: a case that fails and is not listed fails the
//! test, and so does a case that is listed and passes.

use std::{collections::BTreeMap, future::pending, pin::pin, time::Duration};

use conformance::{Pace, Run, Target, Verdict, cases, run};

use super::{
    backend::{ACCOUNT, Backend},
    deviations::IN_CASES,
};
use crate::{foreign, program::Program};

/// moto does no work in the background, so nothing changes while a case waits.
const PACE: Pace = Pace { interval: Duration::from_millis(1), patience: Duration::from_millis(3) };

async fn target(backend: &Backend) -> Target {
    Target::connect(&backend.config, Some(ACCOUNT), Run::begin(), PACE).await.expect("the account is right")
}

#[tokio::test]
async fn moto_passes_all_cases_but_those_that_are_listed() {
    let moto = Backend::moto().await;
    let mut listed: BTreeMap<&str, &str> = IN_CASES.iter().copied().collect();
    assert_eq!(listed.len(), IN_CASES.len(), "a case is listed twice");
    let mut wrong = Vec::new();
    for case in cases::all() {
        // Each case is a run of its own, because moto cannot delete all that some cases create.
        let target = target(&moto).await;
        let outcome = run(&target, &[case], false, pin!(pending()).as_mut(), |_| {}).await.remove(0);
        let name = case.name();
        match (outcome.verdict, listed.remove(name.as_str())) {
            (Verdict::Passed, None) | (Verdict::Failed(_), Some(_)) => {}
            (verdict, _) => wrong.push(format!("{name}: {verdict:?}")),
        }
    }
    wrong.extend(listed.keys().map(|name| format!("there is no case {name}")));
    assert!(wrong.is_empty(), "{} cases are not as listed:\n{}", wrong.len(), wrong.join("\n"));
}

/// The whole path of an AWS account, with a case that passes and one that fails.
#[tokio::test]
async fn the_program_runs_with_moto_in_the_place_of_an_account_and_leaves_nothing() {
    let moto = Backend::moto_of(crate::emulator::ACCOUNT).await;
    let url = moto.config.endpoint_url().expect("moto has a URL").to_owned();
    foreign::create(&moto.config, super::backend::REGION).await;
    let arguments = ["--yes-i-pay-up-to", "0.50", "--cases", "only_an_empty_vpc", "--cases", "dns_support_is_on"];
    let ended = Program::run(&url, "moto", &arguments).end().await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.output, ended.errors);
    assert!(ended.report.contains("1 passed, 1 failed"), "{}", ended.report);
    assert!(ended.report.contains("clean-up: nothing is left"), "{}", ended.report);
    assert!(!ended.report.contains(crate::emulator::ACCOUNT), "{}", ended.report);
    let vpcs = moto.ec2.describe_vpcs().send().await.expect("an answer");
    let foreign = vpcs.vpcs().iter().filter(|vpc| vpc.cidr_block() == Some("10.20.0.0/16"));
    assert_eq!(foreign.count(), 1, "the VPC of others");
}
