//! Traces for an OpenTelemetry collector: a span for each reconcile, with a child for each AWS call.
//!
//! The OpenTelemetry SDK reads its own environment variables, such as `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES`
//! and `OTEL_EXPORTER_OTLP_HEADERS`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// The longest time that the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time that the last spans may take when the operator stops.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// The largest answer of the collector that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// The flag that turns traces on.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct TraceOptions {
    /// URL of an OpenTelemetry collector that receives traces as OTLP over HTTP, such as `http://collector:4318`. Without
    /// it, the operator sends no traces
    #[arg(long, env = "MGNET_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<Uri>,
}

/// Traces that are sent to a collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Prepares sending traces, if the options request it. The requests to the collector run on the runtime.
    ///
    /// # Errors
    /// If the URL is not one of HTTP, or the exporter cannot be built.
    pub(crate) fn new(options: &TraceOptions, runtime: Handle) -> Result<Option<Self>> {
        let Some(collector) = &options.otlp_endpoint else { return Ok(None) };
        let endpoint = endpoint(collector)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender::new(runtime)?)
            .with_endpoint(&endpoint)
            .build()
            .with_context(|| format!("cannot send traces to '{endpoint}'; check '--otlp-endpoint'"))?;
        let resource = Resource::builder()
            .with_service_name("mgnet")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        Ok(Some(Self { provider }))
    }

    /// Returns the layer that collects the operator's spans and those of AWS calls, with the operator's log lines as their
    /// events.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // The AWS SDK has one span per call, at this level, in the module of the operation.
        let calls = ["ec2", "mgn", "route53resolver", "sts"].map(|service| format!("aws_sdk_{service}::operation"));
        let targets =
            Targets::new().with_target("mgnet", Level::DEBUG).with_targets(calls.map(|target| (target, Level::DEBUG)));
        tracing_opentelemetry::layer::<S>()
            .with_tracer(self.tracer())
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(targets)
    }

    fn tracer(&self) -> Tracer {
        self.provider.tracer("mgnet")
    }

    /// Sends the spans that have not been sent yet. Blocks the thread for at most some seconds.
    pub(crate) fn close(self) {
        // The sender has logged a failure.
        drop(self.provider.shutdown_with_timeout(FLUSH_WITHIN));
    }
}

/// Returns the URL for traces of a collector, whose path the OTLP specification defines.
fn endpoint(collector: &Uri) -> Result<String> {
    if !matches!(collector.scheme_str(), Some("http" | "https")) || collector.query().is_some() {
        bail!("'--otlp-endpoint' has the invalid value '{collector}'; set a URL such as 'http://collector:4318'");
    }
    let base = collector.to_string();
    let base = base.trim_end_matches('/');
    Ok(if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") })
}

/// Sends requests on the operator's runtime, because the SDK exports from a thread of its own, which has none.
#[derive(Debug)]
struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    /// Whether the last request failed. A collector that does not answer is logged once.
    failing: AtomicBool,
}

impl Sender {
    fn new(runtime: Handle) -> Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("cannot read the CA certificates of the system")?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, runtime, failing: AtomicBool::new(false) })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answered = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        // The timer, too, belongs to the runtime.
        self.runtime.spawn(async { tokio::time::timeout(TIMEOUT, answered).await }).await??
    }

    /// Logs the first failure, and the first success after it.
    fn log(&self, failure: Option<String>) {
        let failed = failure.is_some();
        if self.failing.swap(failed, Ordering::Relaxed) == failed {
            return;
        }
        if let Some(error) = failure {
            tracing::warn!(error, "the collector of traces does not accept them; check '--otlp-endpoint'");
        } else {
            tracing::info!("the collector of traces accepts them again");
        }
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request).await;
        self.log(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("HTTP status {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_added_to_the_url_of_a_collector() {
        for collector in ["http://collector:4318", "http://collector:4318/", "http://collector:4318/v1/traces"] {
            let url = collector.parse().ok().and_then(|url| endpoint(&url).ok());
            assert_eq!(url.as_deref(), Some("http://collector:4318/v1/traces"), "{collector}");
        }
        let below = "https://gateway/otlp".parse().ok().and_then(|url| endpoint(&url).ok());
        assert_eq!(below.as_deref(), Some("https://gateway/otlp/v1/traces"));
    }

    #[test]
    fn a_url_that_is_not_one_of_http_is_refused_with_the_flag_and_an_example() {
        for collector in ["collector:4318", "grpc://collector:4317", "/v1/traces"] {
            let error = collector.parse().map(|url| endpoint(&url).map_err(|error| error.to_string()));
            assert!(
                matches!(&error, Ok(Err(error)) if error.contains("--otlp-endpoint") && error.contains("'http://collector:4318'")),
                "{collector}: {error:?}"
            );
        }
    }
}
