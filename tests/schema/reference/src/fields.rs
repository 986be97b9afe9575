//! Reads the fields of a CRD and their properties from its schema.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::markdown::code;

/// A field of a CRD.
pub(crate) struct Field<'a> {
    /// The path from the object's root, such as `spec.endpoints[].service`.
    pub(crate) path: String,
    /// The schema of the field.
    pub(crate) schema: &'a JSONSchemaProps,
    /// Whether the field is required in its parent object.
    pub(crate) is_required: bool,
    /// The rules for its values, one phrase each.
    pub(crate) rules: Vec<String>,
}

impl Field<'_> {
    /// Returns the description of the field.
    pub(crate) fn description(&self) -> &str {
        self.schema.description.as_deref().unwrap_or_default()
    }

    /// Returns the value that the description states for an omitted field, and the rest of the description.
    pub(crate) fn when_omitted(&self) -> (Option<&str>, String) {
        const MARKS: [&str; 2] = ["Defaults to ", "If omitted, "];
        let description = self.description();
        let Some((before, after)) = MARKS.iter().find_map(|mark| description.split_once(mark)) else {
            return (None, description.to_owned());
        };
        let (omitted, rest) = after.split_once(". ").unwrap_or((after.trim_end_matches('.'), ""));
        (Some(omitted), format!("{before}{rest}").trim_end().to_owned())
    }
}

/// Returns the schema of the only version of a CRD.
pub(crate) fn schema_of(crd: &CustomResourceDefinition) -> Option<&JSONSchemaProps> {
    crd.spec.versions.first()?.schema.as_ref()?.open_api_v3_schema.as_ref()
}

/// Returns the schema of a kind.
pub(crate) fn root<'a>(crds: &'a [CustomResourceDefinition], kind: &str) -> Option<&'a JSONSchemaProps> {
    schema_of(crds.iter().find(|crd| crd.spec.names.kind == kind)?)
}

/// Returns the fields below `spec` or `status`, parents before children.
pub(crate) fn fields<'a>(root: Option<&'a JSONSchemaProps>, part: &str) -> Vec<Field<'a>> {
    let mut found = Vec::new();
    if let Some(schema) = property(root, part) {
        let mut rules = Rules::default();
        rules.gather(schema, part);
        walk(schema, part, &rules, &mut found);
    }
    found
}

/// Returns the schema of the property with this path.
pub(crate) fn property<'a>(schema: Option<&'a JSONSchemaProps>, path: &str) -> Option<&'a JSONSchemaProps> {
    path.split('.').try_fold(schema?, |schema, name| schema.properties.as_ref()?.get(name))
}

fn walk<'a>(schema: &'a JSONSchemaProps, path: &str, rules: &Rules, found: &mut Vec<Field<'a>>) {
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let is_required = schema.required.iter().flatten().any(|required| required == name);
        let all = rules.0.get(&path).cloned().unwrap_or_default();
        found.push(Field { path: path.clone(), schema: property, is_required, rules: all });
        walk(property, &path, rules, found);
        if let Some(item) = item(property) {
            walk(item, &format!("{path}[]"), rules, found);
        }
        if let Some(value) = value(property) {
            walk(value, &format!("{path}[*]"), rules, found);
        }
    }
}

fn item(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    }
}

fn value(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(value)) => Some(value),
        Some(JSONSchemaPropsOrBool::Bool(_)) | None => None,
    }
}

