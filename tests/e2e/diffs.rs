//! Tests that manifests show no diff: after the operator has reconciled an object, applying the same manifest again
//! changes nothing, in any apply mode, and `kubectl diff` shows nothing. GitOps tools make the same comparisons as
//! these commands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use mgnet::api::{ConditionType, FINALIZER};
use serde_json::{Value, json};
use support::{Lab, Network, SUBNET_TAG, Site, repository};

use support::waiting::{close, is_true, until, until_observed};

/// An apply mode: the arguments of `kubectl apply` and `kubectl diff`.
struct ApplyMode {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// The apply modes. Server-side apply treats a conflict as an error, because it is not forced here.
const APPLY_MODES: [ApplyMode; 2] = [
    ApplyMode { name: "client", arguments: &[] },
    ApplyMode { name: "server", arguments: &["--server-side", "--field-manager=gitops"] },
];

/// Returns the fullest manifest of a kind in `tests/manifests/good`, which the API server is known to accept.
fn fullest(kind: &str) -> Result<Value> {
    let path = repository().join(format!("tests/manifests/good/{kind}-fullest.yaml"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_saphyr::from_str(&text)?)
}

/// Writes a manifest to a file, as it would be in Git, and returns the path.
fn write_manifest(site: &Site, name: &str, manifest: &Value) -> Result<PathBuf> {
    let path = site.lab.folder().join(format!("{}-{name}.yaml", site.namespace));
    std::fs::write(&path, serde_saphyr::to_string(manifest)?)?;
    Ok(path)
}

async fn kubectl(site: &Site, verb: &str, mode: &ApplyMode, file: &Path) -> Result<String> {
    let file = file.display().to_string();
    let arguments = [&[verb, "-f", &file][..], mode.arguments].concat();
    site.lab.kubectl_output(arguments).await.with_context(|| format!("kubectl {verb}, {} side", mode.name))
}

/// Returns the current `generation` and `resourceVersion` of an object.
async fn versions(site: &Site, kind: &str, name: &str) -> Result<String> {
    let output = "-o=jsonpath={.metadata.generation} {.metadata.resourceVersion}";
    site.lab.kubectl_output(["get", kind, name, "-n", &site.namespace, output]).await
}

/// Applies a manifest again after the operator has reconciled it, and fails if anything differs.
async fn check_no_diff(site: &Site, kind: &str, name: &str, mode: &ApplyMode, file: &Path) -> Result<()> {
    let before = versions(site, kind, name).await?;
    let diff = kubectl(site, "diff", mode, file).await?;
    ensure!(diff.is_empty(), "kubectl diff shows, {} side:\n{diff}", mode.name);
    kubectl(site, "apply", mode, file).await?;
    let after = versions(site, kind, name).await?;
    ensure!(before == after, "{kind} {name}, applied again {} side: {before} became {after}", mode.name);
    Ok(())
}

/// Checks that the comparison detects an edit: a manifest with another proxy shows a diff.
async fn check_edit_is_detected(site: &Site, mode: &ApplyMode, manifest: &Value) -> Result<()> {
    let mut edited = manifest.clone();
    edited["spec"]["proxyCIDRs"] = json!(["192.0.2.201/32"]);
    let file = write_manifest(site, &format!("edited-{}", mode.name), &edited)?;
    ensure!(kubectl(site, "diff", mode, &file).await.is_err(), "an edit makes no difference, {} side", mode.name);
    Ok(())
}

/// Waits until the operator has observed the object's generation.
async fn until_generation_is_observed(site: &Site, kind: &str, name: &str) -> Result<()> {
    until(&format!("the operator observes {kind} {name}"), async || {
        let output = "-o=jsonpath={.metadata.generation} {.status.observedGeneration}";
        let output = site.lab.kubectl_output(["get", kind, name, "-n", &site.namespace, output]).await?;
        let is_observed = output.split_once(' ').is_some_and(|(generation, observed)| generation == observed.trim());
        Ok(if is_observed { Ok(()) } else { Err(output) })
    })
    .await
}

/// Returns the manifest under another name, in the site's namespace.
fn named(mut manifest: Value, site: &Site, name: &str) -> Value {
    manifest["metadata"] = json!({ "name": name });
    if manifest["kind"] == "MigrationNetwork" {
        manifest["metadata"]["namespace"] = json!(site.namespace);
    }
    manifest
}

/// Returns the fullest class, with all values that depend on an account, a Region or a VPC replaced by those of the
/// site.
fn class_at(site: &Site, name: &str) -> Result<Value> {
    let mut class = named(fullest("class")?, site, name);
    class["spec"]["account"] = json!({
        "id": site.account, "roleARN": format!("arn:aws:iam::{}:role/mgnet", site.account), "externalID": "lab",
    });
    class["spec"]["region"] = json!(site.region);
    class["spec"]["limits"]["vpcs"] = json!([site.landing.vpc]);
    class["spec"]["limits"]["services"] = json!(["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"]);
    class["spec"]["limits"]["deletionPolicies"] = json!(["Retain", "Delete"]);
    class["spec"]["limits"]["subnets"] = json!({
        "endpoints": { "tags": { SUBNET_TAG: "endpoints" } },
        "staging": { "ids": [site.landing.subnet("staging-1")?] },
        "launch": { "tags": { SUBNET_TAG: "launch" } },
    });
    class["spec"]["limits"]["endpointPolicies"] =
        json!({ "types": ["Preset", "Inline"], "presets": ["FullAccess", "MGNOnly"] });
    move_to_site(site, &mut class["spec"]["defaults"])?;
    Ok(class)
}

/// Returns the fullest network, with all values that depend on an account, a Region or a VPC replaced by those of the
/// site.
fn network_at(site: &Site, name: &str, class: &str) -> Result<Value> {
    let id = |name: &str| site.landing.subnet(name).map(str::to_owned);
    let mut network = named(fullest("network")?, site, name);
    let spec = &mut network["spec"];
    spec["migrationNetworkClassName"] = json!(class);
    spec["vpc"] = json!({ "id": site.landing.vpc });
    spec["subnets"] = json!({
        "endpoints": { "ids": [id("endpoints-1")?, id("endpoints-2")?] },
        "staging": { "ids": [id("staging-1")?] },
        "launch": { "tags": { SUBNET_TAG: "launch" } },
    });
    move_to_site(site, spec)?;
    Ok(network)
}

/// Removes references to existing resources and ConfigMaps, which the site does not have, and pins addresses in its
/// subnets.
fn move_to_site(site: &Site, settings: &mut Value) -> Result<()> {
    let entries = settings["endpoints"].as_array_mut().context("the fullest manifests list endpoints")?;
    entries.retain(|entry| entry["mode"] != "Existing" && entry["policy"]["type"] != "ConfigMap");
    ensure!(!entries.is_empty(), "no entry is left to be compared");
    let first = site.landing.subnet("endpoints-1")?;
    let fixed = |last: u8| json!([{ "subnetID": first, "ip": format!("10.20.1.{last}") }]);
    for entry in entries.iter_mut().filter(|entry| entry["addresses"].is_array()) {
        entry["addresses"] = fixed(21);
    }
    settings["endpointSecurityGroup"] = json!({ "mode": "Managed" });
    settings["resolver"]["addresses"] = fixed(53);
    settings["replication"] = json!({ "securityGroup": { "mode": "Managed" } });
    Ok(())
}

/// Adds the labels that the fullest class requires of a namespace.
async fn label_namespace(site: &Site) -> Result<()> {
    let labels = ["label", "namespace", &site.namespace, "example.com/tenant=true", "team=billing"];
    site.lab.kubectl_output(labels).await?;
    Ok(())
}

/// Waits until the network is complete and at rest.
async fn until_at_rest(site: &Site, network: &Network<'_>) -> Result<()> {
    let ready = network.until_ready().await?;
    ensure!(is_true(&ready, ConditionType::Synced) && ready.finalizers() == [FINALIZER], "{ready:#?}");
    until_observed(site, 1).await
}

#[tokio::test]
async fn applying_the_manifest_of_a_built_network_again_changes_nothing() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("no-diff").await?;
    label_namespace(&site).await?;
    // The fullest class sets a source identity.
    lab.control().declare_role_with_source_identity(&site.account, "mgnet", "lab").await?;
    for mode in &APPLY_MODES {
        let class = format!("{}-{}", site.class_name, mode.name);
        let class_file = write_manifest(&site, &format!("class-{}", mode.name), &class_at(&site, &class)?)?;
        kubectl(&site, "apply", mode, &class_file).await?;
        let file = write_manifest(&site, mode.name, &network_at(&site, mode.name, &class)?)?;
        kubectl(&site, "apply", mode, &file).await?;
        let network = site.existing_network(mode.name);
        until_at_rest(&site, &network).await?;
        check_no_diff(&site, "mgnet", mode.name, mode, &file).await?;
        check_edit_is_detected(&site, mode, &network_at(&site, mode.name, &class)?).await?;
        until_generation_is_observed(&site, "mgnetclass", &class).await?;
        check_no_diff(&site, "mgnetclass", &class, mode, &class_file).await?;
        // A VPC has at most one network, so this one is deleted before the next one is created.
        network.delete_and_wait().await?;
        lab.kubectl_output(["delete", "mgnetclass", &class, "--wait=false"]).await?;
    }
    close(&site).await
}

#[tokio::test]
async fn the_manifest_of_a_planned_or_refused_object_shows_no_diff() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("no-diff-unbuilt").await?;
    for mode in &APPLY_MODES {
        // The manifests are unchanged, so that their class and account do not exist.
        let (refused, class) = (format!("refused-{}", mode.name), format!("{}-refused-{}", site.class_name, mode.name));
        let mut planned = network_at(&site, &format!("planned-{}", mode.name), &site.class_name)?;
        planned["spec"]["managementPolicy"] = json!("Plan");
        let planned_name = planned["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        for (kind, name, manifest) in [
            ("mgnet", &refused, named(fullest("network")?, &site, &refused)),
            ("mgnet", &planned_name, planned.clone()),
            ("mgnetclass", &class, named(fullest("class")?, &site, &class)),
        ] {
            let file = write_manifest(&site, name, &manifest)?;
            kubectl(&site, "apply", mode, &file).await?;
            until_generation_is_observed(&site, kind, name).await?;
            check_no_diff(&site, kind, name, mode, &file).await?;
        }
        lab.kubectl_output(["delete", "mgnetclass", &class, "--wait=false"]).await?;
    }
    close(&site).await
}
