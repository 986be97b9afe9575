//! The schemas of names: of classes, of AWS services, and of ConfigMaps and their keys.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::rules::{matches, rule};

/// The schema of the name of a class, which is the name of a Kubernetes object.
pub(in crate::api) fn class_name(_: &mut SchemaGenerator) -> Schema {
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

/// The schema of the short name of an AWS service.
pub(in crate::api) fn service(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 48,
        "x-kubernetes-validations": [matches(
            "^[a-z0-9][a-z0-9.-]*$",
            "must be the short name of a service, such as 'kms': lower-case letters, digits, '.' and '-', without \
             'com.amazonaws' and Region; correct `service`",
        ), rule(
            "!self.contains('amazonaws.')",
            "must be only the part of the service's name after the Region, such as 'kms'; shorten `service`",
        )],
    })
}

/// The schema of the services to which a class limits its networks.
pub(in crate::api) fn limited_services(_: &mut SchemaGenerator) -> Schema {
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
                "must be the last part of a service's name, such as 'mgn' in 'com.amazonaws.ap-northeast-1.mgn'; \
                 correct `services`",
            )],
        },
    })
}

/// The schema of the S3 buckets of MGN (S3 User Guide, "Bucket naming rules").
pub(in crate::api) fn buckets(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 32,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 63,
            "x-kubernetes-validations": [matches(
                "^[a-z0-9][a-z0-9.-]+[a-z0-9]$",
                "must be the name of an S3 bucket: 3 to 63 lower-case letters, digits, '.' and '-'; correct `mgnBuckets`",
            )],
        },
    })
}

/// The schema of the name of a ConfigMap.
pub(in crate::api) fn config_map_name(_: &mut SchemaGenerator) -> Schema {
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

/// The schema of a key of a ConfigMap, as Kubernetes validates it. A key becomes a file name, so it must not be '.'
/// or begin with '..'.
pub(in crate::api) fn config_map_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "x-kubernetes-validations": [matches(
            r"^\\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
            "must be a key of a ConfigMap: letters, digits and '-._', without '..' at the beginning; correct `key`",
        )],
    })
}
