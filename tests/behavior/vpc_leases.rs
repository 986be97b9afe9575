//! One network per VPC: one network holds the VPC lease, the others wait for it, and only the holder ever writes.

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

fn lease_name(site: &Site) -> String {
    format!("{}.{}.{}", site.account, site.region, site.landing.vpc)
}

/// Returns the UID that the lease of the site's VPC names, if the lease exists.
async fn holder(site: &Site) -> Result<Option<String>> {
    let lease = leases(site).get_opt(&lease_name(site)).await?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity))
}

async fn until_held_by(site: &Site, uid: &str) -> Result<()> {
    until(&format!("the lease is held by {uid}"), async || {
        let holder = holder(site).await?;
        Ok(if holder.as_deref() == Some(uid) { Ok(()) } else { Err(format!("{holder:?}")) })
    })
    .await
}

/// Fails unless every write after that call was for the network with that UID: create calls carry its tag, and no
/// resource carries the tag of another network. The operator finds the resources that it modifies and deletes only by
/// their tags.
async fn check_only_one_wrote(site: &Site, mark: u64, uid: &str) -> Result<()> {
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
async fn exactly_one_of_the_networks_of_a_vpc_writes_and_the_next_takes_over_after_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("one-vpc").await?;
    let mark = site.last_call().await?;
    let names = ["alpha", "beta", "gamma"];
    let networks = try_join_all(names.map(|name| site.network(name).apply())).await?;
    let owner = until("a network has the lease", async || Ok(holder(&site).await?.ok_or_else(String::new))).await?;
    let (mut winner, mut losers) = (None, Vec::new());
    for network in networks {
        let uid = network.get().await?.uid().context("no uid")?;
        if uid == owner { winner = Some(network) } else { losers.push((network, uid)) }
    }
    let winner = winner.context("the holder is none of the networks")?;
    winner.until_ready().await?;
    for (loser, _) in &losers {
        let refused = loser.until("the network is conflicted", conflicted).await?;
        assert_eq!(kstatus(&refused), "Failed");
        let text = format!("{:?}", refused.status);
        assert!(!text.contains(&owner), "{text}");
        let message = message(&refused, ConditionType::Stalled)?;
        assert!(message.contains(&site.landing.vpc), "{message}");
        for name in names {
            assert!(!message.contains(name), "{message}");
        }
        assert!(!message.contains(&site.namespace), "{message}");
    }
    until_observed(&site, 3).await?;
    check_only_one_wrote(&site, mark, &owner).await?;
    until_aws_holds(&winner, &site, &site.expected()).await?;
    let lease = leases(&site).get(&lease_name(&site)).await?;
    let annotation = lease.annotations().get("mgnet.dev/network").cloned();
    assert_eq!(annotation, Some(format!("{}/{}", site.namespace, winner.name)), "the platform team can see the holder");

    winner.delete_and_wait().await?;
    // Only the first network deletes anything in this test.
    let last_delete =
        site.calls().await?.into_iter().rfind(|call| call.action.starts_with("Delete") && call.outcome == "ok");
    let last_delete = last_delete.context("nothing was deleted")?;
    let next = until("another has the lease", async || Ok(holder(&site).await?.ok_or_else(String::new))).await?;
    let (successor, uid) = losers.iter().find(|(_, uid)| *uid == next).context("the holder is none of the networks")?;
    successor.until_ready().await?;
    // The last write of the first network precedes the first write of its successor: they never write at the same time.
    let writes = site.writes_after(mark).await?;
    let first = writes.iter().find(|call| call.parameters.to_string().contains(uid.as_str()));
    let first = first.context("the successor wrote nothing")?;
    assert!(first.number > last_delete.number, "{}", listed(&writes));
    check_only_one_wrote(&site, first.number - 1, uid).await?;
    close(&site).await
}

