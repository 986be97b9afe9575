//! Tests that the manifests of `tests/manifests` are complete: each rule and each bound of the CRDs rejects one of
//! the bad manifests, and each field and each enum value occurs in one of the good manifests.
//!
//! These tests use no API server; `tests/manifests/main.rs` applies the manifests to one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fs, iter};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use mgnet::api::schema;
use serde_json::Value;

use super::{files, rules_of, schema_nodes, schema_of};

/// A manifest that the API server rejects, with the texts that its answer contains.
struct Rejected {
    kind: String,
    expects: Vec<String>,
}

impl Rejected {
    fn expects(&self, test: impl Fn(&str) -> bool) -> bool {
        self.expects.iter().any(|expect| test(expect))
    }

    /// Whether the expected answer names a field.
    fn names(&self, field: &str) -> bool {
        self.expects(|expect| {
            let path = expect.split(": ").next().unwrap_or_default();
            path.split(['.', '[', ' ']).any(|word| word == field)
        })
    }
}

fn rejected() -> Result<Vec<Rejected>> {
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file)?;
        let expects: Vec<_> =
            text.lines().map_while(|line| line.strip_prefix("# expect: ")).map(str::to_owned).collect();
        let kind = text.lines().find_map(|line| line.strip_prefix("kind: "));
        let kind = kind.with_context(|| format!("{} has no kind", file.display()))?.to_owned();
        if expects.is_empty() {
            bail!("{} does not start with '# expect: '", file.display());
        }
        Ok(Rejected { kind, expects })
    };
    files("tests/manifests/bad")?.into_iter().map(read).collect()
}

/// Returns the API server's answer to a violation of each bound of a schema.
fn answers_of_bounds(schema: &JSONSchemaProps) -> Vec<String> {
    let members: Vec<_> = schema.enum_.iter().flatten().map(|member| member.0.to_string()).collect();
    [
        schema.max_length.map(|most| format!("may not be more than {most} bytes")),
        schema.min_length.map(|least| format!("should be at least {least} chars long")),
        schema.max_items.or(schema.max_properties).map(|most| format!("must have at most {most} items")),
        schema.min_items.map(|least| format!("should have at least {least} items")),
        schema.min_properties.map(|least| format!("should have at least {least} properties")),
        matches!(schema.x_kubernetes_list_type.as_deref(), Some("set" | "map")).then(|| "Duplicate value".to_owned()),
        (!members.is_empty()).then(|| format!("supported values: {}", members.join(", "))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_bound_of_a_spec_rejects_a_manifest() -> Result<()> {
    let rejected = rejected()?;
    let mut missing = BTreeSet::new();
    for crd in schema::crds() {
        let kind = &crd.spec.names.kind;
        for node in schema_nodes(schema_of(&crd)?, "", false).iter().filter(|node| node.is_in_spec()) {
            let bounds = answers_of_bounds(node.schema).into_iter().map(|answer| (node.leaf(), answer));
            let required =
                node.schema.required.iter().flatten().map(|name| (name.as_str(), "Required value".to_owned()));
            for (field, answer) in bounds.chain(required) {
                let covers = |manifest: &&Rejected| {
                    manifest.kind == *kind
                        && manifest.names(field)
                        && manifest.expects(|expect| expect.contains(&answer))
                };
                if !rejected.iter().any(|manifest| covers(&manifest)) {
                    missing.insert(format!("{kind} {}: {field}: {answer}", node.path));
                }
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    Ok(())
}

#[test]
fn every_cel_rule_rejects_a_manifest() -> Result<()> {
    let rejected = rejected()?;
    let mut missing = BTreeSet::new();
    for crd in schema::crds() {
        let kind = &crd.spec.names.kind;
        for node in schema_nodes(schema_of(&crd)?, "", false) {
            for rule in rules_of(node.schema) {
                let field = rule.field_path.as_deref().and_then(|path| path.rsplit('.').next()).unwrap_or(node.leaf());
                let message = rule.message.as_deref().unwrap_or_default();
                // The text after the semicolon may be computed from the value.
                let states_rule = |expect: &str| {
                    expect.starts_with("must ") && message.starts_with(expect.split(';').next().unwrap_or_default())
                };
                let covers = |manifest: &Rejected| {
                    manifest.kind == *kind && manifest.names(field) && manifest.expects(states_rule)
                };
                if !rejected.iter().any(covers) {
                    missing.insert(format!("{kind} {}: {message}", node.path));
                }
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
    Ok(())
}

#[test]
fn the_manifests_have_unique_names() -> Result<()> {
    let (good, bad) = (files("tests/manifests/good")?, files("tests/manifests/bad")?);
    assert!(good.len() >= 16, "{} good manifests", good.len());
    assert!(bad.len() >= 64, "{} bad manifests", bad.len());
    let mut names = BTreeSet::new();
    for file in iter::chain(&good, &bad) {
        let stem = file.file_stem().context("the manifest has no name")?.to_string_lossy().into_owned();
        let text = fs::read_to_string(file)?;
        assert!(
            text.contains(&format!("\n  name: {stem}\n")),
            "{}: the object must have the name of its file",
            file.display()
        );
        assert!(names.insert(stem), "{}: another manifest has the same name", file.display());
    }
    Ok(())
}

/// Collects the paths that a value sets, in the form of [`SchemaNode`], and each string with its path.
fn collect_paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect_paths(member, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_paths(item, &format!("{path}[]"), found)),
        Value::String(text) => {
            found.insert(format!("{path}: {text}"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_field_and_enum_value_is_in_a_good_manifest() -> Result<()> {
    let mut set: BTreeSet<String> = BTreeSet::new();
    for file in files("tests/manifests/good")? {
        for document in fs::read_to_string(&file)?.split("---\n") {
            let written: Value = serde_saphyr::from_str(document)?;
            let kind = written["kind"].as_str().with_context(|| format!("{} has no kind", file.display()))?;
            collect_paths(&written["spec"], &format!("{kind} spec"), &mut set);
        }
    }
    let mut missing = BTreeSet::new();
    for crd in schema::crds() {
        let kind = &crd.spec.names.kind;
        for node in schema_nodes(schema_of(&crd)?, "", false).iter().filter(|node| node.is_in_spec()) {
            let words = node.schema.enum_.iter().flatten().filter_map(|word| word.0.as_str());
            let words = words.map(|word| format!("{kind} {}: {word}", node.path));
            let field = node.is_property.then(|| format!("{kind} {}", node.path));
            missing.extend(words.chain(field).filter(|wanted| !set.contains(wanted)));
        }
    }
    assert_eq!(missing, BTreeSet::new());
    Ok(())
}

/// The operator loses no field that users write: the good manifests are unchanged after a round trip through the
/// types.
#[test]
fn good_manifests_round_trip() -> Result<()> {
    for file in files("tests/manifests/good")? {
        let text = fs::read_to_string(&file)?;
        for document in text.split("---\n") {
            let written: Value = serde_saphyr::from_str(document)?;
            let spec = written["spec"].clone();
            let read = match written["kind"].as_str() {
                Some("MigrationNetwork") => {
                    serde_json::to_value(serde_json::from_value::<mgnet::api::MigrationNetworkSpec>(spec.clone())?)?
                }
                Some("MigrationNetworkClass") => serde_json::to_value(serde_json::from_value::<
                    mgnet::api::MigrationNetworkClassSpec,
                >(spec.clone())?)?,
                other => bail!("{}: {other:?} is not a kind of this API", file.display()),
            };
            assert_eq!(read, spec, "{}", file.display());
        }
    }
    Ok(())
}
