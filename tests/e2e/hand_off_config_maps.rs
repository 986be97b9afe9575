//! The hand-off in ConfigMaps with the rights of `deploy/overlays/hand-off-config-maps`, without them, and with the garbage
//! collector of Kubernetes.

use std::fs;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use mgnet::api::{ConditionType, ConfigMapState, MigrationNetwork, ON_PREMISES_REVISION_LABEL, OnPremisesConfigMap};
use serde_json::json;
use support::waiting::{events, is_true, until, until_event, until_observed};
use support::{
    ApiProxy, Lab, LabOptions, OPERATOR_NAMESPACE, OPERATOR_SERVICE_ACCOUNT, OperatorOptions, Site, Verb, repository,
};

const NAME: &str = "tokyo-onprem";

/// The rights of the role, and no others.
const VERBS: [(&str, bool); 8] = [
    ("get", true),
    ("create", true),
    ("patch", true),
    ("delete", true),
    ("list", true),
    ("watch", true),
    ("update", false),
    ("deletecollection", false),
];

/// Applies the roles of the overlay. The operator is a process here, so its Deployment is left out.
async fn install_roles(lab: &Lab) -> Result<()> {
    let folder = repository().join("deploy/overlays/hand-off-config-maps").display().to_string();
    let all = lab.kubectl_output(["kustomize", &folder]).await?;
    let roles: Vec<&str> = all.split("\n---\n").filter(|object| object.contains("kind: ClusterRole")).collect();
    let file = lab.folder().join("hand-off-roles.yaml");
    fs::write(&file, roles.join("\n---\n"))?;
    lab.kubectl_output(["apply", "--server-side", "--filename", &file.display().to_string()]).await?;
    let user = format!("--as=system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_SERVICE_ACCOUNT}");
    for (verb, is_granted) in VERBS {
        let answer = lab.kubectl_output(["auth", "can-i", verb, "configmaps", "--all-namespaces", &user]).await;
        ensure!(answer.is_ok() == is_granted, "{verb}: {answer:?}");
    }
    Ok(())
}

async fn enabled(lab: &Lab, name: &str) -> Result<Site> {
    let site = lab.site(name).await?;
    site.edit_class(json!({ "onPremises": { "configMap": "Enabled" } })).await?;
    Ok(site)
}

fn reported(network: &MigrationNetwork) -> Option<&OnPremisesConfigMap> {
    network.status.as_ref()?.on_premises.as_ref()?.config_map.as_ref()
}

fn is_reported(network: &MigrationNetwork, state: ConfigMapState) -> bool {
    reported(network).is_some_and(|config_map| config_map.state == state)
}

async fn until_gone(site: &Site) -> Result<()> {
    until("the ConfigMap is gone", async || {
        Ok(site.config_maps().get_opt(NAME).await?.map_or(Ok(()), |one| Err(format!("{:?}", one.metadata))))
    })
    .await
}

