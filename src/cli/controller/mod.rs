//! `mgnet controller`: the operator.
//!
//! Kubernetes is found by the usual rules (`KUBECONFIG`, else the pod's service account), AWS by the SDK's own
//! environment variables.

mod leader_election;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use futures::FutureExt as _;
use kube::{Client, Config};
use tokio::{net::TcpListener, signal::unix};
use tokio_util::sync::CancellationToken;

use crate::{
    aws::{AwsClouds, RATE_FACTORS, Rates},
    cli::logging,
    controller::{self, Context, Kubernetes, RELEASE_WITHIN, Reports, RunOptions, Settings},
};

/// The options of `mgnet controller`.
#[derive(clap::Args, Clone, Debug)]
pub struct ControllerArgs {
    /// Address of the probes `/healthz` and `/readyz`, and of `/metrics`
    #[arg(long, env = "MGNET_HEALTH_ADDRESS", default_value = "0.0.0.0:8081", value_name = "ADDRESS")]
    health_address: SocketAddr,

    /// The operator's own namespace, where it keeps which network has which VPC
    #[arg(long, env = "POD_NAMESPACE", default_value = "mgnet-system", value_name = "NAME")]
    namespace: String,

    #[command(flatten)]
    election: leader_election::ElectionOptions,

    #[command(flatten)]
    logs: logging::LogOptions,

    /// Seconds between two looks at a network at rest
    #[arg(long, env = "MGNET_RESYNC_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86400))]
    resync_seconds: u64,

    /// Seconds between two looks while AWS is at work
    #[arg(long, env = "MGNET_POLL_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    poll_seconds: u64,

    /// Seconds for which a resource must be missing from every list before it counts as deleted, and for which a call may be on
    /// its way whose sender is gone
    #[arg(long, env = "MGNET_ABSENCE_GRACE_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    absence_grace_seconds: u64,

    /// Seconds that one reconcile may take, and for which the Kubernetes API may be silent
    #[arg(long, env = "MGNET_RECONCILE_DEADLINE_SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=3600))]
    reconcile_deadline_seconds: u64,

    /// Objects that are reconciled at the same time. Those of one namespace get at most half of these turns, so that others
    /// are not held up where AWS does not answer
    #[arg(long, env = "MGNET_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,

    /// Seconds, about, between two looks for resources in AWS whose network is gone
    #[arg(long, env = "MGNET_ORPHAN_LOOK_SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    orphan_look_seconds: u64,

    /// Factor on the request rates that AWS publishes, for accounts with raised limits
    #[arg(long, env = "MGNET_AWS_RATE_FACTOR", default_value_t = 1.0, value_parser = rate_factor)]
    aws_rate_factor: f64,
}

fn rate_factor(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| format!("'{text}' is not a number"))?;
    if RATE_FACTORS.contains(&factor) { Ok(factor) } else { Err("must be from 0.01 to 1000".to_owned()) }
}

/// How long reconciles may go on after the signal to stop; with what follows them, shorter than the 30 s that Kubernetes gives
/// a pod.
const GRACE: Duration = Duration::from_secs(20);

/// How much longer than a watch lasts any connection may be silent: kube gives up a watch 5 s after its time.
const BEYOND_WATCHES: Duration = Duration::from_secs(10);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If it cannot start, or led and does not any more.
pub fn run(args: &ControllerArgs) -> Result<()> {
    logging::start(&args.logs)?;
    // Both clients use this provider; naming it keeps rustls from having to guess.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider is installed"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(operate(args));
    // Whatever still runs is over its time, or works in another leader's place.
    runtime.shutdown_background();
    result
}

async fn operate(args: &ControllerArgs) -> Result<()> {
    let stop = CancellationToken::new();
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;

    let listener = TcpListener::bind(args.health_address)
        .await
        .with_context(|| format!("cannot listen on {} (--health-address)", args.health_address))?;
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "serving probes");
    let reports = Reports::default();
    let probes = tokio::spawn(controller::serve(listener, reports.clone(), stop.clone()));

    let signal = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
        // The controller ends by itself now; if it does not even run yet, there is nothing to wait for.
        tokio::time::sleep(GRACE + RELEASE_WITHIN + Duration::from_secs(1)).await;
    };
    let result: Result<()> = tokio::select! {
        result = lead_and_work(args, reports, &stop) => result,
        () = signal => Ok(()),
    };
    stop.cancel();
    result?;
    probes.await.context("the probes ended")?.map_err(Into::into)
}

/// Connects to the cluster, stands for election if the flags ask for it, and runs the controller.
async fn lead_and_work(args: &ControllerArgs, reports: Reports, stop: &CancellationToken) -> Result<()> {
    let mut config = Config::infer().await.context("found no Kubernetes cluster; set KUBECONFIG")?;
    // kube waits for ever for an answer, and a list with which a watch begins has no deadline of its own.
    config.read_timeout = Some(Duration::from_secs(args.reconcile_deadline_seconds) + BEYOND_WATCHES);
    config.reset_reader_on_write = true;
    let election = args.election.election(&config, &args.namespace)?;
    let client = Client::try_from(config).context("cannot use the Kubernetes cluster")?;
    let context = context(args, &client).await?;
    let options = RunOptions {
        concurrency: args.concurrency,
        grace: GRACE,
        orphans_every: Duration::from_secs(args.orphan_look_seconds),
    };
    // Boxed: it is as large as all that it awaits.
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
        .context("cannot read namespace 'kube-system', whose uid names the cluster in AWS tags")?;
    kubernetes.check_vpc_leases().await.with_context(|| {
        format!("cannot read leases in namespace '{}' (--namespace), where claims of VPCs are kept", args.namespace)
    })?;
    let clouds = AwsClouds::from_env(Rates { factor: args.aws_rate_factor }).await;
    let settings = Settings {
        resync: Duration::from_secs(args.resync_seconds),
        poll: Duration::from_secs(args.poll_seconds),
        absence_grace: Duration::from_secs(args.absence_grace_seconds),
        deadline: Duration::from_secs(args.reconcile_deadline_seconds),
    };
    Ok(Context::new(clouds, kubernetes, cluster, settings))
}
