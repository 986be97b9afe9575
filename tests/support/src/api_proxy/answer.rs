//! One call: it is forwarded and answered, or it gets a fault.

use std::io;

use futures::StreamExt;
use futures::channel::mpsc;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use kube::client::Body;
use serde_json::{Value, json};

use super::Shared;
use super::call::{ApiCall, Verb};
use super::fault::ApiFault;
use super::watches;

type Answer = Response<UnsyncBoxBody<Bytes, io::Error>>;

/// A page that proxies answer to any client.
const HTML_PAGE: &str = "<html><body><h1>It works!</h1></body></html>\n";

/// Answers a call. An error ends its connection.
pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> io::Result<Answer> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let call = ApiCall::new(&parts.method, &parts.uri, &body);
    let verb = call.site.verb;
    let fault = {
        let mut settings = shared.settings();
        let is_too_old = call.watched_from().zip(settings.compacted).is_some_and(|(from, compacted)| from <= compacted);
        let fault = if is_too_old { Some(ApiFault::Refuse(410)) } else { settings.orders.take_due(&call) };
        settings.calls.push(call);
        parts.uri = upstream_uri(&parts.uri, verb, settings.lists_as_of, settings.page);
        fault
    };
    match fault {
        Some(ApiFault::Refuse(status)) => return refusal(status, verb),
        Some(ApiFault::Expire) => {
            let event = format!("{}\n", json!({ "type": "ERROR", "object": status_object(410, verb) }));
            return Response::builder().body(full(event)).map_err(io::Error::other);
        }
        Some(ApiFault::Silence(time)) => {
            tokio::time::sleep(time).await;
            return Err(connection_closed());
        }
        Some(ApiFault::RefuseDone(_) | ApiFault::LoseAnswer | ApiFault::Cut | ApiFault::Garbage) | None => {}
    }
    parts.headers.remove(header::HOST);
    let upstream = shared.upstream.send(Request::from_parts(parts, Body::from(body)));
    let (mut parts, body) = upstream.await.map_err(io::Error::other)?.into_parts();
    if verb == Verb::Watch && parts.status.is_success() {
        if let Some(fault) = fault {
            return faulty_answer(
                fault,
                verb,
                &Bytes::from_static(br#"{"type":"MODIFIED","object":{"kind":"Nothing","#),
            );
        }
        let (lines, events) = mpsc::unbounded();
        tokio::spawn(watches::forward(body, lines, shared.conduct.subscribe(), shared.resets.subscribe()));
        return Ok(Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(events))));
    }
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if let Some(fault) = fault {
        return faulty_answer(fault, verb, &body);
    }
    parts.headers.remove(header::TRANSFER_ENCODING);
    Ok(Response::from_parts(parts, full(body)))
}

/// Returns the URI that is sent upstream. A list gets the `resourceVersion` that it is answered as of, and a list in
/// pages gets the size of its pages.
fn upstream_uri(uri: &Uri, verb: Verb, lists_as_of: Option<u64>, page: Option<u32>) -> Uri {
    let mut query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    if let (Verb::List, Some(version)) = (verb, lists_as_of) {
        query.retain(|(name, _)| name != "resourceVersion" && name != "resourceVersionMatch");
        query.push(("resourceVersion".to_owned(), version.to_string()));
        query.push(("resourceVersionMatch".to_owned(), "Exact".to_owned()));
    }
    for (_, limit) in query.iter_mut().filter(|(name, _)| name == "limit") {
        if let Some(page) = page {
            *limit = page.to_string();
        }
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let target = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    // The path was valid before.
    target.parse().unwrap_or_else(|_| uri.clone())
}

fn connection_closed() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn full(body: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Returns the faulty answer to a call that had its effect.
fn faulty_answer(fault: ApiFault, verb: Verb, body: &Bytes) -> io::Result<Answer> {
    match fault {
        ApiFault::RefuseDone(status) | ApiFault::Refuse(status) => refusal(status, verb),
        ApiFault::LoseAnswer | ApiFault::Silence(_) | ApiFault::Expire => Err(connection_closed()),
        ApiFault::Garbage => {
            let html = HeaderValue::from_static("text/html");
            Ok(Response::builder()
                .header(header::CONTENT_TYPE, html)
                .body(full(HTML_PAGE))
                .map_err(io::Error::other)?)
        }
        ApiFault::Cut => {
            let length = body.len().max(2);
            let half = futures::stream::iter([Ok(Frame::data(body.slice(..body.len() / 2)))]);
            let end = futures::stream::once(async {
                // Long enough for the first half to be sent.
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                Err(connection_closed())
            });
            let answer = Response::builder().header(header::CONTENT_TYPE, "application/json");
            let answer = answer.header(header::CONTENT_LENGTH, length);
            answer.body(StreamBody::new(half.chain(end)).boxed_unsync()).map_err(io::Error::other)
        }
    }
}

/// Returns the `Status` object of a refusal, as the API server writes it (`k8s.io/apimachinery/pkg/api/errors`).
fn status_object(status: u16, verb: Verb) -> Value {
    let reason = match (status, verb) {
        (401, _) => "Unauthorized",
        (403, _) => "Forbidden",
        (404, _) => "NotFound",
        (409, Verb::Create) => "AlreadyExists",
        (409, _) => "Conflict",
        (410, _) => "Expired",
        (422, _) => "Invalid",
        (429, _) => "TooManyRequests",
        (503, _) => "ServiceUnavailable",
        (504, _) => "Timeout",
        _ => "InternalError",
    };
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("ordered by a test: {reason}"),
        "reason": reason,
        "code": status,
    })
}

fn refusal(status: u16, verb: Verb) -> io::Result<Answer> {
    let mut answer = Response::builder()
        .status(StatusCode::from_u16(status).map_err(io::Error::other)?)
        .header(header::CONTENT_TYPE, "application/json");
    if status == 429 || status == 503 {
        answer = answer.header(header::RETRY_AFTER, "1");
    }
    answer.body(full(status_object(status, verb).to_string())).map_err(io::Error::other)
}
