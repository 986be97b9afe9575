//! The operator as a process that runs `mgnet controller`.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use control_plane::Supervised;
use http::Method;
use tokio::time::Instant;

use crate::http::Server;
use crate::options::OperatorOptions;
use crate::programs::Programs;

/// The longest time that a requested stop may take. Running reconciles end first.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time that a start may take. On an idle machine it takes a tenth of a second.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// A process, running or not.
#[derive(Debug)]
pub(crate) struct Process {
    program: PathBuf,
    kubeconfig: PathBuf,
    log: PathBuf,
    environment: Vec<(String, String)>,
    options: OperatorOptions,
    /// Prevents two concurrent starts.
    starting: tokio::sync::Mutex<()>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    process: Supervised,
    probes: Server,
    metrics: Server,
    metrics_address: String,
}

impl Process {
    /// Describes a process without starting it. Its kubeconfig, home and log are in `folder`.
    pub(crate) fn new(
        programs: &Programs,
        folder: &Path,
        kubeconfig: PathBuf,
        aws: Vec<(String, String)>,
        options: OperatorOptions,
    ) -> Self {
        let mut environment = aws;
        // A separate home: the user's ~/.aws and ~/.kube have no effect.
        environment.push(("HOME".to_owned(), folder.display().to_string()));
        environment.push(("RUST_BACKTRACE".to_owned(), "1".to_owned()));
        Self {
            program: options.program.clone().unwrap_or_else(|| programs.operator()),
            kubeconfig,
            log: folder.join("mgnet.log"),
            environment,
            options,
            starting: tokio::sync::Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Returns another process of the same operator, which is not started. Both write to the same log file.
    pub(crate) fn another(&self, options: OperatorOptions) -> Self {
        Self {
            program: options.program.clone().unwrap_or_else(|| self.program.clone()),
            kubeconfig: self.kubeconfig.clone(),
            log: self.log.clone(),
            environment: self.environment.clone(),
            options,
            starting: tokio::sync::Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// Replaces the kubeconfig, for example by that of a proxy. Call it before the start.
    pub(crate) fn with_kubeconfig(mut self, kubeconfig: &Path) -> Self {
        kubeconfig.clone_into(&mut self.kubeconfig);
        self
    }

    /// Replaces the address of AWS. Call it before the start.
    pub(crate) fn with_aws_at(mut self, url: &str) -> Self {
        self.environment.push(("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
        self
    }

    /// Returns the options.
    pub(crate) fn options(&self) -> &OperatorOptions {
        &self.options
    }

    /// Runs another command of the same program to its end, with the operator's own permissions in Kubernetes and AWS.
    pub(crate) async fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        let mut command = Command::new(&self.program);
        self.set_environment(command.args(arguments));
        let ended = tokio::task::spawn_blocking(move || command.output()).await?;
        ended.with_context(|| format!("cannot run '{}'", self.program.display()))
    }

    /// Sets the complete environment of the process. It inherits only `PATH`.
    fn set_environment(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        for (name, value) in &self.options.environment {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
    }

    /// Starts the process, and returns when `/readyz` succeeds. It is no error if the process runs already.
    pub(crate) async fn start(&self) -> Result<()> {
        let _starting = self.starting.lock().await;
        if self.is_running() {
            return Ok(());
        }
        let [probes, metrics] = free_addresses()?;
        let process = Supervised::spawn(&self.program, &self.log, |command| {
            self.set_environment(command.args(self.options.command_line(&probes, &metrics)));
            command
        })
        .context("cannot start the operator")?;
        let metrics_address = metrics.clone();
        let [probes, metrics] = [probes, metrics].map(|address| Server::at(format!("http://{address}")));
        *self.lock() = Some(Running { process, probes: probes.clone(), metrics, metrics_address });
        self.wait_until_ready(&probes).await
    }

    async fn wait_until_ready(&self, probes: &Server) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let Err(reason) = probes.call(Method::GET, "/readyz", String::new()).await else { return Ok(()) };
            if !self.is_running() {
                bail!("the operator exited before it was ready; the last lines of its log:\n{}", self.log_tail(40));
            }
            if Instant::now() > deadline {
                bail!("the operator is not ready: {reason:#}; the last lines of its log:\n{}", self.log_tail(40));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGKILL, which has the effect of a crash, and waits until the process has exited.
    pub(crate) fn kill(&self) -> Result<()> {
        let mut running = self.lock().take().ok_or_else(not_running)?;
        running.process.kill().context("cannot kill the operator")?;
        Ok(())
    }

    /// Sends SIGTERM, like Kubernetes, and waits until the process has exited. Returns the exit code.
    pub(crate) fn stop(&self) -> Result<Option<i32>> {
        let mut running = self.lock().take().ok_or_else(not_running)?;
        Ok(running.process.stop().context("cannot stop the operator")?.code())
    }

    /// Sends a signal by its name: `STOP` pauses the process, `CONT` resumes it, and `TERM` stops it without waiting.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let mut running = self.lock();
        let running = running.as_mut().ok_or_else(not_running)?;
        running.process.signal(name).with_context(|| format!("cannot send {name} to the operator"))
    }

    /// Waits until the process has exited by itself. Returns the exit code and the time that it took.
    pub(crate) async fn until_ended(&self) -> Result<(Option<i32>, Duration)> {
        let began = Instant::now();
        while self.is_running() {
            if began.elapsed() > EXIT_TIMEOUT {
                bail!(
                    "the operator still runs after {} s; the last lines of its log:\n{}",
                    EXIT_TIMEOUT.as_secs(),
                    self.log_tail(40)
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed();
        let mut running = self.lock().take().ok_or_else(not_running)?;
        // The process has exited, so this only returns its exit status.
        Ok((running.process.kill()?.code(), took))
    }

    /// Returns the path of the kubeconfig. It contains only a token of the ServiceAccount that `deploy/base` creates.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Whether the process runs.
    pub(crate) fn is_running(&self) -> bool {
        self.lock().as_mut().is_some_and(|running| running.process.is_running())
    }

    /// Returns the process ID if the process runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().as_mut().and_then(|running| running.process.is_running().then(|| running.process.pid()))
    }

    /// Returns the physical memory that the process occupies now, in KiB, as the kernel counts it.
    pub(crate) fn rss_kb(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// Returns the greatest physical memory that the process has occupied, in KiB, as the kernel counts it.
    pub(crate) fn peak_rss_kb(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let pid = self.pid().ok_or_else(not_running)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read the operator's memory")?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix("kB")?.trim().parse().ok())
            .context("the kernel does not report the operator's memory")
    }

    /// Returns the answer of a probe, such as `/healthz`, or of `/metrics`. A failed probe is an error.
    pub(crate) async fn probe(&self, path: &str) -> Result<String> {
        let of = |running: &Running| if path == "/metrics" { running.metrics.clone() } else { running.probes.clone() };
        let server = self.lock().as_ref().map(of).ok_or_else(not_running)?;
        Ok(String::from_utf8(server.call(Method::GET, path, String::new()).await?)?)
    }

    /// Returns the address of the metrics, as `IP:PORT`.
    pub(crate) fn metrics_address(&self) -> Result<String> {
        self.lock().as_ref().map(|running| running.metrics_address.clone()).ok_or_else(not_running)
    }

    /// Returns the log of all runs.
    pub(crate) fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).with_context(|| format!("cannot read '{}'", self.log.display()))
    }

    /// Returns the last lines of the log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        // A panic while the lock was held leaves a process or none. Both states are consistent.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_running() -> anyhow::Error {
    anyhow!("the operator is not running")
}

/// Finds two free addresses and releases them at once, because the operator has to listen on them.
fn free_addresses() -> Result<[String; 2]> {
    let (probes, metrics) =
        (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok([probes.local_addr()?.to_string(), metrics.local_addr()?.to_string()])
}