#[tokio::test]
async fn the_config_map_is_written_restored_and_deleted_with_the_rights_of_the_overlay() -> Result<()> {
    let default = LabOptions::default();
    let operator = OperatorOptions { start: false, ..default.operator };
    let lab = Lab::start(LabOptions { controllers: false, operator: operator.clone(), ..default }).await?;
    install_roles(&lab).await?;
    let proxy = ApiProxy::start(&lab).await?;
    let operator = lab.operator().another(operator).with_kubeconfig(proxy.kubeconfig());
    operator.start().await?;
    let site = enabled(&lab, "published").await?;
    let network = site.network("tokyo").apply().await?;
    let current = |network: &MigrationNetwork| is_reported(network, ConfigMapState::Current);
    let object = network.until("the ConfigMap is current", current).await?;
    let written = site.config_maps().get(NAME).await?;
    let revision = object.status.and_then(|status| status.on_premises).context("no hand-off")?.revision;
    assert_eq!(written.labels().get(ON_PREMISES_REVISION_LABEL), Some(&revision));

    // At rest the ConfigMap is read, and not written.
    let writes = |verb: Verb| {
        let calls = proxy.calls();
        calls.iter().filter(|call| call.site.resource == "configmaps" && call.site.verb == verb).count()
    };
    let count = || [Verb::Create, Verb::Patch, Verb::Delete].map(writes);
    assert_eq!(count(), [1, 1, 0]);
    until_observed(&site, 3).await?;
    assert_eq!(count(), [1, 1, 0]);

    let edit = json!({ "metadata": { "ownerReferences": null }, "data": { "hosts": "10.66.6.6 example.com" } });
    site.config_maps().patch(NAME, &PatchParams::default(), &Patch::Merge(edit)).await?;
    until("the edit is restored", async || {
        let now = site.config_maps().get(NAME).await?;
        let is_restored = now.data == written.data && now.owner_references() == written.owner_references();
        Ok(if is_restored { Ok(()) } else { Err(format!("{:?}", now.metadata)) })
    })
    .await?;
    assert_eq!(until_event(&site, "OnPremisesConfigMapRestored").await?.0, "Warning");
    assert_eq!(writes(Verb::Patch), 2);

    site.edit_class(json!({ "onPremises": { "configMap": "Disabled" } })).await?;
    until_gone(&site).await?;
    site.edit_class(json!({ "onPremises": { "configMap": "Enabled" } })).await?;
    network.until("the ConfigMap is current again", current).await?;
    ensure!(is_true(&network.get().await?, ConditionType::Ready));
    operator.kill().await
}

#[tokio::test]
async fn the_config_map_is_gone_with_the_network_and_does_not_block_it() -> Result<()> {
    let lab = Lab::start(LabOptions::default()).await?;
    install_roles(&lab).await?;
    for (name, policy) in [("background", PropagationPolicy::Background), ("foreground", PropagationPolicy::Foreground)]
    {
        let site = enabled(&lab, name).await?;
        let network = site.network("tokyo").apply().await?;
        network.until("the ConfigMap is current", |network| is_reported(network, ConfigMapState::Current)).await?;
        let parameters = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        let networks = kube::Api::<MigrationNetwork>::namespaced(site.kube.clone(), &site.namespace);
        networks.delete("tokyo", &parameters).await?;
        until(name, async || {
            let left = networks.get_opt("tokyo").await?;
            Ok(left.map_or(Ok(()), |one| Err(format!("{:?}", one.metadata.finalizers))))
        })
        .await?;
        until_gone(&site).await?;
    }
    Ok(())
}

#[tokio::test]
async fn without_the_rights_the_network_is_ready_and_one_warning_names_the_overlay() -> Result<()> {
    let lab = Lab::start(LabOptions { controllers: false, ..LabOptions::default() }).await?;
    let site = enabled(&lab, "without-rights").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    let denied = |network: &MigrationNetwork| is_reported(network, ConfigMapState::Denied);
    let object = network.until("the denial is reported", denied).await?;
    let message = reported(&object).and_then(|one| one.message.clone()).context("no message")?;
    for words in ["cannot create resource \"configmaps\"", "`deploy/overlays/hand-off-config-maps`"] {
        ensure!(message.contains(words), "{message}");
    }
    let before = network.get().await?;
    until_observed(&site, 4).await?;
    let after = network.get().await?;
    assert_eq!(after.resource_version(), before.resource_version(), "the status is not written again");
    ensure!(is_true(&after, ConditionType::Ready));
    let warnings = events(&site).await?;
    let warnings: Vec<_> =
        warnings.iter().filter(|event| event.reason.as_deref() == Some("OnPremisesConfigMapDenied")).collect();
    ensure!(warnings.len() == 1 && warnings[0].series.is_none(), "{warnings:#?}");
    assert_eq!(warnings[0].note, Some(message));

    // The operator notices the right at the next resync.
    install_roles(&lab).await?;
    network.until("the ConfigMap is written", |network| is_reported(network, ConfigMapState::Current)).await?;
    Ok(())
}
