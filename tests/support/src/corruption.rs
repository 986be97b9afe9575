//! Statuses as somebody may have written them by hand: every field that the CRD's schema has, in every way that the API server lets
//! through.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, schema};
use serde_json::{Map, Value, json};

/// In which way a field is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is not there.
    Removed,
    /// There is nothing in it.
    Emptied,
    /// It names what belongs to somebody else, or is another value that the schema admits.
    Foreign,
    /// It is as it is in another network.
    Another,
    /// It is as large as the schema admits.
    Huge,
}

impl How {
    /// All ways.
    pub const ALL: [Self; 5] = [Self::Removed, Self::Emptied, Self::Foreign, Self::Another, Self::Huge];
}

/// A status in which one field is wrong, wherever it occurs.
#[derive(Clone, Debug)]
pub struct Corruption {
    /// The field, such as `claims[].id`.
    pub field: String,
    /// In which way.
    pub how: How,
    /// The whole status.
    pub status: Value,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.field, self.how)
    }
}

/// What is written in place of what is there.
#[derive(Clone, Debug)]
pub struct Material {
    /// The id of something of somebody else's, by how the ids of its kind begin, such as `sg-`.
    pub foreign: BTreeMap<String, String>,
    /// The status of another network.
    pub another: Value,
}

/// The longest text within a list that is made as long as it may be: an object has to fit into a request.
const LONG: usize = 400;

/// The longest text or list where the schema has no bound.
const UNBOUNDED: usize = 10_000;

/// Which one of several is made, and how long its texts are.
#[derive(Clone, Copy)]
struct Made {
    how: How,
    number: usize,
    longest: usize,
}

/// All corruptions of a status that make a difference, by fields in the order of the schema.
///
/// # Errors
/// If the CRD has no schema of a status.
pub fn all(status: &Value, material: &Material) -> Result<Vec<Corruption>> {
    let schema = status_schema()?;
    let mut fields = Vec::new();
    list(&schema, &mut Vec::new(), &mut fields);
    let mut all = Vec::new();
    for path in &fields {
        for how in How::ALL {
            let mut corrupted = status.clone();
            apply(&schema, path, &mut corrupted, Some(&material.another), how, material);
            if corrupted != *status {
                all.push(Corruption { field: path.concat(), how, status: corrupted });
            }
        }
    }
    Ok(all)
}

fn status_schema() -> Result<Value> {
    let crds = schema::crds();
    let network = crds.iter().find(|crd| crd.spec.names.kind == "MigrationNetwork").context("no CRD")?;
    let schema = serde_json::to_value(&network.spec.versions)?;
    let status = schema.pointer("/0/schema/openAPIV3Schema/properties/status");
    status.cloned().context("the CRD has no schema of a status")
}

/// The paths of all fields. An item of a list is `[]`, an entry of a map `{}`.
fn list(schema: &Value, path: &mut Vec<String>, fields: &mut Vec<Vec<String>>) {
    if !path.is_empty() {
        fields.push(path.clone());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        path.push(if path.is_empty() { name.clone() } else { format!(".{name}") });
        list(field, path, fields);
        path.pop();
    }
    for (key, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            path.push(sign.to_owned());
            list(&schema[key], path, fields);
            path.pop();
        }
    }
}

