//! A collector of OpenTelemetry traces, which receives OTLP over HTTP.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A span that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSpan {
    /// The name of the span.
    pub name: String,
    /// The ID of the trace.
    pub trace: Vec<u8>,
    /// The ID of the span.
    pub id: Vec<u8>,
    /// The ID of the parent; empty for a root.
    pub parent: Vec<u8>,
    /// The attributes that are strings or numbers, as text.
    pub attributes: BTreeMap<String, String>,
    /// The names of the events.
    pub events: Vec<String>,
    /// The attributes of the process that sent it.
    pub resource: BTreeMap<String, String>,
}

type Spans = Arc<Mutex<Vec<TraceSpan>>>;

/// A running collector. It belongs to the runtime in which it was started, and stops when this value is dropped.
pub struct TraceCollector {
    address: SocketAddr,
    spans: Spans,
    server: JoinHandle<std::io::Result<()>>,
}

impl TraceCollector {
    /// Starts a collector.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, spans) = (listener.local_addr()?, Spans::default());
        let router = Router::new().route("/v1/traces", post(receive)).with_state(spans.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, spans, server })
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the spans that were received so far.
    pub fn spans(&self) -> Vec<TraceSpan> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TraceCollector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Receives one request. Source of the protocol: OTLP 1.x, section "OTLP/HTTP", binary Protobuf encoding.
async fn receive(State(spans): State<Spans>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_binary = headers.get(header::CONTENT_TYPE).is_some_and(|type_| type_ == "application/x-protobuf");
    let Some(request) = ExportTraceServiceRequest::decode(body).ok().filter(|_| is_binary) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for group in request.resource_spans {
        let resource = attributes(group.resource.map(|resource| resource.attributes).unwrap_or_default());
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(TraceSpan {
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                attributes: attributes(span.attributes),
                events: span.events.into_iter().map(|event| event.name).collect(),
                resource: resource.clone(),
            });
        }
    }
    StatusCode::OK
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    all.into_iter().filter_map(|one| Some((one.key, text(one.value?.value?)?))).collect()
}
