//! One call of AWS: told apart, carried out, answered, and spoiled if a fault was ordered for it.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Response, StatusCode, header::{CONTENT_LENGTH, CONTENT_TYPE}},
};
use serde_json::Value;

use super::{
    connection::Connection,
    credentials,
    faults::{Fault, FaultKind},
    journal::{Entry, seconds},
    json, query,
    shared::Shared,
};
use crate::world::{World, action::Service, caller::Caller, error::AwsError};

/// The largest request that is read; the largest real one is a policy of 20,480 characters.
const LARGEST_REQUEST: usize = 1 << 20;

/// A call that was read.
struct Call {
    service: Service,
    action: String,
    parameters: Value,
    access_key: String,
    region: String,
}

/// A call that could not be read, and the protocol in which to say so.
struct Refusal {
    service: Service,
    error: AwsError,
}

/// Answers one call of AWS.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        return respond(StatusCode::PAYLOAD_TOO_LARGE, "text/plain", "the request is too large".to_owned());
    };
    let number = shared.next_number();
    let request_id = format!("{number:08x}-0000-4000-8000-{number:012x}");
    match read(&parts.headers, parts.uri.query(), &body) {
        Ok(call) => carry_out(&shared, &connection, number, &request_id, call).await,
        Err(Refusal { service, error }) => {
            shared.write(Entry {
                number,
                time: shared.with_world(|world| seconds(world.now())),
                account: String::new(),
                region: String::new(),
                service: Some(service),
                action: String::new(),
                parameters: Value::Null,
                outcome: error.code.to_string(),
                fault: None,
            });
            write_error(service, &request_id, &error)
        }
    }
}

fn read(headers: &HeaderMap, uri_query: Option<&str>, body: &Bytes) -> Result<Call, Refusal> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let by_scope = credentials::scope(headers);
    let service = match (target, &by_scope) {
        (Some(_), _) => Service::Resolver,
        (None, Ok(scope)) if scope.service == "sts" => Service::Sts,
        (None, _) => Service::Ec2,
    };
    let refuse = |error| Refusal { service, error };
    let scope = by_scope.map_err(refuse)?;
    if let Some(target) = target {
        return Ok(Call {
            service,
            action: json::action(target).map_err(refuse)?.to_owned(),
            parameters: json::read(body).map_err(refuse)?,
            access_key: scope.access_key,
            region: scope.region,
        });
    }
    let form = if body.is_empty() { uri_query.unwrap_or_default().as_bytes() } else { body };
    let query::Query { action, parameters } = query::read(form).map_err(refuse)?;
    let service = match scope.service.as_str() {
        "ec2" | "sts" => service,
        _ => World::service_of(&action).unwrap_or(service),
    };
    Ok(Call { service, action, parameters, access_key: scope.access_key, region: scope.region })
}

async fn carry_out(
    shared: &Shared,
    connection: &Connection,
    number: u64,
    request_id: &str,
    call: Call,
) -> Response<Body> {
    let caller = match shared.with_world(|world| world.identities().caller(&call.access_key, &call.region)) {
        Ok(caller) => caller,
        Err(error) => {
            let error = as_service(call.service, error);
            let nobody = Caller { account: String::new(), region: call.region.clone(), arn: String::new() };
            record(shared, number, &nobody, &call, error.code.to_string(), None);
            return write_error(call.service, request_id, &error);
        }
    };
    let fault = shared.strike(&caller.account, &caller.region, &call.action);
    if let Some(fault) = &fault {
        if fault.kind == FaultKind::DropBefore {
            record(shared, number, &caller, &call, "none".to_owned(), Some(fault));
            connection.cut();
            return respond(StatusCode::OK, "text/plain", String::new());
        }
        if let Some(error) = instead_of_answer(call.service, fault) {
            record(shared, number, &caller, &call, error.code.to_string(), Some(fault));
            return write_error(call.service, request_id, &error);
        }
        if fault.kind == FaultKind::DelaySeconds {
            tokio::time::sleep(Duration::try_from_secs_f64(fault.seconds).unwrap_or(Duration::ZERO)).await;
        }
    }
    let outcome = shared.with_world(|world| world.call(&caller, call.service, &call.action, &call.parameters));
    let word = outcome.as_ref().map_or_else(|error| error.code.to_string(), |_| "ok".to_owned());
    record(shared, number, &caller, &call, word, fault.as_ref());
    let (status, kind, body) = match outcome {
        Ok(answer) => write(call.service, &call.action, request_id, answer),
        Err(error) => error_parts(call.service, request_id, &error),
    };
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::LoseAnswer) => {
            connection.cut();
            respond(status, kind, body)
        }
        Some(FaultKind::Garbage) => respond(StatusCode::OK, kind, "<html>}{ this is no answer".to_owned()),
        Some(FaultKind::Truncate) => respond_in_part(status, kind, &body),
        Some(FaultKind::Hold) => {
            shared.released().await;
            respond(status, kind, body)
        }
        Some(
            FaultKind::DelaySeconds
            | FaultKind::DropBefore
            | FaultKind::Throttle
            | FaultKind::Error500
            | FaultKind::Error503
            | FaultKind::Error,
        )
        | None => respond(status, kind, body),
    }
}

