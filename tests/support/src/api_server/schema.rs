//! The changes that the API server makes to an object by its CRD's schema before it stores it, pruning and defaults, and
//! the bounds that it enforces: sizes of lists, maps and strings.

use serde_json::{Map, Value};

use crate::kubernetes::repository;

/// Returns the schema of the version that a CRD of `crds/` serves.
///
/// # Panics
/// If the repository has no such file.
#[allow(clippy::expect_used, reason = "without the CRDs there is nothing to test")]
pub(super) fn of_crd(plural: &str) -> Value {
    let path = repository().join(format!("crds/mgnet.dev_{plural}.yaml"));
    let text = std::fs::read_to_string(&path).expect("a generated CRD");
    let crd: Value = serde_saphyr::from_str(&text).expect("a CRD is YAML");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// Returns the schema of a field of an object; null if the field is unknown.
pub(super) fn field<'a>(schema: &'a Value, name: &str) -> &'a Value {
    static NONE: Value = Value::Null;
    let known = schema.get("properties").and_then(|properties| properties.get(name));
    known.or_else(|| schema.get("additionalProperties")).unwrap_or(&NONE)
}

/// Removes nulls, and fields that the schema does not contain. Without a schema, nothing is removed.
///
/// Source: Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions", "Field pruning" and
/// "Defaulting and Nullable".
pub(super) fn prune(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) if is_structured(schema) => {
            members.retain(|name, value| !value.is_null() && !field(schema, name).is_null());
            members.iter_mut().for_each(|(name, value)| prune(field(schema, name), value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prune(&schema["items"], item)),
        _ => {}
    }
}

fn is_structured(schema: &Value) -> bool {
    schema.get("properties").is_some() || schema.get("additionalProperties").is_some_and(Value::is_object)
}

/// Sets the defaults of absent fields.
pub(super) fn set_defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, property) in schema["properties"].as_object().unwrap_or(&Map::new()) {
                if let Some(default) = property.get("default") {
                    members.entry(name.clone()).or_insert_with(|| default.clone());
                }
            }
            members.iter_mut().for_each(|(name, value)| set_defaults(field(schema, name), value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_defaults(&schema["items"], item)),
        _ => {}
    }
}

/// Returns the first bound that a value exceeds, in the words of the API server.
pub(super) fn exceeded_bound(schema: &Value, value: &Value, path: &str) -> Option<String> {
    let most = |bound: &str| schema.get(bound).and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
    let excess = |bound: &str, size: usize| most(bound).filter(|most| size > *most);
    match value {
        Value::Object(members) => excess("maxProperties", members.len())
            .map(|most| format!("{path}: Too many: {}: must have at most {most} items", members.len()))
            .or_else(|| {
                let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                members.iter().find_map(|(name, value)| exceeded_bound(field(schema, name), value, &below(name)))
            }),
        Value::Array(items) => excess("maxItems", items.len())
            .map(|most| format!("{path}: Too many: {}: must have at most {most} items", items.len()))
            .or_else(|| {
                let mut items = items.iter().enumerate();
                items.find_map(|(index, item)| exceeded_bound(&schema["items"], item, &format!("{path}[{index}]")))
            }),
        Value::String(text) => excess("maxLength", text.chars().count())
            .map(|most| format!("{path}: Too long: may not be more than {most} bytes")),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_are_pruned_and_absent_fields_get_their_defaults() {
        let schema = json!({ "properties": {
            "spec": { "properties": { "known": { "type": "string" }, "tags": { "additionalProperties": {} } } },
            "status": { "default": { "conditions": [] }, "properties": { "conditions": { "type": "array" } } },
        } });
        let mut value = json!({ "spec": { "known": null, "unknown": 1, "tags": { "any": "thing" } } });
        prune(&schema, &mut value);
        set_defaults(&schema, &mut value);
        assert_eq!(value, json!({ "spec": { "tags": { "any": "thing" } }, "status": { "conditions": [] } }));
    }

    #[test]
    fn the_first_exceeded_bound_is_reported_with_its_path() {
        let text = json!({ "type": "string", "maxLength": 3 });
        let schema = json!({ "properties": { "status": { "properties": {
            "list": { "maxItems": 1, "items": text }, "map": { "maxProperties": 1, "additionalProperties": text },
        } } } });
        let exceeded = |status: Value| exceeded_bound(&schema, &json!({ "status": status }), "");
        assert_eq!(exceeded(json!({ "list": ["abc"], "map": { "a": "abc" } })), None);
        for (status, path) in [
            (json!({ "list": ["a", "b"] }), "status.list: Too many: 2"),
            (json!({ "list": ["abcd"] }), "status.list[0]: Too long"),
            (json!({ "map": { "a": "a", "b": "b" } }), "status.map: Too many: 2"),
            (json!({ "map": { "a": "abcd" } }), "status.map.a: Too long"),
        ] {
            assert!(exceeded(status.clone()).is_some_and(|text| text.starts_with(path)), "{status}");
        }
    }
}