#[tokio::test]
async fn the_oldest_of_the_networks_created_while_the_operator_was_down_gets_the_vpc() -> Result<()> {
    let operator = OperatorOptions { start: false, aws_rate_factor: 60, concurrency: 2, ..OperatorOptions::default() };
    let lab = Lab::own(LabOptions { clock: Clock::Wall { speed: 60 }, operator, ..LabOptions::default() }).await?;
    let site = lab.site("newcomers").await?;
    // Sorted by name, the oldest network would be last.
    let oldest = site.network("zulu").apply().await?;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let names = ["alpha", "bravo", "charlie", "delta"];
    let younger = try_join_all(names.map(|name| site.network(name).apply())).await?;
    let uid = oldest.get().await?.uid().context("no uid")?;
    let mark = site.last_call().await?;
    lab.operator().start().await?;
    oldest.until_ready().await?;
    for network in &younger {
        network.until("the network is conflicted", conflicted).await?;
    }
    check_only_one_wrote(&site, mark, &uid).await?;
    assert_eq!(holder(&site).await?, Some(uid));
    lab.check_statuses()
}

#[tokio::test]
async fn a_selector_that_matches_later_changes_nothing_and_other_namespaces_are_not_named() -> Result<()> {
    let lab = Lab::shared().await?;
    let (site, other) = (lab.site("had").await?, lab.site("wanted").await?);
    let network = site.network("tokyo").apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let mark = site.last_call().await?;

    // The newcomer has another namespace and class, and selects the VPC by a tag that no VPC has yet.
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
    let refused = newcomer.until("the network is conflicted", conflicted).await?;
    let text = format!("{:?}", refused.status);
    for secret in [site.namespace.as_str(), "tokyo\"", &uid] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    until_observed(&site, 3).await?;
    assert!(site.writes_after(mark).await?.iter().all(|call| call.parameters.to_string().contains("late")));
    assert!(is_true(&network.get().await?, ConditionType::Ready), "the first network is not affected");
    newcomer.delete_and_wait().await?;
    until_held_by(&site, &uid).await?;
    close(&other).await?;
    close(&site).await
}

#[tokio::test]
async fn the_holder_creates_a_deleted_lease_again_and_a_forged_lease_stops_all_writes() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("forged").await?;
    let network = site.network("tokyo").apply().await?;
    let uid = network.until_ready().await?.uid().context("no uid")?;
    let newcomer = site.network("another").apply().await?;
    let other = newcomer.until("the network is conflicted", conflicted).await?.uid().context("no uid")?;

    leases(&site).delete(&lease_name(&site), &DeleteParams::default()).await?;
    until_held_by(&site, &uid).await?;
    let forge = async |holder: &str| {
        let forged = Patch::Merge(json!({ "spec": { "holderIdentity": holder } }));
        leases(&site).patch(&lease_name(&site), &PatchParams::default(), &forged).await
    };
    forge("nobody").await?;
    until_held_by(&site, &uid).await?;

    // The forged lease names a network that exists and that AWS would allow to write. The network is suspended, so it
    // does not write.
    newcomer.edit(json!({ "suspend": true })).await?;
    forge(&other).await?;
    let stopped = network.until("the network is conflicted", conflicted).await?;
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
    assert_eq!(holder(&site).await?, None, "the lease is deleted with its network");
    close(&site).await
}

#[tokio::test]
async fn leases_are_not_written_at_rest() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("quiet-claim").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let newcomer = site.network("another").apply().await?;
    newcomer.until("the network is conflicted", conflicted).await?;
    let versions = async || {
        let lease = leases(&site).get(&lease_name(&site)).await?.resource_version();
        Ok::<_, anyhow::Error>((
            lease,
            network.get().await?.resource_version(),
            newcomer.get().await?.resource_version(),
        ))
    };
    let before = versions().await?;
    until_observed(&site, 4).await?;
    assert_eq!(versions().await?, before);
    let all = leases(&site).list(&ListParams::default()).await?;
    assert_eq!(all.iter().filter(|lease| lease.name_any().starts_with(&site.account)).count(), 1);
    close(&site).await
}
