//! Executes one AWS call, answers it, and applies an injected fault.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Response, StatusCode},
};

use super::{
    call::{self, Call, Refusal},
    connection::Connection,
    faults::{Fault, FaultKind},
    reply::Reply,
    shared::Shared,
};
use crate::world::{action::Service, error::AwsError};

/// The maximum size of a request; the largest real request contains a policy of 20,480 characters.
const LARGEST_REQUEST: usize = 1 << 20;

/// Answers one AWS call.
pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        let mut response = Response::new(Body::from("the request is too large"));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    let request_id = shared.next_request_id();
    match call::read(&parts, &body) {
        Ok(call) => carry_out(&shared, &connection, &request_id, &call).await,
        Err(Refusal { service, error }) => {
            shared.record_unread(service, &error);
            Reply::new(service, "", &request_id, Err(error)).whole()
        }
    }
}

async fn carry_out(shared: &Shared, connection: &Connection, request_id: &str, call: &Call) -> Response<Body> {
    let reply = |outcome| Reply::new(call.service, &call.action, request_id, outcome);
    let caller = match shared.caller(call) {
        Ok(caller) => caller,
        Err(error) => {
            let error = as_service(call.service, error);
            shared.record(None, call, &error.code, None);
            return reply(Err(error)).whole();
        }
    };
    // A test that injects a hold may release it as soon as the call has taken effect, so the wait begins before that.
    let release = shared.releases();
    let fault = shared.strike(&caller, &call.action);
    let kind = fault.as_ref().map(|fault| fault.kind);
    if let Some(fault) = &fault {
        if kind == Some(FaultKind::DropBefore) {
            shared.record(Some(&caller), call, "none", kind);
            connection.cut();
            return Response::new(Body::empty());
        }
        if let Some(error) = instead_of_answer(call.service, fault) {
            shared.record(Some(&caller), call, &error.code, kind);
            return reply(Err(error)).whole();
        }
        if kind == Some(FaultKind::DelaySeconds) {
            tokio::time::sleep(Duration::try_from_secs_f64(fault.seconds).unwrap_or(Duration::ZERO)).await;
        }
    }
    let reply = reply(shared.call(&caller, call, kind));
    match kind {
        None | Some(FaultKind::DelaySeconds) => reply.whole(),
        Some(FaultKind::Garbage) => reply.garbage(),
        Some(FaultKind::Truncate) => reply.half(),
        Some(FaultKind::Hold) => {
            release.next().await;
            reply.whole()
        }
        // All other kinds have returned above.
        Some(
            FaultKind::LoseAnswer
            | FaultKind::DropBefore
            | FaultKind::Throttle
            | FaultKind::Error500
            | FaultKind::Error503
            | FaultKind::Error,
        ) => {
            connection.cut();
            reply.whole()
        }
    }
}

/// Returns the error for unknown credentials, whose code differs from service to service. Source: "Common errors" of
/// each API Reference.
pub(super) fn as_service(service: Service, error: AwsError) -> AwsError {
    match service {
        Service::Ec2 => error,
        Service::Route53 | Service::Sts => {
            AwsError::new("InvalidClientTokenId", "The security token included in the request is invalid.")
        }
        Service::Mgn | Service::Resolver => {
            AwsError::new("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
    }
}

/// Returns the error that a fault of such a kind returns instead of the call's answer.
pub(super) fn instead_of_answer(service: Service, fault: &Fault) -> Option<AwsError> {
    let (throttled, internal, unavailable) = match service {
        Service::Ec2 => ("RequestLimitExceeded", "InternalError", "Unavailable"),
        Service::Route53 | Service::Sts => ("Throttling", "InternalFailure", "ServiceUnavailable"),
        Service::Mgn => ("ThrottlingException", "InternalServerException", "ServiceUnavailable"),
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
