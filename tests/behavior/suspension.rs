//! Suspension: the operator writes nothing to AWS while it lasts, and executes all due steps when it ends.

use anyhow::{Context, Result};
use mgnet::api::{ConditionStatus, ConditionType, Reason, conditions};
use serde_json::json;
use support::{Lab, Network, Site};

use support::failing::{NAME, is_as_before, until_built, until_observed};
use support::foreign;
use support::history::History;

/// Fails if anything is written during two observations, or if the condition is missing or outdated.
async fn check_suspended(site: &Site, network: &Network<'_>) -> Result<()> {
    network.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;
    let now = site.last_call().await?;
    until_observed(site, 2).await?;
    assert_eq!(site.writes_after(now).await?, []);
    let object = network.get().await?;
    let status = object.status.context("no status")?;
    assert_eq!(Some(status.observed_generation), object.metadata.generation);
    assert!(conditions::is_true(&status.conditions, ConditionType::Suspended));
    Ok(())
}

#[tokio::test]
async fn drift_and_edits_wait_during_a_suspension_and_are_processed_afterwards() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("paused").await?;
    let history = History::of(&site);
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;

    network.edit(json!({ "suspend": true })).await?;
    check_suspended(&site, &network).await?;
    // A complete network remains Ready: no step is due, and the start of the suspension is not written twice.
    let suspended = network.until_ready().await?;
    let status = suspended.status.clone().context("no status")?;
    let condition = conditions::find(&status.conditions, ConditionType::Suspended).context("no condition")?;
    let since = condition.last_transition_time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    assert!(condition.message.contains(&format!("since {since}")), "{}", condition.message);
    until_observed(&site, 2).await?;
    assert_eq!(network.get().await?.metadata.resource_version, suspended.metadata.resource_version);

    let state = site.state().await?;
    let group = state.security_group("sg/endpoints").context("no group")?;
    let rule = &group.ingress.first().context("no rule")?.id;
    site.aws.ec2.revoke_security_group_ingress().group_id(&group.id).security_group_rule_ids(rule).send().await?;
    let mgn = state.endpoint("mgn", "Interface").context("no endpoint")?.id.clone();
    foreign::delete_endpoints(&site, vec![mgn]).await?;
    network.edit(json!({ "proxyCIDRs": ["10.9.0.0/24"] })).await?;
    network.until_reason(ConditionType::Ready, Reason::Suspended).await?;
    check_suspended(&site, &network).await?;

    network.edit(json!({ "suspend": null })).await?;
    until_built(&site, &network, &site.expected().proxies(["10.9.0.0/24"])).await?;
    network
        .until("the condition Suspended is removed", |network| {
            let status = network.status.clone().unwrap_or_default();
            conditions::find(&status.conditions, ConditionType::Suspended).is_none()
        })
        .await?;
    history.check_no_slot_held_two().await
}

#[tokio::test]
async fn a_network_that_is_suspended_from_the_start_is_not_built_before_it_is_resumed() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("not-yet").await?;
    let before = site.state().await?;
    let network = site.network(NAME).suspended().apply().await?;
    check_suspended(&site, &network).await?;
    is_as_before(&site, &before).await?;
    network.until_reason(ConditionType::Ready, Reason::Suspended).await?;

    network.edit(json!({ "suspend": false })).await?;
    until_built(&site, &network, &site.expected()).await
}

#[tokio::test]
async fn a_suspended_network_is_deleted_whether_it_was_built_or_not() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("paused-for-good").await?;
    let before = site.state().await?;
    let network = site.network(NAME).apply().await?;
    network.until_ready().await?;
    network.edit(json!({ "suspend": true })).await?;
    network.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;
    network.delete_and_wait().await?;
    is_as_before(&site, &before).await?;

    let never = site.network("never").suspended().apply().await?;
    never.until_condition(ConditionType::Suspended, ConditionStatus::True).await?;
    let now = site.last_call().await?;
    never.delete_and_wait().await?;
    assert_eq!(site.writes_after(now).await?, []);
    Ok(())
}
