//! The JSON 1.1 protocol of Route 53 Resolver.

use serde_json::{Value, json};

use crate::world::error::AwsError;

/// The prefix of the `X-Amz-Target` header.
const TARGET: &str = "Route53Resolver.";

/// Returns the action that a target names.
///
/// Source: Smithy, "AWS JSON 1.1 protocol".
pub(super) fn action(target: &str) -> Result<&str, AwsError> {
    target
        .strip_prefix(TARGET)
        .ok_or_else(|| AwsError::new("UnknownOperationException", format!("The target {target} is not known")))
}

/// Parses a body; a missing body is an empty object.
pub(super) fn read(body: &[u8]) -> Result<Value, AwsError> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| AwsError::new("SerializationException", error.to_string()))
}

/// Writes an answer. Members without a value are left out, like in AWS.
pub(super) fn write(mut answer: Value) -> String {
    drop_nulls(&mut answer);
    answer.to_string()
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, child| !child.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Writes an error answer.
pub(super) fn write_error(error: &AwsError) -> String {
    json!({ "__type": error.code, "Message": error.message }).to_string()
}
