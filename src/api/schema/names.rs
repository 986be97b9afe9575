//! The schemas of names: of classes, AWS services, and ConfigMaps with their keys.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::rules::{matches, rule};

/// The name of a class: that of a Kubernetes object.
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

/// The short name of an AWS service.
pub(in crate::api) fn service(_: &mut SchemaGenerator) -> Schema {
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

/// The services that a class limits its networks to.
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
                "must be the last part of a service's name, such as 'mgn' of 'com.amazonaws.ap-northeast-1.mgn'; correct \
                 `services`",
            )],
        },
    })
}

/// The name of a ConfigMap.
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

/// A key of a ConfigMap, as Kubernetes validates it: it becomes a file's name, so it is neither '.' nor begins with '..'.
pub(in crate::api) fn config_map_key(_: &mut SchemaGenerator) -> Schema {
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
