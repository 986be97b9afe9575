//! Transfers: a network moves to another cluster, which takes over its resources by tags alone, if both clusters agree.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use mgnet::api::{AdoptionPolicy, ConditionType, MigrationNetwork, Reason};
use mgnet::model::ownership::{ADOPTED_TAG, CLUSTER_TAG, NETWORK_TAG, OWNER_TAG, RETAINED_TAG, SLOT_TAG, TRANSFER_TAG};
use mgnet::model::preflight::checks::Check;
use serde_json::json;
use support::foreign::{
    DNS, HTTPS, delete_endpoint, endpoint, gateway, group, interface, is_refused, resolver, untouched, unwritten,
};
use support::waiting::{close, condition, events, listed, message, tags, until, until_event, until_observed};
use support::{Call, Fault, FaultKind, Lab, LabOptions, Network, NetworkBuilder, Site};

use crate::adoption::{FilledSlots, adopted};
use crate::checks::until_warning;

const NAME: &str = "tokyo";

/// The actions that change only tags.
const TAGGING: [&str; 4] = ["CreateTags", "DeleteTags", "TagResource", "UntagResource"];

/// Two clusters that use the same account and VPC, with a class of the same name in each.
struct Clusters {
    old: Site,
    new: Site,
    old_uid: String,
    new_uid: String,
}

impl Clusters {
    async fn of((old, new): (Lab, Lab), name: &str) -> Result<Self> {
        let old = old.site(name).await?;
        let new = old.in_cluster(&new).await?;
        let (old_uid, new_uid) = (old.cluster_uid().await?, new.cluster_uid().await?);
        ensure!(old_uid != new_uid, "both clusters have the UID {old_uid}");
        Ok(Self { old, new, old_uid, new_uid })
    }

    /// Lets the class of the new cluster accept transfers from the old one.
    async fn accept(&self) -> Result<()> {
        self.new.edit_class(json!({ "acceptTransfersFrom": [self.old_uid] })).await?;
        Ok(())
    }

    /// Creates a network in the old cluster. Returns its resources.
    async fn build(&self) -> Result<(Network<'_>, FilledSlots)> {
        let network = described(&self.old).retained().apply().await?;
        network.until_ready().await?;
        let built = FilledSlots::of(&self.old).await?;
        ensure!(built.slots.len() == 11, "{:?}", built.slots);
        Ok((network, built))
    }

    /// Leaves the resources of the network in the old cluster to the new one.
    async fn leave(&self, network: &Network<'_>) -> Result<()> {
        network.transfer_to(Some(&self.new_uid)).await?;
        network.delete_and_wait().await
    }

    async fn close(&self) -> Result<()> {
        close(&self.new).await?;
        close(&self.old).await
    }
}

/// The network in both clusters.
fn described(site: &Site) -> NetworkBuilder<'_> {
    site.network(NAME).with_replication_group()
}

/// Fails if a call changed anything but tags, or if no call changed tags.
fn only_tags(calls: &[Call]) -> Result<()> {
    let actions: BTreeSet<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    ensure!(!actions.is_empty() && actions.iter().all(|action| TAGGING.contains(action)), "{}", listed(calls));
    Ok(())
}

