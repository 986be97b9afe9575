//! `lab memory`: measures the memory of the operator with many networks, through a restart.
//!
//! A network is built; its object is copied with its status; and the operator starts while all copies exist. It reconciles each
//! of them and reports that it is not Ready: the copies select VPCs that do not exist, and the class does not allow the policies
//! of the large ones.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use mgnet::api::{
    ConditionType, EndpointSpec, EndpointType, MigrationNetwork, MigrationNetworkSpec, PolicySpec, PolicyType,
    VpcSelector, conditions,
};
use support::{Lab, Landing, OperatorOptions};

use super::tokyo;

/// The longest wait for one event.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The number of requests to the API server at once.
const AT_ONCE: usize = 16;

/// The options of `lab memory`.
#[derive(clap::Args)]
pub(crate) struct MemoryArguments {
    /// The operator's program; default: `mgnet` in the folder of this program
    #[arg(long)]
    operator: Option<PathBuf>,

    /// The number of ordinary networks
    #[arg(long, default_value_t = 1000)]
    networks: usize,

    /// The number of networks of maximum size
    #[arg(long, default_value_t = 150)]
    large: usize,
}

/// Measures and prints the figures.
pub(crate) async fn run(options: MemoryArguments) -> Result<()> {
    println!("Starting a Kubernetes control plane, an AWS emulator without delays, and the operator ...");
    let MemoryArguments { operator, networks, large } = options;
    let operator = OperatorOptions { log_filter: "warn".to_owned(), program: operator, ..OperatorOptions::default() };
    let lab = Lab::start(tokyo::without_delays(operator)).await?;
    let aws = tokyo::aws(&lab);
    Landing::make(&aws).await?.initialize_mgn(&aws).await?;
    tokyo::apply(&lab).await?;
    let api = tokyo::networks(lab.kube().await?);
    let built = until_built(&api).await?;
    println!(
        "{:>34}   peak {:>7} KiB   then {:>7} KiB",
        "one network",
        lab.operator().peak_rss_kb()?,
        lab.operator().rss_kb()?
    );
    measure(&lab, &api, &built, "ordinary networks", networks, |_| {}).await?;
    measure(&lab, &api, &built, "networks of maximum size", large, largest).await
}

/// Measures the operator with copies of a network.
async fn measure(
    lab: &Lab,
    api: &Api<MigrationNetwork>,
    built: &MigrationNetwork,
    what: &str,
    count: usize,
    change: fn(&mut MigrationNetworkSpec),
) -> Result<()> {
    lab.operator().stop().await?;
    let copies = (0..count).map(|number| {
        let mut copy = MigrationNetwork::new(&format!("copy-{number}"), built.spec.clone());
        copy.spec.vpc = Some(VpcSelector { id: Some(format!("vpc-{number:08x}")), tags: None });
        change(&mut copy.spec);
        copy.status.clone_from(&built.status);
        copy
    });
    stream::iter(copies).map(|copy| store(api, copy)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    lab.operator().start().await?;
    let began = Instant::now();
    until_reported(api, count).await?;
    let took = began.elapsed().as_secs();
    // The memory of the burst is returned while the operator is at rest.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (peak, then) = (lab.operator().peak_rss_kb()?, lab.operator().rss_kb()?);
    println!("{count:>9} {what:<24}   peak {peak:>7} KiB   then {then:>7} KiB   all reconciled after {took} s");
    let all = api.list_metadata(&ListParams::default()).await?;
    let names = all.items.into_iter().filter_map(|one| one.metadata.name).filter(|name| name.starts_with("copy-"));
    let names: Vec<String> = names.collect();
    lab.operator().stop().await?;
    stream::iter(&names).map(|name| remove(api, name)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    lab.operator().start().await
}

/// Creates an object with its status.
async fn store(api: &Api<MigrationNetwork>, copy: MigrationNetwork) -> Result<()> {
    let mut stored = api.create(&PostParams::default(), &copy).await?;
    stored.status = copy.status;
    api.replace_status(&copy.metadata.name.context("no name")?, &PostParams::default(), &stored).await?;
    Ok(())
}

/// Deletes an object without the operator.
async fn remove(api: &Api<MigrationNetwork>, name: &str) -> Result<()> {
    let patch = serde_json::json!({ "metadata": { "finalizers": null } });
    api.patch(name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(patch)).await?;
    api.delete(name, &DeleteParams::default()).await?;
    Ok(())
}

async fn until_built(api: &Api<MigrationNetwork>) -> Result<MigrationNetwork> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let network = api.get(tokyo::NAME).await?;
        if network.status.as_ref().is_some_and(|status| conditions::is_true(&status.conditions, ConditionType::Ready)) {
            return Ok(network);
        }
        ensure!(Instant::now() < deadline, "the network is not Ready: {:#?}", network.status);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until the operator has reported for all copies that they are not Ready.
async fn until_reported(api: &Api<MigrationNetwork>, count: usize) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let networks = api.list(&ListParams::default()).await?;
        let is_reported = |network: &&MigrationNetwork| {
            let conditions = network.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            !conditions::is_true(conditions, ConditionType::Ready)
        };
        let reported = networks.items.iter().filter(is_reported).count();
        if reported >= count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "only {reported} of {count} networks are reconciled");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Adds as many and as long policies to a spec as the schema admits.
fn largest(spec: &mut MigrationNetworkSpec) {
    let text = format!(r#"{{"Statement":[],"Id":"{}"}}"#, "x".repeat(20_480 - 26));
    let policy = PolicySpec { type_: PolicyType::Inline, inline: Some(text), ..PolicySpec::default() };
    let endpoint = |(number, policy): (usize, Option<PolicySpec>)| EndpointSpec {
        service: format!("service-{number}"),
        type_: EndpointType::Interface,
        policy,
        ..EndpointSpec::default()
    };
    let policies = (0..24).map(|number| (number, (number < 3).then(|| policy.clone())));
    spec.endpoints = Some(policies.map(endpoint).collect());
}
