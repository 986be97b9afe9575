//! The schemas of AWS tags.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::rules::{matches, rule};

/// The characters that AWS allows in tags of every service.
const TAG_CHARACTERS: &str = r"^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$";

/// The schema of tags that select AWS resources. Keys that AWS itself writes (`aws:…`) are allowed.
pub(in crate::api) fn selector_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 10,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [
            tag_key_length(),
            // Filters of EC2's Describe calls treat these characters as wildcards and escapes.
            rule(
                r"self.all(k, !k.matches('[*?\\\\]') && !self[k].matches('[*?\\\\]'))",
                "must not contain '*', '?' or '\\', which AWS treats as wildcards; write full keys and values in \
                 `tags`",
            ),
        ],
    })
}

/// The schema of tags that the operator adds to the resources that it creates.
pub(in crate::api) fn resource_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [
            tag_key_length(),
            rule(
                "self.all(k, !k.lowerAscii().startsWith('aws:'))",
                "must not have keys that begin with 'aws:', which AWS reserves for itself; rename the key in `tags`",
            ),
            rule(
                "self.all(k, !k.startsWith('mgnet.dev/'))",
                "must not have keys that begin with 'mgnet.dev/', which marks resources of the operator; rename the \
                 key in `tags`",
            ),
            rule(
                format!("self.all(k, k.matches('{TAG_CHARACTERS}') && self[k].matches('{TAG_CHARACTERS}'))"),
                "must consist of letters, digits, spaces and '_.:/=+-@', which AWS allows in tags; correct the keys \
                 and values of `tags`",
            ),
        ],
    })
}

/// The schema of patterns of tag keys to which a class limits its networks.
pub(in crate::api) fn limited_keys(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 32,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "x-kubernetes-validations": [matches(
                r"^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*[*]?$",
                "must be a tag key, or the beginning of tag keys followed by '*'; correct `tagKeys`",
            )],
        },
    })
}

fn tag_key_length() -> Value {
    rule(
        "self.all(k, size(k) >= 1 && size(k) <= 128)",
        "must have keys of 1 to 128 characters; correct the keys of `tags`",
    )
}

/// The schema of the effective tags. The network's keys and the class's keys may all differ, so there may be twice as
/// many.
pub(in crate::api) fn settings_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 80,
        "additionalProperties": { "type": "string", "maxLength": 256 },
    })
}
