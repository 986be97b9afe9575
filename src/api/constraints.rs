//! The schemas of strings, lists and maps that need more than a type: their bounds, and the CEL rules on what is inside.
//!
//! A rule on an item or on a key cannot be attached to a struct's field by a derive, so each schema is written out here,
//! once, and fields name it with `schema_with`. A rule refuses what can be known to be wrong without asking AWS. Messages
//! have the Kubernetes form: `must …`, fields in back-quotes, values in single quotes, and what to do next.
//!
//! The functions on CIDRs exist in CRDs from Kubernetes 1.31 on, which makes it the oldest release that can be used.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// AWS admits these characters in tags of every service.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const TAG_CHARACTERS: &str = r"^[\\p{L}\\p{Z}\\p{N}_.:/=+@-]*$";

/// A label's name and an optional prefix, as Kubernetes validates them.
const LABEL_KEY: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
);

/// A label's value, as Kubernetes validates it.
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// What can be known of the resolver's two addresses without asking AWS: a rule on whatever has `subnets` and `resolver`.
pub(super) const RESOLVER_NEEDS_TWO_SUBNETS: (&str, &str) = (
    "!(has(self.resolver) && has(self.resolver.mode) && self.resolver.mode == 'Managed' && has(self.subnets) && \
     has(self.subnets.endpoints) && has(self.subnets.endpoints.ids)) || size(self.subnets.endpoints.ids) >= 2",
    "must have two or more `endpoints.ids`, in different zones, while `resolver.mode` is 'Managed'; add a subnet, or set \
     `resolver.mode` to 'Disabled'",
);

fn rule(rule: impl Into<String>, message: impl Into<String>) -> Value {
    json!({ "rule": rule.into(), "message": message.into() })
}

fn matches(pattern: &str, message: &str) -> Value {
    rule(format!("self.matches('{pattern}')"), message)
}

/// Leaves the description of an enum out, so that `kubectl explain` shows that of the field: an optional enum would hide it.
pub(super) fn undescribed(schema: &mut Schema) {
    schema.remove("description");
}

/// The name of a class: that of a Kubernetes object.
pub(super) fn class_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [matches(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            "must be the name of a MigrationNetworkClass: lower-case letters, digits, '-' and '.'; list them with \
             'kubectl get mgnetclass'",
        )],
    })
}

/// The id of a VPC.
pub(super) fn vpc_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 21,
        "x-kubernetes-validations": [matches(
            "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$",
            "must be a VPC id: 'vpc-' and 8 or 17 digits of '0-9a-f'; to select by name, set `tags` in place of `id`",
        )],
    })
}

/// The ids of the VPCs that a class limits its networks to.
pub(super) fn limited_vpcs(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 64,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 21,
            "x-kubernetes-validations": [matches(
                "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$",
                "must be a VPC id: 'vpc-' and 8 or 17 digits of '0-9a-f'; names and tags are no limit, correct `vpcs`",
            )],
        },
    })
}

/// The services that a class limits its networks to.
pub(super) fn limited_services(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 64,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 63,
            "x-kubernetes-validations": [matches(
                r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
                "must be the last part of a service's name, such as 'mgn' of 'com.amazonaws.ap-northeast-1.mgn'; correct \
                 `services`",
            )],
        },
    })
}

/// The ids of subnets.
pub(super) fn subnet_ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 16,
        "x-kubernetes-list-type": "set",
        "items": aws_id("subnet", "to select by name, set `tags` in place of `ids`"),
    })
}

/// The id of one subnet.
pub(super) fn subnet_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("subnet", "correct `subnetID`")).unwrap_or_default()
}

/// The id of a VPC endpoint.
pub(super) fn endpoint_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("vpce", "correct `endpointID`")).unwrap_or_default()
}

/// The id of a Route 53 Resolver inbound endpoint.
pub(super) fn resolver_endpoint_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("rslvr-in", "correct `endpointID`")).unwrap_or_default()
}

/// The id of a security group.
pub(super) fn security_group_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("sg", "correct `id`")).unwrap_or_default()
}

/// The ids of security groups: at most as many as a network interface can have at first (Amazon VPC quotas).
pub(super) fn security_group_ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 5,
        "x-kubernetes-list-type": "set",
        "items": aws_id("sg", "correct `ids`"),
    })
}

/// AWS ids are a prefix and 8 or 17 hexadecimal digits.
fn aws_id(prefix: &str, remedy: &str) -> Value {
    json!({
        "type": "string",
        "maxLength": prefix.len() + 18,
        "x-kubernetes-validations": [matches(
            &format!("^{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})$"),
            &format!("must be an id of the form '{prefix}-' and 8 or 17 digits of '0-9a-f'; {remedy}"),
        )],
    })
}

/// The short name of an AWS service.
pub(super) fn service(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 48,
        "x-kubernetes-validations": [matches(
            "^[a-z0-9][a-z0-9.-]*$",
            "must be a service in short, such as 'kms': lower-case letters, digits, '.' and '-', without \
             'com.amazonaws' and Region; correct `service`",
        ), rule(
            "!self.contains('amazonaws.')",
            "must be only what follows the Region in the service's name, such as 'kms'; shorten `service`",
        )],
    })
}

/// One private IPv4 address.
pub(super) fn ipv4_address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        // The length of an IPv6 address, to name one in the message that refuses it.
        "maxLength": 39,
        "x-kubernetes-validations": [rule(
            "isIP(self) && ip(self).family() == 4",
            "must be an IPv4 address, such as '10.20.1.53'; correct `ip`",
        )],
    })
}

