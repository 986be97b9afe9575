//! Restores from a backup: an object comes back with the same name, but with another UID and without its status, while the
//! resources of the lost object exist. Nothing is created twice, and nothing is lost.

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use mgnet::api::{AdoptionPolicy, MigrationNetwork, MigrationNetworkStatus, TRANSFER_ANNOTATION};
use mgnet::model::ownership::{RETAINED_TAG, TRANSFER_TAG};
use mgnet::model::preflight::checks::Check;
use serde_json::json;
use support::foreign::{is_refused, unwritten};
use support::waiting::{close, listed, tag};
use support::{Lab, LabOptions, Network, Site};

use crate::adoption::FilledSlots;

const NAME: &str = "tokyo";

/// What Velero stores of an object: its name, labels, annotations and finalizers, and its spec.
struct Backup {
    object: MigrationNetwork,
    status: MigrationNetworkStatus,
}

impl Backup {
    async fn of(network: &Network<'_>) -> Result<Self> {
        let mut object = network.get().await?;
        let status = object.status.take().context("no status")?;
        let metadata = std::mem::take(&mut object.metadata);
        object.metadata.name = metadata.name;
        object.metadata.namespace = metadata.namespace;
        object.metadata.labels = metadata.labels;
        object.metadata.annotations = metadata.annotations;
        object.metadata.finalizers = metadata.finalizers;
        ensure!(object.metadata.finalizers.is_some(), "the network has a finalizer");
        Ok(Self { object, status })
    }

    async fn restore<'s>(&self, site: &'s Site) -> Result<Network<'s>> {
        let api = Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
        api.create(&PostParams::default(), &self.object).await?;
        Ok(site.existing_network(NAME))
    }
}

/// Loses an object as with its cluster: its finalizer is removed while no operator runs.
async fn lose(network: &Network<'_>) -> Result<()> {
    network.delete().await?;
    network.patch(json!({ "metadata": { "finalizers": null } })).await?;
    network.until_gone().await
}

/// Marks all resources in AWS as `docs/transfer.md` says, with the rights of a person.
async fn mark_all(site: &Site, marks: &[(&str, &str)]) -> Result<()> {
    let state = site.state().await?;
    for (key, value) in marks {
        for id in state.slots().into_values().filter(|id| !id.starts_with("rslvr-")) {
            tag(site, &id, key, value).await?;
        }
        for resolver in &state.resolver_endpoints {
            let (region, account) = (&site.region, &site.account);
            let arn = format!("arn:aws:route53resolver:{region}:{account}:resolver-endpoint/{}", resolver.id);
            let tag = aws_sdk_route53resolver::types::Tag::builder().key(*key).value(*value).build()?;
            site.aws.resolver.tag_resource().resource_arn(arn).tags(tag).send().await?;
        }
    }
    Ok(())
}

/// Fails if the operator created, changed or deleted a resource after the mark.
async fn only_tags_after(site: &Site, mark: u64) -> Result<()> {
    let writes = site.writes_after(mark).await?;
    let is_tagging = |action: &str| ["CreateTags", "DeleteTags", "TagResource", "UntagResource"].contains(&action);
    ensure!(writes.iter().all(|call| is_tagging(&call.action)), "{}", listed(&writes));
    Ok(())
}

