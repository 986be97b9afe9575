//! Tests of orphans: they are reported by metrics, events and `mgnet orphans`, and deleted only by name.

use std::{collections::BTreeSet, process::Output};

use anyhow::{Context, Result, ensure};
use futures::future::try_join3;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, LabOptions, OperatorOptions, Site, state::State};

use support::waiting::until;

const NAME: &str = "tokyo";

/// Starts a lab whose operator searches for orphans every few seconds.
async fn start() -> Result<Lab> {
    let LabOptions { operator, .. } = LabOptions::default();
    let operator = OperatorOptions { orphan_look_seconds: 3, ..operator };
    Lab::start(LabOptions { operator, ..LabOptions::default() }).await
}

/// The IDs of all resources that a network created in the site.
fn ids(state: &State) -> BTreeSet<String> {
    state.slots().into_values().collect()
}

/// Orphans the resources of the network: its finalizer is removed while the operator does not run.
async fn orphan(lab: &Lab, site: &Site) -> Result<()> {
    lab.operator().stop().await?;
    let network = site.existing_network(NAME);
    network.delete().await?;
    network.patch(json!({ "metadata": { "finalizers": null } })).await?;
    network.until_gone().await?;
    lab.operator().start().await
}

/// Returns the sum of a metric over the kinds, in the account of a site. `None` if the metric is not reported.
async fn metric(lab: &Lab, site: &Site, name: &str) -> Result<Option<u64>> {
    let text = lab.operator().probe("/metrics").await?;
    let labels = format!("{name}{{account=\"{}\",region=\"{}\"", site.account, site.region);
    let samples = text.lines().filter(|line| line.starts_with(&labels));
    let values: Vec<u64> = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
    Ok((!values.is_empty()).then(|| values.iter().sum()))
}

async fn until_metric(lab: &Lab, site: &Site, name: &str, value: u64) -> Result<()> {
    until(&format!("{name} is {value}"), async || {
        let now = metric(lab, site, name).await?;
        Ok(if now == Some(value) { Ok(()) } else { Err(format!("{now:?}")) })
    })
    .await
}

/// Returns the notes of the warning events with this reason on the site's class.
async fn notes(site: &Site, reason: &str) -> Result<Vec<String>> {
    // Events on cluster-scoped objects are in this namespace.
    let events = Api::<Event>::namespaced(site.kube.clone(), "default").list(&ListParams::default()).await?;
    let of_class = |event: &Event| {
        let regarding = event.regarding.as_ref();
        event.reason.as_deref() == Some(reason)
            && event.type_.as_deref() == Some("Warning")
            && regarding.is_some_and(|object| {
                object.kind.as_deref() == Some("MigrationNetworkClass")
                    && object.name.as_ref() == Some(&site.class_name)
            })
    };
    Ok(events.into_iter().filter(of_class).filter_map(|event| event.note).collect())
}

async fn until_event(site: &Site, reason: &str) -> Result<String> {
    until(&format!("an event '{reason}' on the class"), async || {
        Ok(notes(site, reason).await?.into_iter().next().ok_or_else(|| "none".to_owned()))
    })
    .await
}

/// Returns the IDs in one of the lists of `mgnet orphans -o json` that are in the account and Region of a site.
fn listed(list: &Value, site: &Site) -> BTreeSet<String> {
    let all = list.as_array().into_iter().flatten();
    let here = all.filter(|made| made["account"] == site.account.as_str() && made["region"] == site.region.as_str());
    here.filter_map(|made| Some(made["id"].as_str()?.to_owned())).collect()
}

