//! The error responses of the API server.

use serde_json::{Value, json};

/// The refusal of a request. Source of codes and reasons: Kubernetes, `apimachinery/pkg/api/errors`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    reason: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { code: 400, reason: "BadRequest", message: message.into() }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self { code: 403, reason: "Forbidden", message: message.into() }
    }

    pub(super) fn not_found(plural: &str, name: &str) -> Self {
        Self { code: 404, reason: "NotFound", message: format!("{plural} \"{name}\" not found") }
    }

    pub(super) fn not_served(path: &str) -> Self {
        Self { code: 404, reason: "NotFound", message: format!("the server could not find '{path}'") }
    }

    pub(super) fn already_exists(plural: &str, name: &str) -> Self {
        Self { code: 409, reason: "AlreadyExists", message: format!("{plural} \"{name}\" already exists") }
    }

    pub(super) fn conflict(plural: &str, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {plural} \"{name}\": the object has been modified; please apply your \
             changes to the latest version and try again"
        );
        Self { code: 409, reason: "Conflict", message }
    }

    pub(super) fn unsupported_media_type(content_type: &str) -> Self {
        let message = format!("the body of the request was in an unknown format: '{content_type}'");
        Self { code: 415, reason: "UnsupportedMediaType", message }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { code: 422, reason: "Invalid", message: message.into() }
    }

    /// Returns the body of the response.
    pub(super) fn status(&self) -> Value {
        let Self { code, reason, message } = self;
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        })
    }
}
