//! The life of a release, from the packaged chart: install, upgrade with another CRD, uninstall, and install again.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use support::{OPERATOR_NAMESPACE, waiting::until};

use super::{
    packaged::{extract, package},
    release::{Cluster, path},
    tools::{Helm, RELEASE},
};
use crate::CHART;

#[tokio::test]
async fn a_release_is_installed_upgraded_uninstalled_and_installed_again() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let folder = cluster.lab.folder().join("chart");
    let chart = package(&folder, CHART)?;
    let values = cluster.values()?;

    let notes = cluster.helm.run(["install", RELEASE, &chart, "--create-namespace", &values])?;
    ensure!(notes.contains("runs in namespace mgnet-system as ServiceAccount mgnet"), "{notes}");
    let operator = cluster.start_operator().await?;
    cluster.apply_sample().await?;
    let built = cluster.until_ready(&operator).await?;

    // Helm owns what it installed, and the operator only its status and finalizers, so an upgrade has no conflict.
    let changed = changed_crd(&chart, &folder)?;
    let before = cluster.last_call().await?;
    cluster.helm.run(["upgrade", RELEASE, &changed, &values])?;
    let names = ["get", "crd", "migrationnetworks.mgnet.dev", "--output=jsonpath={.spec.names.shortNames}"];
    let short_names = cluster.kubectl(&names).await?;
    ensure!(short_names.contains("changed"), "the upgrade did not change the CRD: {short_names}");
    cluster.until_observed().await?;

    let removed = cluster.helm.run(["uninstall", RELEASE])?;
    operator.stop().await?;
    ensure!(removed.contains("kept due to the resource policy"), "{removed}");
    for crd in ["migrationnetworks.mgnet.dev", "migrationnetworkclasses.mgnet.dev"] {
        ensure!(removed.contains(&format!("[CustomResourceDefinition] {crd}")), "{removed}");
    }
    let deployments = ["get", "deployments,serviceaccounts,roles", "--output=name", "--namespace", OPERATOR_NAMESPACE];
    let left = cluster.kubectl(&deployments).await?;
    ensure!(!left.contains("mgnet"), "the release left {left}");
    let network = cluster.network().await?;
    assert_eq!(network.metadata.uid, built.metadata.uid);
    ensure!(network.metadata.deletion_timestamp.is_none(), "the network is being deleted");
    let in_aws = cluster.in_aws().await?.slots();
    ensure!(in_aws.len() >= 10, "AWS has lost resources: {in_aws:?}");

    cluster.helm.run(["install", RELEASE, &chart, &values])?;
    let operator = cluster.start_operator().await?;
    cluster.until_observed().await?;
    cluster.until_ready(&operator).await?;
    assert_eq!(cluster.writes_after(before).await?, Vec::<String>::new());
    assert_eq!(cluster.in_aws().await?.slots(), in_aws);

    // The API server still serves all that the operator needs to delete.
    cluster.kubectl(&["delete", "mgnet", "tokyo", "--namespace=team-billing", "--timeout=120s"]).await?;
    ensure!(cluster.in_aws().await?.is_clean(), "resources remain in AWS");
    operator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn classes_and_crds_remain_and_classes_are_added_in_an_upgrade() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let file = cluster.lab.folder().join("classes.yaml");
    fs::write(&file, "classes: [{name: osaka, spec: {account: {id: '111122223333'}, region: ap-northeast-3}}]\n")?;
    let classes = format!("--values={}", path(&file));

    // Helm looks for the CRDs of all objects before it creates the first one.
    let refusal = cluster.helm.run(["install", RELEASE, CHART, "--create-namespace", &classes]).err();
    let refusal =
        format!("{:#}", refusal.context("CRDs and classes were installed at once; the README says otherwise")?);
    ensure!(refusal.contains("no matches for kind \"MigrationNetworkClass\""), "{refusal}");

    cluster.helm.run(["upgrade", "--install", RELEASE, CHART, "--create-namespace"])?;
    cluster.helm.run(["upgrade", RELEASE, CHART, &classes])?;
    // For a rollback of the operator alone, the CRDs leave the release, but remain.
    cluster.helm.run(["upgrade", RELEASE, CHART, &classes, "--set=crds.enabled=false"])?;
    cluster.kubectl(&["get", "crd", "migrationnetworks.mgnet.dev", "migrationnetworkclasses.mgnet.dev"]).await?;
    cluster.helm.run(["upgrade", RELEASE, CHART, &classes])?;
    cluster.helm.run(["uninstall", RELEASE])?;
    let class =
        cluster.kubectl(&["get", "mgnetclass", "osaka", "--output=jsonpath={.metadata.deletionTimestamp}"]).await?;
    assert_eq!(class, "", "the class is being deleted");
    Ok(())
}