/// Fails unless all resources belong to the network, and have no tag of a retention or transfer.
async fn belongs_to(site: &Site, network: &MigrationNetwork, cluster: &str) -> Result<()> {
    let uid = network.metadata.uid.as_deref().context("no UID")?;
    for tags in tags(&site.state().await?) {
        let tag = |key: &str| tags.get(key).map(String::as_str);
        ensure!(tag(OWNER_TAG) == Some(uid) && tag(CLUSTER_TAG) == Some(cluster), "{tags:?}");
        ensure!([RETAINED_TAG, TRANSFER_TAG].iter().all(|key| !tags.contains_key(*key)), "{tags:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_network_moves_to_another_cluster_and_back_by_tags_alone() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "moved").await?;
    let Clusters { old, new, old_uid, new_uid } = &clusters;
    let empty = old.state().await?;
    let (network, built) = clusters.build().await?;
    clusters.accept().await?;
    let mark = old.last_call().await?;
    clusters.leave(&network).await?;
    let (_, note) = until_event(old, "Retained").await?;
    ensure!(note.contains(&format!("for cluster {new_uid}")), "{note}");

    let moved = described(new).retained().adopting(AdoptionPolicy::Retained).apply().await?;
    let ready = moved.until_ready().await?;
    only_tags(&old.writes_after(mark).await?)?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots, "IDs and addresses are unchanged");
    assert_eq!(new.summary().await?, new.expected().with_replication_group().summary());
    belongs_to(new, &ready, new_uid).await?;
    assert_eq!(adopted(&ready), BTreeSet::new(), "they belong to the network, as if it had created them");
    assert_eq!(ready.status.context("no status")?.adoptions, []);
    let mark = new.last_call().await?;
    until_observed(new, 1).await?;
    unwritten(new, mark).await?;

    // The way back. The network changes on the way, which is an ordinary edit.
    old.edit_class(json!({ "acceptTransfersFrom": [new_uid] })).await?;
    moved.transfer_to(Some(old_uid)).await?;
    moved.delete_and_wait().await?;
    only_tags(&old.writes_after(mark).await?)?;
    let spec = json!({ "proxyCIDRs": ["10.9.0.0/24"] });
    let back = described(old).spec(&spec).adopting(AdoptionPolicy::Retained).apply().await?;
    let ready = back.until_ready().await?;
    assert_eq!(FilledSlots::of(old).await?.slots, built.slots);
    belongs_to(old, &ready, old_uid).await?;
    assert_eq!(old.summary().await?, old.expected().with_replication_group().proxies(["10.9.0.0/24"]).summary());
    back.delete_and_wait().await?;
    assert_eq!(old.state().await?, empty, "the network in the old cluster deletes what it created");
    clusters.close().await
}

#[tokio::test]
async fn without_the_agreement_of_both_clusters_nothing_is_taken_over_or_created() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "disagreed").await?;
    let Clusters { old, new, old_uid, new_uid } = &clusters;
    let (network, built) = clusters.build().await?;
    let some = built.slots.iter().map(|(_, id, _)| id.as_str()).filter(|id| id.starts_with("vpce-")).take(2);
    let ids: Vec<&str> = some.collect();
    let leave = format!("the annotation `mgnet.dev/transfer-to` '{new_uid}'");
    let accept = format!("'{old_uid}' in `spec.acceptTransfersFrom`");
    let adopt = "`spec.adoptionPolicy` to 'Retained'";

    // The network still exists in the old cluster, and nobody has agreed.
    let moved = described(new).apply().await?;
    let mark = new.last_call().await?;
    let words = [ids.clone(), vec![&*leave, &*accept, adopt, &**old_uid]].concat();
    is_refused(new, &moved, Check::PredecessorsGone, &words).await?;
    let absent = async |network: &Network<'_>, word: &str| -> Result<()> {
        let found = network.get().await?;
        ensure!(!message(&found, ConditionType::Ready)?.contains(word), "{word}: {found:#?}");
        Ok(())
    };
    // The new cluster agrees, but the old one does not.
    moved.edit(json!({ "adoptionPolicy": "Retained" })).await?;
    is_refused(new, &moved, Check::PredecessorsGone, &[&leave, &accept]).await?;
    absent(&moved, adopt).await?;
    clusters.accept().await?;
    moved
        .until("the class is read", |network| {
            message(network, ConditionType::Ready).is_ok_and(|text| text.contains(&*leave) && !text.contains(&*accept))
        })
        .await?;
    // The old cluster retains the resources for itself.
    network.delete_and_wait().await?;
    is_refused(new, &moved, Check::PredecessorsGone, &[&leave]).await?;
    only_tags(&old.writes_after(mark).await?)?;

    // The old cluster takes them back, and agrees, but the new one no longer does.
    let network = described(old).retained().adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    new.edit_class(json!({ "acceptTransfersFrom": null })).await?;
    clusters.leave(&network).await?;
    moved
        .until("only the class is missing", |network| {
            message(network, ConditionType::Ready).is_ok_and(|text| text.contains(&*accept) && !text.contains(&*leave))
        })
        .await?;
    let another = "0f0e0d0c-0000-4000-8000-000000000001";
    new.edit_class(json!({ "acceptTransfersFrom": [another] })).await?;
    moved.edit(json!({ "tags": { "wave": "2" } })).await?;
    is_refused(new, &moved, Check::PredecessorsGone, &[&accept]).await?;
    for tags in tags(&old.state().await?) {
        assert_eq!(tags.get(CLUSTER_TAG), Some(old_uid), "they are still those of the old cluster: {tags:?}");
        assert_eq!(tags.get(TRANSFER_TAG), Some(new_uid), "{tags:?}");
    }
    // Both agree.
    new.edit_class(json!({ "acceptTransfersFrom": [another, old_uid] })).await?;
    let ready = moved.until_ready().await?;
    only_tags(&old.writes_after(mark).await?)?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots);
    belongs_to(new, &ready, new_uid).await?;
    clusters.close().await
}

