//! The rendered objects: the same as those of kustomize, by Helm 3 and by Helm 4, alone and in an umbrella chart.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result, ensure};
use control_plane::Assets;
use serde_json::{Value, json};
use support::target_folder;

use super::tools::{Helm, RELEASE, objects, value_files};
use crate::{CHART, in_repository};

/// The labels that only Helm sets.
const LABELS_OF_HELM: [&str; 4] =
    ["helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "app.kubernetes.io/version"];

fn kustomized(folder: &str) -> Result<Vec<Value>> {
    let assets = Assets::without_controllers()?;
    let output = std::process::Command::new(assets.kubectl()).arg("kustomize").arg(in_repository(folder)).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    objects(&String::from_utf8(output.stdout)?)
}

/// Returns objects by kind and name, without what only Helm or only kustomize has.
fn comparable(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for mut object in objects {
        // Helm creates the namespace with `--create-namespace`.
        if object["kind"] == "Namespace" {
            continue;
        }
        let metadata = &mut object["metadata"];
        if let Some(labels) = metadata["labels"].as_object_mut() {
            labels.retain(|label, _| !LABELS_OF_HELM.contains(&label.as_str()));
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("helm.sh/resource-policy");
            if annotations.is_empty() {
                metadata.as_object_mut().map(|metadata| metadata.remove("annotations"));
            }
        }
        // The order of flags has no meaning.
        if let Some(Value::Array(arguments)) = object.pointer_mut("/spec/template/spec/containers/0/args") {
            arguments.sort_by_key(Value::to_string);
        }
        numbers(&mut object);
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        found.insert(name, object);
    }
    found
}

/// Replaces each number by its floating-point value: writers differ in how they write `1.0`.
fn numbers(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64()),
        Value::Array(items) => items.iter_mut().for_each(numbers),
        Value::Object(fields) => fields.values_mut().for_each(numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn assert_same(folder: &str, arguments: &[&str]) -> Result<()> {
    let kustomized = comparable(kustomized(folder)?);
    let rendered = comparable(Helm::v4()?.objects(arguments)?);
    assert_eq!(rendered.keys().collect::<Vec<_>>(), kustomized.keys().collect::<Vec<_>>(), "{folder}");
    for (name, object) in &kustomized {
        assert_eq!(&rendered[name], object, "{folder}: {name}");
    }
    Ok(())
}

#[test]
fn kustomize_and_the_chart_render_the_same_objects() -> Result<()> {
    assert_same("deploy/base", &[])?;
    assert_same("deploy/overlays/without-config-maps", &["--set=configMaps=false"])?;
    assert_same("deploy/overlays/hand-off-config-maps", &["--set=handOff.configMaps.enabled=true"])?;
    assert_same("deploy/overlays/network-policy", &["--set=networkPolicy.enabled=true"])?;
    let authentication = "--set=metrics.authentication.enabled=true,metrics.tls.secretName=mgnet-metrics-tls";
    assert_same("deploy/overlays/metrics-authentication", &[authentication])
}

#[test]
fn monitoring_and_admission_are_those_of_kustomize() -> Result<()> {
    let enabled = "metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true";
    let rendered = comparable(Helm::v4()?.objects(&["--set", enabled, "--set=admissionPolicy.enabled=true"])?);
    let monitoring = kustomized("deploy/monitoring")?.into_iter().chain(kustomized("deploy/admission")?);
    for (name, object) in comparable(monitoring.collect()) {
        let mut chart = rendered.get(&name).with_context(|| format!("the chart has no {name}"))?.clone();
        // The chart gives its labels to each object.
        chart["metadata"]["labels"] = object["metadata"]["labels"].clone();
        assert_eq!(chart, object, "{name}");
    }
    Ok(())
}

#[test]
fn helm_3_and_helm_4_render_alike() -> Result<()> {
    let (three, four) = (Helm::v3()?, Helm::v4()?);
    for file in value_files()?.iter().map(String::as_str).chain(["--set=replicaCount=2"]) {
        let [three, four] = [&three, &four].map(|helm| helm.objects(&[file]));
        assert_eq!(comparable(three?), comparable(four?), "{file}");
    }
    Ok(())
}

#[test]
fn an_umbrella_chart_can_contain_the_chart() -> Result<()> {
    let parent = target_folder().join("umbrella");
    fs::create_dir_all(parent.join("charts"))?;
    fs::write(
        parent.join("Chart.yaml"),
        format!(
            "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n- name: mgnet\n  version: {}\n  condition: mgnet.enabled\n",
            env!("CARGO_PKG_VERSION")
        ),
    )?;
    fs::write(parent.join("values.yaml"), "global: {team: platform}\nmgnet: {enabled: true, replicaCount: 3}\n")?;
    let helm = Helm::v4()?;
    let folder = parent.join("charts").display().to_string();
    helm.run(["package", CHART, "--destination", &folder])?;

    let render = |set: &str| objects(&helm.run(["template", RELEASE, &parent.display().to_string(), "--set", set])?);

    let enabled = render("mgnet.enabled=true")?;
    let deployment = enabled.iter().find(|object| object["kind"] == "Deployment").context("no Deployment")?;
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(render("mgnet.enabled=false")?, Vec::<Value>::new());
    Ok(())
}
