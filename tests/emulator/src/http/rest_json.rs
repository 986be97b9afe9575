//! The REST protocol of MGN: the path is the action, and bodies are JSON.
//!
//! Source: Smithy, "AWS restJson1 protocol"; botocore, `mgn/2020-02-26/service-2.json`: paths and statuses.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::json;
use crate::world::error::AwsError;

/// The header with the code of an error.
pub(super) const ERROR_TYPE: &str = "x-amzn-errortype";

/// Returns the action that a request names. Every action is a POST to its own name.
pub(super) fn action<'a>(method: &Method, path: &'a str) -> Result<&'a str, AwsError> {
    let unknown = || {
        let message = format!("{method} {path} is not an operation of this service.");
        AwsError::new("UnknownOperationException", message)
    };
    path.strip_prefix('/').filter(|_| method == Method::POST).ok_or_else(unknown)
}

/// Returns the status of a success.
pub(super) fn success(action: &str) -> StatusCode {
    match action {
        "CreateReplicationConfigurationTemplate" => StatusCode::CREATED,
        "DeleteReplicationConfigurationTemplate" | "InitializeService" => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    }
}

/// Returns the status of an error.
pub(super) fn failure(error: &AwsError) -> u16 {
    match &*error.code {
        "AccessDeniedException" | "UnrecognizedClientException" => 403,
        "ResourceNotFoundException" | "UnknownOperationException" => 404,
        "ThrottlingException" => 429,
        "InternalServerException" => 500,
        _ => error.status(),
    }
}

/// Writes an answer, which has no body if its status says so.
pub(super) fn write(action: &str, answer: Value) -> String {
    if success(action) == StatusCode::NO_CONTENT { String::new() } else { json::write(answer) }
}

/// Writes an error answer. Its code is also in the header [`ERROR_TYPE`].
pub(super) fn write_error(error: &AwsError) -> String {
    json!({ "code": error.code, "message": error.message }).to_string()
}
