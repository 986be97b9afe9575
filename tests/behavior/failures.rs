//! Failures that people have to resolve, and other variants of the behavior of AWS: the status reports a failure, and
//! the operator continues by itself once it is resolved.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use mgnet::api::{ConditionStatus, ConditionType, MigrationNetworkStatus, Reason, conditions};
use serde_json::json;
use support::{Fault, FaultKind, Lab, Network};

use support::failing::{NAME, is_as_before, spoil, until, until_built, until_observed};
use support::foreign;
use support::history::History;

/// Waits until the network is stalled for that reason, and returns its status.
async fn until_stalled(network: &Network<'_>, reason: Reason) -> Result<MigrationNetworkStatus> {
    network.until_reason(ConditionType::Stalled, reason).await?;
    let status = network.until_reason(ConditionType::Ready, reason).await?.status.context("no status")?;
    ensure!(!conditions::is_true(&status.conditions, ConditionType::Ready), "{status:?}");
    Ok(status)
}

fn message(status: &MigrationNetworkStatus, type_: ConditionType) -> &str {
    conditions::find(&status.conditions, type_).map_or("", |condition| &condition.message)
}

#[tokio::test]
async fn an_exhausted_quota_is_reported_with_the_empty_slots_and_a_raise_is_noticed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("full").await?;
    let history = History::of(&site);
    let quotas = |endpoints: u32| json!({ "quotas": { "interface_endpoints_per_vpc": endpoints } });
    lab.control().change_options(&site.account, quotas(4)).await?;
    let network = site.network(NAME).apply().await?;
    let status = until_stalled(&network, Reason::QuotaExceeded).await?;

    let state = site.state().await?;
    let text = message(&status, ConditionType::EndpointsReady);
    let missing: Vec<&str> = ["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"]
        .into_iter()
        .filter(|service| state.endpoint(service, "Interface").is_none())
        .collect();
    assert_eq!(missing.len(), 2, "{state:#?}");
    for service in missing {
        let slot = format!("vpce/{service}/Interface");
        assert!(text.contains(&slot), "{slot} is not in: {text}");
        assert!(message(&status, ConditionType::Ready).contains(&slot), "{slot} is not in Ready's message");
    }

    lab.control().change_options(&site.account, quotas(50)).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn the_quota_of_resolver_endpoints_is_not_mistaken_for_throttling() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-more-resolvers").await?;
    let history = History::of(&site);
    let quotas = |endpoints: u32| json!({ "quotas": { "resolver_endpoints_per_region": endpoints } });
    lab.control().change_options(&site.account, quotas(0)).await?;
    let network = site.network(NAME).apply().await?;
    let status = until_stalled(&network, Reason::QuotaExceeded).await?;
    let text = message(&status, ConditionType::ResolverReady);
    assert!(text.contains("resolver") && text.contains("LimitExceededException"), "{text}");

    lab.control().change_options(&site.account, quotas(4)).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn a_conflict_with_foreign_private_dns_is_reported_and_its_end_is_noticed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("conflict").await?;
    let history = History::of(&site);
    let foreign = foreign::endpoint(&site, "mgn", true, &[]).await?;
    let foreign_endpoint = async || {
        let state = site.state().await?;
        Ok::<_, anyhow::Error>(state.vpc_endpoints.into_iter().find(|endpoint| endpoint.id == foreign))
    };
    let network = site.network(NAME).apply().await?;
    let status = until_stalled(&network, Reason::PrivateDnsConflict).await?;
    let text = message(&status, ConditionType::Ready);
    assert!(text.contains("vpce/mgn/Interface"), "{text}");

    let before = until("the foreign endpoint is available", async || {
        Ok(foreign_endpoint().await?.filter(|endpoint| endpoint.state == "available"))
    })
    .await?;
    until_observed(&site, 2).await?;
    assert_eq!(foreign_endpoint().await?.as_ref(), Some(&before));
    let calls = site.calls().await?;
    let named = calls.iter().filter(|call| call.is_write() && call.parameters.to_string().contains(&foreign));
    assert_eq!(named.count(), 0);

    foreign::delete_endpoints(&site, vec![foreign.clone()]).await?;
    until_built(&site, &network, &site.expected()).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn lost_permissions_are_reported_and_restored_permissions_are_noticed() -> Result<()> {
    let lab = Lab::shared().await?;
    let actions = [None, Some("DescribeVpcs"), Some("ListResolverEndpoints")];
    try_join_all(actions.map(async |action| {
        let site = lab.site("locked-out").await?;
        let history = History::of(&site);
        let network = site.network(NAME).apply().await?;
        network.until_ready().await?;
        let built = site.last_call().await?;
        let denied = Fault {
            action: action.map(str::to_owned),
            times: 100_000,
            code: Some("UnauthorizedOperation".to_owned()),
            ..spoil(&site, FaultKind::Error, "")
        };
        lab.control().order(&denied).await?;
        until_stalled(&network, Reason::AccessDenied).await?;
        lab.control().cancel_faults(&site.account).await?;
        until_built(&site, &network, &site.expected()).await.with_context(|| format!("{action:?}"))?;
        ensure!(site.writes_after(built).await?.is_empty(), "{:?}", site.writes_after(built).await?);
        history.check_each_slot_was_filled_once().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_denied_create_call_is_reported_and_a_denied_delete_call_blocks_the_deletion() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("read-only").await?;
    let (before, history) = (site.state().await?, History::of(&site));
    let denied = |action| Fault { times: 100_000, ..spoil(&site, FaultKind::Error, action) };
    lab.control().order(&denied("CreateVpcEndpoint")).await?;
    let network = site.network(NAME).apply().await?;
    let status = until_stalled(&network, Reason::AccessDenied).await?;
    let text = message(&status, ConditionType::Ready);
    assert!(text.contains("ec2:CreateVpcEndpoint"), "{text}");
    lab.control().cancel_faults(&site.account).await?;
    until_built(&site, &network, &site.expected()).await?;

    lab.control().order(&denied("DeleteVpcEndpoints")).await?;
    network.delete().await?;
    until_stalled(&network, Reason::AccessDenied).await?;
    assert_eq!(site.state().await?.vpc_endpoints.len(), 7);
    lab.control().cancel_faults(&site.account).await?;
    network.until_gone().await?;
    is_as_before(&site, &before).await?;
    history.check_each_slot_was_filled_once().await
}

#[tokio::test]
async fn lists_that_lag_behind_cause_no_second_resource() -> Result<()> {
    let lab = Lab::shared().await?;
    // In seconds of AWS, of which 60 pass in one real second: shorter than the absence grace.
    let lags = [
        json!({ "new_invisible_for": 90.0 }),
        json!({ "deleted_visible_for": 90.0 }),
        json!({ "changes_invisible_for": 90.0 }),
        json!({ "new_invisible_for": 60.0, "deleted_visible_for": 120.0, "max_page": 5 }),
    ];
    try_join_all(lags.map(async |lag| {
        let site = lab.site("lagging").await?;
        let (before, history) = (site.state().await?, History::of(&site));
        lab.control().change_options(&site.account, lag.clone()).await?;
        until("the VPC is old enough to be listed", async || {
            let listed = site.aws.ec2.describe_route_tables().send().await?;
            Ok((listed.route_tables().len() == site.landing.route_tables.len()).then_some(()))
        })
        .await?;
        let network = site.network(NAME).with_replication_group().apply().await?;
        let expected = site.expected().with_replication_group();
        until_built(&site, &network, &expected).await.with_context(|| lag.to_string())?;
        history.check_each_slot_was_filled_once().await.with_context(|| lag.to_string())?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await.with_context(|| lag.to_string())?;
        history.check_each_slot_was_filled_once().await?;
        history.check_never_stalled().with_context(|| lag.to_string())
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn lists_with_the_smallest_pages_are_read_completely() -> Result<()> {
    let lab = Lab::shared().await?;
    try_join_all([1, 5].map(async |max_page| {
        let site = lab.site("paged").await?;
        let (before, history) = (site.state().await?, History::of(&site));
        lab.control().change_options(&site.account, json!({ "max_page": max_page })).await?;
        let network = site.network(NAME).with_replication_group().apply().await?;
        until_built(&site, &network, &site.expected().with_replication_group()).await?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await?;
        history.check_each_slot_was_filled_once().await
    }))
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_denied_call_affects_only_its_own_slot() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("denied").await?;
    let before = site.state().await?;
    // The IAM policy of `deploy/iam` allows only endpoints for the standard services.
    let services = json!({ format!("{}/kms", site.region): { "denied": true } });
    lab.control().change_options(&site.account, json!({ "services": services })).await?;
    let kms = foreign::entry("kms", "Interface", &json!({}));
    let network = site.network(NAME).spec(&json!({ "endpoints": [kms] })).apply().await?;
    let status = until_stalled(&network, Reason::AccessDenied).await?;
    assert!(message(&status, ConditionType::EndpointsReady).contains("vpce/kms/Interface"), "{status:#?}");
    network.until_condition(ConditionType::ResolverReady, ConditionStatus::True).await?;
    assert_eq!(site.summary().await?, site.expected().summary(), "everything else is built");

    // Edits of other parts take effect, too, and endpoints are removed.
    let without_ssm = json!({ "postLaunch": { "ssm": "Disabled" } });
    network.edit(without_ssm).await?;
    until("the other endpoints are removed", async || {
        let state = site.state().await?;
        Ok(state.endpoint("ssm", "Interface").is_none().then_some(()))
    })
    .await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}

#[tokio::test]
async fn a_role_without_resolver_permissions_can_run_a_network_without_a_resolver_endpoint() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("no-resolver-rights").await?;
    let before = site.state().await?;
    let denied = Fault {
        times: u64::MAX,
        code: Some("AccessDeniedException".to_owned()),
        message: Some("User is not authorized to perform: route53resolver:ListResolverEndpoints".to_owned()),
        ..spoil(&site, FaultKind::Error, "ListResolverEndpoints")
    };
    lab.control().order(&denied).await?;
    let network = site.network(NAME).without_resolver().apply().await?;
    network.until_ready().await?;
    assert_eq!(site.summary().await?, site.expected().without_resolver().summary());

    // With a Resolver endpoint, the missing permission is reported.
    network.edit(json!({ "resolver": null })).await?;
    until_stalled(&network, Reason::AccessDenied).await?;
    network.edit(json!({ "resolver": { "mode": "Disabled" } })).await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await
}
