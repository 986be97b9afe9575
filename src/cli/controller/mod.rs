//! `mgnet controller`: runs the operator.
//!
//! The Kubernetes cluster is that of `KUBECONFIG`, or without it that of the pod's service account. The AWS SDK reads
//! its configuration from its own environment variables. `docs/connections.md` describes proxies and certificates.

mod leader_election;
mod metrics;
mod traces;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use clap::ArgAction;
use futures::FutureExt as _;
use kube::{Client, Config};
use tokio::{net::TcpListener, signal::unix};
use tokio_util::sync::CancellationToken;

use self::traces::Traces;
use crate::{
    aws::{AwsClouds, RATE_FACTORS, Rates},
    cli::{aws::AwsOptions, cluster, logging},
    controller::{self, Context, Kubernetes, RELEASE_WITHIN, Reports, RunOptions, Settings},
};

/// The options of `mgnet controller`.
#[derive(clap::Args, Clone, Debug)]
pub struct ControllerArgs {
    /// Address on which the operator serves the probes `/healthz` and `/readyz`
    #[arg(long, env = "MGNET_HEALTH_ADDRESS", default_value = "0.0.0.0:8081", value_name = "ADDRESS")]
    health_address: SocketAddr,

    // Boxed, to keep the command small.
    #[command(flatten)]
    metrics: Box<metrics::MetricsOptions>,

    /// Namespace of the operator, which contains its Leases: the VPC leases and the Lease of the leader
    #[arg(long, env = "POD_NAMESPACE", default_value = "mgnet-system", value_name = "NAME")]
    namespace: String,

    #[command(flatten)]
    election: leader_election::ElectionOptions,

    #[command(flatten)]
    logs: logging::LogOptions,

    #[command(flatten)]
    traces: traces::TraceOptions,

    #[command(flatten)]
    aws: AwsOptions,

    /// Seconds between two reconciles of a network at rest
    #[arg(long, env = "MGNET_RESYNC_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    resync_seconds: u64,

    /// Seconds between two reconciles of a network while AWS is at work
    #[arg(long, env = "MGNET_POLL_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    poll_seconds: u64,

    /// Seconds for which a resource must be missing from every list before it counts as deleted, and for which a
    /// deletion waits for calls of a terminated process that may still arrive in AWS
    #[arg(long, env = "MGNET_ABSENCE_GRACE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    absence_grace_seconds: u64,

    /// Maximum seconds for one reconcile, and for an answer of the Kubernetes API
    #[arg(long, env = "MGNET_RECONCILE_DEADLINE_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=3600))]
    reconcile_deadline_seconds: u64,

    /// Maximum number of concurrent reconciles. One namespace uses at most half of them, so that it does not delay
    /// others when AWS does not answer
    #[arg(long, env = "MGNET_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,

    /// Approximate seconds between two searches for orphaned AWS resources
    #[arg(long, env = "MGNET_ORPHAN_LOOK_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    orphan_look_seconds: u64,

    /// Read endpoint policies in ConfigMaps. If false, the operator needs no right to read ConfigMaps, and a network that
    /// names one reports `ConfigMapsNotRead`
    #[arg(
        long,
        env = "MGNET_CONFIG_MAPS",
        default_value_t = true,
        action = ArgAction::Set,
        value_name = "BOOLEAN"
    )]
    config_maps: bool,

    /// Factor by which to multiply the request rates that AWS publishes, for accounts with increased limits
    #[arg(long, env = "MGNET_AWS_RATE_FACTOR", default_value_t = 1.0, value_parser = rate_factor)]
    aws_rate_factor: f64,
}

fn rate_factor(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if RATE_FACTORS.contains(&factor) { Ok(factor) } else { Err("must be between 0.01 and 1000".to_owned()) }
}

/// The time that reconciles have to finish after the signal to stop. With the steps that follow, it is shorter than
/// the 30 s that Kubernetes grants a pod.
const GRACE: Duration = Duration::from_secs(20);

