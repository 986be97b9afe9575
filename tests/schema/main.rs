//! Tests that the CRDs follow the rules of this API, and equal the files in `crds/`. The tests need no API server.

mod manifests;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use mgnet::api::schema;
use serde_json::{Value, json};

/// The maximum size of annotations in bytes. Client-side `kubectl apply` stores the complete object in an annotation.
const LARGEST_APPLIED_OBJECT: usize = 262_144;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn files(folder: &str) -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> =
        fs::read_dir(in_repository(folder))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Returns the schema of the only version of a CRD.
fn schema_of(crd: &CustomResourceDefinition) -> Result<&JSONSchemaProps> {
    let [version] = crd.spec.versions.as_slice() else { bail!("the CRD must have exactly one version") };
    version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).context("the CRD has no schema")
}

/// A schema within a schema, with its path as the API server prints it, without indices.
struct SchemaNode<'a> {
    path: String,
    schema: &'a JSONSchemaProps,
    /// Whether this is a property, which needs a description, instead of a list item or a map value.
    is_property: bool,
}

impl SchemaNode<'_> {
    /// Returns the last word of the path. List items and map values have the last word of their list or map.
    fn leaf(&self) -> &str {
        self.path.trim_end_matches(['[', ']', '*']).rsplit('.').next().unwrap_or_default()
    }

    fn is_in_spec(&self) -> bool {
        self.path == "spec" || self.path.starts_with("spec.")
    }
}

/// Returns all schemas within a schema, parents before children.
fn schema_nodes<'a>(schema: &'a JSONSchemaProps, path: &str, is_property: bool) -> Vec<SchemaNode<'a>> {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut found = vec![SchemaNode { path: path.to_owned(), schema, is_property }];
    for (name, property) in schema.properties.iter().flatten() {
        found.extend(schema_nodes(property, &below(name), true));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        found.extend(schema_nodes(item, &format!("{path}[]"), false));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        found.extend(schema_nodes(value, &format!("{path}[*]"), false));
    }
    found
}

/// Returns the rules of this API that a schema breaks, each with its path.
fn violations(root: &JSONSchemaProps) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in schema_nodes(root, "", false) {
        for broken in broken_rules(&node) {
            found.insert(format!("{}: {broken}", node.path));
        }
    }
    found
}

fn broken_rules(node: &SchemaNode<'_>) -> Vec<&'static str> {
    let schema = node.schema;
    let type_ = schema.type_.as_deref();
    let description = schema.description.as_deref().unwrap_or_default();
    let is_map = schema.additional_properties.is_some();
    let list_type = schema.x_kubernetes_list_type.as_deref();
    let keys_are_required = || match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => {
            let required = item.required.as_deref().unwrap_or_default();
            schema
                .x_kubernetes_list_map_keys
                .as_deref()
                .is_some_and(|keys| keys.iter().all(|key| required.contains(key)))
        }
        _ => false,
    };
    [
        (type_.is_none(), "has no type"),
        (schema.x_kubernetes_preserve_unknown_fields.is_some(), "keeps unknown fields"),
        (schema.nullable.is_some(), "is nullable"),
        (schema.enum_.iter().flatten().any(|member| member.0.is_null()), "has null among its values"),
        (schema.default.is_some() && node.path != "status", "has a default"),
        (node.is_property && node.leaf() == "namespace", "names a namespace"),
        (node.is_property && description.is_empty(), "has no description"),
        (description.contains('\n') || description.contains("  "), "has a description of broken lines"),
        (type_ == Some("string") && !is_bounded_string(schema), "is a string without a bound"),
        (type_ == Some("array") && schema.max_items.is_none(), "is a list without a maximum"),
        (type_ == Some("array") && list_type.is_none(), "is a list without a list type"),
        (list_type == Some("map") && !keys_are_required(), "is a list whose keys may be missing"),
        (is_map && schema.max_properties.is_none(), "is a map without a maximum"),
        (
            is_map && matches!(schema.additional_properties, Some(JSONSchemaPropsOrBool::Bool(_))),
            "is a map of values without a type",
        ),
        (
            !rules_of(schema).iter().all(is_well_formed_message),
            "has a CEL rule whose message is not `must …; what to do`",
        ),
    ]
    .into_iter()
    .filter_map(|(is_broken, rule)| is_broken.then_some(rule))
    .collect()
}

fn is_bounded_string(schema: &JSONSchemaProps) -> bool {
    schema.max_length.is_some() || schema.pattern.is_some() || schema.enum_.is_some() || schema.format.is_some()
}

fn rules_of(schema: &JSONSchemaProps) -> &[ValidationRule] {
    schema.x_kubernetes_validations.as_deref().unwrap_or_default()
}

/// Whether the message of a rule starts with `must `, and contains a field in back-quotes or a command.
fn is_well_formed_message(rule: &ValidationRule) -> bool {
    rule.message.as_deref().is_some_and(|message| {
        message.starts_with("must ")
            && !message.contains('\n')
            && (message.contains('`') || message.contains("'kubectl "))
    })
}

#[test]
fn the_crds_follow_every_rule() -> Result<()> {
    for crd in schema::crds() {
        assert_eq!(violations(schema_of(&crd)?), BTreeSet::new(), "{:?}", crd.metadata.name);
        assert!(serde_json::to_string(&crd)?.len() < LARGEST_APPLIED_OBJECT);
        assert_eq!(crd.spec.preserve_unknown_fields, None);
    }
    Ok(())
}

