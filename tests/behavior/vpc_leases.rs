//! One network per VPC: who has it, who waits for it, and that only one ever writes.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use mgnet::api::{ConditionType, MigrationNetwork, Reason};
use serde_json::json;
use support::{Clock, Lab, LabOptions, OPERATOR_NAMESPACE, OperatorOptions, Site};

use support::waiting::{
    close, condition, is_true, kstatus, listed, message, tag, tags, until, until_aws_holds, until_observed,
};

fn leases(site: &Site) -> Api<Lease> {
    Api::namespaced(site.kube.clone(), OPERATOR_NAMESPACE)
}

fn claim(site: &Site) -> String {
    format!("{}.{}.{}", site.account, site.region, site.landing.vpc)
}

/// The uid that the claim of the site's VPC names, if there is one.
async fn holder(site: &Site) -> Result<Option<String>> {
    let lease = leases(site).get_opt(&claim(site)).await?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity))
}

async fn until_held_by(site: &Site, uid: &str) -> Result<()> {
    until(&format!("the claim is held by {uid}"), async || {
        let holder = holder(site).await?;
        Ok(if holder.as_deref() == Some(uid) { Ok(()) } else { Err(format!("{holder:?}")) })
    })
    .await
}

/// Fails unless every write after that call was for the network of that uid: creations carry its tag, and nothing that
/// exists carries another's. What edits and deletes names is found by its own tags only.
async fn only_one_wrote(site: &Site, mark: u64, uid: &str) -> Result<()> {
    let writes = site.writes_after(mark).await?;
    assert!(!writes.is_empty());
    for create in writes.iter().filter(|call| call.action.starts_with("Create")) {
        assert!(create.parameters.to_string().contains(uid), "{}", listed(&writes));
    }
    for tags in tags(&site.state().await?) {
        assert_eq!(tags.get("mgnet.dev/owner").map(String::as_str), Some(uid));
    }
    Ok(())
}

fn conflicted(network: &MigrationNetwork) -> bool {
    condition(network, ConditionType::Accepted).is_some_and(|(_, reason, _)| reason == Reason::Conflicted.as_str())
}

#[tokio::test]
async fn of_networks_that_ask_for_one_vpc_at_once_exactly_one_ever_writes_and_the_next_takes_over_after_it()
-> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-vpc").await?;
    let mark = site.last_call().await?;
    let names = ["alpha", "beta", "gamma"];
    let networks = try_join_all(names.map(|name| site.network(name).apply())).await?;
    let owner = until("one of them has the VPC", async || Ok(holder(&site).await?.ok_or_else(String::new))).await?;
    let (mut winner, mut losers) = (None, Vec::new());
    for network in networks {
        let uid = network.get().await?.uid().context("no uid")?;
        if uid == owner { winner = Some(network) } else { losers.push((network, uid)) }
    }
    let winner = winner.context("the holder is none of them")?;
    winner.until_ready().await?;
    for (loser, _) in &losers {
        let refused = loser.until("it is conflicted", conflicted).await?;
        assert_eq!(kstatus(&refused), "Failed");
        let text = format!("{:?}", refused.status);
        assert!(!text.contains(&owner), "{text}");
        let said = message(&refused, ConditionType::Stalled)?;
        assert!(said.contains(&site.landing.vpc), "{said}");
        for name in names {
            assert!(!said.contains(name), "{said}");
        }
        assert!(!said.contains(&site.namespace), "{said}");
    }
    until_observed(&site, 3).await?;
    only_one_wrote(&site, mark, &owner).await?;
    until_aws_holds(&winner, &site, &site.expected()).await?;
    let lease = leases(&site).get(&claim(&site)).await?;
    let told = lease.annotations().get("mgnet.dev/network").cloned();
    assert_eq!(told, Some(format!("{}/{}", site.namespace, winner.name)), "a platform team reads whose it is");

    winner.delete_and_wait().await?;
    // Only the first one deletes anything here.
    let gone = site.calls().await?.into_iter().rfind(|call| call.action.starts_with("Delete") && call.outcome == "ok");
    let gone = gone.context("nothing was deleted")?;
    let next = until("another has the VPC", async || Ok(holder(&site).await?.ok_or_else(String::new))).await?;
    let (heir, uid) = losers.iter().find(|(_, uid)| *uid == next).context("the holder is none of them")?;
    heir.until_ready().await?;
    // The first one's last write comes before the next one's first: there is no time in which both write.
    let writes = site.writes_after(mark).await?;
    let first = writes.iter().find(|call| call.parameters.to_string().contains(uid.as_str()));
    let first = first.context("the heir wrote nothing")?;
    assert!(first.number > gone.number, "{}", listed(&writes));
    only_one_wrote(&site, first.number - 1, uid).await?;
    close(&site).await
}

