//! A real Prometheus that scrapes the operator.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use control_plane::Supervised;

/// The longest time until an expression has series, or none. The longest window of the tests has six minutes.
const PATIENCE: Duration = Duration::from_mins(8);

/// A running Prometheus. It ends when this value is dropped.
pub(crate) struct Prometheus {
    _process: Supervised,
    url: String,
}

impl Prometheus {
    /// Starts Prometheus with its data in `folder`. It scrapes `target` every second, with the labels as the operator
    /// reports them.
    pub(crate) fn start(folder: &Path, target: &str) -> Result<Self> {
        Self::configured(folder, target, "")
    }

    /// The same, with a file of alert rules, which are evaluated every second.
    pub(crate) fn with_rules(folder: &Path, target: &str, rules: &Path) -> Result<Self> {
        Self::configured(folder, target, &format!("rule_files: ['{}']\n", rules.display()))
    }

    fn configured(folder: &Path, target: &str, rule_files: &str) -> Result<Self> {
        let configuration = folder.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{rule_files}\
             scrape_configs: [{{job_name: mgnet, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&configuration, text)?;
        // Finds a free port and releases it at once.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let process = Supervised::spawn("prometheus", folder.join("prometheus.log"), |command| {
            command
                .arg(format!("--config.file={}", configuration.display()))
                .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
                .arg(format!("--web.listen-address={address}"))
        })
        .context("cannot start 'prometheus'; run tests/monitoring/install.sh")?;
        Ok(Self { _process: process, url: format!("http://{address}") })
    }

    /// Returns the series of an expression, one line each.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<String>> {
        let output = Command::new("promtool").args(["query", "instant", &self.url, expression]).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{expression}: {errors}");
        Ok(String::from_utf8(output.stdout)?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Waits until the expression has no series.
    pub(crate) async fn until_none(&self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let series = self.query(expression)?;
            if series.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "still {series:?} after {} s", PATIENCE.as_secs());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until the expression has a series.
    pub(crate) async fn until(&self, expression: &str) -> Result<Vec<String>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.query(expression);
            match answer {
                Ok(series) if !series.is_empty() => return Ok(series),
                _ if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(200)).await,
                Ok(_) => bail!("no series within {} s: {expression}", PATIENCE.as_secs()),
                Err(error) => return Err(error),
            }
        }
    }
}
