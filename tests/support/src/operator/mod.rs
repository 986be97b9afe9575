//! The operator of a lab, which tests can kill and start again. It is a process, or a task on the simulated backend.

mod log;
mod process;
mod task;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Result, bail};
use mgnet::aws::AwsClouds;

pub(crate) use self::log::ThreadLog;
pub(crate) use self::process::Process;
pub(crate) use self::task::Task;
use crate::options::OperatorOptions;

/// The operator of a lab, running or not.
#[derive(Debug)]
pub struct Operator {
    runs_as: RunsAs,
}

#[derive(Debug)]
enum RunsAs {
    Process(Box<Process>),
    Task(Box<Task>),
}

impl From<Process> for Operator {
    fn from(process: Process) -> Self {
        Self { runs_as: RunsAs::Process(Box::new(process)) }
    }
}

impl From<Task> for Operator {
    fn from(task: Task) -> Self {
        Self { runs_as: RunsAs::Task(Box::new(task)) }
    }
}

impl Operator {
    /// Returns the process, for functions that only a process has.
    ///
    /// # Panics
    /// On the simulated backend.
    fn process(&self) -> &Process {
        match &self.runs_as {
            RunsAs::Process(process) => process,
            RunsAs::Task(_) => panic!("a test that needs the operator as a process belongs in tests/e2e"),
        }
    }

    /// Returns another operator with other options, which is not started. The processes share one log file.
    #[must_use]
    pub fn another(&self, options: OperatorOptions) -> Self {
        match &self.runs_as {
            RunsAs::Process(process) => process.another(options).into(),
            RunsAs::Task(task) => task.another(options).into(),
        }
    }

    /// Replaces the kubeconfig, for example by that of a proxy. Call it before the start; it affects processes only.
    #[must_use]
    pub fn with_kubeconfig(self, kubeconfig: &Path) -> Self {
        match self.runs_as {
            RunsAs::Process(process) => process.with_kubeconfig(kubeconfig).into(),
            RunsAs::Task(task) => (*task).into(),
        }
    }

    /// Replaces the address of AWS. Call it before the start; it affects processes only.
    #[must_use]
    pub fn with_aws_at(self, url: &str) -> Self {
        match self.runs_as {
            RunsAs::Process(process) => process.with_aws_at(url).into(),
            RunsAs::Task(task) => (*task).into(),
        }
    }

    /// Returns the options.
    pub fn options(&self) -> &OperatorOptions {
        match &self.runs_as {
            RunsAs::Process(process) => process.options(),
            RunsAs::Task(task) => task.options(),
        }
    }

    /// Runs another command of the same program to its end, with the operator's own permissions in Kubernetes and AWS.
    pub async fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        self.process().run(arguments).await
    }

    /// Returns AWS as the operator uses it, with its credentials, for tests of code that commands run.
    ///
    /// # Panics
    /// If the operator is a process: then [`run`](Self::run) runs the command itself.
    pub fn clouds(&self) -> AwsClouds {
        match &self.runs_as {
            RunsAs::Process(_) => panic!("a test of the operator as a process runs its commands"),
            RunsAs::Task(task) => task.clouds(),
        }
    }

    /// Starts the operator. A process is ready when this returns. It is no error if the operator runs already.
    pub async fn start(&self) -> Result<()> {
        match &self.runs_as {
            RunsAs::Process(process) => process.start().await,
            RunsAs::Task(task) => task.start().await,
        }
    }

    /// Kills the operator like a crash. The contents of its memory are lost.
    pub async fn kill(&self) -> Result<()> {
        match &self.runs_as {
            RunsAs::Process(process) => process.kill(),
            RunsAs::Task(task) => task.kill().await,
        }
    }

    /// Requests a graceful stop, like Kubernetes, and waits for it. Returns the exit code of a process.
    pub async fn stop(&self) -> Result<Option<i32>> {
        match &self.runs_as {
            RunsAs::Process(process) => process.stop(),
            RunsAs::Task(task) => task.stop().await.map(|()| Some(0)),
        }
    }

    /// Stops the operator and starts it again.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// Sends a signal by its name: `STOP` pauses the process, `CONT` resumes it, and `TERM` stops it without waiting.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process().signal(name)
    }

    /// Waits until the process has exited by itself. Returns the exit code and the time that it took.
    pub async fn until_ended(&self) -> Result<(Option<i32>, Duration)> {
        self.process().until_ended().await
    }

    /// Returns the path of the kubeconfig. It contains only a token of the ServiceAccount that `deploy/base` creates.
    pub fn kubeconfig(&self) -> &Path {
        self.process().kubeconfig()
    }

    /// Whether the operator runs.
    pub fn is_running(&self) -> bool {
        match &self.runs_as {
            RunsAs::Process(process) => process.is_running(),
            RunsAs::Task(task) => task.is_running(),
        }
    }

    /// Returns the process ID if the operator runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().pid()
    }

    /// Returns the physical memory that the process occupies now, in KiB, as the kernel counts it.
    pub fn rss_kb(&self) -> Result<u64> {
        self.process().rss_kb()
    }

    /// Returns the greatest physical memory that the process has occupied, in KiB, as the kernel counts it.
    pub fn peak_rss_kb(&self) -> Result<u64> {
        self.process().peak_rss_kb()
    }

    /// Returns the answer of a probe, such as `/healthz`. A failed probe is an error.
    pub async fn probe(&self, path: &str) -> Result<String> {
        match &self.runs_as {
            RunsAs::Process(process) => process.probe(path).await,
            RunsAs::Task(_) => bail!("the simulated operator serves no '{path}'"),
        }
    }

    /// Returns the address of the metrics, as `IP:PORT`.
    pub fn metrics_address(&self) -> Result<String> {
        match &self.runs_as {
            RunsAs::Process(process) => process.metrics_address(),
            RunsAs::Task(_) => bail!("the simulated operator serves no metrics"),
        }
    }

    /// Returns the log of all runs.
    pub fn log(&self) -> Result<String> {
        match &self.runs_as {
            RunsAs::Process(process) => process.log(),
            RunsAs::Task(_) => Ok(ThreadLog::text()),
        }
    }

    /// Returns the last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = self.log().unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}
