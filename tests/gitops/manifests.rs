//! Tests the manifests for Argo CD: its ConfigMap contains the unchanged scripts, and the samples match
//! `docs/gitops.md`.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{ARGOCD, in_repository, text};

const WAVE: &str = "/metadata/annotations/argocd.argoproj.io~1sync-wave";
const OPTIONS: &str = "/metadata/annotations/argocd.argoproj.io~1sync-options";
const CONFIRM: &str = "Prune=confirm,Delete=confirm";

/// Reads the documents of a YAML file.
fn documents(path: &str) -> Result<Vec<Value>> {
    let read = |document| serde_saphyr::from_str(document).with_context(|| path.to_owned());
    text(path)?.split("---\n").map(read).collect()
}

fn document(path: &str, kind: &str) -> Result<Value> {
    let found = documents(path)?.into_iter().find(|document| document["kind"] == kind);
    found.with_context(|| format!("{path} has no {kind}"))
}

fn applications() -> Result<[Value; 2]> {
    let of = |file| document(&format!("{ARGOCD}/applications/{file}.yaml"), "Application");
    Ok([of("platform")?, of("tenant")?])
}

/// Returns the sources of an Application, which has one or several.
fn sources(application: &Value) -> Vec<&Value> {
    let spec = &application["spec"];
    spec["sources"].as_array().map_or_else(|| vec![&spec["source"]], |sources| sources.iter().collect())
}

#[test]
fn the_config_map_contains_the_unchanged_scripts() -> Result<()> {
    let map = document(&format!("{ARGOCD}/argocd-cm.yaml"), "ConfigMap")?;
    assert_eq!(map["metadata"]["name"], "argocd-cm");
    let script = |file: &str| text(&format!("{ARGOCD}/{file}"));
    let advice = "argocd-cm.yaml and the script differ; copy one to the other";
    let prefix = "resource.customizations";
    let data = map["data"].as_object().context("the ConfigMap has no data")?;
    for (kind, file) in
        [("MigrationNetwork", "migrationnetwork.lua"), ("MigrationNetworkClass", "migrationnetworkclass.lua")]
    {
        let carried = &data[&format!("{prefix}.health.mgnet.dev_{kind}")];
        assert_eq!(*carried, script(&format!("health/{file}"))?, "{file}: {advice}");
    }
    for (kind, discovery, names) in [
        ("MigrationNetwork", "discovery", &["reconcile", "suspend", "resume", "approve-plan"][..]),
        ("MigrationNetworkClass", "class/discovery", &["reconcile"]),
    ] {
        let actions =
            data[&format!("{prefix}.actions.mgnet.dev_{kind}")].as_str().context("the actions must be text")?;
        let actions: Value = serde_saphyr::from_str(actions)?;
        let definition =
            |name: &&str| anyhow::Ok(json!({ "name": name, "action.lua": script(&format!("actions/{name}.lua"))? }));
        let expected = json!({
            "discovery.lua": script(&format!("actions/{discovery}.lua"))?,
            "definitions": names.iter().map(definition).collect::<Result<Vec<_>>>()?,
        });
        assert_eq!(actions, expected, "actions of {kind}: {advice}");
    }
    assert_eq!(data.len(), 4, "the ConfigMap must change nothing else in Argo CD");
    Ok(())
}

#[test]
fn pruning_and_deletion_need_confirmation() -> Result<()> {
    for application in applications()? {
        let policy = &application["spec"]["syncPolicy"];
        assert_eq!(policy["automated"]["prune"], false);
        let options = policy["syncOptions"].as_array().context("the Application has no sync options")?;
        for option in ["ServerSideApply=true", "Prune=confirm", "Delete=confirm"] {
            assert!(options.contains(&json!(option)), "{option}");
        }
    }
    for file in ["platform/class", "platform/namespace", "team-billing/network"] {
        for document in documents(&format!("{ARGOCD}/git/{file}.yaml"))? {
            assert_eq!(document.pointer(OPTIONS), Some(&json!(CONFIRM)), "{file}");
        }
    }
    let [platform, _] = applications()?;
    let patch = platform["spec"]["sources"][0]["kustomize"]["patches"][0].clone();
    assert_eq!(patch["target"], json!({ "kind": "CustomResourceDefinition" }));
    let patch: Value = serde_saphyr::from_str(patch["patch"].as_str().context("the patch is not text")?)?;
    assert_eq!(patch.pointer(OPTIONS), Some(&json!(CONFIRM)), "CRDs");
    Ok(())
}

