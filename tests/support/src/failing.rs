//! What tests of failures share: calls that are spoiled, waits for what comes of it, and how AWS has to be afterwards.

use std::time::Duration;

use crate::state::State;
use crate::{Call, Expected, Fault, FaultKind, Network, Site, Summary};
use anyhow::{Result, bail, ensure};
use mgnet::model::ownership::{OWNER_TAG, SLOT_TAG};
use serde_json::json;
use tokio::time::Instant;

/// The name of the network where there is only one.
pub const NAME: &str = "tokyo";

/// The next call of that action in the site's account is spoiled.
pub fn spoil(site: &Site, kind: FaultKind, action: &str) -> Fault {
    Fault { account: Some(site.account.clone()), ..Fault::next(kind, action) }
}

/// Has AWS admit every call of the site's account. A throttled call has no effect and is sent again, so that where the
/// nth call is meant to be the nth resource, and to have its effect, none may be throttled.
pub async fn uncrowd(site: &Site) -> Result<()> {
    site.lab.world().change_options(&site.account, json!({ "throttling": false })).await
}

/// How long a test waits for anything but a network, in seconds.
const PATIENCE: u64 = 60;

/// Waits until `look` finds something; `what` completes "not within 60 s: …".
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not within {PATIENCE} s: {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the operator has begun that many more looks at the site's VPC.
pub async fn until_observed(site: &Site, times: usize) -> Result<()> {
    let now = site.last_call().await?;
    until("the operator looks at the VPC again", async || {
        let looks = site.calls_after(now).await?.iter().filter(|call| call.action == "DescribeSubnets").count();
        Ok((looks >= times).then_some(()))
    })
    .await
}

/// Waits for the call that a fault of that kind spoils, and for its effect, if it has one.
pub async fn until_spoiled(site: &Site, kind: &str) -> Result<Call> {
    until(&format!("a call is spoiled by {kind} in account {}", site.account), async || {
        Ok(site.calls().await?.into_iter().find(|call| call.fault.as_deref() == Some(kind)))
    })
    .await
}

/// Waits until the network is Ready, and compares AWS with what should be there.
pub async fn until_built(site: &Site, network: &Network<'_>, expected: &Expected) -> Result<()> {
    network.until_ready().await?;
    is_there(&site.summary().await?, &expected.summary(), network).await
}

/// Fails unless AWS holds what is expected.
pub async fn is_there(there: &Summary, expected: &Summary, network: &Network<'_>) -> Result<()> {
    ensure!(there == expected, "in AWS is {there:?}and not {expected:?}{}", network.report().await);
    Ok(())
}

/// Fails unless AWS is as it was before.
pub async fn is_as_before(site: &Site, before: &State) -> Result<()> {
    let after = site.state().await?;
    let summary = site.summary().await?;
    ensure!(after == *before, "beside the VPC there is now {summary:?}before: {before:?}\nnow: {after:?}");
    Ok(())
}

/// The ids of the resources that a network owns, each with its slot.
pub fn owned(state: &State, uid: &str) -> Vec<(String, String)> {
    let groups = state.security_groups.iter().map(|group| (&group.tags, &group.id));
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| (&endpoint.tags, &endpoint.id));
    let resolvers = state.resolver_endpoints.iter().map(|resolver| (&resolver.tags, &resolver.id));
    let all = groups.chain(endpoints).chain(resolvers);
    let mut owned: Vec<(String, String)> = all
        .filter(|(tags, _)| tags.get(OWNER_TAG).is_some_and(|owner| owner == uid))
        .map(|(tags, id)| (tags.get(SLOT_TAG).cloned().unwrap_or_default(), id.clone()))
        .collect();
    owned.sort();
    owned
}

/// Every one-call-per-resource create of the largest network: the action, and which of its calls.
pub const CREATE_CALLS: [(&str, u64); 11] = [
    ("CreateSecurityGroup", 1),
    ("CreateSecurityGroup", 2),
    ("CreateSecurityGroup", 3),
    ("CreateVpcEndpoint", 1),
    ("CreateVpcEndpoint", 2),
    ("CreateVpcEndpoint", 3),
    ("CreateVpcEndpoint", 4),
    ("CreateVpcEndpoint", 5),
    ("CreateVpcEndpoint", 6),
    ("CreateVpcEndpoint", 7),
    ("CreateResolverEndpoint", 1),
];
