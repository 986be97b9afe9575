//! The values of spec fields that these tests use. A test compares the file that contains them with the schema of the CRD,
//! so that no new field or value is forgotten.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::schema;

/// The values of the chains. The tests on a real control plane use them, too.
const VALUES: &str = include_str!("../../../tests/manifests/values.yaml");

/// The fields that are in no chain, and the test of each.
const ELSEWHERE: [(&str, &str, &str); 1] = [(
    "migrationNetworkClassName",
    "fn a_network_that_names_no_class_gets_the_default_one_and_keeps_it",
    include_str!("../../../tests/behavior/create.rs"),
)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Values {
    pub(crate) config_map: ConfigMapText,
    pub(crate) fixed: BTreeMap<String, Vec<Named>>,
    pub(crate) chains: BTreeMap<String, Vec<Named>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigMapText {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) text: String,
}

/// A value of a field, or of several fields that are only valid together.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) like: Option<String>,
    #[serde(default)]
    pub(crate) held: bool,
    pub(crate) spec: Value,
}

pub(crate) fn values() -> Values {
    serde_saphyr::from_str(VALUES).unwrap()
}

/// Returns the absence of the field, followed by the values of the chain in the order of the file.
fn with_absence(values: &[Named]) -> Vec<Named> {
    let absent = Named { name: "absent".to_owned(), like: None, held: false, spec: json!({}) };
    [absent].into_iter().chain(values.iter().cloned()).collect()
}

/// Returns the chains that the model can test. The controller holds back the other values.
pub(crate) fn chains() -> Vec<(String, Vec<Named>)> {
    let all = values().chains.into_iter().filter(|(_, values)| values.iter().all(|value| !value.held));
    all.map(|(chain, values)| (chain, with_absence(&values))).collect()
}

/// Returns the leaves of the spec's schema, each with its enumerated values.
fn leaves() -> BTreeMap<String, Vec<String>> {
    fn walk(path: &str, schema: &JSONSchemaProps, found: &mut BTreeMap<String, Vec<String>>) {
        let properties = schema.properties.iter().flatten();
        let mut children: Vec<(String, &JSONSchemaProps)> = properties
            .map(|(name, property)| (if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, property))
            .collect();
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items
            && item.properties.is_some()
        {
            children.push((format!("{path}[]"), item));
        }
        if children.is_empty() {
            let values = schema.enum_.iter().flatten().filter_map(|value| value.0.as_str().map(str::to_owned));
            found.insert(path.to_owned(), values.collect());
        }
        for (path, child) in children {
            walk(&path, child, found);
        }
    }
    let crd = schema::crds().into_iter().next().unwrap();
    let root = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    let mut found = BTreeMap::new();
    walk("", &root.properties.as_ref().unwrap()["spec"], &mut found);
    found
}

/// Collects the paths that are set in a part of a spec, each with its value.
fn set(path: &str, value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                set(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                set(&if item.is_object() { format!("{path}[]") } else { path.to_owned() }, item, found);
            }
        }
        value => {
            found.insert((path.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
    }
}

/// Returns the fields and enumerated values of the schema that are in none of the specs.
fn missing(specs: &[Value]) -> Vec<String> {
    let mut covered = BTreeSet::new();
    for spec in specs {
        set("", spec, &mut covered);
    }
    // Paths below a leaf are keys of a map, such as those of tags.
    let has = |leaf: &str| {
        covered
            .iter()
            .any(|(path, _)| path.strip_prefix(leaf).is_some_and(|below| below.is_empty() || below.starts_with('.')))
    };
    leaves()
        .into_iter()
        .filter(|(leaf, _)| ELSEWHERE.iter().all(|(field, ..)| field != leaf))
        .flat_map(|(leaf, values)| {
            let field = (!has(&leaf)).then(|| leaf.clone());
            let values = values.into_iter().filter(|value| !covered.contains(&(leaf.clone(), value.clone())));
            field.into_iter().chain(values.map(|value| format!("{leaf}: '{value}'")).collect::<Vec<_>>())
        })
        .collect()
}

#[test]
fn the_chains_contain_every_field_and_value_of_the_schema() {
    let Values { fixed, chains, .. } = values();
    let mut specs: Vec<Value> = fixed.into_values().chain(chains.into_values()).flatten().map(|one| one.spec).collect();
    assert_eq!(missing(&specs), [""; 0], "add values to tests/manifests/values.yaml");
    for (field, test, text) in ELSEWHERE {
        assert!(text.contains(test), "{field}: '{test}' is gone");
    }
    // A removed value is detected even if another field has a value of the same name.
    specs.retain(|spec| spec.pointer("/resolver/mode").is_none_or(|mode| mode != "Disabled"));
    assert_eq!(missing(&specs), ["resolver.mode: 'Disabled'"]);
    specs.retain(|spec| spec.get("tags").is_none());
    assert_eq!(missing(&specs), ["resolver.mode: 'Disabled'", "tags"]);
}
