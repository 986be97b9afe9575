//! Functions for tests of failures: faults of calls, waits for their effects, and checks of AWS afterwards.

use std::time::Duration;

use crate::state::State;
use crate::{Call, Expected, Fault, FaultKind, Network, Site, Summary};
use anyhow::{Result, bail, ensure};
use mgnet::model::ownership::{OWNER_TAG, SLOT_TAG};
use serde_json::json;
use tokio::time::Instant;

/// The name of the network in tests with only one.
pub const NAME: &str = "tokyo";

/// Returns a fault for the next call of an action in the site's account.
pub fn spoil(site: &Site, kind: FaultKind, action: &str) -> Fault {
    Fault { account: Some(site.account.clone()), ..Fault::next(kind, action) }
}

/// Turns throttling off for the site's account. A throttled call has no effect and is sent again. A test that expects
/// the nth call to create the nth resource therefore needs this.
pub async fn uncrowd(site: &Site) -> Result<()> {
    site.lab.control().change_options(&site.account, json!({ "throttling": false })).await
}

/// The longest wait of a test for anything except a network, in seconds.
const TIMEOUT_SECONDS: u64 = 60;

/// Repeats `read` until it returns a value. `what` completes "not within 60 s: …".
pub async fn until<T>(what: &str, mut read: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = read().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not within {TIMEOUT_SECONDS} s: {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the operator has begun that many further observations of the site's VPC.
pub async fn until_observed(site: &Site, times: usize) -> Result<()> {
    let now = site.last_call().await?;
    until("the operator observes the VPC again", async || {
        let observations = site.calls_after(now).await?.iter().filter(|call| call.action == "DescribeSubnets").count();
        Ok((observations >= times).then_some(()))
    })
    .await
}

/// Waits for the call that gets a fault of that kind, and for the effect of the call, if any.
pub async fn until_spoiled(site: &Site, kind: &str) -> Result<Call> {
    until(&format!("a call gets the fault {kind} in account {}", site.account), async || {
        Ok(site.calls().await?.into_iter().find(|call| call.fault.as_deref() == Some(kind)))
    })
    .await
}

/// Waits until the network is Ready, and compares AWS with the expected resources.
pub async fn until_built(site: &Site, network: &Network<'_>, expected: &Expected) -> Result<()> {
    network.until_ready().await?;
    is_there(&site.summary().await?, &expected.summary(), network).await
}

/// Fails unless AWS contains the expected resources and no others.
pub async fn is_there(present: &Summary, expected: &Summary, network: &Network<'_>) -> Result<()> {
    ensure!(present == expected, "AWS contains {present:?}but not {expected:?}{}", network.report().await);
    Ok(())
}

/// Fails unless the state of AWS is the same as before.
pub async fn is_as_before(site: &Site, before: &State) -> Result<()> {
    let after = site.state().await?;
    let summary = site.summary().await?;
    ensure!(after == *before, "in addition to the VPC, AWS contains {summary:?}before: {before:?}\nnow: {after:?}");
    Ok(())
}

/// Returns the slots and IDs of the resources that a network owns.
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

/// The create calls of the largest network, one per resource: the action, and the number among its calls.
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