fn stdout_and_stderr(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

const GRACE: &str = "--absence-grace-seconds=2";

#[tokio::test]
async fn only_orphans_are_reported_and_only_the_named_ones_are_deleted() -> Result<()> {
    let lab = start().await?;
    let (gone, alive, kept) = (lab.site("gone").await?, lab.site("alive").await?, lab.site("kept").await?);
    let (left, live) = (gone.network(NAME).apply().await?, alive.network(NAME).apply().await?);
    let retained = kept.network(NAME).retained().apply().await?;
    try_join3(left.until_ready(), live.until_ready(), retained.until_ready()).await?;
    retained.delete_and_wait().await?;
    let uid = left.get().await?.metadata.uid.context("no uid")?;
    orphan(&lab, &gone).await?;
    let (of_gone, of_alive, of_kept) = (gone.state().await?, alive.state().await?, kept.state().await?);
    let mark = gone.last_call().await?;

    // The operator reports them in metrics and events.
    until_metric(&lab, &gone, "mgnet_orphaned_resources", 10).await?;
    let note = until_event(&gone, "OrphansFound").await?;
    for named in ids(&of_gone).iter().chain([&uid, &format!("{}/{NAME}", gone.namespace), &gone.account]) {
        ensure!(note.contains(named), "{named} is not in: {note}");
    }
    until_metric(&lab, &kept, "mgnet_retained_resources", 10).await?;
    for site in [&alive, &kept] {
        ensure!(metric(&lab, site, "mgnet_orphaned_resources").await? == Some(0), "{}", site.namespace);
    }

    // The command lists them.
    let list = lab.operator().run(["orphans", "--output=json", GRACE]).await?;
    let (out, err) = stdout_and_stderr(&list);
    ensure!(list.status.success(), "{err}");
    let report: Value = serde_json::from_str(&out)?;
    let nothing = BTreeSet::new();
    for (site, orphans, retained) in
        [(&gone, &ids(&of_gone), &nothing), (&alive, &nothing, &nothing), (&kept, &nothing, &ids(&of_kept))]
    {
        assert_eq!(listed(&report["orphans"], site), *orphans, "{}: {out}", site.namespace);
        assert_eq!(listed(&report["retained"], site), *retained, "{}: {out}", site.namespace);
    }
    assert_eq!(report["unseen"], json!([]));
    let (table, _) = stdout_and_stderr(&lab.operator().run(["orphans", GRACE]).await?);
    ensure!(ids(&of_gone).iter().all(|id| table.contains(id)) && table.contains(&uid), "{table}");
    ensure!(table.starts_with("Orphans: ") && table.contains("\nRetained on purpose: "), "{table}");

    // If one ID is refused, the command deletes none of the named resources.
    let orphaned = of_gone.resolver_endpoints.first().context("no resolver")?.id.clone();
    let refusals = [
        (of_alive.resolver_endpoints.first().context("no resolver")?.id.as_str(), "which exists"),
        (of_kept.resolver_endpoints.first().context("no resolver")?.id.as_str(), "was retained on purpose"),
        ("vpce-00000000000000000", "was not created by a migration network of this cluster"),
    ];
    for (id, why) in refusals {
        let refused = lab.operator().run(["orphans", GRACE, "--delete", &orphaned, id]).await?;
        let (_, err) = stdout_and_stderr(&refused);
        ensure!(!refused.status.success() && err.contains(&format!("{id} ")) && err.contains(why), "{err}");
    }
    ensure!(gone.writes_after(mark).await?.is_empty(), "a search or a refusal wrote to AWS");
    assert_eq!((kept.state().await?, alive.state().await?), (of_kept, of_alive));

    let removed = lab.operator().run(["orphans", GRACE, "--delete", &orphaned]).await?;
    let (out, err) = stdout_and_stderr(&removed);
    ensure!(removed.status.success() && out == format!("{orphaned} deleted\n"), "{out}{err}");
    let writes = gone.writes_after(mark).await?;
    assert_eq!(writes.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), ["DeleteResolverEndpoint"]);
    until("only the named orphan is gone", async || {
        let now = ids(&gone.state().await?);
        let expected: BTreeSet<_> = ids(&of_gone).into_iter().filter(|id| *id != orphaned).collect();
        Ok(if now == expected { Ok(()) } else { Err(format!("{now:?}")) })
    })
    .await?;
    until_metric(&lab, &gone, "mgnet_orphaned_resources", 9).await?;
    for site in [&alive, &kept] {
        assert_eq!(notes(site, "OrphansFound").await?, Vec::<String>::new(), "{}", site.namespace);
    }
    check_that_missing_read_permissions_are_reported(&lab, &gone, &kept).await?;
    lab.check_statuses()
}

/// Uses the lab of the test above, because the start of another lab takes longer than these checks.
async fn check_that_missing_read_permissions_are_reported(lab: &Lab, denied: &Site, other: &Site) -> Result<()> {
    let denial = Fault {
        account: Some(denied.account.clone()),
        times: 1_000,
        code: Some("UnauthorizedOperation".to_owned()),
        message: Some("You are not authorized to perform this operation.".to_owned()),
        ..Fault::next(FaultKind::Error, "DescribeVpcEndpoints")
    };
    lab.control().order(&denial).await?;
    let note = until_event(denied, "OrphansUnknown").await?;
    ensure!(note.contains("ec2:DescribeVpcEndpoints: UnauthorizedOperation"), "{note}");
    ensure!(note.contains("statement 'Read' of deploy/iam/operator-policy.json"), "{note}");
    until_metric(lab, denied, "mgnet_orphans_look_failed", 1).await?;
    ensure!(metric(lab, denied, "mgnet_orphaned_resources").await? == Some(9), "the count of orphans was changed");
    ensure!(metric(lab, other, "mgnet_orphans_look_failed").await? == Some(0), "another account was not searched");

    let list = lab.operator().run(["orphans", "-o", "json", GRACE]).await?;
    let (out, err) = stdout_and_stderr(&list);
    let report: Value = serde_json::from_str(&out)?;
    ensure!(!list.status.success() && err.contains("could not search 1 of 3 accounts and Regions"), "{err}");
    assert_eq!(report["unseen"][0]["classes"], json!([denied.class_name]), "{out}");
    ensure!(listed(&report["retained"], other).len() == 10, "{out}");

    lab.control().cancel_faults(&denied.account).await?;
    until_metric(lab, denied, "mgnet_orphans_look_failed", 0).await
}