#[test]
fn the_operator_outlives_the_networks() -> Result<()> {
    let [platform, tenant] = applications()?;
    assert_eq!(
        platform.pointer("/metadata/finalizers"),
        None,
        "the deletion of the Application must keep the operator and the CRDs"
    );
    assert_eq!(tenant["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
    Ok(())
}

#[test]
fn the_sync_waves_order_operator_class_and_network() -> Result<()> {
    let [platform, _] = applications()?;
    let operator = &platform["spec"]["sources"][0];
    let annotations = &operator["kustomize"]["commonAnnotations"];
    assert_eq!(operator["path"], "deploy/base");
    assert_eq!(*annotations, json!({ "argocd.argoproj.io/sync-wave": "-2" }));
    for (file, wave) in [("platform/namespace", "-1"), ("platform/class", "-1"), ("team-billing/network", "0")] {
        let documents = documents(&format!("{ARGOCD}/git/{file}.yaml"))?;
        let [document] = documents.as_slice() else { anyhow::bail!("{file} must have one document") };
        assert_eq!(document.pointer(WAVE), Some(&json!(wave)), "{file}");
    }
    Ok(())
}

#[test]
fn placeholders_are_marked_and_paths_exist() -> Result<()> {
    for application in applications()? {
        for source in sources(&application) {
            let path = source["path"].as_str().context("the source has no path")?;
            let exists = in_repository(path).is_dir() || in_repository(&format!("{ARGOCD}/git/{path}")).is_dir();
            assert!(exists, "{path}");
            let repository = source["repoURL"].as_str().context("the source has no repository")?;
            assert!(repository.starts_with("https://git.example.com/REPLACE-ME/"), "{repository}");
        }
    }
    for file in ["platform", "tenant"] {
        for line in text(&format!("{ARGOCD}/applications/{file}.yaml"))?.lines() {
            ensure!(line.contains("REPLACE-ME") == line.contains("# PLACEHOLDER: "), "{file}: {line}");
        }
    }
    Ok(())
}

#[test]
fn a_team_may_create_only_networks() -> Result<()> {
    let project = document(&format!("{ARGOCD}/applications/tenant.yaml"), "AppProject")?;
    let [_, tenant] = applications()?;
    assert_eq!(tenant["spec"]["project"], project["metadata"]["name"]);
    assert_eq!(project["spec"]["clusterResourceWhitelist"], json!([]));
    assert_eq!(
        project["spec"]["namespaceResourceWhitelist"],
        json!([{ "group": "mgnet.dev", "kind": "MigrationNetwork" }])
    );
    assert_eq!(project["spec"]["destinations"], json!([tenant["spec"]["destination"]]));
    assert_eq!(project["spec"]["sourceRepos"], json!([tenant["spec"]["source"]["repoURL"]]));
    Ok(())
}

/// Except for the annotations for Argo CD, they equal the Tokyo sample, which other tests apply to an API server.
#[test]
fn the_samples_equal_the_tokyo_sample() -> Result<()> {
    for (file, sample, kind) in [
        ("platform/class", "class", "MigrationNetworkClass"),
        ("platform/namespace", "namespace", "Namespace"),
        ("team-billing/network", "network", "MigrationNetwork"),
    ] {
        let mut ours = document(&format!("{ARGOCD}/git/{file}.yaml"), kind)?;
        ours["metadata"].as_object_mut().context("the document has no metadata")?.remove("annotations");
        assert_eq!(ours, document(&format!("deploy/samples/tokyo/{sample}.yaml"), kind)?);
    }
    Ok(())
}
