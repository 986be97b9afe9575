//! Functions that several tests need in addition to the lab: waits for AWS and for events, and a check that the network
//! keeps serving.

use std::time::Duration;

use crate::{Call, Expected, Network, Site, state::State};
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_ec2::types::Tag;
use k8s_openapi::api::{core::v1::Namespace, events::v1::Event};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use mgnet::{
    api::{ClaimPhase, ConditionType, MigrationNetwork, MigrationNetworkClass, conditions},
    model::ownership::EPOCH_TAG,
};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(90);
const READ_EVERY: Duration = Duration::from_millis(50);

/// Returns the status, reason and message of a condition; `None` if it is absent.
pub fn condition(network: &MigrationNetwork, type_: ConditionType) -> Option<(&str, &str, &str)> {
    let found = conditions::find(&network.status.as_ref()?.conditions, type_)?;
    Some((&found.status, &found.reason, &found.message))
}

/// Returns the message of a condition that must be present.
pub fn message(network: &MigrationNetwork, type_: ConditionType) -> Result<&str> {
    Ok(condition(network, type_).with_context(|| format!("there is no condition {type_}"))?.2)
}

/// Whether a condition is present and true.
pub fn is_true(network: &MigrationNetwork, type_: ConditionType) -> bool {
    condition(network, type_).is_some_and(|(status, ..)| status == "True")
}

/// Returns the status that kstatus computes for the object, by its generic rules for unknown kinds (cli-utils
/// `pkg/kstatus/status/generic.go`).
pub fn kstatus(network: &MigrationNetwork) -> &'static str {
    if network.metadata.deletion_timestamp.is_some() {
        return "Terminating";
    }
    let Some(status) = &network.status else { return "Current" };
    if Some(status.observed_generation) != network.metadata.generation || is_true(network, ConditionType::Reconciling) {
        return "InProgress";
    }
    if is_true(network, ConditionType::Stalled) {
        return "Failed";
    }
    match condition(network, ConditionType::Ready) {
        Some(("True", ..)) | None => "Current",
        Some(_) => "InProgress",
    }
}

/// Returns the epoch of the claim on a slot, which must be held.
pub fn held_epoch(network: &MigrationNetwork, slot: &str) -> Option<i64> {
    let claims = &network.status.as_ref()?.claims;
    claims.iter().find(|claim| claim.slot == slot && claim.phase == ClaimPhase::Held).map(|claim| claim.epoch)
}

/// Returns the epoch in the tags of the resource in a slot.
pub fn tagged_epoch(state: &State, slot: &str) -> Option<String> {
    tags(state)
        .into_iter()
        .find(|tags| tags.get("mgnet.dev/slot").is_some_and(|tag| tag == slot))?
        .get(EPOCH_TAG)
        .cloned()
}

/// Returns the tags of all resources that a network can own.
pub fn tags(state: &State) -> Vec<&crate::state::Tags> {
    let groups = state.security_groups.iter().filter(|group| group.name != "default").map(|group| &group.tags);
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| &endpoint.tags);
    groups.chain(endpoints).chain(state.resolver_endpoints.iter().map(|resolver| &resolver.tags)).collect()
}

/// Ends a test: deletes its namespace, and so its networks. The operator would continue to observe a remaining network
/// every few seconds, which slows down the following tests. Other tests check that deletion leaves no trace; this
/// function does not wait for it.
pub async fn close(site: &Site) -> Result<()> {
    Api::<Namespace>::all(site.kube.clone()).delete(&site.namespace, &DeleteParams::background()).await?;
    Ok(())
}

/// Repeats `read` until it returns a value. Until then, `read` returns a description of the present state.
pub async fn until<T>(what: &str, read: impl AsyncFn() -> Result<std::result::Result<T, String>>) -> Result<T> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match read().await? {
            Ok(found) => return Ok(found),
            Err(instead) if Instant::now() > deadline => {
                bail!("not within {} s: {what}; found: {instead}", TIMEOUT.as_secs())
            }
            Err(_) => tokio::time::sleep(READ_EVERY).await,
        }
    }
}

/// Waits until AWS contains the expected resources and no others.
pub async fn until_aws_holds(network: &Network<'_>, site: &Site, expected: &Expected) -> Result<()> {
    let wanted = expected.summary();
    let what = format!("AWS contains\n{wanted}\n");
    let settled = until(&what, async || {
        let held = site.summary().await?;
        Ok(if held == wanted { Ok(()) } else { Err(format!("\n{held}")) })
    });
    match settled.await {
        Ok(()) => Ok(()),
        Err(error) => bail!("{error}\n{}", network.report().await),
    }
}

/// Waits until the state of AWS passes the test.
pub async fn until_state(site: &Site, what: &str, test: impl Fn(&State) -> bool) -> Result<State> {
    until(what, async || {
        let state = site.state().await?;
        Ok(if test(&state) { Ok(state) } else { Err(format!("{state:#?}")) })
    })
    .await
}

/// Waits until AWS is repaired and the network reports it.
pub async fn until_repaired(network: &Network<'_>, site: &Site, expected: &Expected) -> Result<MigrationNetwork> {
    until_aws_holds(network, site, expected).await?;
    network
        .until("the network is Ready and Synced", |network| {
            is_true(network, ConditionType::Ready) && is_true(network, ConditionType::Synced)
        })
        .await
}

