//! The hand-off in a ConfigMap: it has the exported files, follows the facts, is restored after an edit, and never replaces
//! what another writer has created.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use mgnet::api::{
    ConditionType, ConfigMapState, FIELD_MANAGER, MigrationNetwork, ON_PREMISES_DIGEST_ANNOTATION,
    ON_PREMISES_REVISION_LABEL, OnPremisesConfigMap,
};
use mgnet::hand_off::{Action, Export, Files, HandOff};
use serde_json::json;
use support::waiting::{close, events, is_true, until, until_event, until_observed};
use support::{Lab, Network, Site, repository};

const NAME: &str = "tokyo-onprem";

/// Returns a site whose class enables ConfigMaps. On a real API server, the operator gets the right to write them.
async fn enabled(lab: &Lab, name: &str) -> Result<Site> {
    if !lab.is_simulated() {
        let roles = repository().join("deploy/components/hand-off-config-maps/roles.yaml");
        let file = format!("--filename={}", roles.display());
        lab.kubectl_output(["apply", "--server-side", &file]).await?;
    }
    let site = lab.site(name).await?;
    enable(&site, "Enabled").await?;
    Ok(site)
}

async fn enable(site: &Site, config_map: &str) -> Result<()> {
    site.edit_class(json!({ "onPremises": { "configMap": config_map } })).await.map(drop)
}

fn reported(network: &MigrationNetwork) -> Option<&OnPremisesConfigMap> {
    network.status.as_ref()?.on_premises.as_ref()?.config_map.as_ref()
}

async fn until_reported(network: &Network<'_>, state: Option<ConfigMapState>) -> Result<MigrationNetwork> {
    let what = format!("the ConfigMap is reported as {state:?}");
    network.until(&what, |network| reported(network).map(|config_map| config_map.state) == state).await
}

/// Waits until the ConfigMap has the files of the network's hand-off, as `mgnet export` renders them.
async fn until_it_has_the_hand_off(site: &Site, network: &Network<'_>) -> Result<ConfigMap> {
    until("the ConfigMap has the files of the hand-off", async || {
        let network = network.get().await?;
        let Ok(hand_off) = HandOff::of(&network) else { return Ok(Err("there is no hand-off".to_owned())) };
        let Files { rendered, failed } = Files::of(&Export { networks: vec![hand_off], action: Action::Add });
        ensure!(failed.is_empty(), "{failed:?}");
        let files = rendered.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let stored = site.config_maps().get_opt(NAME).await?;
        let is_equal = stored.as_ref().is_some_and(|stored| stored.data.as_ref() == Some(&files));
        Ok(stored.filter(|_| is_equal).ok_or_else(|| format!("{:?}", reported(&network))))
    })
    .await
}

#[tokio::test]
async fn it_has_the_exported_files_and_follows_the_facts() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "config-map").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let first = until_it_has_the_hand_off(&site, &network).await?;
    until_reported(&network, Some(ConfigMapState::Current)).await?;
    let owner = first.owner_references().first().context("it has no owner")?;
    assert_eq!(Some(&owner.uid), network.get().await?.metadata.uid.as_ref());

    // At rest nothing is written.
    until_observed(&site, 3).await?;
    let later = site.config_maps().get(NAME).await?;
    assert_eq!(later.resource_version(), first.resource_version());

    network.edit(json!({ "sourceCIDRs": ["192.168.20.0/24"] })).await?;
    network.until_ready().await?;
    let second = until_it_has_the_hand_off(&site, &network).await?;
    ensure!(second.labels().get(ON_PREMISES_REVISION_LABEL) != first.labels().get(ON_PREMISES_REVISION_LABEL));
    close(&site).await
}

#[tokio::test]
async fn an_edit_is_restored_and_reported() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "edited-config-map").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    until_it_has_the_hand_off(&site, &network).await?;
    let edit = json!({ "data": { "hosts": "10.66.6.6 mgn.ap-northeast-1.amazonaws.com", "unbound.conf": null } });
    site.config_maps().patch(NAME, &PatchParams::default(), &Patch::Merge(edit)).await?;
    until_it_has_the_hand_off(&site, &network).await?;
    assert_eq!(until_event(&site, "OnPremisesConfigMapRestored").await?.0, "Warning");

    site.config_maps().delete(NAME, &DeleteParams::default()).await?;
    until_it_has_the_hand_off(&site, &network).await?;
    close(&site).await
}

