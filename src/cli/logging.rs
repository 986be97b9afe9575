//! Logging to standard error, and its flags.

use anyhow::{Context as _, Result};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// The flags that control the format and the amount of log lines.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct LogOptions {
    /// Format of the log lines
    #[arg(long, env = "MGNET_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,

    /// Filter for log lines, such as `info` or `info,mgnet::aws=debug`
    #[arg(long, env = "MGNET_LOG_FILTER", default_value = "info", value_name = "FILTER")]
    log_filter: String,
}

/// The format of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Text lines for humans
    Text,
    /// One JSON object per line
    Json,
}

/// Starts logging to standard error, with a further layer for the same spans and events if there is one.
///
/// # Errors
/// If the filter cannot be parsed.
pub(crate) fn start(options: &LogOptions, further: Option<impl Layer<Registry> + Send + Sync>) -> Result<()> {
    // kube logs every failed request at ERROR without its address or cause, and adds its own span to each reconcile.
    // The operator's own lines and spans contain more information.
    let filter = format!("kube_client::client::builder=off,kube_runtime=warn,{}", options.log_filter);
    let filter = EnvFilter::try_new(&filter).with_context(|| {
        format!(
            "'--log-filter' has the invalid value '{}'; set a filter such as 'info' or 'info,mgnet::aws=debug'",
            options.log_filter
        )
    })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let subscriber = tracing_subscriber::registry().with(further);
    match options.log_format {
        Format::Text => subscriber.with(lines.with_ansi(false).with_filter(filter)).init(),
        Format::Json => subscriber.with(lines.json().with_filter(filter)).init(),
    }
    Ok(())
}
