//! Answers that never arrive although the call had its effect, while the operator keeps running.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use mgnet::model::slot::Slot;
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab};

use support::failing::{CREATE_CALLS, NAME, is_as_before, spoil, uncrowd, until_built};
use support::foreign;
use support::history::{History, slot_of};

/// Builds and deletes a network for each create call, whose answer is lost that many times. Returns the slots of the
/// calls.
///
/// The SDK tries each call twice, so the reconcile notices only the second loss. The creation of a Resolver endpoint is
/// tried once, and an observation finds its effect.
async fn lose_answers(name: &str, times: u64, options: &Value) -> Result<BTreeSet<String>> {
    let lab = Lab::shared().await?;
    let slots = try_join_all(CREATE_CALLS.map(async |(action, nth)| {
        let site = lab.site(name).await?;
        uncrowd(&site).await?;
        let (before, history) = (site.state().await?, History::of(&site));
        let times = if action == "CreateResolverEndpoint" { 1 } else { times };
        lab.control().change_options(&site.account, options.clone()).await?;
        lab.control().order(&Fault { nth, times, ..spoil(&site, FaultKind::LoseAnswer, action) }).await?;
        let network = site.network(NAME).with_replication_group().apply().await?;
        let expected = site.expected().with_replication_group();
        let context = || format!("{action} {nth} in {}", site.namespace);
        until_built(&site, &network, &expected).await.with_context(context)?;
        history.check_each_slot_was_filled_once().await.with_context(context)?;
        history.check_never_stalled().with_context(context)?;

        let calls = site.calls().await?;
        let lost: Vec<_> = calls.iter().filter(|call| call.fault.is_some()).collect();
        ensure!(lost.len() == usize::try_from(times)?, "the lost answers are not the ordered ones: {lost:?}");
        let slot = slot_of(lost[0])?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await.with_context(context)?;
        history.check_each_slot_was_filled_once().await.with_context(context)?;
        Ok::<_, anyhow::Error>(slot)
    }))
    .await?;
    Ok(slots.into_iter().collect())
}

fn all_slots() -> BTreeSet<String> {
    Slot::standard().map(|slot| slot.to_string()).collect()
}

#[tokio::test]
async fn a_lost_answer_creates_no_second_resource_in_any_slot() -> Result<()> {
    assert_eq!(lose_answers("lost-once", 1, &json!({})).await?, all_slots());
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_lost_twice_creates_no_second_resource_in_any_slot() -> Result<()> {
    assert_eq!(lose_answers("lost-twice", 2, &json!({})).await?, all_slots());
    Ok(())
}

#[tokio::test]
async fn lost_answers_create_no_second_resource_with_the_other_variant_of_idempotency() -> Result<()> {
    let options = json!({ "client_tokens": "ForgetDeleted", "creator_request_id": "Return" });
    assert_eq!(lose_answers("other-variant", 2, &options).await?, all_slots());
    Ok(())
}

#[tokio::test]
async fn resources_deleted_by_hand_are_created_once_whether_aws_forgets_tokens_or_not() -> Result<()> {
    let lab = Lab::shared().await?;
    let variants = [
        json!({}),
        json!({ "client_tokens": "ForgetDeleted", "creator_request_id": "Return", "modify_while_pending": true }),
    ];
    try_join_all(variants.map(async |options| {
        let site = lab.site("replaced").await?;
        let (before, history) = (site.state().await?, History::of(&site));
        lab.control().change_options(&site.account, options).await?;
        let network = site.network(NAME).apply().await?;
        network.until_ready().await?;
        let state = site.state().await?;
        let mgn = state.endpoint("mgn", "Interface").context("no endpoint")?.id.clone();
        let resolver = state.resolver_endpoints.first().context("no resolver")?.id.clone();

        // The answers to both replacements are lost, too.
        for (action, times) in [("CreateVpcEndpoint", 2), ("CreateResolverEndpoint", 1)] {
            lab.control().order(&Fault { times, ..spoil(&site, FaultKind::LoseAnswer, action) }).await?;
        }
        foreign::delete_endpoints(&site, vec![mgn.clone()]).await?;
        site.aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&resolver).send().await?;
        network
            .until("both were replaced", |network| {
                let status = network.status.clone().unwrap_or_default();
                let epochs = status.claims.iter().filter(|claim| claim.epoch == 2 && claim.id.is_some());
                epochs.map(|claim| claim.slot.as_str()).collect::<Vec<_>>() == ["vpce/mgn/Interface", "resolver"]
            })
            .await?;
        until_built(&site, &network, &site.expected()).await?;
        history.check_no_slot_held_two().await?;
        network.delete_and_wait().await?;
        is_as_before(&site, &before).await?;
        history.check_no_slot_held_two().await
    }))
    .await?;
    Ok(())
}
