//! Corrupted statuses, as an edit by hand may produce them: every field of the CRD's schema, in every way that the API
//! server accepts.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use mgnet::api::{ConditionType, schema};
use serde_json::{Map, Value, json};

/// The ways in which a field is corrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The field is removed.
    Removed,
    /// The field is empty.
    Emptied,
    /// The field names a foreign resource, or has another value that the schema admits.
    Foreign,
    /// The field has the value of another network.
    Another,
    /// The field is as large as the schema admits.
    Huge,
}

impl How {
    /// All ways.
    pub const ALL: [Self; 5] = [Self::Removed, Self::Emptied, Self::Foreign, Self::Another, Self::Huge];
}

/// A status in which all occurrences of one field are corrupted.
#[derive(Clone, Debug)]
pub struct Corruption {
    /// The field, such as `claims[].id`.
    pub field: String,
    /// The way of the corruption.
    pub how: How,
    /// The complete status.
    pub status: Value,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.field, self.how)
    }
}

/// The values for corruptions.
#[derive(Clone, Debug)]
pub struct Material {
    /// The IDs of foreign resources, by the prefix of the IDs of their kind, such as `sg-`.
    pub foreign: BTreeMap<String, String>,
    /// The status of another network.
    pub another: Value,
}

/// The longest text in a list of maximum length: the object has to fit into a request.
const LONG: usize = 400;

/// The length of the longest text or list if the schema has no bound.
const UNBOUNDED: usize = 10_000;

/// The parameters of a generated value: its corruption, its number in a list, and the length of its texts.
#[derive(Clone, Copy)]
struct Generated {
    how: How,
    number: usize,
    longest: usize,
}

/// Returns all corruptions that change the status, with the fields in the order of the schema.
///
/// # Errors
/// If the CRD has no schema for the status.
pub fn all(status: &Value, material: &Material) -> Result<Vec<Corruption>> {
    let schema = status_schema()?;
    let mut fields = Vec::new();
    list_fields(&schema, &mut Vec::new(), &mut fields);
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
    status.cloned().context("the CRD has no schema for the status")
}

/// Collects the paths of all fields. An item of a list is `[]`, an entry of a map is `{}`.
fn list_fields(schema: &Value, path: &mut Vec<String>, fields: &mut Vec<Vec<String>>) {
    if !path.is_empty() {
        fields.push(path.clone());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        path.push(if path.is_empty() { name.clone() } else { format!(".{name}") });
        list_fields(field, path, fields);
        path.pop();
    }
    for (key, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            path.push(sign.to_owned());
            list_fields(&schema[key], path, fields);
            path.pop();
        }
    }
}

/// Corrupts all occurrences of the field at a path.
fn apply(schema: &Value, path: &[String], value: &mut Value, another: Option<&Value>, how: How, material: &Material) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step.as_str(), value) {
        ("[]", Value::Array(items)) => {
            for (number, item) in items.iter_mut().enumerate() {
                let another = another.and_then(|another| another.get(number));
                apply_or_replace(&schema["items"], rest, item, another, how, material, number);
            }
        }
        ("{}", Value::Object(entries)) => {
            for (number, (key, entry)) in entries.iter_mut().enumerate() {
                let another = another.and_then(|another| another.get(key));
                apply_or_replace(&schema["additionalProperties"], rest, entry, another, how, material, number);
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
                apply_or_replace(schema_of_field, rest, field, another, how, material, 0);
            } else if rest.is_empty() {
                let generated = Generated { how, number: 0, longest: UNBOUNDED };
                let value = another.filter(|_| how == How::Another).cloned();
                let value = value.or_else(|| generate(schema_of_field, None, generated, material));
                fields.extend(value.map(|value| (name.to_owned(), value)));
            }
        }
        _ => {}
    }
}

fn apply_or_replace(
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
    let generated = Generated { how, number, longest: UNBOUNDED };
    let new = match how {
        // A single item or entry is not removed, but its list is.
        How::Removed => None,
        How::Another => another.cloned(),
        How::Emptied | How::Foreign | How::Huge => generate(schema, Some(value), generated, material),
    };
    if let Some(new) = new {
        *value = new;
    }
}

/// Generates a value that the schema admits; `None` if there is no such value.
fn generate(schema: &Value, present: Option<&Value>, generated: Generated, material: &Material) -> Option<Value> {
    match schema["type"].as_str() {
        Some("string") => text(schema, present.and_then(Value::as_str), generated, material).map(Value::String),
        Some("integer") => Some(match generated.how {
            How::Huge => json!(i64::MAX),
            How::Foreign => json!(7),
            How::Emptied | How::Removed | How::Another => json!(0),
        }),
        Some("array") => Some(Value::Array(items(schema, present, generated, material))),
        Some("object") if schema["additionalProperties"].is_object() => {
            let most = bound(schema, "maxProperties");
            let keys = if generated.how == How::Huge { most } else { usize::from(generated.how != How::Emptied) };
            let entry =
                |number| generate(&schema["additionalProperties"], None, Generated { number, ..generated }, material);
            Some((0..keys).filter_map(|number| Some((format!("key-{number}"), entry(number)?))).collect())
        }
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let mut fields = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let is_required = required.contains(&json!(name));
                if generated.how == How::Emptied && !is_required {
                    continue;
                }
                let present = present.and_then(|present| present.get(name));
                // A field that cannot be corrupted in this way keeps its value, or gets a minimal admitted one.
                let value = generate(field, present, generated, material).or_else(|| present.cloned());
                let value =
                    value.or_else(|| generate(field, None, Generated { how: How::Foreign, ..generated }, material));
                fields.extend(value.map(|value| (name.clone(), value)));
            }
            Some(Value::Object(fields))
        }
        _ => None,
    }
}

