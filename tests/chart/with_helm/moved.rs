//! The move from `deploy/base` to the chart, with the commands of `docs/install.md`.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use support::repository;

use super::{
    release::{Cluster, path},
    tools::RELEASE,
};
use crate::{CHART, text};

/// Returns the commands of a fenced block after a heading, with `deploy` as a path in the repository.
fn template_of_documented_command() -> Result<String> {
    let page = text("docs/install.md")?;
    let begin = "kubectl get --kustomize deploy/base --output=go-template='";
    let rest = page.split(begin).nth(1).context("docs/install.md does not contain the command")?;
    Ok(rest.split('\'').next().unwrap_or_default().to_owned())
}

/// Returns kind, name and UID of all objects of `deploy/base`.
async fn objects(cluster: &Cluster, base: &str) -> Result<String> {
    let columns = "--output=custom-columns=KIND:.kind,NAME:.metadata.name,UID:.metadata.uid";
    cluster.kubectl(&["get", "--kustomize", base, "--no-headers", columns]).await
}

#[tokio::test]
async fn a_move_from_the_base_needs_no_deletion() -> Result<()> {
    let cluster = Cluster::with_base().await?;
    let base = repository().join("deploy/base").display().to_string();
    cluster.kubectl(&["apply", "--server-side", "--kustomize", &base]).await?;
    let before = objects(&cluster, &base).await?;
    let values = cluster.values()?;
    let upgrade = ["upgrade", "--install", RELEASE, CHART, &values];

    let refusal = cluster.helm.run(upgrade).err().context("Helm took the objects over without being told")?;
    ensure!(format!("{refusal:#}").contains("invalid ownership metadata"), "{refusal:#}");
    cluster.helm.run(upgrade.into_iter().chain(["--take-ownership", "--force-conflicts"]))?;

    assert_eq!(objects(&cluster, &base).await?, before, "objects were deleted");
    let operator = cluster.start_operator().await?;
    cluster.apply_sample().await?;
    cluster.until_ready(&operator).await?;

    // kubectl still owns the fields of the base, too, so an upgrade that changes one conflicts.
    let changed = upgrade.into_iter().chain(["--set=terminationGracePeriodSeconds=60"]).collect::<Vec<_>>();
    let conflict = cluster.helm.run(&changed).err().context("kubectl owns nothing")?;
    ensure!(format!("{conflict:#}").contains("conflict with \"kubectl\""), "{conflict:#}");
    let template = format!("--output=go-template={}", template_of_documented_command()?);
    let names = cluster.kubectl(&["get", "--kustomize", &base, &template]).await?;
    let file = cluster.lab.folder().join("names.yaml");
    fs::write(&file, &names)?;
    cluster.kubectl(&["apply", "--server-side", "--filename", &path(&file)]).await?;

    cluster.helm.run(&changed)?;
    assert_eq!(objects(&cluster, &base).await?, before, "objects were deleted");
    let owners = "--output=jsonpath={.metadata.managedFields[*].manager}";
    for object in ["deployment/mgnet", "crd/migrationnetworks.mgnet.dev", "serviceaccount/mgnet"] {
        let owners =
            cluster.kubectl(&["get", object, "--namespace=mgnet-system", "--show-managed-fields", owners]).await?;
        ensure!(!owners.split(' ').any(|owner| owner == "kubectl"), "{object} has the managers {owners}");
    }
    // The namespace is not the chart's, and keeps its labels.
    let namespace =
        cluster.kubectl(&["get", "namespace", "mgnet-system", "--output=jsonpath={.metadata.labels}"]).await?;
    ensure!(namespace.contains("pod-security.kubernetes.io/enforce"), "{namespace}");
    let before = cluster.last_call().await?;
    cluster.until_observed().await?;
    assert_eq!(cluster.writes_after(before).await?, Vec::<String>::new());
    operator.stop().await?;
    Ok(())
}
