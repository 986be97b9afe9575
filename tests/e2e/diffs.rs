//! Nothing makes a diff: once the operator has run, applying the same manifest again changes nothing, by whatever way of
//! applying, and `kubectl diff` shows nothing. What GitOps tools compare is what these commands compare.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use mgnet::api::{ConditionType, FINALIZER};
use serde_json::{Value, json};
use support::{Lab, Network, SUBNET_TAG, Site, repository};

use support::waiting::{close, is_true, until, until_observed};

/// A way of applying: the arguments of `kubectl apply` and `kubectl diff`.
struct Way {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// Server-side apply takes a conflict for an error unless it is forced, and here it is not.
const WAYS: [Way; 2] = [
    Way { name: "client", arguments: &[] },
    Way { name: "server", arguments: &["--server-side", "--field-manager=gitops"] },
];

/// The fullest manifest of a kind that the API server is known to accept.
fn fullest(kind: &str) -> Result<Value> {
    let path = repository().join(format!("tests/manifests/good/{kind}-fullest.yaml"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(serde_saphyr::from_str(&text)?)
}

/// A manifest in a file, as it would be in Git.
fn in_git(site: &Site, name: &str, manifest: &Value) -> Result<PathBuf> {
    let path = site.lab.folder().join(format!("{}-{name}.yaml", site.namespace));
    std::fs::write(&path, serde_saphyr::to_string(manifest)?)?;
    Ok(path)
}

async fn kubectl(site: &Site, verb: &str, way: &Way, file: &Path) -> Result<String> {
    let file = file.display().to_string();
    let arguments = [&[verb, "-f", &file][..], way.arguments].concat();
    site.lab.kubectl_output(arguments).await.with_context(|| format!("kubectl {verb}, {} side", way.name))
}

/// Generation and resourceVersion, as the API server has them now.
async fn versions(site: &Site, kind: &str, name: &str) -> Result<String> {
    let output = "-o=jsonpath={.metadata.generation} {.metadata.resourceVersion}";
    site.lab.kubectl_output(["get", kind, name, "-n", &site.namespace, output]).await
}

/// Applies what was applied before and the operator has answered, and looks for any difference.
async fn makes_no_diff(site: &Site, kind: &str, name: &str, way: &Way, file: &Path) -> Result<()> {
    let before = versions(site, kind, name).await?;
    let diff = kubectl(site, "diff", way, file).await?;
    ensure!(diff.is_empty(), "kubectl diff shows, {} side:\n{diff}", way.name);
    kubectl(site, "apply", way, file).await?;
    let after = versions(site, kind, name).await?;
    ensure!(before == after, "{kind} {name}, applied again {} side: {before} became {after}", way.name);
    Ok(())
}

/// The comparison sees what there is to see: with another proxy in the manifest it is not content.
async fn shows_an_edit(site: &Site, way: &Way, manifest: &Value) -> Result<()> {
    let mut edited = manifest.clone();
    edited["spec"]["proxyCIDRs"] = json!(["192.0.2.201/32"]);
    let file = in_git(site, &format!("edited-{}", way.name), &edited)?;
    ensure!(kubectl(site, "diff", way, &file).await.is_err(), "an edit makes no difference, {} side", way.name);
    Ok(())
}

/// Waits until the operator has answered the object's generation.
async fn until_answered(site: &Site, kind: &str, name: &str) -> Result<()> {
    until(&format!("the operator answers {kind} {name}"), async || {
        let output = "-o=jsonpath={.metadata.generation} {.status.observedGeneration}";
        let said = site.lab.kubectl_output(["get", kind, name, "-n", &site.namespace, output]).await?;
        let answered = said.split_once(' ').is_some_and(|(generation, observed)| generation == observed.trim());
        Ok(if answered { Ok(()) } else { Err(said) })
    })
    .await
}

/// The manifest under another name, in the site's namespace.
fn named(mut manifest: Value, site: &Site, name: &str) -> Value {
    manifest["metadata"] = json!({ "name": name });
    if manifest["kind"] == "MigrationNetwork" {
        manifest["metadata"]["namespace"] = json!(site.namespace);
    }
    manifest
}

/// The fullest class with every value that names a place brought to where the site is.
fn class_at(site: &Site, name: &str) -> Result<Value> {
    let mut class = named(fullest("class")?, site, name);
    class["spec"]["account"] = json!({
        "id": site.account, "roleARN": format!("arn:aws:iam::{}:role/mgnet", site.account), "externalID": "lab",
    });
    class["spec"]["region"] = json!(site.region);
    class["spec"]["limits"]["vpcs"] = json!([site.landing.vpc]);
    class["spec"]["limits"]["services"] = json!(["mgn", "s3", "ec2", "ssm", "ssmmessages", "ec2messages"]);
    class["spec"]["limits"]["deletionPolicies"] = json!(["Retain", "Delete"]);
    without_what_is_elsewhere(site, &mut class["spec"]["defaults"])?;
    Ok(class)
}

/// The fullest network with every value that names a place brought to where the site is.
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
    without_what_is_elsewhere(site, spec)?;
    Ok(network)
}

/// What is there already at other sites is not at this one.
fn without_what_is_elsewhere(site: &Site, settings: &mut Value) -> Result<()> {
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

/// The labels that the fullest class wants of a namespace.
async fn admit(site: &Site) -> Result<()> {
    let labels = ["label", "namespace", &site.namespace, "example.com/tenant=true", "team=billing"];
    site.lab.kubectl_output(labels).await?;
    Ok(())
}

/// Waits until the network is complete and nothing more is written to it.
async fn until_at_rest(site: &Site, network: &Network<'_>) -> Result<()> {
    let ready = network.until_ready().await?;
    ensure!(is_true(&ready, ConditionType::Synced) && ready.finalizers() == [FINALIZER], "{ready:#?}");
    until_observed(site, 1).await
}

#[tokio::test]
async fn a_network_that_the_operator_built_equals_its_manifest() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("no-diff").await?;
    admit(&site).await?;
    for way in &WAYS {
        let class = format!("{}-{}", site.class_name, way.name);
        let class_file = in_git(&site, &format!("class-{}", way.name), &class_at(&site, &class)?)?;
        kubectl(&site, "apply", way, &class_file).await?;
        let file = in_git(&site, way.name, &network_at(&site, way.name, &class)?)?;
        kubectl(&site, "apply", way, &file).await?;
        let network = site.existing_network(way.name);
        until_at_rest(&site, &network).await?;
        makes_no_diff(&site, "mgnet", way.name, way, &file).await?;
        shows_an_edit(&site, way, &network_at(&site, way.name, &class)?).await?;
        until_answered(&site, "mgnetclass", &class).await?;
        makes_no_diff(&site, "mgnetclass", &class, way, &class_file).await?;
        // One network a VPC: the next one comes after this one.
        network.delete_and_wait().await?;
        lab.kubectl_output(["delete", "mgnetclass", &class, "--wait=false"]).await?;
    }
    close(&site).await
}

#[tokio::test]
async fn a_manifest_that_the_operator_only_plans_or_refuses_makes_no_diff_either() -> Result<()> {
    let lab = Lab::real_shared().await?;
    let site = lab.site("no-diff-unbuilt").await?;
    for way in &WAYS {
        // As they stand: no such class, no such account.
        let (refused, class) = (format!("refused-{}", way.name), format!("{}-refused-{}", site.class_name, way.name));
        let mut planned = network_at(&site, &format!("planned-{}", way.name), &site.class_name)?;
        planned["spec"]["managementPolicy"] = json!("Plan");
        let planned_name = planned["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        for (kind, name, manifest) in [
            ("mgnet", &refused, named(fullest("network")?, &site, &refused)),
            ("mgnet", &planned_name, planned.clone()),
            ("mgnetclass", &class, named(fullest("class")?, &site, &class)),
        ] {
            let file = in_git(&site, name, &manifest)?;
            kubectl(&site, "apply", way, &file).await?;
            until_answered(&site, kind, name).await?;
            makes_no_diff(&site, kind, name, way, &file).await?;
        }
        lab.kubectl_output(["delete", "mgnetclass", &class, "--wait=false"]).await?;
    }
    close(&site).await
}
