//! Who comes after another tenant: while its network goes, after it has left everything behind, and with strings that are
//! odd and that the schema admits.

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionType, Reason};
use mgnet::model::ownership::{OWNER_TAG, RETAINED_TAG};
use serde_json::{Value, json};
use support::Lab;

use super::scene::{Scene, VICTIM};
use support::foreign::{untouched, unwritten};
use support::waiting::{close, condition, is_true, listed, until, until_observed};

pub(super) const ATTEMPTS: [&str; 7] =
    ["a VPC while its network goes", LEFT[0].0, LEFT[1].0, LEFT[2].0, ODD[0].0, ODD[1].0, "a name of 253 characters"];

/// What whoever comes next tries with what was left behind.
const LEFT: [(&str, AdoptionPolicy); 3] = [
    ("to build beside what another left behind", AdoptionPolicy::Never),
    ("to have back what another left behind", AdoptionPolicy::Retained),
    ("to take all that another left behind", AdoptionPolicy::Any),
];

/// Values of a tag that no VPC has.
const ODD: [(&str, &str); 2] = [
    ("a terminal's escapes and lines of a log", "\u{1b}[2J\u{1b}[31m\r\n2030-01-01 ERROR forged line\n\u{7f}\u{9b}"),
    ("formats, variables and quotes", "%s%n${jndi:ldap://x}$(id)`id`'\"</Value><Value>&amp;{}}{\u{202e}\u{0}"),
];

#[tokio::test]
async fn while_a_network_goes_who_waits_for_its_vpc_writes_nothing_and_learns_nothing() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "going").await?;
    let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
    let late = scene.intruder.network("late").spec(&vpc).apply().await?;
    late.until_reason(ConditionType::Accepted, Reason::Conflicted).await?;
    scene.victim_is_untouched().await?;
    scene.victims_network().delete().await?;
    let mut looks = 0;
    loop {
        let status = serde_json::to_string(&late.status().await?)?;
        // Looked at before the other is: what is told while the first network is there must not name it.
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
        scene.names_nobody("while it goes", &status, "")?;
        looks += 1;
    }
    ensure!(looks > 1, "it went too fast to be seen going");
    scene.victims_network().until_gone().await?;
    let built = late.until_ready().await?;
    scene.names_nobody("after it", &serde_json::to_string(&built.status)?, "")?;
    scene.events_name_nobody("").await?;
    let writes = scene.site.writes_after(scene.mark).await?;
    let last = writes.iter().rposition(|call| {
        call.action.starts_with("Delete")
            && scene.belongings.ids().iter().any(|id| call.parameters.to_string().contains(id))
    });
    let first = writes.iter().position(|call| call.action.starts_with("Create"));
    ensure!(last.is_some() && last < first, "{}", listed(&writes));
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}

#[tokio::test]
async fn what_a_tenant_left_behind_is_not_for_the_next_one_who_is_not_told_whose_it_was() -> Result<()> {
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
    // What stands in the way in the VPC that it may have is shown by id, or nothing could be done about it; never whose it is.
    let shown = format!("{VICTIM} {}", scene.belongings.ids().join(" "));
    for (what, policy) in LEFT {
        let vpc = json!({ "vpc": { "id": scene.site.landing.vpc } });
        // By the name that the other one had.
        let next = scene.intruder.network(VICTIM).spec(&vpc).adopting(policy).apply().await?;
        let stalled = next
            .until(what, |network| {
                condition(network, ConditionType::Stalled).is_some() && !is_true(network, ConditionType::Ready)
            })
            .await?;
        let (_, reason, said) = condition(&stalled, ConditionType::Ready).context("no condition")?;
        let collisions = [Reason::PrivateDnsConflict.as_str(), Reason::NotOwned.as_str()];
        ensure!(collisions.contains(&reason), "{what}: {reason}: {said}");
        until_observed(&scene.site, 2).await?;
        scene.names_nobody(what, &serde_json::to_string(&next.status().await?)?, &shown)?;
        next.delete_and_wait().await?;
        ensure!(before(scene.site.state().await?)? == kept, "{what}: what was left behind was changed");
    }
    scene.events_name_nobody(&shown).await?;
    let ids = scene.belongings.ids();
    untouched(&scene.site, mark, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}

#[tokio::test]
async fn odd_strings_stay_where_they_were_written() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let scene = Scene::set(&lab, "odd").await?;
    for (number, (what, value)) in ODD.into_iter().enumerate() {
        let spec = json!({ "vpc": { "tags": { "Name": value, "team\u{1b}[5m\n": value } } });
        let network = scene.intruder.network(&format!("odd-{number}")).spec(&spec);
        // In JSON, as YAML knows no such characters.
        let path = format!("/apis/mgnet.dev/v1alpha1/namespaces/{}/migrationnetworks", scene.intruder.namespace);
        scene.tenant.send("POST", &path, &serde_json::to_value(network.object())?).await.context(what)?;
        let network = scene.intruder.existing_network(&format!("odd-{number}"));
        let told = network.until_reason(ConditionType::NetworkResolved, Reason::VpcNotFound).await?;
        scene.names_nobody(what, &serde_json::to_string(&told.status)?, "")?;
    }
    unwritten(&scene.site, scene.mark).await?;

    // As long as it may be, with as many tags as there may be, and with a policy of odd strings.
    let name = "a".repeat(253);
    let tags = (0..40).map(|number| (format!("{number:0>128}"), Value::from("v".repeat(256)))).collect();
    let odd = format!("\u{1b}[31m\n%s${{x}}'\"{}", ODD[1].1.replace('\u{0}', ""));
    let policy = json!({ "Statement": [{
        "Sid": "odd", "Effect": "Allow", "Principal": "*", "Action": "mgn:*", "Resource": [odd],
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
    ensure!(*resource == json!(odd) || *resource == json!([odd]), "{sent}");
    until("it is at rest", async || {
        let mark = scene.site.last_call().await?;
        until_observed(&scene.site, 4).await?;
        let writes = scene.site.writes_after(mark).await?;
        Ok(if writes.is_empty() { Ok(()) } else { Err(listed(&writes)) })
    })
    .await?;
    network.delete_and_wait().await?;
    let log = lab.operator().log()?;
    let odd_lines: Vec<&str> =
        log.lines().filter(|line| line.contains("[2J") || line.starts_with("2030-01-01")).collect();
    let raw = odd_lines.iter().find(|line| line.contains('\u{1b}') || line.starts_with("2030-01-01"));
    ensure!(raw.is_none(), "{raw:?}");
    scene.victim_is_untouched().await?;
    close(&scene.intruder_as_administrator()).await?;
    close(&scene.site).await
}