#[tokio::test]
async fn a_cluster_does_not_take_back_what_it_has_left_to_another() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "given-away").await?;
    let Clusters { old, new, new_uid, .. } = &clusters;
    let (network, built) = clusters.build().await?;
    clusters.leave(&network).await?;
    // A tool for GitOps creates the network again.
    let again = described(old).adopting(AdoptionPolicy::Retained).apply().await?;
    let words = ["are left to the network of this name in cluster", &**new_uid, "`mgnet.dev/transfer-to`"];
    is_refused(old, &again, Check::PredecessorsGone, &words).await?;
    clusters.accept().await?;
    let moved = described(new).adopting(AdoptionPolicy::Retained).apply().await?;
    moved.until_ready().await?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots);
    // The network in the old cluster has nothing, so that its deletion takes nothing.
    again.delete_and_wait().await?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots);
    moved.until_ready().await?;
    clusters.close().await
}

#[tokio::test]
async fn what_was_adopted_in_the_old_cluster_is_given_back_by_the_new_one() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "lent").await?;
    let Clusters { old, new, .. } = &clusters;
    let https = group(old, "corp-https", HTTPS, &[]).await?;
    let dns = group(old, "corp-dns", DNS, &[]).await?;
    let mgn = interface(old, "mgn", true, &https, &[("Name", "corp-mgn"), ("cost-centre", "4711")]).await?;
    let s3 = gateway(old, &["main"], &[]).await?;
    let inbound = resolver(old, "corp", &dns, &[("Name", "corp-inbound")]).await?;
    let before = old.state().await?;
    let network = old.network(NAME).retained().adopting(AdoptionPolicy::Any).apply().await?;
    let lent: BTreeSet<String> = [&mgn, &s3, &dns, &inbound].map(Clone::clone).into();
    assert_eq!(adopted(&network.until_ready().await?), lent);
    let mark = old.last_call().await?;
    clusters.leave(&network).await?;
    clusters.accept().await?;
    let moved = new.network(NAME).adopting(AdoptionPolicy::Retained).apply().await?;
    let ready = moved.until_ready().await?;
    only_tags(&old.writes_after(mark).await?)?;
    assert_eq!(adopted(&ready), lent, "they are not the network's own in the new cluster either");
    let marked = tags(&new.state().await?).into_iter().filter(|tags| tags.contains_key(ADOPTED_TAG)).count();
    assert_eq!(marked, lent.len());

    // The deletion deletes what the old network created, and gives back what it adopted.
    moved.delete_and_wait().await?;
    let after = new.state().await?;
    let ids = |state: &support::state::State| -> BTreeMap<String, support::state::Tags> {
        let endpoints = state.vpc_endpoints.iter().map(|one| (one.id.clone(), one.tags.clone()));
        let groups = state.security_groups.iter().map(|one| (one.id.clone(), one.tags.clone()));
        let resolvers = state.resolver_endpoints.iter().map(|one| (one.id.clone(), one.tags.clone()));
        endpoints.chain(groups).chain(resolvers).collect()
    };
    let kept: BTreeSet<String> = ids(&after).into_keys().collect();
    assert_eq!(kept, ids(&before).into_keys().collect(), "nothing else is left, and nothing is lost");
    for (id, tags) in ids(&after) {
        ensure!(tags.keys().all(|key| !key.starts_with("mgnet.dev/")), "{id}: {tags:?}");
    }
    let endpoint = after.vpc_endpoints.iter().find(|one| one.id == mgn).context("the endpoint is gone")?;
    assert_eq!((&endpoint.tags["Name"][..], &endpoint.tags["cost-centre"][..]), ("corp-mgn", "4711"));
    assert_eq!(endpoint.security_groups, BTreeSet::from([https.clone()]));
    untouched(new, mark, &[&https]).await?;
    clusters.close().await
}