#[tokio::test]
async fn a_file_of_an_earlier_version_is_removed_and_a_key_of_a_user_stays() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "former-file").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let written = until_it_has_the_hand_off(&site, &network).await?;
    // An earlier version of the operator has applied one more file.
    let mut former = ConfigMap { data: written.data.clone(), ..ConfigMap::default() };
    former.metadata.name = Some(NAME.to_owned());
    former.metadata.labels.clone_from(&written.metadata.labels);
    former.metadata.owner_references.clone_from(&written.metadata.owner_references);
    former.annotations_mut().insert(ON_PREMISES_DIGEST_ANNOTATION.to_owned(), "another".to_owned());
    former.data.get_or_insert_default().insert("former.conf".to_owned(), "stale".to_owned());
    let notes = json!({ "data": { "notes.txt": "done" } });
    site.config_maps().patch(NAME, &PatchParams::default(), &Patch::Merge(notes)).await?;
    site.config_maps().patch(NAME, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&former)).await?;
    until("the former file is removed", async || {
        let files = site.config_maps().get(NAME).await?.data.unwrap_or_default();
        Ok(if files.contains_key("former.conf") { Err(format!("{:?}", files.keys())) } else { Ok(()) })
    })
    .await?;
    let files = site.config_maps().get(NAME).await?.data.context("no files")?;
    ensure!(files.contains_key("notes.txt") && files.contains_key("hosts"), "{:?}", files.keys());
    close(&site).await
}

#[tokio::test]
async fn a_foreign_config_map_is_kept_until_its_owner_deletes_it() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "foreign-config-map").await?;
    site.write_config_map(NAME, "hosts", "theirs").await?;
    let before = site.config_maps().get(NAME).await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let refused = until_reported(&network, Some(ConfigMapState::Foreign)).await?;
    let message = reported(&refused).and_then(|one| one.message.clone()).context("no message")?;
    ensure!(message.contains("'tokyo-onprem'") && message.contains("delete or rename"), "{message}");
    assert_eq!(until_event(&site, "OnPremisesConfigMapForeign").await?, ("Warning".to_owned(), message));
    until_observed(&site, 2).await?;
    ensure!(is_true(&network.get().await?, ConditionType::Ready));
    assert_eq!(site.config_maps().get(NAME).await?, before);

    site.config_maps().delete(NAME, &DeleteParams::default()).await?;
    until_it_has_the_hand_off(&site, &network).await?;
    until_reported(&network, Some(ConfigMapState::Current)).await?;
    close(&site).await
}

#[tokio::test]
async fn a_class_that_disables_it_has_the_operator_delete_what_it_created() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "disabled-config-map").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    until_it_has_the_hand_off(&site, &network).await?;
    enable(&site, "Disabled").await?;
    until_reported(&network, None).await?;
    assert_eq!(site.config_maps().get_opt(NAME).await?, None);

    // A user takes the name: it is not the operator's any longer.
    let mut theirs = ConfigMap::default();
    theirs.metadata.name = Some(NAME.to_owned());
    site.config_maps().create(&PostParams::default(), &theirs).await?;
    until_observed(&site, 2).await?;
    ensure!(site.config_maps().get_opt(NAME).await?.is_some());
    let warnings = events(&site).await?.into_iter().filter_map(|event| event.reason);
    assert_eq!(warnings.filter(|reason| reason.starts_with("OnPremisesConfigMap")).count(), 0);
    close(&site).await
}

#[tokio::test]
async fn a_planned_network_publishes_its_ranges() -> Result<()> {
    let lab = Lab::shared().await?;
    let site = enabled(&lab, "planned-config-map").await?;
    let network = site.network("tokyo").spec(&json!({ "managementPolicy": "Plan" })).apply().await?;
    let config_map = until_it_has_the_hand_off(&site, &network).await?;
    ensure!(config_map.data.is_some_and(|files| files["hosts"].contains("planned")));
    close(&site).await
}
