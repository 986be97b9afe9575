//! Deserialization of status that another version has written. A newer version may use words that this one does not know, and
//! one such word must not make the whole object unreadable: it could neither be reconciled nor deleted after a rollback.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// Deserializes the entries that can be read, and drops the others.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let all = Vec::<Value>::deserialize(deserializer)?;
    Ok(all.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
}

/// Deserializes a value, which counts as missing if it cannot be read.
pub(super) fn option<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

/// Deserializes a value, or returns another one if it cannot be read.
pub(super) fn or<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D, otherwise: T) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or(otherwise))
}