#[tokio::test]
async fn a_restore_in_the_same_cluster_creates_nothing_twice_and_takes_over_what_a_person_marks() -> Result<()> {
    let lab = Lab::own(LabOptions::default()).await?;
    let site = lab.site("restored").await?;
    let network = site.network(NAME).with_replication_group().apply().await?;
    network.until_ready().await?;
    let built = FilledSlots::of(&site).await?;
    let backup = Backup::of(&network).await?;
    lab.operator().stop().await?;
    lose(&network).await?;
    lab.operator().start().await?;

    let mark = site.last_call().await?;
    let restored = backup.restore(&site).await?;
    let words =
        ["belong to an earlier network of this name", "`mgnet.dev/retained` to 'true'", "`spec.adoptionPolicy`"];
    is_refused(&site, &restored, Check::PredecessorsGone, &words).await?;
    unwritten(&site, mark).await?;
    restored.edit(json!({ "adoptionPolicy": "Retained" })).await?;
    mark_all(&site, &[(RETAINED_TAG, "true")]).await?;
    restored.until_ready().await?;
    only_tags_after(&site, mark).await?;
    assert_eq!(FilledSlots::of(&site).await?.slots, built.slots);
    assert_eq!(site.summary().await?, site.expected().with_replication_group().summary());
    restored.delete_and_wait().await?;
    assert_eq!(site.state().await?.slots().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_restore_with_the_status_of_the_lost_object_has_the_same_result() -> Result<()> {
    let lab = Lab::own(LabOptions::default()).await?;
    let site = lab.site("restored-status").await?;
    let network = site.network(NAME).adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    let built = FilledSlots::of(&site).await?;
    let backup = Backup::of(&network).await?;
    lab.operator().stop().await?;
    lose(&network).await?;
    let mark = site.last_call().await?;
    let restored = backup.restore(&site).await?;
    let api = Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
    let patch = Patch::Merge(json!({ "status": backup.status }));
    let written = api.patch_status(NAME, &PatchParams::default(), &patch).await?;
    site.disregard_status_of(&written);
    lab.operator().start().await?;
    is_refused(&site, &restored, Check::PredecessorsGone, &["belong to an earlier network of this name"]).await?;
    unwritten(&site, mark).await?;
    mark_all(&site, &[(RETAINED_TAG, "true")]).await?;
    restored.until_ready().await?;
    only_tags_after(&site, mark).await?;
    assert_eq!(FilledSlots::of(&site).await?.slots, built.slots);
    Ok(())
}

#[tokio::test]
async fn a_restore_after_a_deletion_with_retain_takes_over_the_resources() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = lab.site("restored-kept").await?;
    let network = site.network(NAME).retained().adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    let built = FilledSlots::of(&site).await?;
    let backup = Backup::of(&network).await?;
    network.delete_and_wait().await?;
    let mark = site.last_call().await?;
    backup.restore(&site).await?.until_ready().await?;
    only_tags_after(&site, mark).await?;
    assert_eq!(FilledSlots::of(&site).await?.slots, built.slots);
    close(&site).await
}

#[tokio::test]
async fn a_restore_into_a_new_cluster_takes_over_what_a_person_marks() -> Result<()> {
    let lab = Lab::own(LabOptions::default()).await?;
    let other = lab.another_cluster().await?;
    let old = lab.site("restored-elsewhere").await?;
    let network = old.network(NAME).retained().adopting(AdoptionPolicy::Retained).apply().await?;
    network.until_ready().await?;
    let built = FilledSlots::of(&old).await?;
    let backup = Backup::of(&network).await?;
    // The old cluster is lost with everything in it.
    lab.operator().kill().await?;

    let new = old.in_cluster(&other).await?;
    let (old_uid, new_uid) = (old.cluster_uid().await?, new.cluster_uid().await?);
    let mark = new.last_call().await?;
    let restored = backup.restore(&new).await?;
    let words = [&*old_uid, "`spec.acceptTransfersFrom`", "`mgnet.dev/transfer-to`"];
    is_refused(&new, &restored, Check::PredecessorsGone, &words).await?;
    unwritten(&new, mark).await?;
    new.edit_class(json!({ "acceptTransfersFrom": [old_uid] })).await?;
    mark_all(&new, &[(RETAINED_TAG, "true"), (TRANSFER_TAG, &new_uid)]).await?;
    restored.until_ready().await?;
    only_tags_after(&new, mark).await?;
    assert_eq!(FilledSlots::of(&new).await?.slots, built.slots);

    // A second restore, of a backup that was made during a transfer to this cluster: the annotation names the cluster itself.
    let object = restored.transfer_to(Some(&new_uid)).await?;
    assert_eq!(object.metadata.annotations.context("no annotations")?.get(TRANSFER_ANNOTATION), Some(&new_uid));
    crate::checks::until_warning(&new, &restored, Check::TransferPossible, &["names this cluster"]).await?;
    Ok(())
}
