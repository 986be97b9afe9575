//! Tests that bad objects affect only themselves: the operator follows edits of other networks without a delay, and the
//! process continues to run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::CustomResourceExt,
    runtime::wait::await_condition,
};
use mgnet::api::{MigrationNetwork, VpcSelector};
use serde_json::{Value, json};
use support::{Fault, FaultKind, Lab, LabOptions, Network, Site};

use support::failing::until;

/// The number of bad networks of one tenant.
const BAD: usize = 500;

/// The number of tenants whose edits are timed.
const TENANTS: usize = 4;

/// The number of edits of each of them.
const EDITS: usize = 25;

/// How often the pace may be measured. Other programs may slow down one measurement, but a queue in the operator slows
/// down all of them.
const TRIES: usize = 3;

/// The time until the operator follows an edit.
#[derive(Debug)]
struct Pace {
    #[allow(dead_code, reason = "printed with `Debug`")]
    median: Duration,
    p99: Duration,
}

impl Pace {
    /// Measures the pace: all tenants edit at the same time, and each edit begins when the previous one was followed.
    async fn of(networks: &[Network<'_>]) -> Result<Self> {
        let waits = try_join_all(networks.iter().map(|network| async move {
            let mut waits = Vec::new();
            for edit in 0..EDITS {
                // This field does not change anything in AWS.
                let policy = if edit % 2 == 0 { "Retain" } else { "Delete" };
                let generation = network.edit(json!({ "deletionPolicy": policy })).await?.metadata.generation;
                let edited = Instant::now();
                until_followed(network, generation).await?;
                waits.push(edited.elapsed());
            }
            anyhow::Ok(waits)
        }));
        let mut waits = waits.await?.concat();
        waits.sort_unstable();
        let at = |share: usize| waits[(waits.len() * share).div_ceil(100) - 1];
        Ok(Self { median: at(50), p99: at(99) })
    }
}

/// Waits until status refers to this generation. It uses a watch, because a read every few milliseconds would be a load
/// of its own.
async fn until_followed(network: &Network<'_>, generation: Option<i64>) -> Result<()> {
    let api = Api::<MigrationNetwork>::namespaced(network.site().kube.clone(), &network.site().namespace);
    let follows = |network: Option<&MigrationNetwork>| {
        let status = network.and_then(|network| network.status.as_ref());
        status.is_some_and(|status| Some(status.observed_generation) >= generation)
    };
    let followed = tokio::time::timeout(Duration::from_secs(90), await_condition(api, &network.name, follows));
    match followed.await {
        Ok(followed) => followed.map(drop).map_err(Into::into),
        Err(_) => bail!("an edit was not followed in 90 s\n{}", network.report().await),
    }
}

/// Creates half of the bad networks, each in a VPC of its own that does not exist.
async fn create_bad_networks(site: &Site, class: &str) -> Result<()> {
    let make = |number: usize| {
        let network = site.network(&format!("bad-{number}")).with(|spec| {
            spec.vpc = Some(VpcSelector { id: Some(format!("vpc-{number:017x}")), tags: None });
            spec.migration_network_class_name = Some(class.to_owned());
        });
        network.apply()
    };
    stream::iter(0..BAD / 2).map(make).buffer_unordered(16).try_for_each(async |_| Ok(())).await
}

/// Edits one bad network after the other until the future is dropped.
async fn edit_repeatedly(bad: &[Site]) -> Result<()> {
    for edit in 0.. {
        let network = bad[edit % 2].existing_network(&format!("bad-{}", edit / 2 % (BAD / 2)));
        network.edit(json!({ "proxyCIDRs": [format!("10.{}.0.0/16", edit % 200)] })).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Returns a network with 1 MiB of labels.
fn huge(site: &Site) -> MigrationNetwork {
    let mut network = site.network("huge").without_resolver().without_ssm().object().clone();
    let label = |number: usize| (format!("{}/{number:063}", "l".repeat(63)), "v".repeat(63));
    network.metadata.labels = Some((0..(1 << 20) / 190).map(label).collect());
    network
}

/// Stores a network that no version of the operator can read. The CRD is loosened for a while to admit it.
async fn store_unreadable(site: &Site, class: &str) -> Result<()> {
    let crds = Api::<CustomResourceDefinition>::all(site.kube.clone());
    let name = MigrationNetwork::crd_name();
    let strict = crds.get(name).await?.spec;
    let mut loose = json!(strict);
    let sources = "/versions/0/schema/openAPIV3Schema/properties/spec/properties/sourceCIDRs";
    *loose.pointer_mut(sources).context("the CRD has no sourceCIDRs")? =
        json!({ "x-kubernetes-preserve-unknown-fields": true });
    let set_spec =
        async |spec: Value| crds.patch(name, &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await;
    set_spec(loose).await?;
    let object = json!({
        "apiVersion": "mgnet.dev/v1alpha1",
        "kind": "MigrationNetwork",
        "metadata": { "name": "undecodable", "namespace": site.namespace },
        "spec": { "migrationNetworkClassName": class, "sourceCIDRs": 7 },
    });
    let networks = untyped(&site.kube, &site.namespace);
    until("the loosened CRD admits an unreadable network", async || {
        let made = networks.patch("undecodable", &PatchParams::apply("somebody"), &Patch::Apply(&object)).await;
        Ok(made.ok())
    })
    .await?;
    set_spec(json!(strict)).await?;
    until("the CRD is as strict as before", async || {
        let bad = json!({ "spec": { "sourceCIDRs": 8 } });
        let tried = PatchParams { dry_run: true, ..PatchParams::default() };
        Ok(networks.patch("undecodable", &tried, &Patch::Merge(&bad)).await.err())
    })
    .await?;
    Ok(())
}

/// Waits until the operator reports that number of networks that it cannot read.
async fn until_unreadable(lab: &Lab, count: u32) -> Result<()> {
    let sample = format!("mgnet_unreadable_objects{{kind=\"MigrationNetwork\"}} {count}");
    until(&format!("the metrics contain {sample}"), async || {
        let metrics = lab.operator().probe("/metrics").await?;
        Ok(metrics.lines().any(|line| line == sample).then_some(()))
    })
    .await
}

fn untyped(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<MigrationNetwork>(&()))
}

#[tokio::test]
async fn five_hundred_bad_networks_of_one_tenant_do_not_hold_up_the_others() -> Result<()> {
    let lab = Lab::start(LabOptions::default()).await?;
    let sites = try_join_all((0..TENANTS).map(|_| lab.site("good").into_future())).await?;
    let networks: Vec<Network<'_>> = try_join_all(
        sites.iter().map(async |site| site.network("good").without_resolver().without_ssm().apply().await),
    )
    .await?;
    try_join_all(networks.iter().map(async |network| network.until_ready().await)).await?;
    let process = lab.operator().pid();
    let is_measured = std::env::var("MGNET_PACE").is_ok_and(|pace| pace == "measured");
    let without = Pace::of(&networks).await?;

    // A tenant with two namespaces, in an account that does not answer.
    let bad = try_join_all((0..2).map(|_| lab.site("bad").into_future())).await?;
    let silent = Fault {
        account: Some(bad[0].account.clone()),
        action: None,
        times: u64::MAX,
        seconds: 3600.0,
        ..Fault::next(FaultKind::DelaySeconds, "")
    };
    lab.control().order(&silent).await?;
    for site in &bad {
        create_bad_networks(site, &bad[0].class_name).await?;
    }
    let roomy = lab.site("roomy").await?;
    store_unreadable(&bad[0], &roomy.class_name).await?;
    let huge = huge(&roomy);
    ensure!(serde_json::to_vec(&huge)?.len() >= 1 << 20, "it is smaller than intended");
    Api::namespaced(roomy.kube.clone(), &roomy.namespace).create(&PostParams::default(), &huge).await?;

    let work = async {
        roomy.existing_network("huge").until_ready().await?;
        let mut tries = Vec::new();
        while tries.len() < TRIES {
            let with = Pace::of(&networks).await?;
            println!("without bad networks {without:?}, with {BAD} of them {with:?}");
            // Every edit was followed. The pace is meaningful only on a machine that runs nothing else.
            if !is_measured || with.p99 <= 2 * without.p99 {
                return Ok(());
            }
            tries.push(with);
        }
        bail!("other networks wait: without bad networks {without:?}, with them {tries:?}")
    };
    tokio::select! {
        done = work => done?,
        stopped = edit_repeatedly(&bad) => stopped?,
    }
    assert_eq!(lab.operator().pid(), process);

    // The operator ignores the unreadable network until it is repaired. Then it reconciles it, and also the networks in
    // the account that did not answer.
    let log = lab.operator().log()?;
    assert!(log.contains("a stored network cannot be read"), "the log does not name the unreadable network");
    let events = Api::<Event>::namespaced(bad[0].kube.clone(), &bad[0].namespace);
    until("the unreadable network has an event", async || {
        let listed = events.list(&ListParams::default()).await?;
        Ok(listed.items.into_iter().find(|event| event.reason.as_deref() == Some("Unreadable")))
    })
    .await?;
    until_unreadable(&lab, 1).await?;
    lab.control().cancel_faults(&bad[0].account).await?;
    let repaired = bad[0].existing_network("undecodable");
    repaired.edit(json!({ "sourceCIDRs": ["10.0.0.0/8"] })).await?;
    until_followed(&repaired, Some(2)).await?;
    until_unreadable(&lab, 0).await?;
    lab.check_statuses()
}