/// Waits until the operator has made that many complete observations of AWS. Each observation begins with the VPC, and
/// is complete before the next one begins.
pub async fn until_observed(site: &Site, times: usize) -> Result<()> {
    let mark = site.last_call().await?;
    until(&format!("the operator observes AWS {times} times"), async || {
        let calls = site.calls_after(mark).await?;
        let begun = calls.iter().filter(|call| call.action == "DescribeVpcs").count();
        Ok(if begun > times { Ok(()) } else { Err(listed(&calls)) })
    })
    .await
}

/// Waits until a blocked network is Ready, and checks that it continued at the next observation. Call it after the
/// cause of the block is removed.
pub async fn goes_on(site: &Site, network: &Network<'_>) -> Result<MigrationNetwork> {
    let mark = site.last_call().await?;
    let ready = network.until_ready().await?;
    let calls = site.calls_after(mark).await?;
    let idle: Vec<Call> = calls.iter().take_while(|call| !call.is_write()).cloned().collect();
    ensure!(idle.len() < calls.len(), "nothing was written:{}", listed(&calls));
    let observations = idle.iter().filter(|call| call.action == "DescribeVpcs" && call.outcome == "ok").count();
    ensure!(observations <= 1, "{observations} observations before the first write:{}", listed(&idle));
    Ok(ready)
}

/// Formats calls, one per line.
pub fn listed(calls: &[Call]) -> String {
    calls.iter().fold(String::new(), |lines, call| format!("{lines}\n{call} {}", call.parameters))
}

/// Returns the actions of the successful calls, in order.
pub fn actions(calls: &[Call]) -> Vec<&str> {
    calls.iter().filter(|call| call.outcome == "ok").map(|call| call.action.as_str()).collect()
}

/// Returns the events of the site's networks.
pub async fn events(site: &Site) -> Result<Vec<Event>> {
    let events: Api<Event> = Api::namespaced(site.kube.clone(), &site.namespace);
    Ok(events.list(&ListParams::default()).await?.items)
}

/// Waits for an event with that reason, and returns its type and note.
pub async fn until_event(site: &Site, reason: &str) -> Result<(String, String)> {
    until(&format!("an event '{reason}'"), async || {
        let events = events(site).await?;
        let found = events.iter().find(|event| event.reason.as_deref() == Some(reason));
        let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
        let found =
            found.map(|event| (event.type_.clone().unwrap_or_default(), event.note.clone().unwrap_or_default()));
        Ok(found.ok_or_else(|| format!("{reasons:?}")))
    })
    .await
}

/// Runs `work`, and checks meanwhile that the network keeps serving: the endpoints of every network remain the same and
/// always have a network interface, and the resolver always answers on two addresses.
pub async fn without_outage<T>(site: &Site, work: impl Future<Output = Result<T>>) -> Result<T> {
    let before = site.state().await?;
    let watch = async {
        loop {
            check_service(&before, &site.state().await?)?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let done = tokio::select! {
        done = work => done?,
        broken = watch => return broken,
    };
    check_service(&before, &site.state().await?)?;
    Ok(done)
}

fn check_service(before: &State, now: &State) -> Result<()> {
    for service in ["mgn", "s3", "ec2"] {
        let earlier = before.endpoint(service, "Interface").with_context(|| format!("no endpoint of {service}"))?;
        let endpoint = now.vpc_endpoints.iter().find(|endpoint| endpoint.id == earlier.id);
        let endpoint = endpoint.with_context(|| format!("the endpoint of {service} was replaced"))?;
        ensure!(
            matches!(endpoint.state.as_str(), "available" | "pending") && !endpoint.network_interfaces.is_empty(),
            "{service} is unreachable: {endpoint:#?}"
        );
    }
    for resolver in
        now.resolver_endpoints.iter().filter(|one| matches!(one.status.as_str(), "OPERATIONAL" | "UPDATING"))
    {
        let answering = resolver.addresses.iter().filter(|address| address.status == "ATTACHED").count();
        ensure!(answering >= 2, "the resolver answers on {answering} addresses: {resolver:#?}");
    }
    Ok(())
}

/// Tags a resource in EC2 with the credentials of the site's account.
pub async fn tag(site: &Site, resource: &str, key: &str, value: &str) -> Result<()> {
    let tag = Tag::builder().key(key).value(value).build();
    site.aws.ec2.create_tags().resources(resource).tags(tag).send().await?;
    Ok(())
}

/// Removes a tag from a resource in EC2.
pub async fn untag(site: &Site, resource: &str, key: &str) -> Result<()> {
    site.aws.ec2.delete_tags().resources(resource).tags(Tag::builder().key(key).build()).send().await?;
    Ok(())
}

/// Waits until the site's class passes the test.
pub async fn until_class(
    site: &Site,
    what: &str,
    test: impl Fn(&MigrationNetworkClass) -> bool,
) -> Result<MigrationNetworkClass> {
    until(what, async || {
        let class = site.classes().get(&site.class_name).await?;
        Ok(if test(&class) { Ok(class) } else { Err(format!("{class:#?}")) })
    })
    .await
}

/// Returns the number of networks that use the class, and how many of them are Ready, from the status of the class.
pub fn counts(class: &MigrationNetworkClass) -> Option<(i32, i32)> {
    let status = class.status.as_ref()?;
    Some((status.networks?, status.ready_networks?))
}
