//! The schema of `status.conditions`.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::api::conditions::{MAX_CONDITIONS, MAX_MESSAGE_LENGTH};

/// The schema of the conditions of a status, with the bounds that `metav1.Condition` has in CRDs generated from Go.
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
                    "description": "The type of the condition.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 316,
                },
                "status": {
                    "description": "The status of the condition.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "description": "The generation of the spec that the condition describes.",
                    "type": "integer",
                    "format": "int64",
                },
                "lastTransitionTime": {
                    "description": "The time at which `status` last changed.",
                    "type": "string",
                    "format": "date-time",
                },
                "reason": {
                    "description": "The reason for the status, as one word that does not change between releases.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "The explanation for people: the problem, and the action to take.",
                    "type": "string",
                    "maxLength": MAX_MESSAGE_LENGTH,
                },
            },
        },
    })
}