fn record(shared: &Shared, number: u64, caller: &Caller, call: &Call, outcome: String, fault: Option<&Fault>) {
    shared.write(Entry {
        number,
        time: shared.with_world(|world| seconds(world.now())),
        account: caller.account.clone(),
        region: caller.region.clone(),
        service: Some(call.service),
        action: call.action.clone(),
        parameters: call.parameters.clone(),
        outcome,
        fault: fault.map(|fault| fault.kind.as_str()),
    });
}

/// The code for unknown credentials differs from service to service. Source: "Common errors" of each API Reference.
fn as_service(service: Service, error: AwsError) -> AwsError {
    match service {
        Service::Ec2 => error,
        Service::Sts => AwsError::new("InvalidClientTokenId", "The security token included in the request is invalid."),
        Service::Resolver => {
            AwsError::new("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
    }
}

/// The error that a fault answers in place of the call, if it is of that kind.
fn instead_of_answer(service: Service, fault: &Fault) -> Option<AwsError> {
    let (throttled, internal, unavailable) = match service {
        Service::Ec2 => ("RequestLimitExceeded", "InternalError", "Unavailable"),
        Service::Sts => ("Throttling", "InternalFailure", "ServiceUnavailable"),
        Service::Resolver => ("ThrottlingException", "InternalServiceErrorException", "ServiceUnavailable"),
    };
    match fault.kind {
        FaultKind::Throttle => Some(AwsError::new(throttled, "Request limit exceeded.")),
        FaultKind::Error500 => Some(AwsError::new(internal, "An internal error has occurred")),
        FaultKind::Error503 => Some(AwsError::new(unavailable, "Service is unavailable.")),
        FaultKind::Error => Some(AwsError::new(
            fault.code.clone().unwrap_or_else(|| "UnauthorizedOperation".to_owned()),
            fault.message.clone().unwrap_or_else(|| "You are not authorized to perform this operation.".to_owned()),
        )),
        FaultKind::DropBefore
        | FaultKind::LoseAnswer
        | FaultKind::DelaySeconds
        | FaultKind::Garbage
        | FaultKind::Truncate
        | FaultKind::Hold => None,
    }
}

/// A status, a content type and a body.
type Parts = (StatusCode, &'static str, String);

const XML: &str = "text/xml;charset=UTF-8";
const JSON: &str = "application/x-amz-json-1.1";

fn write(service: Service, action: &str, request_id: &str, answer: Value) -> Parts {
    match service {
        Service::Ec2 | Service::Sts => (StatusCode::OK, XML, query::write(service, action, request_id, &answer)),
        Service::Resolver => (StatusCode::OK, JSON, json::write(answer)),
    }
}

fn error_parts(service: Service, request_id: &str, error: &AwsError) -> Parts {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match service {
        Service::Ec2 | Service::Sts => (status, XML, query::write_error(service, request_id, error)),
        Service::Resolver => (status, JSON, json::write_error(error)),
    }
}

fn write_error(service: Service, request_id: &str, error: &AwsError) -> Response<Body> {
    let (status, kind, body) = error_parts(service, request_id, error);
    respond(status, kind, body)
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(kind));
    response
}

/// Announces the whole answer, sends half of it, and breaks off.
fn respond_in_part(status: StatusCode, kind: &'static str, body: &str) -> Response<Body> {
    let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut on request");
    let mut response = respond(status, kind, String::new());
    *response.body_mut() = Body::from_stream(futures::stream::iter([Ok(half), Err(broken)]));
    response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
    response
}
