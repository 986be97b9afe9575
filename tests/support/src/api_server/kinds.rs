//! The kinds that the API server serves.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::schema;

/// A kind and its properties.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) name: &'static str,
    pub(super) is_namespaced: bool,
    /// Whether a CRD defines the kind: its objects have a generation, and their status is a subresource.
    pub(super) is_custom: bool,
}

/// The group of the operator's own kinds.
pub(super) const OUR_GROUP: &str = "mgnet.dev";

static KINDS: [Kind; 6] = [
    kind("", "v1", "namespaces", "Namespace", false),
    kind("", "v1", "configmaps", "ConfigMap", true),
    kind("events.k8s.io", "v1", "events", "Event", true),
    kind("coordination.k8s.io", "v1", "leases", "Lease", true),
    custom("migrationnetworks", "MigrationNetwork", true),
    custom("migrationnetworkclasses", "MigrationNetworkClass", false),
];

const fn kind(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    name: &'static str,
    is_namespaced: bool,
) -> Kind {
    Kind { group, version, plural, name, is_namespaced, is_custom: false }
}

const fn custom(plural: &'static str, name: &'static str, is_namespaced: bool) -> Kind {
    Kind { is_custom: true, ..kind(OUR_GROUP, "v1alpha1", plural, name, is_namespaced) }
}

impl Kind {
    /// Returns the kind that is served under a path.
    pub(super) fn served(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| (kind.group, kind.version, kind.plural) == (group, version, plural))
    }

    /// Returns the kind of namespaces. Their deletion deletes the objects in them.
    pub(super) fn namespaces() -> &'static Self {
        &KINDS[0]
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Returns the schema of the objects; null for a kind without a schema here.
    pub(super) fn schema(&self) -> &'static Value {
        static NONE: Value = Value::Null;
        static CUSTOM: LazyLock<[Value; 2]> =
            LazyLock::new(|| ["migrationnetworks", "migrationnetworkclasses"].map(schema::of_crd));
        match self.plural {
            "migrationnetworks" => &CUSTOM[0],
            "migrationnetworkclasses" => &CUSTOM[1],
            _ => &NONE,
        }
    }

    /// Returns the kinds of a group and version in the format of discovery.
    pub(super) fn discovery(group: &str, version: &str) -> Option<Value> {
        let kinds: Vec<&Self> = KINDS.iter().filter(|kind| (kind.group, kind.version) == (group, version)).collect();
        let group_version = kinds.first()?.api_version();
        let resources: Vec<Value> = kinds
            .iter()
            .map(|kind| {
                json!({
                    "name": kind.plural,
                    "singularName": kind.name.to_lowercase(),
                    "namespaced": kind.is_namespaced,
                    "kind": kind.name,
                    "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
                })
            })
            .collect();
        Some(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources,
        }))
    }
}
