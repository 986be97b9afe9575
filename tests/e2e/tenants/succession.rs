//! Attempts of a tenant that follows another: during the deletion of the first network, after its resources were
//! retained, and with unusual strings that the schema admits.

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionType, Reason};
use mgnet::model::ownership::{OWNER_TAG, RETAINED_TAG};
use serde_json::{Value, json};
use support::Lab;

use super::scene::{Scene, VICTIM};
use support::foreign::{untouched, unwritten};
use support::waiting::{close, condition, is_true, listed, until, until_observed};

pub(super) const ATTEMPTS: [&str; 7] = [
    "a VPC while its network is deleted",
    RETAINED_ATTEMPTS[0].0,
    RETAINED_ATTEMPTS[1].0,
    RETAINED_ATTEMPTS[2].0,
    UNUSUAL[0].0,
    UNUSUAL[1].0,
    "a name of 253 characters",
];

/// The next tenant's attempts with the retained resources.
const RETAINED_ATTEMPTS: [(&str, AdoptionPolicy); 3] = [
    ("to build next to another tenant's retained resources", AdoptionPolicy::Never),
    ("to adopt another tenant's retained resources", AdoptionPolicy::Retained),
    ("to adopt everything that another tenant retained", AdoptionPolicy::Any),
];

/// Unusual tag values that no VPC has.
const UNUSUAL: [(&str, &str); 2] = [
    ("terminal escape sequences and log lines", "\u{1b}[2J\u{1b}[31m\r\n2030-01-01 ERROR forged line\n\u{7f}\u{9b}"),
    ("format strings, variables and quotes", "%s%n${jndi:ldap://x}$(id)`id`'\"</Value><Value>&amp;{}}{\u{202e}\u{0}"),
];

#[tokio::test]
async fn a_network_waiting_for_a_vpc_writes_and_learns_nothing_during_the_deletion() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "going").await?;
    let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
    let late = scene.intruder.network("late").spec(&vpc).apply().await?;
    late.until_reason(ConditionType::Accepted, Reason::Conflicted).await?;
    scene.victim_is_untouched().await?;
    scene.victims_network().delete().await?;
    let mut observations = 0;
    loop {
        let status = serde_json::to_string(&late.status().await?)?;
        // The status is read before AWS: while the first network exists, the status must not name it.
        if scene
            .site
            .state()
            .await?
            .vpc_endpoints
            .iter()
            .all(|one| one.tags.get(OWNER_TAG).is_none_or(|owner| *owner != scene.victims_uid()))
        {
            break;
        }
        scene.reveals_nothing("during the deletion", &status, "")?;
        observations += 1;
    }
    ensure!(observations > 1, "the deletion was too fast to be observed");
    scene.victims_network().until_gone().await?;
    let built = late.until_ready().await?;
    scene.reveals_nothing("after the deletion", &serde_json::to_string(&built.status)?, "")?;
    scene.events_reveal_nothing("").await?;
    let writes = scene.site.writes_after(scene.mark).await?;
    let last = writes.iter().rposition(|call| {
        call.action.starts_with("Delete")
            && scene.resources.ids().iter().any(|id| call.parameters.to_string().contains(id))
    });
    let first = writes.iter().position(|call| call.action.starts_with("Create"));
    ensure!(last.is_some() && last < first, "{}", listed(&writes));
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}

