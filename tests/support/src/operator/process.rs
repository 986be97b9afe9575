//! The operator as a process: an ordinary `mgnet controller`.

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

/// How long an end that was asked for may take: that of reconciles, and what follows.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// A start takes a tenth of a second on an idle machine.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// A process, running or not.
#[derive(Debug)]
pub(crate) struct Process {
    program: PathBuf,
    kubeconfig: PathBuf,
    log: PathBuf,
    environment: Vec<(String, String)>,
    options: OperatorOptions,
    /// Held by who starts it, so that two do not.
    starting: tokio::sync::Mutex<()>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    process: Supervised,
    probes: Server,
}

impl Process {
    /// Describes it without starting it. Its kubeconfig, home and log are in `folder`.
    pub(crate) fn new(
        programs: &Programs,
        folder: &Path,
        kubeconfig: PathBuf,
        aws: Vec<(String, String)>,
        options: OperatorOptions,
    ) -> Self {
        let mut environment = aws;
        // A home of its own: no ~/.aws and no ~/.kube of the user has a say.
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

    /// Another process of the same operator, which is not started. Its log is the same file.
    pub(crate) fn another(&self, options: OperatorOptions) -> Self {
        Self {
            program: self.program.clone(),
            kubeconfig: self.kubeconfig.clone(),
            log: self.log.clone(),
            environment: self.environment.clone(),
            options,
            starting: tokio::sync::Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// With another kubeconfig, such as that of a proxy. To be called before it is started.
    pub(crate) fn with_kubeconfig(mut self, kubeconfig: &Path) -> Self {
        kubeconfig.clone_into(&mut self.kubeconfig);
        self
    }

    /// With AWS at another address. To be called before it is started.
    pub(crate) fn with_aws_at(mut self, url: &str) -> Self {
        self.environment.push(("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
        self
    }

    /// How it runs.
    pub(crate) fn options(&self) -> &OperatorOptions {
        &self.options
    }

    /// Runs another command of the same program to its end, with the operator's own rights in Kubernetes and AWS.
    pub(crate) async fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<Output> {
        let mut command = Command::new(&self.program);
        self.equip(command.args(arguments));
        let ended = tokio::task::spawn_blocking(move || command.output()).await?;
        ended.with_context(|| format!("cannot run '{}'", self.program.display()))
    }

    /// Everything that it gets from outside, and nothing of what this process has.
    fn equip(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Starts it, and returns when `/readyz` says yes. No error if it runs already.
    pub(crate) async fn start(&self) -> Result<()> {
        let _starting = self.starting.lock().await;
        if self.is_running() {
            return Ok(());
        }
        // Taken as free and let go again at once: the operator, not we, has to listen on it.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let process = Supervised::spawn(&self.program, &self.log, |command| {
            self.equip(command.args(self.options.command_line(&address)));
            command
        })
        .context("cannot start the operator")?;
        let probes = Server::at(format!("http://{address}"));
        *self.lock() = Some(Running { process, probes: probes.clone() });
        self.wait_until_ready(&probes).await
    }

    async fn wait_until_ready(&self, probes: &Server) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let Err(reason) = probes.call(Method::GET, "/readyz", String::new()).await else { return Ok(()) };
            if !self.is_running() {
                bail!("the operator ended before it was ready; the end of its log:\n{}", self.log_tail(40));
            }
            if Instant::now() > deadline {
                bail!("the operator is not ready: {reason:#}; the end of its log:\n{}", self.log_tail(40));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it with SIGKILL, as a crash would, and waits for its end.
    pub(crate) fn kill(&self) -> Result<()> {
        let mut running = self.lock().take().ok_or_else(not_running)?;
        running.process.kill().context("cannot kill the operator")?;
        Ok(())
    }

    /// Asks it to end with SIGTERM, as Kubernetes does, and waits for its end. Gives its exit code.
    pub(crate) fn stop(&self) -> Result<Option<i32>> {
        let mut running = self.lock().take().ok_or_else(not_running)?;
        Ok(running.process.stop().context("cannot stop the operator")?.code())
    }

    /// Sends it a signal by its name: `STOP` and `CONT`, which halt it and let it go on, or `TERM`, to not wait for its end.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let mut running = self.lock();
        let running = running.as_mut().ok_or_else(not_running)?;
        running.process.signal(name).with_context(|| format!("cannot send {name} to the operator"))
    }

    /// Waits until it has ended by itself. Gives its exit code, and how long that took.
    pub(crate) async fn until_ended(&self) -> Result<(Option<i32>, Duration)> {
        let began = Instant::now();
        while self.is_running() {
            if began.elapsed() > ENDS_WITHIN {
                bail!("it goes on after {} s; the end of its log:\n{}", ENDS_WITHIN.as_secs(), self.log_tail(40));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed();
        let mut running = self.lock().take().ok_or_else(not_running)?;
        // It has ended, so that this only tells how.
        Ok((running.process.kill()?.code(), took))
    }

    /// The file with its kubeconfig: a token of the ServiceAccount that `deploy/base` makes, and nothing else.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Whether it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.lock().as_mut().is_some_and(|running| running.process.is_running())
    }

    /// Its process id, if it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().as_mut().and_then(|running| running.process.is_running().then(|| running.process.pid()))
    }

    /// The physical memory that it occupies now, in KiB, as the kernel counts it.
    pub(crate) fn rss_kb(&self) -> Result<u64> {
        let pid = self.pid().ok_or_else(not_running)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read the operator's memory")?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
            .context("the kernel does not say how much memory the operator has")
    }

    /// What a probe answers, such as `/healthz`; an error if it answers no.
    pub(crate) async fn probe(&self, path: &str) -> Result<String> {
        let probes = self.lock().as_ref().map(|running| running.probes.clone()).ok_or_else(not_running)?;
        Ok(String::from_utf8(probes.call(Method::GET, path, String::new()).await?)?)
    }

    /// Its whole log, of all its runs.
    pub(crate) fn log(&self) -> Result<String> {
        fs::read_to_string(&self.log).with_context(|| format!("cannot read '{}'", self.log.display()))
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        // A panic while it was held leaves a process or none, both of which are true.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_running() -> anyhow::Error {
    anyhow!("the operator is not running")
}