/// The time that is added to the duration of a watch to get the read timeout of a connection: kube ends a watch 5 s
/// after its time.
const BEYOND_WATCHES: Duration = Duration::from_secs(10);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If it cannot start, or has lost the leadership.
pub fn run(args: &ControllerArgs) -> Result<()> {
    // All clients use this provider. Without an explicit choice, rustls would have to guess.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is already installed in this process"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let traces = Traces::new(&args.traces, runtime.handle().clone())?;
    logging::start(&args.logs, traces.as_ref().map(Traces::layer))?;
    let result = runtime.block_on(operate(args));
    if let Some(traces) = traces {
        traces.close();
    }
    // Tasks that still run have exceeded their time, or would interfere with the next leader.
    runtime.shutdown_background();
    result
}

async fn operate(args: &ControllerArgs) -> Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;

    let probes = listen(args.health_address, "--health-address").await?;
    let metrics = listen(args.metrics.address, "--metrics-address").await?;
    tracing::info!(
        probes = %probes.local_addr()?,
        metrics = %metrics.local_addr()?,
        version = env!("CARGO_PKG_VERSION"),
        "serving probes and metrics"
    );
    let config = config(args).await?;
    let access = args.metrics.access(|| config.clone())?;
    let reports = Reports::default();
    let Reports { readiness, metrics: values } = reports.clone();
    let probes = tokio::spawn(controller::serve_probes(probes, readiness, stop.clone()));
    let metrics = tokio::spawn(controller::serve_metrics(metrics, values, access, stop.clone()));

    let signal = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("signal received; stopping");
        stop.cancel();
        // The controller now ends on its own. If it does not run yet, there is nothing to wait for.
        tokio::time::sleep(GRACE + RELEASE_WITHIN + Duration::from_secs(1)).await;
    };
    let result: Result<()> = tokio::select! {
        result = lead_and_work(args, config, reports, &stop) => result,
        () = signal => Ok(()),
    };
    stop.cancel();
    result?;
    probes.await.context("the server of the probes ended unexpectedly")??;
    metrics.await.context("the server of the metrics ended unexpectedly")?.map_err(Into::into)
}

async fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on '{address}'; check '{flag}'"))
}

/// Returns the configuration of the clients for the Kubernetes cluster.
async fn config(args: &ControllerArgs) -> Result<Config> {
    let mut config = cluster::config().await?;
    // By default kube waits forever for an answer, and the list at the start of a watch has no deadline.
    config.read_timeout = Some(Duration::from_secs(args.reconcile_deadline_seconds) + BEYOND_WATCHES);
    config.reset_reader_on_write = true;
    Ok(config)
}

/// Connects to the cluster, takes part in the leader election if it is enabled, and runs the controller.
async fn lead_and_work(
    args: &ControllerArgs,
    config: Config,
    reports: Reports,
    stop: &CancellationToken,
) -> Result<()> {
    let election = args.election.election(&config, &args.namespace)?;
    let client = Client::try_from(config).context("cannot create a client for the Kubernetes cluster")?;
    let context = context(args, &client).await?;
    reports.metrics.add(|registry| context.clouds.metrics().register(registry));
    let options = RunOptions {
        concurrency: args.concurrency,
        grace: GRACE,
        orphans_every: Duration::from_secs(args.orphan_look_seconds),
    };
    // Boxed, because the future is as large as all futures that it awaits.
    let work = |leads| controller::run(client, context, options, reports, leads, stop.clone()).boxed();
    match election {
        Some(election) => election.during(work).await?,
        None => work(std::future::ready(()).boxed()).await,
    }
    Ok(())
}

async fn context(args: &ControllerArgs, client: &Client) -> Result<Context<AwsClouds, Kubernetes>> {
    let kubernetes = Kubernetes::new(client.clone(), args.namespace.clone());
    let cluster = kubernetes
        .cluster_uid()
        .await
        .context("cannot read namespace 'kube-system', whose UID identifies the cluster in AWS tags")?;
    kubernetes.check_vpc_leases().await.with_context(|| {
        format!(
            "cannot read the VPC leases in namespace '{}'; check '--namespace' and the operator's Role",
            args.namespace
        )
    })?;
    let clouds = args.aws.clouds(Rates { factor: args.aws_rate_factor }).await?;
    let settings = Settings {
        resync: Duration::from_secs(args.resync_seconds),
        poll: Duration::from_secs(args.poll_seconds),
        absence_grace: Duration::from_secs(args.absence_grace_seconds),
        deadline: Duration::from_secs(args.reconcile_deadline_seconds),
        config_maps: args.config_maps,
    };
    Ok(Context::new(clouds, kubernetes, cluster, settings))
}