/// Returns a short description of the values of a field.
pub(crate) fn values(schema: &JSONSchemaProps) -> String {
    let members: Vec<_> = schema.enum_.iter().flatten().filter_map(|member| member.0.as_str()).map(code).collect();
    if !members.is_empty() {
        return members.join(", ");
    }
    match (schema.type_.as_deref().unwrap_or_default(), item(schema)) {
        ("array", Some(item)) if item.properties.is_some() => "list of objects".to_owned(),
        ("array", Some(item)) => format!("list of {}s", item.type_.as_deref().unwrap_or_default()),
        ("object", _) if schema.additional_properties.is_some() => "map".to_owned(),
        ("boolean", _) => "`true`, `false`".to_owned(),
        ("string", _) if schema.format.as_deref() == Some("date-time") => "time".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// The rules that the API server enforces, by the path of the field.
#[derive(Default)]
struct Rules(BTreeMap<String, Vec<String>>);

impl Rules {
    /// Adds the rules of a schema and of all schemas below it.
    fn gather(&mut self, schema: &JSONSchemaProps, path: &str) {
        self.add_rules(schema, path, "");
        for (name, property) in schema.properties.iter().flatten() {
            self.gather(property, &format!("{path}.{name}"));
        }
        if let Some(item) = item(schema) {
            self.gather_inner(item, path, "[]", "each entry ");
        }
        if let Some(value) = value(schema) {
            self.gather_inner(value, path, "[*]", "each value ");
        }
    }

    /// Adds the rules of list items and map values to their list or map, because they have no name.
    fn gather_inner(&mut self, schema: &JSONSchemaProps, path: &str, mark: &str, subject: &str) {
        self.add_inner_rules(schema, path, mark, subject);
        for (name, property) in schema.properties.iter().flatten() {
            self.gather(property, &format!("{path}{mark}.{name}"));
        }
    }

    fn add_rules(&mut self, schema: &JSONSchemaProps, path: &str, subject: &str) {
        self.add(path, subject, bounds(schema));
        self.add_cel(schema, path, path, subject);
    }

    fn add_inner_rules(&mut self, schema: &JSONSchemaProps, path: &str, mark: &str, subject: &str) {
        self.add(path, subject, bounds(schema));
        self.add_cel(schema, &format!("{path}{mark}"), path, subject);
    }

    /// Adds the first part of each CEL rule's message. The second part is the remedy, which only a rejected user
    /// needs.
    fn add_cel(&mut self, schema: &JSONSchemaProps, object: &str, itself: &str, subject: &str) {
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            let message = rule.message.as_deref().unwrap_or_default();
            let requirement = message.split("; ").next().unwrap_or_default().to_owned();
            match &rule.field_path {
                Some(field) => self.add(&format!("{object}{field}"), "", Some(requirement)),
                None => self.add(itself, subject, Some(requirement)),
            }
        }
    }

    fn add(&mut self, path: &str, subject: &str, phrases: impl IntoIterator<Item = String>) {
        let all = self.0.entry(path.to_owned()).or_default();
        for phrase in phrases.into_iter().map(|phrase| format!("{subject}{phrase}")) {
            if !all.contains(&phrase) {
                all.push(phrase);
            }
        }
    }
}

/// Returns the bounds of a value as phrases.
fn bounds(schema: &JSONSchemaProps) -> Vec<String> {
    let between = |least: Option<i64>, most: Option<i64>, unit: &str| match (least, most) {
        (Some(least), Some(most)) => Some(format!("must have {least} to {most} {unit}")),
        (None, Some(most)) => Some(format!("must have at most {most} {unit}")),
        (Some(least), None) => Some(format!("must have at least {least} {unit}")),
        (None, None) => None,
    };
    let keys =
        || schema.x_kubernetes_list_map_keys.iter().flatten().map(|key| code(key)).collect::<Vec<_>>().join(" and ");
    let uniqueness = match schema.x_kubernetes_list_type.as_deref() {
        Some("set") => Some("must have no entry twice".to_owned()),
        Some("map") => Some(format!("must have one entry for each {}", keys())),
        _ => None,
    };
    [
        between(schema.min_length, schema.max_length, "characters"),
        between(schema.min_items, schema.max_items, "entries"),
        between(schema.min_properties, schema.max_properties, "keys"),
        schema.minimum.map(|least| format!("must be at least {least}")),
        schema.maximum.map(|most| format!("must be at most {most}")),
        uniqueness,
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn root_of(spec: &Value) -> JSONSchemaProps {
        serde_json::from_value(json!({ "type": "object", "properties": { "spec": spec } })).unwrap()
    }

    fn field_of(description: &str) -> (Option<String>, String) {
        let root = root_of(&json!({ "properties": { "a": { "description": description } } }));
        let fields = fields(Some(&root), "spec");
        let (omitted, rest) = fields[0].when_omitted();
        (omitted.map(str::to_owned), rest)
    }

    #[test]
    fn the_value_when_omitted_is_separated_from_the_description() {
        let stated = |omitted: &str, rest: &str| (Some(omitted.to_owned()), rest.to_owned());
        assert_eq!(field_of("A thing. Defaults to `a.b`."), stated("`a.b`", "A thing."));
        assert_eq!(
            field_of("A thing. If omitted, none is used. Never more."),
            stated("none is used", "A thing. Never more.")
        );
        assert_eq!(field_of("A thing."), (None, "A thing.".to_owned()));
    }

    #[test]
    fn each_rule_is_listed_with_its_field() {
        let rule =
            |message: &str, path: Option<&str>| json!([{ "rule": "true", "message": message, "fieldPath": path }]);
        let root = root_of(&json!({
            "type": "object",
            "x-kubernetes-validations": rule("must fit; change it", Some(".list")),
            "properties": { "list": {
                "type": "array", "minItems": 1, "maxItems": 4,
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"],
                "items": {
                    "type": "object", "required": ["a"],
                    "x-kubernetes-validations": rule("must be complete; correct it", None),
                    "properties": { "a": {
                        "type": "string", "maxLength": 8,
                        "x-kubernetes-validations": rule("must be a word; correct it", None),
                    } },
                },
            } },
        }));
        let found = fields(Some(&root), "spec");
        let listed: Vec<_> = found.iter().map(|field| (field.path.as_str(), field.rules.join("; "))).collect();
        let of_list =
            "must fit; must have 1 to 4 entries; must have one entry for each `a`; each entry must be complete";
        let of_a = "must have at most 8 characters; must be a word";
        assert_eq!(listed, [("spec.list", of_list.to_owned()), ("spec.list[].a", of_a.to_owned())]);
        assert!(found[1].is_required && !found[0].is_required);
    }

    #[test]
    fn values_are_described_in_a_few_words() {
        for (schema, expected) in [
            (json!({ "type": "string", "enum": ["A", "B"] }), "`A`, `B`"),
            (json!({ "type": "string" }), "string"),
            (json!({ "type": "boolean" }), "`true`, `false`"),
            (json!({ "type": "array", "items": { "type": "string" } }), "list of strings"),
            (json!({ "type": "array", "items": { "type": "object", "properties": {} } }), "list of objects"),
            (json!({ "type": "object", "additionalProperties": { "type": "string" } }), "map"),
            (json!({ "type": "object", "properties": {} }), "object"),
        ] {
            assert_eq!(values(&serde_json::from_value(schema).unwrap()), expected);
        }
    }
}
