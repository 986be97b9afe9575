//! Each alert fires for real and ends after its cure: a real Prometheus evaluates the rules, with all times divided by 60, over
//! the real operator, in whose AWS account or API server something is broken. `docs/alerts.md` describes the cures.

use std::fs;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, CustomResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
};
use mgnet::api::{ConditionStatus, ConditionType, MigrationNetwork};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, LabOptions, Network, OperatorOptions, Site, waiting::tag};

use crate::{prometheus::Prometheus, text};

/// Divides all times in the rules by 60: hours become minutes, minutes become seconds, and so do thresholds in seconds.
fn hurried(rules: &str) -> String {
    let thresholds = [("> 1800", "> 30"), ("> 3600", "> 60"), ("> 7200", "> 120"), ("> 900", "> 15")];
    let mut text = thresholds.iter().fold(rules.to_owned(), |text, (slow, fast)| text.replace(slow, fast));
    for (before, after) in [("for: ", "\n"), ("[", "]"), ("offset ", "\n")] {
        let mut parts = text.split(before).map(str::to_owned);
        let mut done = parts.next().unwrap_or_default();
        for part in parts {
            let (time, rest) = part.split_once(after).unwrap_or((&part, ""));
            let fast = match time.strip_suffix('h') {
                Some(hours) if hours.parse::<u32>().is_ok() => format!("{hours}m"),
                _ => match time.strip_suffix('m') {
                    Some(minutes) if minutes.parse::<u32>().is_ok() => format!("{minutes}s"),
                    _ => time.to_owned(),
                },
            };
            done = format!("{done}{before}{fast}{}{rest}", if part.contains(after) { after } else { "" });
        }
        text = done;
    }
    text
}

#[test]
fn the_times_of_the_rules_are_divided() {
    let rules = "for: 10m\n expr: increase(a[6h]) > 3 and time() - b > 1800\n x offset 30m\n";
    assert_eq!(hurried(rules), "for: 10s\n expr: increase(a[6m]) > 3 and time() - b > 30\n x offset 30s\n");
}

/// Starts Prometheus with the hurried rules for the operator of a lab.
fn prometheus(lab: &Lab) -> Result<Prometheus> {
    let rules = lab.folder().join("rules.yaml");
    fs::write(&rules, hurried(&text("deploy/monitoring/rules.yaml")?))?;
    Prometheus::with_rules(lab.folder(), &lab.operator().metrics_address()?, &rules)
}

fn firing(alert: &str) -> String {
    format!(r#"ALERTS{{alertname="{alert}",alertstate="firing"}}"#)
}

fn in_account(site: &Site, kind: FaultKind, action: &str) -> Fault {
    Fault { account: Some(site.account.clone()), times: u64::MAX, ..Fault::next(kind, action) }
}

fn denied(site: &Site, action: &str) -> Fault {
    Fault { code: Some("UnauthorizedOperation".to_owned()), ..in_account(site, FaultKind::Error, action) }
}

async fn small<'s>(site: &'s Site, name: &str) -> Result<Network<'s>> {
    site.network(name).without_resolver().without_ssm().apply().await
}

