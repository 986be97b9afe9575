//! What several of these tests need beside the lab: waits on AWS and on events, and a watch over what may not stop.

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

const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Status, reason and message of a condition; `None` if it is not there.
pub fn condition(network: &MigrationNetwork, type_: ConditionType) -> Option<(&str, &str, &str)> {
    let found = conditions::find(&network.status.as_ref()?.conditions, type_)?;
    Some((&found.status, &found.reason, &found.message))
}

/// The message of a condition that is there.
pub fn message(network: &MigrationNetwork, type_: ConditionType) -> Result<&str> {
    Ok(condition(network, type_).with_context(|| format!("there is no condition {type_}"))?.2)
}

/// Whether a condition is there and true.
pub fn is_true(network: &MigrationNetwork, type_: ConditionType) -> bool {
    condition(network, type_).is_some_and(|(status, ..)| status == "True")
}

/// kstatus' word for the object, by its rules for kinds that it does not know (cli-utils `pkg/kstatus/status/generic.go`).
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

/// The epoch of the claim on a slot, which must be held.
pub fn held_epoch(network: &MigrationNetwork, slot: &str) -> Option<i64> {
    let claims = &network.status.as_ref()?.claims;
    claims.iter().find(|claim| claim.slot == slot && claim.phase == ClaimPhase::Held).map(|claim| claim.epoch)
}

/// The epoch that the tags of the resource in a slot name.
pub fn tagged_epoch(state: &State, slot: &str) -> Option<String> {
    tags(state)
        .into_iter()
        .find(|tags| tags.get("mgnet.dev/slot").is_some_and(|tag| tag == slot))?
        .get(EPOCH_TAG)
        .cloned()
}

/// The tags of everything that can be a network's own.
pub fn tags(state: &State) -> Vec<&crate::state::Tags> {
    let groups = state.security_groups.iter().filter(|group| group.name != "default").map(|group| &group.tags);
    let endpoints = state.vpc_endpoints.iter().map(|endpoint| &endpoint.tags);
    groups.chain(endpoints).chain(state.resolver_endpoints.iter().map(|resolver| &resolver.tags)).collect()
}

/// Ends a test: its namespace goes, and its networks with it. A network that is left would go on being looked at every few
/// seconds, and slow down the tests that follow. That they go without a trace is told elsewhere; nobody waits for it here.
pub async fn close(site: &Site) -> Result<()> {
    Api::<Namespace>::all(site.kube.clone()).delete(&site.namespace, &DeleteParams::background()).await?;
    Ok(())
}