/// Corrupts what a path leads to, everywhere.
fn apply(schema: &Value, path: &[String], value: &mut Value, another: Option<&Value>, how: How, material: &Material) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step.as_str(), value) {
        ("[]", Value::Array(items)) => {
            for (number, item) in items.iter_mut().enumerate() {
                let another = another.and_then(|another| another.get(number));
                go_on(&schema["items"], rest, item, another, how, material, number);
            }
        }
        ("{}", Value::Object(entries)) => {
            for (number, (key, entry)) in entries.iter_mut().enumerate() {
                let another = another.and_then(|another| another.get(key));
                go_on(&schema["additionalProperties"], rest, entry, another, how, material, number);
            }
        }
        (step, Value::Object(fields)) => {
            let name = step.trim_start_matches('.');
            let (schema_of_field, another) =
                (&schema["properties"][name], another.and_then(|another| another.get(name)));
            if rest.is_empty() && (how == How::Removed || (how == How::Another && another.is_none())) {
                let required = schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
                if !required {
                    fields.remove(name);
                }
            } else if let Some(field) = fields.get_mut(name) {
                go_on(schema_of_field, rest, field, another, how, material, 0);
            } else if rest.is_empty() {
                let made = Made { how, number: 0, longest: UNBOUNDED };
                let value = another.filter(|_| how == How::Another).cloned();
                let value = value.or_else(|| make(schema_of_field, None, made, material));
                fields.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
        _ => {}
    }
}

fn go_on(
    schema: &Value,
    rest: &[String],
    value: &mut Value,
    another: Option<&Value>,
    how: How,
    material: &Material,
    number: usize,
) {
    if !rest.is_empty() {
        apply(schema, rest, value, another, how, material);
        return;
    }
    let made = Made { how, number, longest: UNBOUNDED };
    let new = match how {
        // An item or entry alone does not go; its list does.
        How::Removed => None,
        How::Another => another.cloned(),
        How::Emptied | How::Foreign | How::Huge => make(schema, Some(value), made, material),
    };
    if let Some(new) = new {
        *value = new;
    }
}

/// A value that the schema admits; none if there is no such value.
fn make(schema: &Value, present: Option<&Value>, made: Made, material: &Material) -> Option<Value> {
    match schema["type"].as_str() {
        Some("string") => text(schema, present.and_then(Value::as_str), made, material).map(Value::String),
        Some("integer") => Some(match made.how {
            How::Huge => json!(i64::MAX),
            How::Foreign => json!(7),
            How::Emptied | How::Removed | How::Another => json!(0),
        }),
        Some("array") => Some(Value::Array(items(schema, present, made, material))),
        Some("object") if schema["additionalProperties"].is_object() => {
            let most = bound(schema, "maxProperties");
            let keys = if made.how == How::Huge { most } else { usize::from(made.how != How::Emptied) };
            let entry = |number| make(&schema["additionalProperties"], None, Made { number, ..made }, material);
            Some((0..keys).filter_map(|number| Some((format!("key-{number}"), entry(number)?))).collect())
        }
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let mut fields = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let is_required = required.contains(&json!(name));
                if made.how == How::Emptied && !is_required {
                    continue;
                }
                let present = present.and_then(|present| present.get(name));
                // Where nothing is admitted that is wrong in this way, it stays as it is, or is the least that is admitted.
                let value = make(field, present, made, material).or_else(|| present.cloned());
                let value = value.or_else(|| make(field, None, Made { how: How::Foreign, ..made }, material));
                fields.extend(value.map(|value| (name.clone(), value)));
            }
            Some(Value::Object(fields))
        }
        _ => None,
    }
}

fn items(schema: &Value, present: Option<&Value>, made: Made, material: &Material) -> Vec<Value> {
    let present = present.and_then(Value::as_array);
    let count = match made.how {
        How::Removed | How::Emptied => 0,
        How::Huge => bound(schema, "maxItems"),
        How::Foreign | How::Another => present.map_or(1, |present| present.len().max(1)),
    };
    let item = |number: usize| {
        let present = present.and_then(|present| present.get(number)).filter(|_| made.how != How::Huge);
        make(&schema["items"], present, Made { number, longest: LONG, ..made }, material)
    };
    (0..count).filter_map(item).collect()
}

fn bound(schema: &Value, name: &str) -> usize {
    schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(UNBOUNDED)
}

/// A text; those of different numbers differ, as items of a list have to.
fn text(schema: &Value, present: Option<&str>, made: Made, material: &Material) -> Option<String> {
    if let Some(words) = schema["enum"].as_array() {
        let others: Vec<&str> = words.iter().filter_map(Value::as_str).filter(|word| Some(*word) != present).collect();
        return (made.how == How::Foreign).then(|| others.first().map(|word| (*word).to_owned()))?;
    }
    if schema["format"] == "date-time" {
        return match made.how {
            How::Foreign => Some("1971-02-03T04:05:06Z".to_owned()),
            How::Huge => Some("9999-12-31T23:59:59Z".to_owned()),
            How::Removed | How::Emptied | How::Another => None,
        };
    }
    let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), bound(schema, "maxLength"));
    match made.how {
        How::Huge => {
            let (end, length) = (format!("N{}", made.number), most.min(made.longest));
            Some(format!("{}{end}", "X".repeat(length.saturating_sub(end.len()))))
        }
        How::Foreign => {
            let like = material.foreign.iter().find(|(start, _)| present.is_some_and(|now| now.starts_with(*start)));
            let id = like.or_else(|| material.foreign.first_key_value()).map(|(_, id)| id.clone()).unwrap_or_default();
            let plain = schema["pattern"].is_string() || id.len() > most;
            let mut text = if plain { "Foreign".to_owned() } else { id };
            // A second one would be the same.
            if made.number > 0 {
                text = format!("{text}{}", made.number);
            }
            text.truncate(most);
            Some(text)
        }
        How::Removed | How::Emptied | How::Another => (least == 0).then(String::new),
    }
}

/// What of a status must be as it was once it has healed: everything but times, conditions that are not the operator's, which it
/// leaves to whoever wrote them, and how often a slot was filled, as a made-up count may have been counted on from.
pub fn essence(status: &Value) -> Value {
    let mut essence = status.clone();
    if let Some(conditions) = essence.get_mut("conditions").and_then(Value::as_array_mut) {
        let is_ours = |condition: &Value| ConditionType::ALL.iter().any(|ours| condition["type"] == ours.as_str());
        conditions.retain(is_ours);
    }
    forget(&mut essence);
    essence
}

fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "lastTransitionTime" | "token" | "epoch"));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}
