//! The annotation `mgnet.dev/reconcile-at`, set and waited for with kubectl as in `docs/gitops.md`.

use anyhow::{Context as _, Result, ensure};
use kube::ResourceExt;
use mgnet::api::ConditionType;
use support::{Lab, LabOptions, OperatorOptions, Site};

use support::waiting::is_true;

const NAME: &str = "tokyo";

/// Sets the annotation of an object, and waits until it is handled. Returns the calls to AWS meanwhile.
async fn reconcile(site: &Site, object: &str, value: &str) -> Result<Vec<String>> {
    let mark = site.last_call().await?;
    let annotation = format!("mgnet.dev/reconcile-at={value}");
    site.lab.kubectl_output(["annotate", object, "-n", &site.namespace, "--overwrite", &annotation]).await?;
    let handled = format!("--for=jsonpath={{.status.lastHandledReconcileAt}}={value}");
    site.lab.kubectl_output(["wait", object, "-n", &site.namespace, &handled, "--timeout=60s"]).await?;
    Ok(site.calls_after(mark).await?.into_iter().map(|call| call.action).collect())
}

/// The resync interval is an hour, and the watch of the API server starts the reconcile.
#[tokio::test]
async fn kubectl_requests_a_reconcile_and_waits_for_it() -> Result<()> {
    let operator = OperatorOptions { resync_seconds: 3600, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { operator, ..LabOptions::default() }).await?;
    let site = lab.site("requests").await?;
    let network = site.network(NAME).apply().await?;
    let ready = network.until_ready().await?;
    let of_network = format!("mgnet/{NAME}");
    for value in ["2026-11-30T12:00:00Z", "again"] {
        let calls = reconcile(&site, &of_network, value).await?;
        ensure!(calls.iter().any(|action| action == "DescribeVpcEndpoints"), "AWS was not observed: {calls:?}");
        ensure!(calls.iter().any(|action| action == "DescribeSubnets"), "an earlier answer was used: {calls:?}");
    }
    reconcile(&site, &format!("mgnetclass/{}", site.class_name), "now").await?;

    let after = network.get().await?;
    ensure!(is_true(&after, ConditionType::Ready));
    ensure!(after.metadata.generation == ready.metadata.generation, "the spec did not change");
    let status = after.status.as_ref().context("no status")?;
    ensure!(status.conditions == ready.status.context("no status")?.conditions, "{:?}", status.conditions);
    // At rest: one write of status for each request, and none afterwards.
    network.stays(3, "nothing is written", |now| now.resource_version() == after.resource_version()).await?;
    lab.check_statuses()
}
