//! Two clusters, each with its API server, its etcd and its operator, and one AWS: a network moves from one to the other and
//! back by the commands of `docs/transfer.md`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use mgnet::api::{AdoptionPolicy, ConditionType, Reason};
use mgnet::model::ownership::{CLUSTER_TAG, OWNER_TAG, RETAINED_TAG, TRANSFER_TAG};
use mgnet::model::preflight::checks::Check;
use support::foreign::is_refused;
use support::waiting::{listed, tags, until_observed, without_outage};
use support::{Lab, Network, Site};

const NAME: &str = "tokyo";

/// The ID and the addresses of the resource in each slot.
type Slots = BTreeMap<String, (String, Vec<(String, String)>)>;

async fn slots(site: &Site) -> Result<Slots> {
    let state = site.state().await?;
    Ok(state.slots().into_iter().map(|(slot, id)| (slot, (id.clone(), state.addresses(&id)))).collect())
}

/// Runs `kubectl` for the network of a site.
async fn kubectl<const N: usize>(site: &Site, arguments: [&str; N]) -> Result<String> {
    let namespace = format!("--namespace={}", site.namespace);
    site.lab.kubectl_output([namespace.as_str()].into_iter().chain(arguments)).await
}

/// The UID of a site's cluster, as the page reads it.
async fn uid(site: &Site) -> Result<String> {
    kubectl(site, ["get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"]).await
}

/// Moves the network by the commands of the page, while it serves. Returns it in the new cluster.
async fn transfer<'s>(from: &Site, to: &'s Site) -> Result<Network<'s>> {
    let (old, new) = (uid(from).await?, uid(to).await?);
    ensure!(old != new, "one cluster");
    let accept = format!("{{\"spec\":{{\"acceptTransfersFrom\":[\"{old}\"]}}}}");
    kubectl(to, ["patch", "mgnetclass", &to.class_name, "--type=merge", &format!("--patch={accept}")]).await?;
    kubectl(from, ["patch", "mgnet", NAME, "--type=merge", r#"--patch={"spec":{"deletionPolicy":"Retain"}}"#]).await?;
    kubectl(from, ["annotate", "mgnet", NAME, &format!("mgnet.dev/transfer-to={new}")]).await?;
    kubectl(from, ["delete", "mgnet", NAME, "--timeout=90s"]).await?;
    let left = kubectl(from, ["get", "mgnet", "--output=name"]).await?;
    ensure!(left.is_empty(), "{left}");
    for tags in tags(&from.state().await?) {
        let tag = |key: &str| tags.get(key).map(String::as_str);
        let all = (tag(CLUSTER_TAG), tag(RETAINED_TAG), tag(TRANSFER_TAG));
        ensure!(all == (Some(old.as_str()), Some("true"), Some(new.as_str())), "{tags:?}");
    }
    let network = to.network(NAME).with_replication_group().adopting(AdoptionPolicy::Retained).apply().await?;
    kubectl(to, ["wait", "mgnet", NAME, "--for=condition=Ready", "--timeout=90s"]).await?;
    kubectl(
        to,
        ["patch", "mgnetclass", &to.class_name, "--type=merge", r#"--patch={"spec":{"acceptTransfersFrom":null}}"#],
    )
    .await?;
    let owner = network.until_ready().await?.metadata.uid.context("no UID")?;
    for tags in tags(&to.state().await?) {
        ensure!(tags.get(OWNER_TAG) == Some(&owner) && tags.get(CLUSTER_TAG) == Some(&new), "{tags:?}");
        ensure!(!tags.contains_key(RETAINED_TAG) && !tags.contains_key(TRANSFER_TAG), "{tags:?}");
    }
    Ok(network)
}

/// Fails if a call after the mark changed anything but tags.
async fn only_tags_since(site: &Site, mark: u64) -> Result<()> {
    let writes = site.writes_after(mark).await?;
    let is_tagging = |action: &str| ["CreateTags", "DeleteTags", "TagResource", "UntagResource"].contains(&action);
    ensure!(!writes.is_empty() && writes.iter().all(|call| is_tagging(&call.action)), "{}", listed(&writes));
    Ok(())
}

#[tokio::test]
async fn a_network_moves_to_another_cluster_and_back_with_its_addresses() -> Result<()> {
    let blue = Lab::real_shared().await?;
    let green = blue.another_cluster().await?;
    let old = blue.site("blue-green").await?;
    let new = old.in_cluster(&green).await?;
    let network = old.network(NAME).with_replication_group().apply().await?;
    network.until_ready().await?;
    let (built, mark) = (slots(&old).await?, old.last_call().await?);
    ensure!(built.len() == 11, "{built:#?}");

    // Without an agreement, the other cluster reports what is missing, and builds nothing.
    let early = new.network(NAME).apply().await?;
    let words = ["`spec.acceptTransfersFrom`", "`mgnet.dev/transfer-to`", "`spec.adoptionPolicy` to 'Retained'"];
    is_refused(&new, &early, Check::PredecessorsGone, &words).await?;
    early.delete_and_wait().await?;

    let moved = without_outage(&old, transfer(&old, &new)).await?;
    only_tags_since(&old, mark).await?;
    assert_eq!(slots(&new).await?, built);
    let rest = new.last_call().await?;
    until_observed(&new, 3).await?;
    ensure!(new.writes_after(rest).await?.is_empty(), "{}", listed(&new.writes_after(rest).await?));

    // The API server of the old cluster still serves, and its operator does not take the network back.
    let again = old.network(NAME).with_replication_group().adopting(AdoptionPolicy::Retained).apply().await?;
    again.until_reason(ConditionType::NetworkResolved, Reason::NotOwned).await?;
    again.delete_and_wait().await?;
    moved.until_ready().await?;

    let back = without_outage(&new, transfer(&new, &old)).await?;
    only_tags_since(&old, mark).await?;
    assert_eq!(slots(&old).await?, built);
    back.delete_and_wait().await?;
    ensure!(slots(&old).await?.is_empty() && old.state().await?.is_clean());
    Api::<Namespace>::all(new.kube.clone()).delete(&new.namespace, &DeleteParams::background()).await?;
    Ok(())
}
