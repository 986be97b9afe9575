//! Traces: what a collector of OpenTelemetry traces receives, and the operator beside a collector that is away.

use anyhow::{Context, Result, ensure};
use support::waiting::until;
use support::{Lab, Operator, OperatorOptions, TlsFront, TraceCollector, TraceSpan};

fn sending_to(lab: &Lab, url: &str) -> Operator {
    lab.operator().another(OperatorOptions {
        arguments: vec![format!("--otlp-endpoint={url}")],
        environment: vec![
            ("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "200".to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES".to_owned(), "deployment.environment.name=test".to_owned()),
        ],
        ..lab.operator().options().clone()
    })
}

/// Returns the first reconcile of the network that called one of these AWS actions, with all spans of its trace.
fn reconcile_that_called(spans: &[TraceSpan], network: &str, call: &str) -> Option<(TraceSpan, Vec<TraceSpan>)> {
    let is_of_network =
        |span: &&TraceSpan| span.name == "reconcile" && span.attributes.get("name").is_some_and(|name| name == network);
    spans.iter().filter(is_of_network).find_map(|root| {
        let trace: Vec<_> = spans.iter().filter(|span| span.trace == root.trace).cloned().collect();
        trace.iter().any(|span| span.name == call).then(|| (root.clone(), trace))
    })
}

#[tokio::test]
async fn a_collector_receives_a_span_for_each_reconcile_with_its_aws_calls() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let collector = TraceCollector::start().await?;
    let operator = sending_to(&lab, &collector.url());
    operator.start().await?;
    let site = lab.site("traces").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;

    let (root, trace) = until("the reconcile that created the Resolver endpoint is received", async || {
        let spans = collector.spans();
        let found = reconcile_that_called(&spans, "tokyo", "Route53Resolver.CreateResolverEndpoint");
        Ok(found.ok_or_else(|| format!("{:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>())))
    })
    .await?;
    ensure!(root.parent.is_empty(), "{root:?}");
    assert_eq!(root.attributes.get("namespace"), Some(&site.namespace));
    assert_eq!(root.resource.get("service.name").map(String::as_str), Some("mgnet"));
    assert_eq!(root.resource.get("service.version").map(String::as_str), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(root.resource.get("deployment.environment.name").map(String::as_str), Some("test"));
    ensure!(root.events.iter().any(|event| event == "reconciled"), "{:?}", root.events);
    let create = trace.iter().find(|span| span.name == "EC2.CreateVpcEndpoint").context("no call for endpoints")?;
    assert_eq!(create.attributes.get("rpc.method").map(String::as_str), Some("CreateVpcEndpoint"));
    for span in trace.iter().filter(|span| span.id != root.id) {
        ensure!(trace.iter().any(|parent| parent.id == span.parent), "the parent of {span:?} is missing");
    }

    network.delete_and_wait().await?;
    operator.stop().await?;
    lab.operator().start().await
}

// Stopping a process blocks the thread, and the collector has to answer meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_wait_are_sent_when_the_operator_stops() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let collector = TraceCollector::start().await?;
    let mut options = sending_to(&lab, &collector.url()).options().clone();
    // So rarely that only the stop sends them.
    options.environment.push(("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "600000".to_owned()));
    options.environment.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE".to_owned(), "2000".to_owned()));
    let operator = lab.operator().another(options);
    operator.start().await?;
    let site = lab.site("last-spans").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    assert_eq!(collector.spans(), []);
    operator.stop().await?;
    ensure!(collector.spans().iter().any(|span| span.name == "reconcile"), "the last spans are missing");
    lab.operator().start().await?;
    network.delete_and_wait().await
}

#[tokio::test]
async fn a_collector_behind_tls_is_trusted_by_the_authority_in_ssl_cert_file() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let collector = TraceCollector::start().await?;
    let front = TlsFront::start(&collector.url(), lab.folder()).await?;
    let mut options = sending_to(&lab, &front.url()).options().clone();
    options.environment.push(("SSL_CERT_FILE".to_owned(), front.certificate().display().to_string()));
    let operator = lab.operator().another(options);
    operator.start().await?;
    let site = lab.site("tls-collector").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    operator.stop().await?;
    ensure!(collector.spans().iter().any(|span| span.name == "reconcile"), "no span arrived");
    lab.operator().start().await?;
    network.delete_and_wait().await
}

#[tokio::test]
async fn a_collector_that_is_away_delays_nothing_and_is_logged_once() -> Result<()> {
    let lab = Lab::real_exclusive().await?;
    lab.operator().kill().await?;
    let collector = TraceCollector::start().await?;
    let url = collector.url();
    drop(collector);
    let before = lab.operator().log()?.len();
    let operator = sending_to(&lab, &url);
    operator.start().await?;
    let site = lab.site("no-collector").await?;
    let network = site.network("tokyo").apply().await?;
    network.until_ready().await?;
    network.delete_and_wait().await?;
    ensure!(operator.stop().await? == Some(0));
    let log = operator.log()?;
    assert_eq!(log[before..].matches("the collector of traces does not accept them").count(), 1, "{}", &log[before..]);
    lab.operator().start().await
}
