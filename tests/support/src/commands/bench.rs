//! `lab bench`: measures the calls, writes, times and memory of the operator from outside.
//!
//! AWS has no delays and no throttling here, so that the figures depend on the operator only. Calls are counted in
//! AWS's log of calls, writes to Kubernetes in the API server's own metrics, and memory by the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::DeleteParams;
use mgnet::api::{ConditionType, MigrationNetwork, MigrationNetworkClass, MigrationNetworkClassStatus, conditions};
use mgnet::controller::LEASE;
use serde::Serialize;
use support::{Call, Lab, Landing, OPERATOR_NAMESPACE, OperatorOptions, count_by_action, repository, target_folder};

use super::tokyo;

/// The number of resyncs of a network at rest that are measured.
const RESYNCS: usize = 5;

/// The interval of the resyncs, in seconds. The cost of one resync does not depend on it.
const RESYNC_SECONDS: u32 = 2;

/// The longest wait for one event.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The call that identifies an observation: each observation makes it once, for the whole VPC.
const OBSERVATION_CALL: &str = "DescribeVpcEndpoints";

/// The options of `lab bench`.
#[derive(clap::Args)]
pub(crate) struct BenchArguments {
    /// The operator's program; default: `mgnet` in the folder of this program
    #[arg(long)]
    operator: Option<PathBuf>,

    /// The file for the figures; default: bench.json in cargo's target folder
    #[arg(long)]
    output: Option<PathBuf>,
}

/// The figures, under the names that scripts rely on.
#[derive(Serialize)]
struct Figures {
    create_calls: usize,
    create_vpc_endpoint_calls: usize,
    modify_vpc_endpoint_calls: usize,
    create_resolver_endpoint_calls: usize,
    resync_calls: f64,
    rest_aws_writes: usize,
    rest_kubernetes_writes: u64,
    delete_calls: usize,
    first_call_ms: u64,
    rss_kb: u64,
}

/// Measures, prints and writes the figures.
pub(crate) async fn run(options: BenchArguments) -> Result<()> {
    println!("Starting a Kubernetes control plane, an AWS emulator without delays, and the operator ...");
    let operator = OperatorOptions {
        resync_seconds: RESYNC_SECONDS,
        log_filter: "info".to_owned(),
        program: options.operator,
        ..OperatorOptions::default()
    };
    let lab = Lab::start(tokyo::without_delays(operator)).await?;
    let measured = measure(&lab).await;
    if measured.is_err() {
        eprintln!("\n--- the last lines of the operator's log:\n{}", lab.operator().log_tail(40));
    }
    let figures = measured?;
    print(&figures);
    let file = options.output.unwrap_or_else(|| target_folder().join("bench.json"));
    let text = serde_json::to_string_pretty(&figures)?;
    fs::write(&file, text + "\n").with_context(|| format!("cannot write '{}'", file.display()))?;
    println!("\nwritten to {}", file.display());
    Ok(())
}

async fn measure(lab: &Lab) -> Result<Figures> {
    let aws = tokyo::aws(lab);
    Landing::make(&aws).await?.initialize_mgn(&aws).await?;
    let sample = repository().join(tokyo::SAMPLE);
    for file in ["namespace.yaml", "class.yaml"] {
        apply(lab, &sample.join(file)).await?;
    }
    until_class(lab, "accepted", |class| conditions::is_true(&class.conditions, ConditionType::Accepted)).await?;

    println!("creating the Tokyo network ...");
    let networks = tokyo::networks(lab.kube().await?);
    let network = sample.join("network.yaml");
    // kubectl and the API server discover a kind at its first use. The measurement excludes this.
    kubectl(lab, &["apply", "--dry-run=server"], &network).await?;
    let before = last_call(lab).await?;
    let (began, began_in_aws) = (Instant::now(), lab.control().time().await?);
    apply(lab, &network).await?;
    let first_call = first_call(lab, before).await?;
    until(&networks, "Ready", |network| network.is_some_and(is_ready)).await?;
    let created = calls(lab, before).await?;
    ensure!(began.elapsed() < TIMEOUT, "creating took too long");

    println!("at rest for {RESYNCS} resyncs of {RESYNC_SECONDS} s ...");
    let rest = Rest::measure(lab, &networks).await?;
    let rss_kb = lab.operator().rss_kb()?;

    println!("deleting it ...");
    let before_deletion = last_call(lab).await?;
    networks.delete(tokyo::NAME, &DeleteParams::default()).await?;
    until(&networks, "gone", |network| network.is_none()).await?;
    let deleted = calls(lab, before_deletion).await?;
    let state = lab.control().state(tokyo::ACCOUNT, tokyo::REGION).await?;
    ensure!(state.is_clean(), "not deleted in AWS: {state:#?}");

    let counted = count_by_action(&created);
    let count = |action: &str| counted.get(action).copied().unwrap_or(0);
    Ok(Figures {
        create_calls: created.len(),
        create_vpc_endpoint_calls: count("CreateVpcEndpoint"),
        modify_vpc_endpoint_calls: count("ModifyVpcEndpoint"),
        create_resolver_endpoint_calls: count("CreateResolverEndpoint"),
        resync_calls: rest.calls,
        rest_aws_writes: rest.aws_writes,
        rest_kubernetes_writes: rest.kubernetes_writes,
        delete_calls: deleted.len(),
        first_call_ms: milliseconds(first_call.time - began_in_aws),
        rss_kb,
    })
}