/// Looks until there is what is waited for; until then, `look` tells what there is in its place.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Result<std::result::Result<T, String>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await? {
            Ok(found) => return Ok(found),
            Err(instead) if Instant::now() > deadline => {
                bail!("not within {} s: {what}; there is: {instead}", PATIENCE.as_secs())
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Waits until AWS holds that and nothing else.
pub async fn until_aws_holds(network: &Network<'_>, site: &Site, expected: &Expected) -> Result<()> {
    let wanted = expected.summary();
    let what = format!("AWS holds\n{wanted}\n");
    let settled = until(&what, async || {
        let held = site.summary().await?;
        Ok(if held == wanted { Ok(()) } else { Err(format!("\n{held}")) })
    });
    match settled.await {
        Ok(()) => Ok(()),
        Err(error) => bail!("{error}\n{}", network.report().await),
    }
}

/// Waits until something is true of what AWS holds.
pub async fn until_state(site: &Site, what: &str, test: impl Fn(&State) -> bool) -> Result<State> {
    until(what, async || {
        let state = site.state().await?;
        Ok(if test(&state) { Ok(state) } else { Err(format!("{state:#?}")) })
    })
    .await
}

/// Waits until AWS is repaired and the network says so.
pub async fn until_repaired(network: &Network<'_>, site: &Site, expected: &Expected) -> Result<MigrationNetwork> {
    until_aws_holds(network, site, expected).await?;
    network
        .until("it is Ready and Synced", |network| {
            is_true(network, ConditionType::Ready) && is_true(network, ConditionType::Synced)
        })
        .await
}

/// Waits until the operator has looked at AWS that many times in full. Each look begins with the VPC, and is over before
/// the next begins.
pub async fn until_observed(site: &Site, times: usize) -> Result<()> {
    let mark = site.last_call().await?;
    until(&format!("the operator looks {times} times"), async || {
        let calls = site.calls_after(mark).await?;
        let begun = calls.iter().filter(|call| call.action == "DescribeVpcs").count();
        Ok(if begun > times { Ok(()) } else { Err(listed(&calls)) })
    })
    .await
}

/// Waits until a network that held still is Ready, and makes sure that it went on at the next look. To be called when what held
/// it up is cured.
pub async fn goes_on(site: &Site, network: &Network<'_>) -> Result<MigrationNetwork> {
    let mark = site.last_call().await?;
    let ready = network.until_ready().await?;
    let calls = site.calls_after(mark).await?;
    let idle: Vec<Call> = calls.iter().take_while(|call| !call.is_write()).cloned().collect();
    ensure!(idle.len() < calls.len(), "nothing was written:{}", listed(&calls));
    let looks = idle.iter().filter(|call| call.action == "DescribeVpcs" && call.outcome == "ok").count();
    ensure!(looks <= 1, "{looks} looks until the first write:{}", listed(&idle));
    Ok(ready)
}

/// Calls, one a line.
pub fn listed(calls: &[Call]) -> String {
    calls.iter().fold(String::new(), |lines, call| format!("{lines}\n{call} {}", call.parameters))
}

/// The actions of the calls that had an effect, in order.
pub fn actions(calls: &[Call]) -> Vec<&str> {
    calls.iter().filter(|call| call.outcome == "ok").map(|call| call.action.as_str()).collect()
}

/// The events of the site's networks.
pub async fn events(site: &Site) -> Result<Vec<Event>> {
    let events: Api<Event> = Api::namespaced(site.kube.clone(), &site.namespace);
    Ok(events.list(&ListParams::default()).await?.items)
}

/// Waits for an event of that reason, and gives its type and note.
pub async fn until_event(site: &Site, reason: &str) -> Result<(String, String)> {
    until(&format!("an event '{reason}'"), async || {
        let events = events(site).await?;
        let found = events.iter().find(|event| event.reason.as_deref() == Some(reason));
        let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.as_deref()).collect();
        let told = found.map(|event| (event.type_.clone().unwrap_or_default(), event.note.clone().unwrap_or_default()));
        Ok(told.ok_or_else(|| format!("{reasons:?}")))
    })
    .await
}

/// Does something while watching that nobody on premises notices: the endpoints that every network has stay the same ones
/// and always have an interface, and the resolver always answers on two addresses.
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
        let endpoint = endpoint.with_context(|| format!("the endpoint of {service} is another one now"))?;
        ensure!(
            matches!(endpoint.state.as_str(), "available" | "pending") && !endpoint.network_interfaces.is_empty(),
            "nobody reaches {service}: {endpoint:#?}"
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

/// Tags something in EC2, as its owner would.
pub async fn tag(site: &Site, resource: &str, key: &str, value: &str) -> Result<()> {
    let tag = Tag::builder().key(key).value(value).build();
    site.aws.ec2.create_tags().resources(resource).tags(tag).send().await?;
    Ok(())
}

/// Takes a tag from something in EC2.
pub async fn untag(site: &Site, resource: &str, key: &str) -> Result<()> {
    site.aws.ec2.delete_tags().resources(resource).tags(Tag::builder().key(key).build()).send().await?;
    Ok(())
}

/// Waits for the site's class to pass the test.
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

/// How many networks the class says use it, and how many of them are Ready.
pub fn counts(class: &MigrationNetworkClass) -> Option<(i32, i32)> {
    let status = class.status.as_ref()?;
    Some((status.networks?, status.ready_networks?))
}
