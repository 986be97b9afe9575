//! The values of the chart, as `values.yaml` documents them.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{CHART, text};

/// A documented value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Documented {
    /// The path, such as `image.tag`.
    pub(crate) path: Vec<String>,
    /// The default.
    pub(crate) default: Value,
    /// The comment after `--`.
    pub(crate) description: String,
}

/// Returns the defaults.
pub(crate) fn defaults() -> Result<Value> {
    serde_saphyr::from_str(&text(&format!("{CHART}/values.yaml"))?).context("values.yaml is not YAML")
}

/// Returns all values with a description, in the order of the file. A description may continue on further lines of the comment.
pub(crate) fn documented() -> Result<Vec<Documented>> {
    let (file, defaults) = (text(&format!("{CHART}/values.yaml"))?, defaults()?);
    let (mut found, mut parents, mut description): (Vec<Documented>, Vec<(usize, String)>, _) =
        (Vec::new(), Vec::new(), None);
    for line in file.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(text) = trimmed.strip_prefix("# -- ") {
            description = Some(text.to_owned());
        } else if let (Some(continued), Some(text)) = (&mut description, trimmed.strip_prefix("# ")) {
            continued.push(' ');
            continued.push_str(text);
        } else if let Some((key, _)) = trimmed.split_once(':').filter(|(key, _)| key.chars().all(char::is_alphanumeric))
        {
            parents.retain(|(depth, _)| *depth < indent);
            parents.push((indent, key.to_owned()));
            if let Some(description) = description.take() {
                let path: Vec<String> = parents.iter().map(|(_, key)| key.clone()).collect();
                let default = path.iter().try_fold(&defaults, |value, key| value.get(key));
                let default = default.with_context(|| format!("{} is no value", path.join(".")))?.clone();
                found.push(Documented { path, default, description });
            }
        }
    }
    Ok(found)
}

/// Returns the paths of all values that a user can set by themselves: those below a documented value belong to it.
fn undocumented(value: &Value, path: &[String], known: &[Documented]) -> Vec<String> {
    if known.iter().any(|one| one.path == path) {
        return Vec::new();
    }
    match value.as_object() {
        Some(fields) if !fields.is_empty() => fields
            .iter()
            .flat_map(|(key, value)| undocumented(value, &[path, std::slice::from_ref(key)].concat(), known))
            .collect(),
        _ => vec![path.join(".")],
    }
}

#[test]
fn each_value_has_a_description() -> Result<()> {
    let known = documented()?;
    assert_eq!(undocumented(&defaults()?, &[], &known), Vec::<String>::new());
    for Documented { path, description, .. } in &known {
        ensure!(description.ends_with('.'), "{}: '{description}' must be sentences", path.join("."));
    }
    Ok(())
}

#[test]
fn the_schema_knows_each_value_and_no_others() -> Result<()> {
    let schema: Value = serde_json::from_str(&text(&format!("{CHART}/values.schema.json"))?)?;
    let mut differences = Vec::new();
    compare(&schema, &defaults()?, "", &mut differences);
    // Helm passes `global` to each chart of an umbrella chart, and `enabled` is the usual condition there.
    differences.retain(|difference| !["no default: .global", "no default: .enabled"].contains(&difference.as_str()));
    assert_eq!(differences, Vec::<String>::new());
    Ok(())
}

/// Compares the properties of a schema that admits no others with the fields of the defaults.
fn compare(schema: &Value, defaults: &Value, path: &str, differences: &mut Vec<String>) {
    let (Some(properties), Some(fields)) = (schema["properties"].as_object(), defaults.as_object()) else { return };
    if schema["additionalProperties"] != false {
        differences.push(format!("not strict: {path}"));
    }
    for (key, value) in fields {
        match properties.get(key) {
            Some(schema) => compare(schema, value, &format!("{path}.{key}"), differences),
            None => differences.push(format!("no schema: {path}.{key}")),
        }
    }
    // A user adds what resources may have; the chart has no default for it.
    let unset = properties.keys().filter(|key| !fields.contains_key(*key) && path != ".resources");
    differences.extend(unset.map(|key| format!("no default: {path}.{key}")));
}