#[test]
fn a_new_object_is_not_ready() -> Result<()> {
    for (crd, summary) in schema::crds().iter().zip(["Ready", "Accepted"]) {
        let status = schema_of(crd)?.properties.as_ref().and_then(|properties| properties.get("status"));
        let default = &status.and_then(|status| status.default.as_ref()).context("the status has no default")?.0;
        assert_eq!(default["observedGeneration"], -1);
        assert_eq!(default["conditions"][0]["type"], summary);
        assert_eq!(default["conditions"][0]["status"], "Unknown");
    }
    Ok(())
}

/// Each broken rule is reported, and no other rule with it.
#[test]
fn every_planted_violation_is_found() -> Result<()> {
    let text = json!({ "type": "string", "maxLength": 8, "description": "A word." });
    let with = |extra: Value| merged(&text, &extra);
    let list = json!({
        "type": "array", "description": "Words.", "maxItems": 4, "x-kubernetes-list-type": "set",
        "items": { "type": "string", "maxLength": 8 },
    });
    let map = json!({
        "type": "object", "description": "Words.", "maxProperties": 4,
        "additionalProperties": { "type": "string", "maxLength": 8 },
    });
    let rule = |message: Value| with(json!({ "x-kubernetes-validations": [{ "rule": "true", "message": message }] }));
    let cases = [
        ("good", text.clone(), None),
        ("good", list.clone(), None),
        ("good", map.clone(), None),
        ("good", rule(json!("must be a word; correct `good`")), None),
        ("good", json!({ "type": "string", "enum": ["A"], "description": "A letter." }), None),
        ("bad", with(json!({ "nullable": true })), Some("is nullable")),
        ("bad", with(json!({ "enum": ["A", null] })), Some("has null among its values")),
        ("bad", with(json!({ "default": "A" })), Some("has a default")),
        ("bad", with(json!({ "description": null })), Some("has no description")),
        ("bad", with(json!({ "description": "A\nword." })), Some("has a description of broken lines")),
        ("bad", with(json!({ "maxLength": null })), Some("is a string without a bound")),
        ("bad", with(json!({ "type": null })), Some("has no type")),
        ("bad", merged(&list, &json!({ "maxItems": null })), Some("is a list without a maximum")),
        ("bad", merged(&list, &json!({ "x-kubernetes-list-type": null })), Some("is a list without a list type")),
        (
            "bad",
            merged(&list, &json!({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] })),
            Some("is a list whose keys may be missing"),
        ),
        ("bad", merged(&map, &json!({ "maxProperties": null })), Some("is a map without a maximum")),
        ("bad", merged(&map, &json!({ "additionalProperties": true })), Some("is a map of values without a type")),
        (
            "bad",
            json!({ "type": "object", "description": "Any.", "x-kubernetes-preserve-unknown-fields": true }),
            Some("keeps unknown fields"),
        ),
        ("bad", rule(json!(null)), Some("has a CEL rule whose message is not `must …; what to do`")),
        ("bad", rule(json!("`bad` is wrong")), Some("has a CEL rule whose message is not `must …; what to do`")),
        ("bad", rule(json!("must be better")), Some("has a CEL rule whose message is not `must …; what to do`")),
        ("namespace", text.clone(), Some("names a namespace")),
    ];
    for (name, property, broken) in cases {
        let root = json!({ "type": "object", "properties": { "spec": {
            "type": "object", "description": "The spec.", "properties": { name: property },
        } } });
        let expected: BTreeSet<_> = broken.iter().map(|rule| format!("spec.{name}: {rule}")).collect();
        assert_eq!(violations(&serde_json::from_value(root.clone())?), expected, "{root}");
    }
    Ok(())
}

/// Rules also apply to list items and map values, which are not properties.
#[test]
fn violations_are_found_at_every_depth() -> Result<()> {
    let unbounded = json!({ "type": "string" });
    let root = json!({ "type": "object", "properties": { "status": {
        "type": "object", "description": "The status.", "default": { "observedGeneration": -1 }, "properties": {
            "list": {
                "type": "array", "description": "Words.", "maxItems": 4, "x-kubernetes-list-type": "set",
                "items": unbounded,
            },
            "map": {
                "type": "object", "description": "Words.", "maxProperties": 4, "additionalProperties": {
                    "type": "object", "properties": { "word": unbounded },
                },
            },
        },
    } } });
    let expected = [
        "status.list[]: is a string without a bound",
        "status.map[*].word: has no description",
        "status.map[*].word: is a string without a bound",
    ];
    assert_eq!(violations(&serde_json::from_value(root)?), expected.map(str::to_owned).into());
    Ok(())
}

/// Returns `base` with the members of `extra`, without members that are null in `extra`.
fn merged(base: &Value, extra: &Value) -> Value {
    let mut members = base.as_object().cloned().unwrap_or_default();
    members.extend(extra.as_object().cloned().unwrap_or_default());
    members.retain(|_, member| !member.is_null());
    Value::Object(members)
}

#[test]
fn the_files_equal_the_generated_crds() -> Result<()> {
    let mut names = BTreeSet::new();
    for crd in schema::crds() {
        let name = schema::file_name(&crd);
        let file = fs::read_to_string(in_repository("crds").join(&name)).with_context(|| name.clone())?;
        assert!(file == schema::to_yaml(&crd)?, "crds/{name} is out of date: run 'mgnet crds --output-dir crds'");
        let read_back: CustomResourceDefinition = serde_saphyr::from_str(&file)?;
        assert_eq!(read_back, crd);
        names.insert(name);
    }
    let mut present = BTreeSet::new();
    for file in files("crds")? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(mgnet::api::GROUP) {
            present.insert(name);
        }
    }
    assert_eq!(present, names);
    Ok(())
}