#[tokio::test]
async fn an_annotation_that_names_no_other_cluster_holds_up_the_deletion_before_anything_is_tagged() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "misspelt").await?;
    let Clusters { old, old_uid, new_uid, .. } = &clusters;
    let (network, built) = clusters.build().await?;
    let mark = old.last_call().await?;
    network.transfer_to(Some("green")).await?;
    until_warning(old, &network, Check::TransferPossible, &["`mgnet.dev/transfer-to`", "'green'", "correct it"])
        .await?;
    network.delete().await?;
    for (value, word) in [("green", "'green'"), (old_uid, "names this cluster"), ("", "but is ''")] {
        network.transfer_to(Some(value)).await?;
        let is_reported = |network: &MigrationNetwork| {
            let text = message(network, ConditionType::Ready).unwrap_or_default();
            text.contains("`mgnet.dev/transfer-to`") && text.contains(word)
        };
        let blocked = network.until(&format!("'{value}' is reported"), is_reported).await?;
        let (_, reason, _) = condition(&blocked, ConditionType::Ready).context("no condition")?;
        assert_eq!(reason, Reason::DeletionBlocked.as_str(), "{value}");
    }
    unwritten(old, mark).await?;
    assert_eq!(FilledSlots::of(old).await?.slots, built.slots, "nothing is lost");
    network.transfer_to(Some(new_uid)).await?;
    network.until_gone().await?;
    for tags in tags(&old.state().await?) {
        assert_eq!(tags.get(TRANSFER_TAG), Some(new_uid), "{tags:?}");
    }
    clusters.close().await
}

#[tokio::test]
async fn with_deletion_policy_delete_the_annotation_changes_nothing_and_is_reported() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "deleted").await?;
    let Clusters { old, new_uid, .. } = &clusters;
    let empty = old.state().await?;
    let network = old.network(NAME).apply().await?;
    network.until_ready().await?;
    network.transfer_to(Some(new_uid)).await?;
    let words = ["`mgnet.dev/transfer-to`", "no effect", "`spec.deletionPolicy` to 'Retain'"];
    until_warning(old, &network, Check::TransferPossible, &words).await?;
    network.transfer_to(None).await?;
    network
        .until("the warning is gone", |network| {
            network.status.as_ref().is_some_and(|status| status.preflight_warnings.is_empty())
        })
        .await?;
    network.transfer_to(Some("green")).await?;
    network.delete_and_wait().await?;
    assert_eq!(old.state().await?, empty);
    let (type_, note) = until_event(old, "TransferIgnored").await?;
    ensure!(type_ == "Warning" && note.contains("'Delete'"), "{type_}: {note}");
    let all = events(old).await?;
    ensure!(all.iter().all(|event| event.reason.as_deref() != Some("Retained")), "{all:#?}");
    clusters.close().await
}

#[tokio::test]
async fn a_transfer_that_is_withdrawn_during_the_deletion_leaves_no_tag() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "withdrawn").await?;
    let Clusters { old, new_uid, .. } = &clusters;
    let (network, built) = clusters.build().await?;
    // The last call of the deletion fails for a while, so that the network exists with tagged resources.
    let fault = Fault {
        account: Some(old.account.clone()),
        times: 1_000,
        code: Some("AccessDeniedException".to_owned()),
        ..Fault::next(FaultKind::Error, "TagResource")
    };
    old.lab.control().order(&fault).await?;
    network.transfer_to(Some(new_uid)).await?;
    network.delete().await?;
    until("the endpoints are marked", async || {
        let state = old.state().await?;
        let is_marked = |one: &support::state::VpcEndpoint| one.tags.contains_key(TRANSFER_TAG);
        Ok(if state.vpc_endpoints.iter().all(is_marked) { Ok(()) } else { Err(format!("{state:#?}")) })
    })
    .await?;
    network.transfer_to(None).await?;
    old.lab.control().cancel_faults(&old.account).await?;
    network.until_gone().await?;
    for tags in tags(&old.state().await?) {
        ensure!(tags.contains_key(RETAINED_TAG) && !tags.contains_key(TRANSFER_TAG), "{tags:?}");
    }
    let again = described(old).adopting(AdoptionPolicy::Retained).apply().await?;
    again.until_ready().await?;
    assert_eq!(FilledSlots::of(old).await?.slots, built.slots);
    clusters.close().await
}

/// Holds the answer to the next call of each action that changes tags.
async fn hold_next(site: &Site) -> Result<()> {
    for action in TAGGING {
        let fault = Fault { account: Some(site.account.clone()), ..Fault::next(FaultKind::Hold, action) };
        site.lab.control().order(&fault).await?;
    }
    Ok(())
}