fn items(schema: &Value, present: Option<&Value>, generated: Generated, material: &Material) -> Vec<Value> {
    let present = present.and_then(Value::as_array);
    let count = match generated.how {
        How::Removed | How::Emptied => 0,
        How::Huge => bound(schema, "maxItems"),
        How::Foreign | How::Another => present.map_or(1, |present| present.len().max(1)),
    };
    let item = |number: usize| {
        let present = present.and_then(|present| present.get(number)).filter(|_| generated.how != How::Huge);
        generate(&schema["items"], present, Generated { number, longest: LONG, ..generated }, material)
    };
    (0..count).filter_map(item).collect()
}

fn bound(schema: &Value, name: &str) -> usize {
    schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok()).unwrap_or(UNBOUNDED)
}

/// Generates a text. Texts with different numbers differ, because items of a list must be unique.
fn text(schema: &Value, present: Option<&str>, generated: Generated, material: &Material) -> Option<String> {
    if let Some(words) = schema["enum"].as_array() {
        let others: Vec<&str> = words.iter().filter_map(Value::as_str).filter(|word| Some(*word) != present).collect();
        return (generated.how == How::Foreign).then(|| others.first().map(|word| (*word).to_owned()))?;
    }
    if schema["format"] == "date-time" {
        return match generated.how {
            How::Foreign => Some("1971-02-03T04:05:06Z".to_owned()),
            How::Huge => Some("9999-12-31T23:59:59Z".to_owned()),
            How::Removed | How::Emptied | How::Another => None,
        };
    }
    let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), bound(schema, "maxLength"));
    match generated.how {
        How::Huge => {
            let (end, length) = (format!("N{}", generated.number), most.min(generated.longest));
            Some(format!("{}{end}", "X".repeat(length.saturating_sub(end.len()))))
        }
        How::Foreign => {
            let like = material.foreign.iter().find(|(start, _)| present.is_some_and(|now| now.starts_with(*start)));
            let id = like.or_else(|| material.foreign.first_key_value()).map(|(_, id)| id.clone()).unwrap_or_default();
            let plain = schema["pattern"].is_string() || id.len() > most;
            let mut text = if plain { "Foreign".to_owned() } else { id };
            // A second text would be the same.
            if generated.number > 0 {
                text = format!("{text}{}", generated.number);
            }
            text.truncate(most);
            Some(text)
        }
        How::Removed | How::Emptied | How::Another => (least == 0).then(String::new),
    }
}

/// Returns the part of a status that must be restored after a corruption. It excludes times, the conditions of other
/// writers, which the operator does not change, and epochs with their tokens, because the operator may have continued
/// from a corrupted epoch. It also excludes what only status records: the last requested reconcile, and in the
/// hand-off the changes since the previous revision and the work that was acknowledged.
pub fn essence(status: &Value) -> Value {
    let mut essence = status.clone();
    if let Some(conditions) = essence.get_mut("conditions").and_then(Value::as_array_mut) {
        let is_ours = |condition: &Value| ConditionType::ALL.iter().any(|ours| condition["type"] == ours.as_str());
        conditions.retain(is_ours);
    }
    remove_unstable_fields(&mut essence);
    remove_records_of_hand_off(&mut essence);
    if let Some(fields) = essence.as_object_mut() {
        fields.remove("lastHandledReconcileAt");
    }
    essence
}

fn remove_records_of_hand_off(status: &mut Value) {
    fn list(value: Option<&mut Value>) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
        value.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
    }
    if let Some(hand_off) = status.get_mut("onPremises").and_then(Value::as_object_mut) {
        hand_off.remove("changes");
        list(hand_off.get_mut("checklist")).for_each(|item| drop(item.remove("state")));
    }
    // Its message counts the open items.
    let current = ConditionType::OnPremisesCurrent.as_str();
    let conditions =
        list(status.get_mut("conditions")).filter(|one| one.get("type").is_some_and(|type_| type_ == current));
    conditions.for_each(|condition| drop(condition.remove("message")));
}

fn remove_unstable_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "lastTransitionTime" | "token" | "epoch"));
            fields.values_mut().for_each(remove_unstable_fields);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_unstable_fields),
        _ => {}
    }
}
