//! The operator of a lab, which can be killed and started again: a process, or on the simulated backend a task.

mod log;
mod process;
mod task;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Result, bail};

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
    Task(Task),
}

impl From<Process> for Operator {
    fn from(process: Process) -> Self {
        Self { runs_as: RunsAs::Process(Box::new(process)) }
    }
}

impl From<Task> for Operator {
    fn from(task: Task) -> Self {
        Self { runs_as: RunsAs::Task(task) }
    }
}

impl Operator {
    /// What only a process has.
    ///
    /// # Panics
    /// On the simulated backend.
    fn process(&self) -> &Process {
        match &self.runs_as {
            RunsAs::Process(process) => process,
            RunsAs::Task(_) => panic!("a test that needs a process of the operator belongs to tests/e2e"),
        }
    }

    /// Another one with other options, which is not started. Processes have the same log file.
    #[must_use]
    pub fn another(&self, options: OperatorOptions) -> Self {
        match &self.runs_as {
            RunsAs::Process(process) => process.another(options).into(),
            RunsAs::Task(task) => task.another(options).into(),
        }
    }

    /// With another kubeconfig, such as that of a proxy. To be called before it is started; only for processes.
    #[must_use]
    pub fn with_kubeconfig(self, kubeconfig: &Path) -> Self {
        match self.runs_as {
            RunsAs::Process(process) => process.with_kubeconfig(kubeconfig).into(),
            RunsAs::Task(task) => task.into(),
        }
    }

    /// With AWS at another address. To be called before it is started; only for processes.
    #[must_use]
    pub fn with_aws_at(self, url: &str) -> Self {
        match self.runs_as {
            RunsAs::Process(process) => process.with_aws_at(url).into(),
            RunsAs::Task(task) => task.into(),
        }
    }

    /// How it runs.
    pub fn options(&self) -> &OperatorOptions {
        match &self.runs_as {
            RunsAs::Process(process) => process.options(),
            RunsAs::Task(task) => task.options(),
        }
    }

    /// Runs another command of the same program to its end, with the operator's own rights in Kubernetes and AWS.
    pub async fn run<const N: usize>(&self, arguments: [&str; N]) -> Result<Output> {
        self.process().run(arguments).await
    }

    /// Starts it; a process is ready then. No error if it runs already.
    pub async fn start(&self) -> Result<()> {
        match &self.runs_as {
            RunsAs::Process(process) => process.start().await,
            RunsAs::Task(task) => task.start().await,
        }
    }

    /// Ends it as a crash would, with everything that it has in memory.
    pub async fn kill(&self) -> Result<()> {
        match &self.runs_as {
            RunsAs::Process(process) => process.kill(),
            RunsAs::Task(task) => task.kill().await,
        }
    }

    /// Asks it to end, as Kubernetes does, and waits for its end. Gives the exit code of a process.
    pub async fn stop(&self) -> Result<Option<i32>> {
        match &self.runs_as {
            RunsAs::Process(process) => process.stop(),
            RunsAs::Task(task) => task.stop().await.map(|()| Some(0)),
        }
    }

    /// Stops it and starts it again.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// Sends it a signal by its name: `STOP` and `CONT`, which halt it and let it go on, or `TERM`, to not wait for its end.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process().signal(name)
    }

    /// Waits until it has ended by itself. Gives its exit code, and how long that took.
    pub async fn until_ended(&self) -> Result<(Option<i32>, Duration)> {
        self.process().until_ended().await
    }

    /// The file with its kubeconfig: a token of the ServiceAccount that `deploy/base` makes, and nothing else.
    pub fn kubeconfig(&self) -> &Path {
        self.process().kubeconfig()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        match &self.runs_as {
            RunsAs::Process(process) => process.is_running(),
            RunsAs::Task(task) => task.is_running(),
        }
    }

    /// Its process id, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process().pid()
    }

    /// The physical memory that it occupies now, in KiB, as the kernel counts it.
    pub fn rss_kb(&self) -> Result<u64> {
        self.process().rss_kb()
    }

    /// What a probe answers, such as `/healthz`; an error if it answers no.
    pub async fn probe(&self, path: &str) -> Result<String> {
        match &self.runs_as {
            RunsAs::Process(process) => process.probe(path).await,
            RunsAs::Task(_) => bail!("the simulated operator serves no '{path}'"),
        }
    }

    /// Its whole log, of all its runs.
    pub fn log(&self) -> Result<String> {
        match &self.runs_as {
            RunsAs::Process(process) => process.log(),
            RunsAs::Task(_) => Ok(ThreadLog::text()),
        }
    }

    /// The end of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = self.log().unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}
