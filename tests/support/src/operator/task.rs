//! The operator as a task on the test's own runtime and its virtual time. It runs all parts of `mgnet controller`, from
//! the watches to the SDK, except for leader election and probes.

use std::future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use emulator::http::InProcess;
use mgnet::aws::{AwsClouds, Rates};
use mgnet::controller::{self, Context, Kubernetes, Reports, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api_server::ApiServer;
use crate::aws_in_process;
use crate::kubernetes::OPERATOR_NAMESPACE;
use crate::options::OperatorOptions;

/// How long running reconciles may continue after the request to stop.
const GRACE: Duration = Duration::from_secs(20);

/// The operator's own rate limits use the wall clock, on which no time passes here. This factor makes them ineffective.
const RATES: Rates = Rates { factor: 1000.0 };

/// A task, running or not.
#[derive(Debug)]
pub(crate) struct Task {
    api: ApiServer,
    aws: InProcess,
    /// The account of the operator's own credentials.
    account: String,
    options: OperatorOptions,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Task {
    /// Describes a task without starting it.
    pub(crate) fn new(api: ApiServer, aws: InProcess, account: &str, options: OperatorOptions) -> Self {
        Self { api, aws, account: account.to_owned(), options, running: Mutex::default() }
    }

    pub(crate) fn another(&self, options: OperatorOptions) -> Self {
        Self::new(self.api.clone(), self.aws.clone(), &self.account, options)
    }

    pub(crate) fn options(&self) -> &OperatorOptions {
        &self.options
    }

    /// Starts the task. It begins to list objects when the runtime schedules it.
    pub(crate) async fn start(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let client = self.api.client();
        let kubernetes = Kubernetes::new(client.clone(), OPERATOR_NAMESPACE.to_owned());
        let cluster = kubernetes.cluster_uid().await.context("the operator cannot read the UID of its cluster")?;
        let clouds = self.clouds();
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let settings = Settings {
            resync: seconds(self.options.resync_seconds),
            poll: seconds(self.options.poll_seconds),
            absence_grace: seconds(self.options.absence_grace_seconds),
            deadline: seconds(self.options.reconcile_deadline_seconds),
            config_maps: self.options.config_maps,
        };
        let context = Context::new(clouds, kubernetes, cluster, settings);
        let options = controller::RunOptions {
            concurrency: u16::try_from(self.options.concurrency)?,
            grace: GRACE,
            orphans_every: seconds(self.options.orphan_look_seconds),
        };
        let stop = CancellationToken::new();
        let leads = future::ready(());
        let run = controller::run(client, context, options, Reports::default(), leads, stop.clone());
        *self.lock() = Some(Running { task: tokio::spawn(run), stop });
        Ok(())
    }

    /// Returns AWS as the operator uses it, with its credentials.
    pub(crate) fn clouds(&self) -> AwsClouds {
        AwsClouds::new(&aws_in_process::config(&self.aws, &self.account), RATES)
    }

    /// Aborts the task at any point.
    pub(crate) async fn kill(&self) -> Result<()> {
        let Running { task, .. } = self.lock().take().ok_or_else(not_running)?;
        task.abort();
        // The task ends when the runtime schedules it, and the tasks that it has spawned end after it.
        let _ = task.await;
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Requests a stop, and waits for it.
    pub(crate) async fn stop(&self) -> Result<()> {
        let Running { task, stop } = self.lock().take().ok_or_else(not_running)?;
        stop.cancel();
        task.await.context("the operator panicked")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.lock().as_ref().is_some_and(|running| !running.task.is_finished())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(running) = self.lock().take() {
            running.task.abort();
        }
    }
}

fn not_running() -> anyhow::Error {
    anyhow!("the operator is not running")
}
