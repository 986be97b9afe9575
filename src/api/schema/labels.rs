//! The schemas of Kubernetes labels.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::rules::{matches, rule};

/// The pattern of a label's key: a name and an optional prefix, as Kubernetes validates them.
const LABEL_KEY: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
);

/// The pattern of a label's value, as Kubernetes validates it.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// The schema of the labels of a namespace selector.
pub(in crate::api) fn match_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": label_value_schema(),
        "x-kubernetes-validations": [rule(
            format!("self.all(k, size(k) <= 317 && k.matches('{LABEL_KEY}'))"),
            "must have valid Kubernetes label keys, such as 'example.com/tenant'; correct the keys of `matchLabels`",
        )],
    })
}

/// The schema of the key of a namespace selector's requirement.
pub(in crate::api) fn label_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 317,
        "x-kubernetes-validations": [matches(
            LABEL_KEY,
            "must be a valid Kubernetes label key, such as 'example.com/tenant'; correct `key`",
        )],
    })
}

/// The schema of the values of a namespace selector's requirement.
pub(in crate::api) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "set",
        "items": label_value_schema(),
    })
}

fn label_value_schema() -> Value {
    json!({
        "type": "string",
        "maxLength": 63,
        "x-kubernetes-validations": [matches(
            LABEL_VALUE,
            "must be a valid Kubernetes label value: letters, digits and inner '-_.'; correct it in the `selector`",
        )],
    })
}