/// Returns a copy of a packaged chart whose CRD of networks has another short name.
fn changed_crd(chart: &str, folder: &std::path::Path) -> Result<String> {
    let folder = folder.join("changed");
    extract(chart, &folder)?;
    let crd = folder.join("mgnet/files/crds/mgnet.dev_migrationnetworks.yaml");
    let text = fs::read_to_string(&crd)?;
    let changed = text.replacen("    shortNames:\n", "    shortNames:\n    - changed\n", 1);
    ensure!(changed != text, "the CRD has no short names");
    fs::write(&crd, changed)?;
    package(&folder, &path(&folder.join("mgnet")))
}

#[tokio::test]
async fn helm_4_upgrades_a_release_of_helm_3() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let three = Helm::v3()?.with_cluster(cluster.lab.kubeconfig());
    three.run(["install", RELEASE, CHART, "--create-namespace"])?;

    cluster.helm.run(["upgrade", RELEASE, CHART, "--set=replicaCount=3"])?;

    let replicas =
        ["get", "deployment", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--output=jsonpath={.spec.replicas}"];
    assert_eq!(cluster.kubectl(&replicas).await?, "3");
    Ok(())
}

/// What `docs/install.md` warns of, and the way out of it.
#[tokio::test]
async fn without_crds_keep_an_uninstall_leaves_networks_that_a_new_release_deletes() -> Result<()> {
    let cluster = Cluster::empty().await?;
    let values = cluster.values()?;
    let notes =
        cluster.helm.run(["install", RELEASE, CHART, "--create-namespace", &values, "--set=crds.keep=false"])?;
    ensure!(notes.contains("WARNING: `crds.keep` is false"), "{notes}");
    let operator = cluster.start_operator().await?;
    cluster.apply_sample().await?;
    cluster.until_ready(&operator).await?;

    operator.stop().await?;
    cluster.helm.run(["uninstall", RELEASE])?;

    let network = until("the API server requests the deletion of the network", async || {
        let network = cluster.network().await?;
        Ok(if network.metadata.deletion_timestamp.is_some() { Ok(network) } else { Err(String::from("not requested")) })
    })
    .await?;
    ensure!(network.metadata.finalizers.is_some_and(|finalizers| !finalizers.is_empty()), "it has no finalizer");
    ensure!(!cluster.in_aws().await?.slots().is_empty(), "AWS has nothing left");

    cluster.helm.run(["install", RELEASE, CHART, &values])?;
    let operator = cluster.start_operator().await?;
    until("the new release has deleted what was left", async || {
        let left = cluster.in_aws().await?.slots();
        Ok(if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) })
    })
    .await?;
    // The deletion of the CRDs then completes, so that the release lacks them until its next upgrade.
    let crds = ["crd/migrationnetworks.mgnet.dev", "crd/migrationnetworkclasses.mgnet.dev"];
    cluster.kubectl(&[&["wait", "--for=delete", "--timeout=60s"], crds.as_slice()].concat()).await?;
    operator.stop().await?;
    cluster.helm.run(["upgrade", RELEASE, CHART, &values])?;
    cluster.kubectl(&[&["wait", "--for=condition=Established", "--timeout=60s"], crds.as_slice()].concat()).await?;
    Ok(())
}