/// The name of a ConfigMap.
pub(super) fn config_map_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [matches(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            "must be the name of a ConfigMap: lower-case letters, digits, '-' and '.'; correct `name`",
        )],
    })
}

/// A key of a ConfigMap, as Kubernetes validates it: it becomes a file's name, so it is neither '.' nor begins with '..'.
pub(super) fn config_map_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [matches(
            r"^\\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
            "must be a key of a ConfigMap: letters, digits and '-._', and not two dots at the beginning; correct `key`",
        )],
    })
}

/// Tags by which AWS resources are selected. Keys that AWS itself writes (`aws:…`) may select.
pub(super) fn selector_tags(_: &mut SchemaGenerator) -> Schema {
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
pub(super) fn resource_tags(_: &mut SchemaGenerator) -> Schema {
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

/// The ranges of source servers.
pub(super) fn source_cidrs(_: &mut SchemaGenerator) -> Schema {
    let mut schema = cidrs("sourceCIDRs", 64);
    schema.insert("minItems".to_owned(), json!(1));
    schema
}

/// The ranges of the resolver's clients.
pub(super) fn client_cidrs(_: &mut SchemaGenerator) -> Schema {
    let mut schema = cidrs("clientCIDRs", 30);
    schema.insert("minItems".to_owned(), json!(1));
    schema
}

/// The ranges of proxies.
pub(super) fn proxy_cidrs(_: &mut SchemaGenerator) -> Schema {
    cidrs("proxyCIDRs", 16)
}

/// A set of IPv4 ranges in the one form in which AWS reports them back.
fn cidrs(field: &str, max: usize) -> Schema {
    const IPV4: &str = "isCIDR(self) && cidr(self).ip().family() == 4";
    json_schema!({
        "type": "array",
        "maxItems": max,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            // The length of '255.255.255.255/32', and room to name an IPv6 range in the message that refuses it.
            "maxLength": 43,
            "x-kubernetes-validations": [
                rule(
                    IPV4,
                    format!(
                        "must be an IPv4 range in CIDR form, such as '192.0.2.0/24'; in `{field}` write a single \
                         address with '/32'"
                    ),
                ),
                {
                    "rule": format!("!({IPV4}) || cidr(self).masked().ip() == cidr(self).ip()"),
                    "message": format!("must have no bits set after its prefix; correct it in `{field}`"),
                    // `format` because the API server cannot bound the cost of joining strings of unknown length.
                    "messageExpression": format!(
                        "'must have no bits set after its prefix; in `{field}` write \\'%s\\''\
                         .format([string(cidr(self).masked())])"
                    ),
                },
                // No network is larger than a /8, and two of '/1' would be '/0' again.
                rule(
                    format!("!({IPV4}) || cidr(self).prefixLength() >= 8"),
                    format!("must not be wider than '/8'; list the networks themselves in `{field}`"),
                ),
                rule(
                    format!(
                        "!({IPV4}) || ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4']\
                         .all(r, !cidr(r).containsCIDR(cidr(self)))"
                    ),
                    format!(
                        "must not be a loopback, link-local, multicast or reserved range; list addresses that servers \
                         can have in `{field}`"
                    ),
                ),
            ],
        },
    })
}

/// The id of an AWS account.
pub(super) fn account_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 14,
        "x-kubernetes-validations": [matches(
            "^[0-9]{12}$",
            "must be the 12 digits of an AWS account id, in quotes and without '-'; correct `id`",
        )],
    })
}

/// The ARN of a role. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
pub(super) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 640,
        "x-kubernetes-validations": [matches(
            "^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$",
            "must be the ARN of an IAM role, such as 'arn:aws:iam::111122223333:role/mgnet'; correct `roleARN`",
        )],
    })
}

/// The external id of a role's trust. <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(super) fn external_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 2,
        "maxLength": 1224,
        "x-kubernetes-validations": [matches(
            "^[A-Za-z0-9_+=,.@:/-]*$",
            "must consist of letters, digits and '_+=,.@:/-', as AWS STS demands; correct `externalID`",
        )],
    })
}

/// An AWS Region.
pub(super) fn region(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "x-kubernetes-validations": [
            matches(
                "^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$",
                "must be an AWS Region, such as 'ap-northeast-1', and no zone of one; correct `region`",
            ),
            rule("self == oldSelf", "must not be changed; create another class for another `region`"),
        ],
    })
}

/// The labels of a namespace selector.
pub(super) fn match_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": label_value_schema(),
        "x-kubernetes-validations": [rule(
            format!("self.all(k, size(k) <= 317 && k.matches('{LABEL_KEY}'))"),
            "must have keys that Kubernetes admits as label keys, such as 'example.com/tenant'; correct the keys of \
             `matchLabels`",
        )],
    })
}

/// The key of a namespace selector's requirement.
pub(super) fn label_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 317,
        "x-kubernetes-validations": [matches(
            LABEL_KEY,
            "must be a key that Kubernetes admits for labels, such as 'example.com/tenant'; correct `key`",
        )],
    })
}

/// The values of a namespace selector's requirement.
pub(super) fn label_values(_: &mut SchemaGenerator) -> Schema {
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
            "must be a value that Kubernetes admits for labels: letters, digits and inner '-_.'; correct it in the \
             `selector`",
        )],
    })
}

/// The conditions of a status, bounded as `metav1.Condition` is in CRDs that come from Go.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": super::conditions::MAX_CONDITIONS,
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
                    "maxLength": super::conditions::MAX_MESSAGE_LENGTH,
                },
            },
        },
    })
}

/// The tags that hold after the class's: the network's and the class's may differ in every key.
pub(super) fn settings_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 80,
        "additionalProperties": { "type": "string", "maxLength": 256 },
    })
}
