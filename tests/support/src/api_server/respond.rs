//! The handling of requests.

use std::time::Duration;

use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use kube::client::Body;
use serde_json::{Value, json};

use super::ApiServer;
use super::kinds::Kind;
use super::refusal::Refusal;
use super::request::{RequestPath, Target, parameters};
use super::selector::Selector;
use super::watch::{self, Watched, partial};
use super::write::Write;

/// The time that an answer takes. On virtual time it costs nothing, and it puts the requests in an order.
const LATENCY: Duration = Duration::from_millis(1);

/// How long a watch lasts by default. Source: Kubernetes, `--min-request-timeout`: at least 30 minutes.
const WATCH_TIMEOUT: Duration = Duration::from_mins(30);

type Answer = Response<UnsyncBoxBody<Bytes, std::convert::Infallible>>;

impl ApiServer {
    pub(super) async fn answer(&self, request: Request<Body>) -> Answer {
        tokio::time::sleep(LATENCY).await;
        let (parts, body) = request.into_parts();
        let answer = match body.collect().await {
            Ok(body) => self.respond(&parts, &body.to_bytes()),
            Err(error) => Err(Refusal::bad_request(error.to_string())),
        };
        answer.unwrap_or_else(|refusal| json_answer(refusal.code, &refusal.status()))
    }

    fn respond(&self, parts: &http::request::Parts, body: &[u8]) -> Result<Answer, Refusal> {
        let parameters = parameters(parts.uri.query().unwrap_or_default());
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = match RequestPath::parse(parts.uri.path())? {
            RequestPath::Resource(target) => target,
            RequestPath::Discovery(group, version) => {
                let served = Kind::discovery(&group, &version);
                return served
                    .map(|served| json_answer(200, &served))
                    .ok_or_else(|| Refusal::not_served(parts.uri.path()));
            }
        };
        let write = Write {
            manager: parameter("fieldManager").unwrap_or("unknown"),
            operation: if header(header::CONTENT_TYPE).contains("apply") { "Apply" } else { "Update" },
            is_status: target.is_status,
        };
        let is_partial = header(header::ACCEPT).contains("PartialObjectMetadata");
        let answered = match (&parts.method, &target.name) {
            (&Method::GET, Some(_)) => {
                let object = self.get(&target)?;
                if is_partial { partial(&object) } else { object }
            }
            (&Method::GET, None) => {
                let selector = Selector::parse(parameter("labelSelector"), parameter("fieldSelector"))?;
                if parameter("watch").is_some_and(|watch| matches!(watch, "1" | "true")) {
                    if !selector.selects_all() {
                        return Err(Refusal::bad_request("watches with a selector are not served here"));
                    }
                    let after = parameter("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
                    let lasts = parameter("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
                    let lasts = lasts.map_or(WATCH_TIMEOUT, Duration::from_secs);
                    let Target { kind, namespace, .. } = target;
                    return Ok(self.watch(Watched { kind, namespace, after, lasts, is_partial }));
                }
                self.list(&target, &selector, is_partial)
            }
            (&Method::POST, None) => {
                let object: Value = parse(body)?;
                let mut key = target.key();
                object["metadata"]["name"].as_str().unwrap_or_default().clone_into(&mut key.name);
                let created = self.objects().create(target.kind, key, object, write)?;
                self.notify_watches();
                return Ok(json_answer(201, &created));
            }
            (&Method::PUT, Some(_)) => {
                let object: Value = parse(body)?;
                if target.kind.is_custom && !object["metadata"]["resourceVersion"].is_string() {
                    return Err(Refusal::invalid(
                        "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
                    ));
                }
                Value::clone(&*self.objects().update(target.kind, &target.key(), object, write)?)
            }
            (&Method::PATCH, Some(_)) => self.patch(&target, header(header::CONTENT_TYPE), body, write)?,
            (&Method::DELETE, Some(_)) => {
                let options: Value = if body.is_empty() { Value::Null } else { parse(body)? };
                let deleted = self.objects().delete(target.kind, &target.key(), &options["preconditions"])?;
                deleted.map_or_else(
                    || json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" }),
                    |object| Value::clone(&object),
                )
            }
            _ => return Err(Refusal::bad_request(format!("{} is not served here", parts.method))),
        };
        self.notify_watches();
        Ok(json_answer(200, &answered))
    }

    /// Wakes the watches if objects have changed.
    fn notify_watches(&self) {
        let revision = self.objects().revision();
        self.revisions.send_if_modified(|last| std::mem::replace(last, revision) != revision);
    }

    fn get(&self, target: &Target) -> Result<Value, Refusal> {
        let key = target.key();
        let objects = self.objects();
        let object = objects.get(&key).ok_or_else(|| Refusal::not_found(key.plural, &key.name))?;
        Ok(Value::clone(object))
    }

    fn list(&self, target: &Target, selector: &Selector, is_partial: bool) -> Value {
        let objects = self.objects();
        let items = objects.list(target.kind, target.namespace.as_deref()).map(|(_, object)| object);
        let items = items.filter(|object| selector.selects(object));
        let items: Vec<Value> =
            items.map(|object| if is_partial { partial(object) } else { Value::clone(object) }).collect();
        let (api_version, kind) = if is_partial {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned())
        } else {
            (target.kind.api_version(), format!("{}List", target.kind.name))
        };
        let metadata = json!({ "resourceVersion": objects.revision().to_string() });
        json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items })
    }

    fn patch(&self, target: &Target, content_type: &str, body: &[u8], write: Write<'_>) -> Result<Value, Refusal> {
        let key = target.key();
        let patch: Value = parse(body)?;
        let mut objects = self.objects();
        if content_type.starts_with("application/apply-patch") {
            return Ok(Value::clone(&*objects.apply(target.kind, &key, patch, write)?));
        }
        let before = objects.get(&key).ok_or_else(|| Refusal::not_found(key.plural, &key.name))?;
        let mut object = Value::clone(before);
        match content_type {
            "application/merge-patch+json" => json_patch::merge(&mut object, &patch),
            "application/json-patch+json" => {
                let patch: json_patch::Patch =
                    serde_json::from_value(patch).map_err(|error| Refusal::bad_request(error.to_string()))?;
                json_patch::patch(&mut object, &patch).map_err(|error| Refusal::invalid(error.to_string()))?;
            }
            other => return Err(Refusal::unsupported_media_type(other)),
        }
        Ok(Value::clone(&*objects.update(target.kind, &key, object, write)?))
    }

    fn watch(&self, watched: Watched) -> Answer {
        let mut answer = Response::new(StreamBody::new(watch::stream(self, watched)).boxed_unsync());
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        answer
    }
}

fn parse(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn json_answer(code: u16, value: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}
