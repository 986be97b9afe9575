//! Transient faults, one at a time and many at once, on every kind of call: the network reaches the same result,
//! nothing is created twice, and no condition asks people to act.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use support::{Fault, FaultKind, Lab, Site};

use support::failing::{NAME, is_as_before, spoil, until_built};
use support::history::History;

/// Transient faults, each with the number of repetitions that reach the reconcile: the SDK tries each call twice.
const TRANSIENT: [(FaultKind, u64); 6] = [
    (FaultKind::Throttle, 4),
    (FaultKind::Error500, 2),
    (FaultKind::Error503, 2),
    (FaultKind::Garbage, 2),
    (FaultKind::Truncate, 2),
    (FaultKind::DropBefore, 2),
];

/// Builds and deletes a network while the ordered faults occur, and checks everything that must hold nevertheless.
async fn build_and_delete(site: &Site, while_building: &[Fault], while_deleting: &[Fault]) -> Result<()> {
    let (before, history) = (site.state().await?, History::of(site));
    order(site, while_building).await?;
    let network = site.network(NAME).apply().await?;
    until_built(site, &network, &site.expected()).await?;
    check_all_occurred(site, while_building).await?;
    history.check_each_slot_was_filled_once().await?;

    order(site, while_deleting).await?;
    network.delete_and_wait().await?;
    is_as_before(site, &before).await?;
    check_all_occurred(site, while_deleting).await?;
    history.check_each_slot_was_filled_once().await?;
    history.check_never_stalled()
}

async fn order(site: &Site, faults: &[Fault]) -> Result<()> {
    for fault in faults {
        site.lab.control().order(fault).await?;
    }
    Ok(())
}

/// Fails if a fault did not occur, because such a fault tests nothing.
async fn check_all_occurred(site: &Site, faults: &[Fault]) -> Result<()> {
    let mut calls = site.calls().await?;
    calls.extend(
        site.lab.control().calls(OPERATOR_ACCOUNT, 0).await?.into_iter().filter(|one| one.region == site.region),
    );
    for fault in faults {
        let kind = serde_json::to_value(fault.kind)?;
        let occurred = calls.iter().filter(|call| {
            call.fault.as_deref() == kind.as_str() && fault.action.as_ref().is_none_or(|action| *action == call.action)
        });
        // A call that had its effect is not always repeated.
        let effective = matches!(fault.kind, FaultKind::Garbage | FaultKind::Truncate | FaultKind::LoseAnswer);
        let least = if effective { 1 } else { usize::try_from(fault.times)? };
        ensure!(occurred.count() >= least, "the fault did not occur, or not as often: {fault:?}");
    }
    Ok(())
}

/// The account of the operator's own credentials, with which it assumes roles.
const OPERATOR_ACCOUNT: &str = "100000000000";

#[tokio::test]
async fn a_transient_fault_on_any_write_leaves_no_trace() -> Result<()> {
    let lab = Lab::shared().await?;
    // Each network has one fault while it is built and one while it is deleted.
    let actions = [
        ("CreateSecurityGroup", 2, "DeleteVpcEndpoints", 1),
        ("AuthorizeSecurityGroupIngress", 1, "DeleteResolverEndpoint", 1),
        ("CreateVpcEndpoint", 3, "DeleteSecurityGroup", 1),
        ("CreateResolverEndpoint", 1, "DeleteSecurityGroup", 2),
    ];
    for kinds in TRANSIENT.chunks(3) {
        let cases = kinds.iter().flat_map(|kind| actions.map(|action| (*kind, action)));
        try_join_all(cases.map(async |((kind, times), (build, nth_build, delete, nth_delete))| {
            let site = lab.site("shaken").await?;
            let fault = |action, nth| Fault { nth, times, ..spoil(&site, kind, action) };
            let (build_fault, delete_fault) = (fault(build, nth_build), fault(delete, nth_delete));
            build_and_delete(&site, &[build_fault], &[delete_fault])
                .await
                .with_context(|| format!("{kind:?} on {build} and {delete}, in {}", site.namespace))
        }))
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_to_a_call_without_a_token_leaves_no_trace() -> Result<()> {
    let lab = Lab::shared().await?;
    let actions = [
        ("AuthorizeSecurityGroupIngress", "DeleteVpcEndpoints"),
        ("AuthorizeSecurityGroupIngress", "DeleteResolverEndpoint"),
        ("AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"),
    ];
    try_join_all(actions.map(async |(build, delete)| {
        let site = lab.site("unanswered").await?;
        let lost = |action| Fault { times: 2, ..spoil(&site, FaultKind::LoseAnswer, action) };
        build_and_delete(&site, &[lost(build)], &[lost(delete)]).await.with_context(|| format!("{build} and {delete}"))
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn transient_faults_on_any_read_leave_no_trace() -> Result<()> {
    let lab = Lab::shared().await?;
    // Whether the call is also made while a network is deleted.
    let actions = [
        ("DescribeVpcs", false),
        ("DescribeVpcAttribute", false),
        ("DescribeSubnets", false),
        ("DescribeRouteTables", false),
        ("DescribeVpcEndpointServices", false),
        ("DescribeSecurityGroupRules", false),
        ("DescribeSecurityGroups", true),
        ("DescribeVpcEndpoints", true),
        ("DescribeNetworkInterfaces", true),
        ("ListResolverEndpoints", true),
        ("ListTagsForResource", true),
        ("ListResolverEndpointIpAddresses", true),
    ];
    let cases = actions.iter().flat_map(|action| TRANSIENT.chunks(3).map(move |kinds| (action, kinds)));
    try_join_all(cases.map(async |((action, when_deleting), kinds)| {
        let site = lab.site("blurred").await?;
        // The faults occur one after the other, each twice.
        let faults: Vec<Fault> =
            kinds.iter().map(|(kind, _)| Fault { times: 2, ..spoil(&site, *kind, action) }).collect();
        let while_deleting = if *when_deleting { &faults[..] } else { &[] };
        build_and_delete(&site, &faults, while_deleting)
            .await
            .with_context(|| format!("{action}, in {}", site.namespace))
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_at_first_is_assumed_later() -> Result<()> {
    let lab = Lab::shared().await?;
    // Only the Region distinguishes these calls from those of other tests: roles are assumed with the operator's own
    // credentials.
    let regions = ["eu-central-1", "eu-west-1"];
    try_join_all(regions.iter().zip(TRANSIENT.chunks(3)).map(async |(region, kinds)| {
        let fault = |action, kind| Fault { region: Some((*region).to_owned()), times: 2, ..Fault::next(kind, action) };
        let actions = ["AssumeRole", "GetCallerIdentity"];
        let all: Vec<Fault> =
            actions.into_iter().flat_map(|action| kinds.iter().map(move |(kind, _)| fault(action, *kind))).collect();
        for fault in &all {
            lab.control().order(fault).await?;
        }
        let site = lab.site("no-role-yet").region(region).await?;
        build_and_delete(&site, &[], &[]).await?;
        check_all_occurred(&site, &all).await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn every_second_call_being_throttled_only_takes_longer() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("crowded-account").await?;
    // Throttles about half of the first 50 calls, without a pattern with which retries could synchronize.
    let pattern: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let indexes = (0..50).filter(|at| pattern >> at & 1 == 1);
    let throttled: Vec<Fault> =
        indexes.map(|at| Fault { nth: at + 1, action: None, ..spoil(&site, FaultKind::Throttle, "") }).collect();
    ensure!((20..=30).contains(&throttled.len()), "{} of 50", throttled.len());
    build_and_delete(&site, &throttled, &throttled[..10]).await
}
