//! The schemas of AWS tags.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::rules::rule;

/// AWS admits these characters in tags of every service.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const TAG_CHARACTERS: &str = r"^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$";

/// Tags by which AWS resources are selected. Keys that AWS itself writes (`aws:…`) may select.
pub(in crate::api) fn selector_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 10,
        "additionalProperties": { "type": "string", "maxLength": 256 },
        "x-kubernetes-validations": [
            tag_key_length(),
            // Filters of EC2's Describe calls take these as wildcards and escapes.
            rule(
                r"self.all(k, !k.matches('[*?\\\\]') && !self[k].matches('[*?\\\\]'))",
                "must not contain '*', '?' or '\\', which AWS takes as wildcards; write keys and values of `tags` in full",
            ),
        ],
    })
}

/// Tags that the operator puts on what it makes.
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
                "must not have keys that begin with 'mgnet.dev/', by which the operator knows what it owns; rename the \
                 key in `tags`",
            ),
            rule(
                format!("self.all(k, k.matches('{TAG_CHARACTERS}') && self[k].matches('{TAG_CHARACTERS}'))"),
                "must consist of letters, digits, spaces and '_.:/=+-@', which is what AWS admits; correct the keys and \
                 values of `tags`",
            ),
        ],
    })
}

fn tag_key_length() -> Value {
    rule(
        "self.all(k, size(k) >= 1 && size(k) <= 128)",
        "must have keys of 1 to 128 characters; correct the keys of `tags`",
    )
}

/// The tags that hold after the class's: the network's and the class's may differ in every key.
pub(in crate::api) fn settings_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 80,
        "additionalProperties": { "type": "string", "maxLength": 256 },
    })
}