/// Applies a merge patch to the CRD of networks.
async fn patch_crd(site: &Site, spec: Value) -> Result<()> {
    let crds = Api::<CustomResourceDefinition>::all(site.kube.clone());
    crds.patch(MigrationNetwork::crd_name(), &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await?;
    Ok(())
}

async fn crd(site: &Site) -> Result<Value> {
    let crds = Api::<CustomResourceDefinition>::all(site.kube.clone());
    Ok(json!(crds.get(MigrationNetwork::crd_name()).await?.spec))
}

/// Faults that AWS and users cause, all at the same time, each in an account of its own.
#[tokio::test]
async fn each_alert_about_networks_and_accounts_fires_and_ends() -> Result<()> {
    let operator = OperatorOptions { orphan_look_seconds: 3, ..OperatorOptions::default() };
    let lab = Lab::start(LabOptions { operator, ..LabOptions::default() }).await?;
    let names =
        ["slow", "stalled", "deleted", "unobserved", "drifting", "throttled", "denied", "gone", "unsearched", "role"];
    let sites = try_join_all(names.map(|name| lab.site(name).into_future())).await?;
    let site = |name: &str| &sites[names.iter().position(|known| *known == name).unwrap_or_default()];
    let ready = ["deleted", "unobserved", "drifting", "throttled", "gone"];
    let built = try_join_all(ready.map(|name| small(site(name), "tokyo"))).await?;
    try_join_all(built.iter().map(Network::until_ready)).await?;

    // The network of a forced deletion leaves orphans.
    lab.operator().stop().await?;
    let gone = site("gone").existing_network("tokyo");
    gone.delete().await?;
    gone.patch(json!({ "metadata": { "finalizers": null } })).await?;
    gone.until_gone().await?;
    lab.operator().start().await?;
    let prometheus = prometheus(&lab)?;

    // A process that does not run answers no scrape.
    lab.operator().signal("STOP")?;
    prometheus.until(&firing("MgnetDown")).await.context("MgnetDown does not fire")?;
    lab.operator().signal("CONT")?;
    prometheus.until_none(&firing("MgnetDown")).await.context("MgnetDown does not end")?;

    for fault in [
        in_account(site("slow"), FaultKind::Error500, "CreateVpcEndpoint"),
        denied(site("deleted"), "DeleteVpcEndpoints"),
        in_account(site("unobserved"), FaultKind::Error500, "DescribeVpcs"),
        in_account(site("throttled"), FaultKind::Throttle, "DescribeVpcs"),
        denied(site("denied"), "CreateVpcEndpoint"),
        denied(site("unsearched"), "DescribeVpcEndpoints"),
    ] {
        lab.control().order(&fault).await?;
    }
    for name in ["slow", "denied"] {
        small(site(name), "tokyo").await?;
    }
    let missing = json!({ "subnets": { "endpoints": { "ids": ["subnet-00000000000000000"] } } });
    let stalled = site("stalled").network("tokyo").spec(&missing).apply().await?;
    site("deleted").existing_network("tokyo").delete().await?;
    let mut class = site("role").class();
    class.metadata.name = Some("role-missing".to_owned());
    class.spec.account.role_arn = Some(format!("arn:aws:iam::{}:role/missing", site("role").account));
    let class = site("role").make_class(class).await?;
    for change in 0..6 {
        let drifting = site("drifting").existing_network("tokyo").status().await?;
        let endpoint = drifting.endpoints.iter().find_map(|endpoint| endpoint.id.clone()).context("no endpoint")?;
        tag(site("drifting"), &endpoint, "Name", &format!("changed {change} times")).await?;
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    }

    let alerts = [
        "MgnetNetworkNotReady",
        "MgnetNetworkStalled",
        "MgnetDeletionBlocked",
        "MgnetObservationStale",
        "MgnetDriftRepeats",
        "MgnetAWSThrottled",
        "MgnetAWSDenied",
        "MgnetCredentials",
        "MgnetOrphans",
        "MgnetOrphanSearchFails",
    ];
    for alert in alerts {
        prometheus.until(&firing(alert)).await.with_context(|| format!("{alert} does not fire"))?;
    }

    // The cures.
    for site in &sites {
        lab.control().cancel_faults(&site.account).await?;
    }
    stalled.edit(json!({ "subnets": null })).await?;
    let state = site("gone").state().await?;
    let orphans: Vec<String> = state.slots().into_values().collect();
    let mut arguments = vec!["orphans".to_owned(), "--absence-grace-seconds=2".to_owned(), "--delete".to_owned()];
    arguments.extend(orphans);
    let removed = lab.operator().run(&arguments).await?;
    anyhow::ensure!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    site("role").classes().delete(class.metadata.name.as_deref().unwrap_or_default(), &DeleteParams::default()).await?;
    // An edit ends the back-off. Without one, the operator would try again within minutes.
    for name in ["slow", "denied", "deleted", "unobserved"] {
        let network = site(name).existing_network("tokyo");
        network.patch(json!({ "metadata": { "annotations": { "example.com/cured": "true" } } })).await?;
    }
    for name in ["slow", "denied", "stalled", "unobserved"] {
        let network = site(name).existing_network("tokyo");
        network.until_condition(ConditionType::Ready, ConditionStatus::True).await?;
    }
    site("deleted").existing_network("tokyo").until_gone().await?;
    for alert in alerts {
        prometheus.until_none(&firing(alert)).await.with_context(|| format!("{alert} does not end"))?;
    }
    lab.check_statuses()
}

/// Faults of the process and of the API server, one after the other.
#[tokio::test]
async fn each_alert_about_the_operator_fires_and_ends() -> Result<()> {
    let operator = OperatorOptions {
        leader_election: true,
        concurrency: 1,
        reconcile_deadline_seconds: 5,
        start: false,
        ..OperatorOptions::default()
    };
    let lab = Lab::start(LabOptions { operator, ..LabOptions::default() }).await?;
    lab.install().await?;
    let site = lab.site("alone").await?;

    // Another process holds the Lease, and never renews it.
    let leases = Api::<Lease>::namespaced(site.kube.clone(), "mgnet-system");
    let now = || Some(MicroTime(jiff::Timestamp::now()));
    let held = Lease {
        metadata: ObjectMeta { name: Some("mgnet-controller".to_owned()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some("gone".to_owned()),
            lease_duration_seconds: Some(3600),
            acquire_time: now(),
            renew_time: now(),
            ..LeaseSpec::default()
        }),
    };
    leases.create(&PostParams::default(), &held).await?;
    lab.operator().start().await?;
    let prometheus = prometheus(&lab)?;
    let fires = async |alert: &str| -> Result<()> {
        prometheus.until(&firing(alert)).await.map(drop).with_context(|| format!("{alert} does not fire"))
    };
    let ends = async |alert: &str| -> Result<()> {
        prometheus.until_none(&firing(alert)).await.with_context(|| format!("{alert} does not end"))
    };
    fires("MgnetNoLeader").await?;
    leases.delete("mgnet-controller", &DeleteParams::default()).await?;
    ends("MgnetNoLeader").await?;

    // The writes together take so long that the reconcile exceeds its deadline.
    let slow = Fault { seconds: 3.0, ..in_account(&site, FaultKind::DelaySeconds, "CreateVpcEndpoint") };
    lab.control().order(&slow).await?;
    let network = small(&site, "tokyo").await?;
    fires("MgnetReconcileFails").await?;
    lab.control().cancel_faults(&site.account).await?;
    network.until_ready().await?;
    ends("MgnetReconcileFails").await?;

    // An account that does not answer holds up all networks, because only one is reconciled at once.
    let silent = Fault { action: None, seconds: 3600.0, ..in_account(&site, FaultKind::DelaySeconds, "") };
    lab.control().order(&silent).await?;
    for number in 0..12 {
        small(&site, &format!("waiting-{number}")).await?;
    }
    fires("MgnetQueueStuck").await?;
    lab.control().cancel_faults(&site.account).await?;
    for number in 0..12 {
        site.existing_network(&format!("waiting-{number}")).delete_and_wait().await?;
    }
    ends("MgnetQueueStuck").await?;

    // The CRD is stricter than the operator. The API server accepts what a stored object has already, so the network is new.
    network.delete_and_wait().await?;
    let right = crd(&site).await?;
    let mut strict = right.clone();
    let endpoints = "/versions/0/schema/openAPIV3Schema/properties/status/properties/endpoints/maxItems";
    *strict.pointer_mut(endpoints).context("the CRD has no bound of status.endpoints")? = json!(0);
    patch_crd(&site, strict).await?;
    small(&site, "tokyo").await?;
    fires("MgnetRejectedWrites").await?;
    patch_crd(&site, right.clone()).await?;
    network.until_ready().await?;
    ends("MgnetRejectedWrites").await?;

    // The CRD admits what no version can read.
    let mut loose = right.clone();
    let sources = "/versions/0/schema/openAPIV3Schema/properties/spec/properties/sourceCIDRs";
    *loose.pointer_mut(sources).context("the CRD has no sourceCIDRs")? =
        json!({ "x-kubernetes-preserve-unknown-fields": true });
    patch_crd(&site, loose).await?;
    // The answer cannot be read as a network, either.
    let untyped = Api::<DynamicObject>::namespaced_with(
        site.kube.clone(),
        &site.namespace,
        &ApiResource::erase::<MigrationNetwork>(&()),
    );
    let unreadable = Patch::Merge(json!({ "spec": { "sourceCIDRs": 7 } }));
    support::failing::until("the loosened CRD admits an unreadable network", async || {
        Ok(untyped.patch("tokyo", &PatchParams::default(), &unreadable).await.ok())
    })
    .await?;
    patch_crd(&site, right).await?;
    fires("MgnetUnreadableObject").await?;
    network.edit(json!({ "sourceCIDRs": ["10.0.0.0/8"] })).await?;
    ends("MgnetUnreadableObject").await
}