/// The figures of a network at rest.
struct Rest {
    calls: f64,
    aws_writes: usize,
    kubernetes_writes: u64,
}

impl Rest {
    /// Measures from the first call of one observation to just before the first call of the observation [`RESYNCS`]
    /// later.
    async fn measure(lab: &Lab, networks: &Api<MigrationNetwork>) -> Result<Self> {
        // Wait for the work after Ready: the class counts its network, and one further observation is made.
        until_class(lab, "counting a Ready network", |class| class.ready_networks == Some(1)).await?;
        let settled = last_call(lab).await?;
        until_observed(lab, settled, 1).await?;
        let version = networks.get(tokyo::NAME).await?.metadata.resource_version;
        let start = last_call(lab).await?;
        let writes_before = kubernetes_writes(lab).await?;
        let leases_before = leases(lab).await?;
        let calls = until_observed(lab, start, RESYNCS + 1).await?;
        let writes_after = kubernetes_writes(lab).await?;
        let leases_changed = leases(lab).await?.symmetric_difference(&leases_before).count();
        let version_after = networks.get(tokyo::NAME).await?.metadata.resource_version;
        ensure!(writes_before != writes_after || version == version_after, "the API server's metrics missed a write");

        let starts = observations(&calls);
        let window = &calls[starts[0]..starts[RESYNCS]];
        #[allow(clippy::cast_precision_loss, reason = "two small numbers")]
        let per_observation = window.len() as f64 / RESYNCS as f64;
        Ok(Self {
            calls: per_observation,
            aws_writes: calls.iter().filter(|call| call.is_write()).count(),
            kubernetes_writes: writes_after - writes_before + u64::try_from(leases_changed)?,
        })
    }
}

