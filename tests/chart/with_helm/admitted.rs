//! A real API server, with the CRDs of the Prometheus operator, accepts what the chart renders.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use support::{Lab, LabOptions, OPERATOR_NAMESPACE, OperatorOptions};

use super::tools::{Helm, go_module, value_files};

/// Applies manifests in a server-side dry run, which stores nothing.
async fn dry_run(lab: &Lab, manifests: &str) -> Result<String> {
    let file = lab.folder().join("rendered.yaml");
    fs::write(&file, manifests)?;
    let file = format!("--filename={}", file.display());
    // The roles and CRDs of the lab belong to kubectl.
    lab.kubectl_output([
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--namespace",
        OPERATOR_NAMESPACE,
        &file,
    ])
    .await
}

async fn install_crds_of_the_prometheus_operator(lab: &Lab) -> Result<()> {
    let module = go_module("prometheus-operator", "github.com/prometheus-operator/prometheus-operator")?;
    let crds: Vec<String> = ["podmonitors", "servicemonitors", "prometheusrules"]
        .iter()
        .map(|kind| Path::new("example/prometheus-operator-crd").join(format!("monitoring.coreos.com_{kind}.yaml")))
        .map(|file| format!("--filename={}", module.join(file).display()))
        .collect();
    let apply = ["apply", "--server-side"].map(str::to_owned).into_iter();
    lab.kubectl_output(apply.chain(crds)).await?;
    lab.kubectl_output(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await?;
    Ok(())
}

#[tokio::test]
async fn the_api_server_accepts_all_rendered_objects() -> Result<()> {
    let operator = OperatorOptions { start: false, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { controllers: false, operator, ..LabOptions::default() }).await?;
    install_crds_of_the_prometheus_operator(&lab).await?;
    let helm = Helm::v4()?;
    for file in value_files()?.iter().map(String::as_str).chain(["--set=replicaCount=2"]) {
        let rendered = helm.template(&[file])?;
        let answer = dry_run(&lab, &rendered).await.with_context(|| file.to_owned())?;
        ensure!(answer.contains("deployment.apps/"), "{answer}");
        // Pod Security would warn here: the namespace enforces `restricted`.
        ensure!(!answer.to_lowercase().contains("warning"), "{file}: {answer}");
    }
    // The API server knows the fields of the monitors.
    let wrong = "--set=metrics.podMonitor.enabled=true,metrics.podMonitor.endpointConfig.honourLabels=true";
    let refusal = dry_run(&lab, &helm.template(&[wrong])?).await.err().context("a wrong field was accepted")?;
    ensure!(format!("{refusal:#}").contains("field not declared in schema"), "{refusal:#}");
    Ok(())
}
