//! The schema of `status.conditions`.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::api::conditions::{MAX_CONDITIONS, MAX_MESSAGE_LENGTH};

/// The conditions of a status, bounded as `metav1.Condition` is in CRDs that come from Go.
pub(in crate::api) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MAX_CONDITIONS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "description": "What the condition is about.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 316,
                },
                "status": {
                    "description": "Whether it holds.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "description": "The generation of the spec that the condition is about.",
                    "type": "integer",
                    "format": "int64",
                },
                "lastTransitionTime": {
                    "description": "When `status` last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "reason": {
                    "description": "Why it has this status, in one word that does not change between versions.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "The same for people: what is the matter, and what to do.",
                    "type": "string",
                    "maxLength": MAX_MESSAGE_LENGTH,
                },
            },
        },
    })
}
