//! Answers to the client, complete or spoiled by a fault.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderName, HeaderValue, Response, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use futures::{StreamExt as _, stream};
use serde_json::Value;

use super::{json, query, rest, rest_json};
use crate::world::{action::Service, error::AwsError};

/// An answer in the protocol of its service.
pub(super) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    request_id: HeaderValue,
    /// The code of an error, in a protocol that has it in a header.
    error_type: Option<HeaderValue>,
    body: String,
}

impl Reply {
    /// The answer of a call.
    pub(super) fn new(service: Service, action: &str, request_id: &str, outcome: Result<Value, AwsError>) -> Self {
        let status = match (service, &outcome) {
            (Service::Mgn, Ok(_)) => rest_json::success(action).as_u16(),
            (Service::Mgn, Err(error)) => rest_json::failure(error),
            (_, Ok(_)) => success(action).as_u16(),
            (_, Err(error)) => error.status(),
        };
        let error_type = match (service, &outcome) {
            (Service::Mgn, Err(error)) => HeaderValue::from_str(&error.code).ok(),
            _ => None,
        };
        let (content_type, body) = match (service, outcome) {
            (Service::Ec2 | Service::Sts, Ok(answer)) => (XML, query::write(service, action, request_id, &answer)),
            (Service::Ec2 | Service::Sts, Err(error)) => (XML, query::write_error(service, request_id, &error)),
            (Service::Route53, Ok(answer)) => (XML, rest::write(action, &answer)),
            (Service::Route53, Err(error)) => (XML, rest::write_error(request_id, &error)),
            (Service::Mgn, Ok(answer)) => (REST_JSON, rest_json::write(action, answer)),
            (Service::Mgn, Err(error)) => (REST_JSON, rest_json::write_error(&error)),
            (Service::Resolver, Ok(answer)) => (JSON, json::write(answer)),
            (Service::Resolver, Err(error)) => (JSON, json::write_error(&error)),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let request_id = HeaderValue::from_str(request_id).unwrap_or(HeaderValue::from_static(""));
        Self { status, content_type, request_id, error_type, body }
    }

    /// Returns the complete answer.
    pub(super) fn whole(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        response.headers_mut().insert(REQUEST_ID, self.request_id);
        if let Some(error_type) = self.error_type {
            response.headers_mut().insert(rest_json::ERROR_TYPE, error_type);
        }
        response
    }

    /// Returns the status, content type and body.
    pub(super) fn into_parts(self) -> (StatusCode, &'static str, String) {
        (self.status, self.content_type, self.body)
    }

    /// Returns a success whose body cannot be parsed.
    pub(super) fn garbage(self) -> Response<Body> {
        let body = "<html>}{ this is no answer".to_owned();
        Self { status: StatusCode::OK, error_type: None, body, ..self }.whole()
    }

    /// Announces the length of the complete answer, sends half of it, and closes the connection.
    pub(super) fn half(mut self) -> Response<Body> {
        let body = std::mem::take(&mut self.body);
        let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
        let broken = async {
            // The half must be sent before the connection closes, or the client would see no answer at all.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on request"))
        };
        let mut response = self.whole();
        *response.body_mut() = Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(broken)));
        response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        response
    }
}

/// Returns the status of a success. Source: Route 53 API Reference, "Response Syntax" of the actions that create
/// something.
fn success(action: &str) -> StatusCode {
    match action {
        "CreateHostedZone" => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

/// The header of the request ID (AWS SDK for Rust, `aws_types::request_id`; General Reference, "AWS request ID").
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const XML: &str = "text/xml;charset=UTF-8";
const JSON: &str = "application/x-amz-json-1.1";
const REST_JSON: &str = "application/json";
