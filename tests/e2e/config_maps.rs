//! The operator without the right to read ConfigMaps, as `deploy/overlays/without-config-maps` installs it.

use std::fs;

use anyhow::{Context, Result, ensure};
use mgnet::api::{ConditionType, Reason};
use serde_json::{Value, json};
use support::waiting::message;
use support::{ApiProxy, Lab, LabOptions, OPERATOR_NAMESPACE, OPERATOR_SERVICE_ACCOUNT, OperatorOptions, repository};

/// Applies the overlay without its Deployment. Returns the arguments of the Deployment.
async fn install_overlay(lab: &Lab) -> Result<Vec<String>> {
    let folder = repository().join("deploy/overlays/without-config-maps");
    let all = lab.kubectl_output(["kustomize".to_owned(), folder.display().to_string()]).await?;
    let is_deployment = |object: &&str| object.lines().any(|line| line == "kind: Deployment");
    let (deployments, others): (Vec<&str>, Vec<&str>) = all.split("\n---\n").partition(is_deployment);
    let file = lab.folder().join("overlay.yaml");
    fs::write(&file, others.join("\n---\n"))?;
    let file = format!("--filename={}", file.display());
    lab.kubectl_output(["apply", "--server-side", &file]).await?;
    let deployment: Value = serde_saphyr::from_str(deployments.first().context("no Deployment")?)?;
    Ok(serde_json::from_value(deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone())?)
}

#[tokio::test]
async fn the_operator_works_without_the_right_to_read_config_maps() -> Result<()> {
    let default = LabOptions::default();
    let options = OperatorOptions { start: false, config_maps: false, ..default.operator };
    let lab = Lab::start(LabOptions { controllers: false, operator: options.clone(), ..default }).await?;
    let arguments = install_overlay(&lab).await?;
    assert_eq!(arguments.last().map(String::as_str), Some("--config-maps=false"), "{arguments:?}");
    let user = format!("--as=system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_SERVICE_ACCOUNT}");
    for verb in ["get", "list", "watch"] {
        let answer = lab.kubectl_output(["auth", "can-i", verb, "configmaps", "--all-namespaces", &user]).await;
        ensure!(answer.is_err_and(|denied| !denied.to_string().contains("yes")), "{verb}");
    }
    let proxy = ApiProxy::start(&lab).await?;
    let operator = lab.operator().another(options).with_kubeconfig(proxy.kubeconfig());
    operator.start().await?;

    let (with_preset, with_config_map) = (lab.site("with-preset").await?, lab.site("with-config-map").await?);
    let policy =
        json!({ "endpointPolicy": { "type": "ConfigMap", "configMapKeyRef": { "name": "policies", "key": "all" } } });
    let refused = with_config_map.network("tokyo").spec(&policy).apply().await?;
    with_preset.network("tokyo").apply().await?.until_ready().await?;
    let object = refused.until_reason(ConditionType::Accepted, Reason::ConfigMapsNotRead).await?;
    let reported = message(&object, ConditionType::Accepted)?;
    ensure!(reported.contains("ConfigMap 'policies'") && reported.contains("'Preset' or 'Inline'"), "{reported}");
    assert_eq!(with_config_map.calls().await?.iter().filter(|call| call.action == "CreateVpcEndpoint").count(), 0);

    refused
        .edit(json!({ "endpointPolicy": { "type": "Preset", "preset": "MGNOnly", "configMapKeyRef": null } }))
        .await?;
    refused.until_ready().await?;
    operator.probe("/readyz").await?;
    let read: Vec<_> = proxy.calls().into_iter().filter(|call| call.site.resource == "configmaps").collect();
    ensure!(read.is_empty(), "{read:#?}");
    Ok(())
}