#[tokio::test]
async fn the_next_tenant_gets_no_retained_resources_and_does_not_learn_their_owner() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "left").await?;
    let victim = scene.victims_network();
    victim.edit(json!({ "deletionPolicy": "Retain" })).await?;
    victim.until_ready().await?;
    victim.delete_and_wait().await?;
    let left = scene.site.state().await?;
    ensure!(left.vpc_endpoints.iter().filter(|one| one.tags.contains_key(RETAINED_TAG)).count() == 7, "{left:#?}");
    let before = |state: support::state::State| -> Result<Value> {
        let uid = scene.victims_uid();
        let mut theirs = Vec::new();
        for one in state.vpc_endpoints.iter().filter(|one| one.tags.get(OWNER_TAG) == Some(&uid)) {
            theirs.push(format!("{one:?}"));
        }
        for one in state.resolver_endpoints.iter().filter(|one| one.tags.get(OWNER_TAG) == Some(&uid)) {
            theirs.push(format!("{one:?}"));
        }
        for one in state.security_groups.iter().filter(|one| one.tags.get(OWNER_TAG) == Some(&uid)) {
            theirs.push(format!("{one:?}"));
        }
        Ok(json!(theirs))
    };
    let kept = before(left)?;
    let mark = scene.site.last_call().await?;
    // The status names conflicting resources in a VPC that the tenant may use by ID, because the tenant must resolve
    // the conflict. It never names their owner.
    let shown = format!("{VICTIM} {}", scene.resources.ids().join(" "));
    for (what, policy) in RETAINED_ATTEMPTS {
        let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
        // The network has the same name as the first tenant's network.
        let next = scene.intruder.network(VICTIM).spec(&vpc).adopting(policy).apply().await?;
        let stalled = next
            .until(what, |network| {
                condition(network, ConditionType::Stalled).is_some() && !is_true(network, ConditionType::Ready)
            })
            .await?;
        let (_, reason, message) = condition(&stalled, ConditionType::Ready).context("no condition")?;
        let collisions = [Reason::PrivateDnsConflict.as_str(), Reason::NotOwned.as_str()];
        ensure!(collisions.contains(&reason), "{what}: {reason}: {message}");
        until_observed(&scene.site, 2).await?;
        scene.reveals_nothing(what, &serde_json::to_string(&next.status().await?)?, &shown)?;
        next.delete_and_wait().await?;
        ensure!(before(scene.site.state().await?)? == kept, "{what}: retained resources were changed");
    }
    scene.events_reveal_nothing(&shown).await?;
    let ids = scene.resources.ids();
    untouched(&scene.site, mark, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}

#[tokio::test]
async fn unusual_strings_are_stored_unchanged_and_never_logged_raw() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "odd").await?;
    for (number, (what, value)) in UNUSUAL.into_iter().enumerate() {
        let spec = json!({ "vpc": { "tags": { "Name": value, "team\u{1b}[5m\n": value } } });
        let network = scene.intruder.network(&format!("odd-{number}")).spec(&spec);
        // The request is in JSON, because YAML cannot contain these characters.
        let path = format!("/apis/mgnet.dev/v1alpha1/namespaces/{}/migrationnetworks", scene.intruder.namespace);
        scene.tenant.send("POST", &path, &serde_json::to_value(network.object())?).await.context(what)?;
        let network = scene.intruder.existing_network(&format!("odd-{number}"));
        let reported = network.until_reason(ConditionType::NetworkResolved, Reason::VpcNotFound).await?;
        scene.reveals_nothing(what, &serde_json::to_string(&reported.status)?, "")?;
    }
    unwritten(&scene.site, scene.mark).await?;

    // The network has a name of the greatest length, the greatest number of tags, and a policy with unusual strings.
    let name = "a".repeat(253);
    let tags = (0..40).map(|number| (format!("{number:0>128}"), Value::from("v".repeat(256)))).collect();
    let unusual = format!("\u{1b}[31m\n%s${{x}}'\"{}", UNUSUAL[1].1.replace('\u{0}', ""));
    let policy = json!({ "Statement": [{
        "Sid": "odd", "Effect": "Allow", "Principal": "*", "Action": "mgn:*", "Resource": [unusual],
    }] });
    let spec = json!({
        "tags": Value::Object(tags),
        "endpoints": [{ "service": "mgn", "type": "Interface", "policy": { "type": "Inline", "inline": policy.to_string() } }],
    });
    let network = scene.intruder.network(&name).spec(&spec).apply().await?;
    network.until_ready().await?;
    let state = scene.site.state().await?;
    let mgn = state
        .vpc_endpoints
        .iter()
        .find(|one| one.vpc == scene.intruder.landing.vpc && one.service_name.rsplit('.').next() == Some("mgn"));
    let sent: Value = serde_json::from_str(&mgn.context("no endpoint")?.policy)?;
    let resource = &sent["Statement"][0]["Resource"];
    ensure!(*resource == json!(unusual) || *resource == json!([unusual]), "{sent}");
    until("it is at rest", async || {
        let mark = scene.site.last_call().await?;
        until_observed(&scene.site, 4).await?;
        let writes = scene.site.writes_after(mark).await?;
        Ok(if writes.is_empty() { Ok(()) } else { Err(listed(&writes)) })
    })
    .await?;
    network.delete_and_wait().await?;
    let log = lab.operator().log()?;
    let unusual_lines: Vec<&str> =
        log.lines().filter(|line| line.contains("[2J") || line.starts_with("2030-01-01")).collect();
    let raw = unusual_lines.iter().find(|line| line.contains('\u{1b}') || line.starts_with("2030-01-01"));
    ensure!(raw.is_none(), "{raw:?}");
    scene.victim_is_untouched().await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