/// Waits for that many observations after a call, and returns all calls since then.
async fn until_observed(lab: &Lab, after: u64, count: usize) -> Result<Vec<Call>> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let calls = calls(lab, after).await?;
        if observations(&calls).len() >= count {
            return Ok(calls);
        }
        ensure!(Instant::now() < deadline, "no {count} resyncs within {} s", TIMEOUT.as_secs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns the indexes of the first calls of observations. The calls of an observation form one burst, so it begins
/// with the first call of a burst that contains [`OBSERVATION_CALL`].
fn observations(calls: &[Call]) -> Vec<usize> {
    let pause = f64::from(RESYNC_SECONDS) / 4.0;
    let starts: Vec<usize> =
        (0..calls.len()).filter(|&index| index == 0 || calls[index].time - calls[index - 1].time > pause).collect();
    let ends = starts.iter().skip(1).copied().chain([calls.len()]);
    let has_call = |start: usize, end: usize| calls[start..end].iter().any(|call| call.action == OBSERVATION_CALL);
    starts.iter().copied().zip(ends).filter(|(start, end)| has_call(*start, *end)).map(|(start, _)| start).collect()
}

/// Returns the number of writes since the start of the API server, by its own count, for all resources that the
/// operator's permissions let it write except Leases.
async fn kubernetes_writes(lab: &Lab) -> Result<u64> {
    let groups = BTreeSet::from(["mgnet.dev", "events.k8s.io"]);
    let verbs = BTreeSet::from(["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"]);
    let metrics = lab.kubectl_output(["get", "--raw", "/metrics"]).await?;
    let mut writes = 0;
    for line in metrics.lines().filter_map(|line| line.strip_prefix("apiserver_request_total{")) {
        let (labels, value) = line.rsplit_once("} ").context("a metric without a value")?;
        let label = |name: &str| labels.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        if label("group").is_some_and(|group| groups.contains(group))
            && label("verb").is_some_and(|verb| verbs.contains(verb))
        {
            writes += value.trim().parse::<u64>().with_context(|| format!("not a count: {line}"))?;
        }
    }
    Ok(writes)
}

/// Returns the Leases of the operator with their versions, except the leader's Lease. Its constant renewal shows the
/// standbys that there is a leader, and is independent of networks. Leases are read here because the API server renews
/// its own Lease, and its metrics do not identify the client of a write.
async fn leases(lab: &Lab) -> Result<BTreeSet<String>> {
    let (namespace, columns) =
        (format!("--namespace={OPERATOR_NAMESPACE}"), "custom-columns=:.metadata.name,:.metadata.resourceVersion");
    let listed = lab.kubectl_output(["get", "leases", &namespace, "--no-headers", "--output", columns]).await?;
    let is_of_the_leader = |line: &&str| line.split_whitespace().next() == Some(LEASE);
    let leases: BTreeSet<String> = listed.lines().filter(|line| !is_of_the_leader(line)).map(str::to_owned).collect();
    ensure!(!leases.is_empty(), "the network has no VPC lease");
    Ok(leases)
}

async fn apply(lab: &Lab, file: &Path) -> Result<()> {
    kubectl(lab, &["apply"], file).await
}

async fn kubectl(lab: &Lab, arguments: &[&str], file: &Path) -> Result<()> {
    let file = format!("--filename={}", file.display());
    lab.kubectl_output(arguments.iter().copied().chain([file.as_str()])).await?;
    Ok(())
}

async fn calls(lab: &Lab, after: u64) -> Result<Vec<Call>> {
    lab.control().calls(tokyo::ACCOUNT, after).await
}

async fn last_call(lab: &Lab) -> Result<u64> {
    Ok(calls(lab, 0).await?.last().map_or(0, |call| call.number))
}

async fn first_call(lab: &Lab, after: u64) -> Result<Call> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(call) = calls(lab, after).await?.into_iter().next() {
            return Ok(call);
        }
        ensure!(Instant::now() < deadline, "the operator makes no calls to AWS");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_class(lab: &Lab, what: &str, test: impl Fn(&MigrationNetworkClassStatus) -> bool) -> Result<()> {
    let classes: Api<MigrationNetworkClass> = Api::all(lab.kube().await?);
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let status = classes.get(tokyo::NAME).await?.status.unwrap_or_default();
        if test(&status) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the class is not {what}: {status:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until(
    networks: &Api<MigrationNetwork>,
    what: &str,
    test: impl Fn(Option<&MigrationNetwork>) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let network = networks.get_opt(tokyo::NAME).await?;
        if test(network.as_ref()) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "not {what}: {network:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn is_ready(network: &MigrationNetwork) -> bool {
    network.status.as_ref().is_some_and(|status| {
        Some(status.observed_generation) == network.metadata.generation
            && conditions::is_true(&status.conditions, ConditionType::Ready)
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of some seconds, not below zero")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

fn print(figures: &Figures) {
    let Figures {
        create_calls,
        create_vpc_endpoint_calls,
        modify_vpc_endpoint_calls,
        create_resolver_endpoint_calls,
        resync_calls,
        rest_aws_writes,
        rest_kubernetes_writes,
        delete_calls,
        first_call_ms,
        rss_kb,
    } = figures;
    let first_call = format!("{first_call_ms} ms");
    let memory = format!("{rss_kb} KiB");
    let rows: [(&str, &dyn std::fmt::Display, &str); 10] = [
        ("calls to create the Tokyo network", create_calls, "40; ACK 57"),
        ("  of which CreateVpcEndpoint", create_vpc_endpoint_calls, "7"),
        ("  of which ModifyVpcEndpoint", modify_vpc_endpoint_calls, "0"),
        ("  of which CreateResolverEndpoint", create_resolver_endpoint_calls, "1"),
        ("calls of a resync at rest", resync_calls, "13; ACK 21"),
        ("writes to AWS at rest", rest_aws_writes, "0"),
        ("writes to Kubernetes at rest", rest_kubernetes_writes, "0"),
        ("calls to delete it", delete_calls, ""),
        ("from kubectl apply to the first call", &first_call, "ACK 230 ms"),
        ("memory of the operator", &memory, "32 MB; ACK 129 MB"),
    ];
    println!("\n{:<38} {:>9}   at most", "", "measured");
    for (what, value, limit) in rows {
        println!("{what:<38} {:>9}   {limit}", value.to_string());
    }
}