/// Kills the operator of a site after each call that changes tags, before it receives the answer, until `is_done`. The answer
/// to the next call is held already. Returns the number of kills.
async fn kill_at_each_call(site: &Site, mark: u64, is_done: impl AsyncFn() -> Result<bool>) -> Result<usize> {
    let (control, operator) = (site.lab.control(), site.lab.operator());
    let (mut mark, mut kills) = (mark, 0);
    loop {
        let is_held = until("a call is held, or the work is done", async || {
            let held = site.calls_after(mark).await?.iter().any(|call| call.fault.is_some());
            if held || is_done().await? { Ok(Ok(held)) } else { Ok(Err("neither".to_owned())) }
        })
        .await?;
        control.cancel_faults(&site.account).await?;
        if !is_held {
            return Ok(kills);
        }
        operator.kill().await?;
        control.release().await?;
        kills += 1;
        mark = site.last_call().await?;
        hold_next(site).await?;
        operator.start().await?;
    }
}

#[tokio::test]
async fn a_transfer_survives_a_kill_of_either_operator_at_each_of_its_calls() -> Result<()> {
    let lab = Lab::own(LabOptions::default()).await?;
    let other = lab.another_cluster().await?;
    let clusters = Clusters::of((lab, other), "killed").await?;
    let Clusters { old, new, new_uid, .. } = &clusters;
    old.lab.control().change_options(&old.account, json!({ "throttling": false })).await?;
    let (network, built) = clusters.build().await?;
    clusters.accept().await?;
    let mark = old.last_call().await?;
    // The new cluster waits all the time, and must not begin before the old one has left everything.
    let moved = described(new).adopting(AdoptionPolicy::Retained).suspended().apply().await?;
    network.transfer_to(Some(new_uid)).await?;
    hold_next(old).await?;
    let begin = old.last_call().await?;
    network.delete().await?;
    let kills = kill_at_each_call(old, begin, async || Ok(network.get().await.is_err())).await?;
    assert_eq!(kills, built.slots.len(), "one call for each resource");

    hold_next(new).await?;
    let begin = new.last_call().await?;
    moved.edit(json!({ "suspend": null })).await?;
    let is_ready = async || Ok(support::waiting::is_true(&moved.get().await?, ConditionType::Ready));
    let kills = kill_at_each_call(new, begin, is_ready).await?;
    assert_eq!(kills, 2 * built.slots.len(), "one call that adopts each resource, and one that removes its marks");
    let ready = moved.until_ready().await?;
    only_tags(&old.writes_after(mark).await?)?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots);
    belongs_to(new, &ready, new_uid).await?;
    moved.delete_and_wait().await?;
    assert_eq!(new.state().await?.slots().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_network_that_is_created_too_early_waits_until_everything_is_left_to_it() -> Result<()> {
    let clusters = Clusters::of(Lab::shared_pair().await?, "early").await?;
    let Clusters { old, new, .. } = &clusters;
    let (network, built) = clusters.build().await?;
    clusters.accept().await?;
    let mark = old.last_call().await?;
    let early = described(new).adopting(AdoptionPolicy::Retained).apply().await?;
    is_refused(new, &early, Check::PredecessorsGone, &["`mgnet.dev/transfer-to`"]).await?;
    clusters.leave(&network).await?;
    early.until_ready().await?;
    only_tags(&old.writes_after(mark).await?)?;
    assert_eq!(FilledSlots::of(new).await?.slots, built.slots);
    clusters.close().await
}

#[tokio::test]
async fn a_filled_slot_is_not_affected_by_resources_of_another_cluster() -> Result<()> {
    let (old, new) = Lab::shared_pair().await?;
    let Clusters { old, new, old_uid, new_uid } = Clusters::of((old, new), "filled").await?;
    let network = new.network(NAME).adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    let name = format!("{}/{NAME}", new.namespace);
    let tags = [
        (OWNER_TAG, "0f0e0d0c-0000-4000-8000-000000000001"),
        (NETWORK_TAG, &name),
        (SLOT_TAG, "vpce/ssm/Interface"),
        (CLUSTER_TAG, &old_uid),
        (RETAINED_TAG, "true"),
        (TRANSFER_TAG, &new_uid),
    ];
    let theirs = endpoint(&old, "ssm", false, &tags).await?;
    let mark = new.last_call().await?;
    new.edit_class(json!({ "acceptTransfersFrom": [old_uid] })).await?;
    until_observed(&new, 2).await?;
    network.until_ready().await?;
    unwritten(&new, mark).await?;
    delete_endpoint(&new, &theirs).await?;
    network.delete_and_wait().await?;
    close(&new).await
}
