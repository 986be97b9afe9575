//! The schemas of AWS identifiers: resource IDs, accounts, roles and Regions.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::rules::{matches, rule};

/// The schema of the ID of a VPC.
pub(in crate::api) fn vpc_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 21,
        "x-kubernetes-validations": [matches(
            "^vpc-([0-9a-f]{8}|[0-9a-f]{17})$",
            "must be a VPC ID: 'vpc-' and 8 or 17 digits of '0-9a-f'; to select by name, set `tags` in place of `id`",
        )],
    })
}

/// The schema of the IDs of the VPCs to which a class limits its networks.
pub(in crate::api) fn limited_vpcs(_: &mut SchemaGenerator) -> Schema {
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
                "must be a VPC ID: 'vpc-' and 8 or 17 digits of '0-9a-f'; correct `vpcs`, which takes no names or tags",
            )],
        },
    })
}

/// The schema of the IDs of subnets.
pub(in crate::api) fn subnet_ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 16,
        "x-kubernetes-list-type": "set",
        "items": aws_id("subnet", "to select by name, set `tags` in place of `ids`"),
    })
}

/// The schema of the UIDs of clusters. A cluster has the UID of its namespace `kube-system`, which is a UUID (Kubernetes
/// documentation, "Object Names and IDs").
pub(in crate::api) fn cluster_uids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 8,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 36,
            "x-kubernetes-validations": [matches(
                "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
                "must be the UID of the namespace 'kube-system' of another cluster, such as \
                 '5f0c2f0e-7d3a-4a52-9c1b-2d6e8f901234'; correct `acceptTransfersFrom`",
            )],
        },
    })
}

/// The schema of the ID of one subnet.
pub(in crate::api) fn subnet_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("subnet", "correct `subnetID`")).unwrap_or_default()
}

/// The schema of the ID of a VPC endpoint.
pub(in crate::api) fn endpoint_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("vpce", "correct `endpointID`")).unwrap_or_default()
}

/// The schema of the ID of a Route 53 Resolver inbound endpoint.
pub(in crate::api) fn resolver_endpoint_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("rslvr-in", "correct `endpointID`")).unwrap_or_default()
}

/// The schema of the ID of a security group.
pub(in crate::api) fn security_group_id(_: &mut SchemaGenerator) -> Schema {
    Schema::try_from(aws_id("sg", "correct `id`")).unwrap_or_default()
}

/// The schema of the IDs of security groups: at most the default quota per network interface (Amazon VPC quotas).
pub(in crate::api) fn security_group_ids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 5,
        "x-kubernetes-list-type": "set",
        "items": aws_id("sg", "correct `ids`"),
    })
}

/// The schema of an AWS ID: a prefix and 8 or 17 hexadecimal digits.
fn aws_id(prefix: &str, remedy: &str) -> Value {
    json!({
        "type": "string",
        "maxLength": prefix.len() + 18,
        "x-kubernetes-validations": [matches(
            &format!("^{prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})$"),
            &format!("must be an ID of the form '{prefix}-' and 8 or 17 digits of '0-9a-f'; {remedy}"),
        )],
    })
}

/// The schema of the ID of an AWS account.
pub(in crate::api) fn account_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 14,
        "x-kubernetes-validations": [matches(
            "^[0-9]{12}$",
            "must be the 12 digits of an AWS account ID, in quotes and without '-'; correct `id`",
        )],
    })
}

/// The schema of the ARN of a role. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
pub(in crate::api) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 640,
        "x-kubernetes-validations": [matches(
            "^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$",
            "must be the ARN of an IAM role, such as 'arn:aws:iam::111122223333:role/mgnet'; correct `roleARN`",
        )],
    })
}

/// The schema of the external ID in a role's trust policy.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub(in crate::api) fn external_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 2,
        "maxLength": 1224,
        "x-kubernetes-validations": [matches(
            "^[A-Za-z0-9_+=,.@:/-]*$",
            "must consist of letters, digits and '_+=,.@:/-', as AWS STS requires; correct `externalID`",
        )],
    })
}

/// The schema of an AWS Region.
pub(in crate::api) fn region(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "x-kubernetes-validations": [
            matches(
                "^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$",
                "must be an AWS Region, such as 'ap-northeast-1', and not an Availability Zone; correct `region`",
            ),
            rule("self == oldSelf", "must not be changed; create another class for another `region`"),
        ],
    })
}