#[tokio::test]
async fn among_those_that_came_while_the_operator_was_down_the_oldest_wins() -> Result<()> {
    let operator = OperatorOptions { start: false, aws_rate_factor: 60, concurrency: 2, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await?;
    let site = lab.site("newcomers").await?;
    // By name the oldest would be last.
    let oldest = site.network("zulu").apply().await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let names = ["alpha", "bravo", "charlie", "delta"];
    let younger = try_join_all(names.map(|name| site.network(name).apply())).await?;
    let uid = oldest.get().await?.uid().context("no uid")?;
    let mark = site.last_call().await?;
    lab.operator().start().await?;
    oldest.until_ready().await?;
    for network in &younger {
        network.until("it is conflicted", conflicted).await?;
    }
    only_one_wrote(&site, mark, &uid).await?;
    assert_eq!(holder(&site).await?, Some(uid));
    lab.check_statuses()
}

#[tokio::test]
async fn the_network_of_another_namespace_is_not_named_and_selectors_that_come_to_match_later_change_nothing()
-> Result<()> {
    let lab = Lab::shared().await?;
    let (site, other) = (lab.site("had").await?, lab.site("wanted").await?);
    let network = site.network("tokyo").apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let mark = site.last_call().await?;

    // Of another namespace and class, by a tag that no VPC has yet.
    let mut class = site.class();
    class.metadata.name = Some(other.class_name.clone() + "-late");
    let name = class.name_any();
    class.spec.defaults.as_mut().context("no defaults")?.vpc =
        serde_json::from_value(json!({ "tags": { "late": "yes" } }))?;
    site.make_class(class).await?;
    let newcomer =
        other.network("intruder").with(|spec| spec.migration_network_class_name = Some(name)).apply().await?;
    newcomer.until_reason(ConditionType::NetworkResolved, Reason::VpcNotFound).await?;
    tag(&site, &site.landing.vpc, "late", "yes").await?;
    let refused = newcomer.until("it is conflicted", conflicted).await?;
    let text = format!("{:?}", refused.status);
    for secret in [site.namespace.as_str(), "tokyo\"", &uid] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    until_observed(&site, 3).await?;
    assert!(site.writes_after(mark).await?.iter().all(|call| call.parameters.to_string().contains("late")));
    assert!(is_true(&network.get().await?, ConditionType::Ready), "the first one is not touched");
    newcomer.delete_and_wait().await?;
    until_held_by(&site, &uid).await?;
    close(&other).await?;
    close(&site).await
}

#[tokio::test]
async fn a_deleted_claim_is_made_again_by_who_had_it_and_a_forged_one_stops_all_writes() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("forged").await?;
    let network = site.network("tokyo").apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let newcomer = site.network("another").apply().await?;
    let other = newcomer.until("it is conflicted", conflicted).await?.uid().context("no uid")?;

    leases(&site).delete(&claim(&site), &DeleteParams::default()).await?;
    until_held_by(&site, &uid).await?;
    let forge = async |holder: &str| {
        let forged = Patch::Merge(json!({ "spec": { "holderIdentity": holder } }));
        leases(&site).patch(&claim(&site), &PatchParams::default(), &forged).await
    };
    forge("nobody").await?;
    until_held_by(&site, &uid).await?;

    // In favour of a network that exists, and that AWS would let write; suspended, so that it does not.
    newcomer.edit(json!({ "suspend": true })).await?;
    forge(&other).await?;
    let stopped = network.until("it is conflicted", conflicted).await?;
    assert_eq!(kstatus(&stopped), "Failed");
    let mark = site.last_call().await?;
    network.edit(json!({ "sourceCIDRs": ["192.168.77.0/24"] })).await?;
    until_observed(&site, 3).await?;
    assert_eq!(site.writes_after(mark).await?, []);
    until_held_by(&site, &other).await?;

    newcomer.delete_and_wait().await?;
    network.until_ready().await?;
    until_held_by(&site, &uid).await?;
    network.delete_and_wait().await?;
    assert_eq!(holder(&site).await?, None, "the claim goes with its network");
    close(&site).await
}

#[tokio::test]
async fn at_rest_claims_are_not_written() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("quiet-claim").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let newcomer = site.network("another").apply().await?;
    newcomer.until("it is conflicted", conflicted).await?;
    let versions = async || {
        let lease = leases(&site).get(&claim(&site)).await?.resource_version();
        Ok::<_, anyhow::Error>((
            lease,
            network.get().await?.resource_version(),
            newcomer.get().await?.resource_version(),
        ))
    };
    let before = versions().await?;
    until_observed(&site, 4).await?;
    assert_eq!(versions().await?, before);
    let mine = leases(&site).list(&ListParams::default()).await?;
    assert_eq!(mine.iter().filter(|lease| lease.name_any().starts_with(&site.account)).count(), 1);
    close(&site).await
}
