//! Logs.

use anyhow::{Context as _, Result};
use tracing_subscriber::{EnvFilter, fmt};

/// Where to log how much.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct LogOptions {
    /// Form of the log lines
    #[arg(long, env = "MGNET_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,

    /// What to log, such as `info` or `info,mgnet::aws=debug`
    #[arg(long, env = "MGNET_LOG_FILTER", default_value = "info", value_name = "FILTER")]
    log_filter: String,
}

/// The form of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Starts logging to standard error.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(options: &LogOptions) -> Result<()> {
    // kube logs every failed request at ERROR without its address or cause, and puts a span of its own around each
    // reconcile; our own lines and span carry more.
    let filter = format!("kube_client::client::builder=off,kube_runtime=warn,{}", options.log_filter);
    let filter = EnvFilter::try_new(&filter)
        .with_context(|| format!("--log-filter must be a filter such as 'info'; '{}' is not", options.log_filter))?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match options.log_format {
        Format::Text => lines.with_ansi(false).init(),
        Format::Json => lines.json().init(),
    }
    Ok(())
}
