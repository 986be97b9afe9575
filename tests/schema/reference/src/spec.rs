//! Generates the table of the fields of a spec from the schema and from [`changes`](super::changes), and the check that
//! both agree.
//!
//! A field of the class's `defaults` corresponds to the network's field of the same name. As long as both have the
//! same schema, one row refers to the network's field.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;

use super::{
    changes::{Change, Entry},
    fields::{Field, fields, property, values},
    markdown::{code, table, text},
};

/// The prefix of the class's fields that set defaults of a network's fields.
const DEFAULTS: &str = "spec.defaults.";

/// The spec of a kind.
pub(crate) struct Spec<'a> {
    /// The kind.
    pub(crate) kind: &'static str,
    /// The properties of its fields that the schema cannot express.
    pub(crate) entries: &'static [Entry],
    /// The schema of the whole object.
    pub(crate) root: Option<&'a JSONSchemaProps>,
}

/// The form in which the table shows a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowForm {
    /// A separate row.
    Own,
    /// A row that refers to the network's field.
    Refers,
    /// No row: the row of the parent refers to the network's field.
    Within,
}

impl Spec<'_> {
    fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// The index of a field in the entries, which have the order of the types. Fields without an entry come last.
    fn index(&self, path: &str) -> usize {
        self.entries.iter().position(|entry| entry.path == path).unwrap_or(self.entries.len())
    }

    /// The fields in the order of the types. The `defaults` have the order of the fields to which they refer.
    fn fields(&self, network: &Spec<'_>) -> Vec<Field<'_>> {
        let mut fields = fields(self.root, "spec");
        fields.sort_by_cached_key(|field| match field.path.strip_prefix(DEFAULTS) {
            Some(rest) => (self.index(DEFAULTS.trim_end_matches('.')), 1 + network.index(&format!("spec.{rest}"))),
            None => (self.index(&field.path), 0),
        });
        fields
    }

    /// The form in which the table shows a field.
    fn row_form(&self, path: &str, network: &Spec<'_>) -> RowForm {
        let Some(rest) = path.strip_prefix(DEFAULTS) else { return RowForm::Own };
        let top = rest.split(['.', '[']).next().unwrap_or_default();
        let undescribed = |schema: &JSONSchemaProps| JSONSchemaProps { description: None, ..schema.clone() };
        let own = property(self.root, &format!("{DEFAULTS}{top}")).map(undescribed);
        let reference = property(network.root, &format!("spec.{top}")).map(undescribed);
        match (own == reference, top == rest) {
            (false, _) => RowForm::Own,
            (true, true) => RowForm::Refers,
            (true, false) => RowForm::Within,
        }
    }
}

/// The differences between schema and entries: fields without an entry, entries without a field, and fields whose
/// value when omitted is stated twice or not at all. `network` is the kind to which `defaults` apply.
pub(crate) fn problems(spec: &Spec<'_>, network: &Spec<'_>) -> Vec<String> {
    const FILE: &str = "tests/schema/reference/src/changes.rs";
    let kind = spec.kind;
    let fields = spec.fields(network);
    let mut problems = Vec::new();
    for field in &fields {
        let path = &field.path;
        let is_stated = field.is_required || field.when_omitted().0.is_some();
        match (spec.row_form(path, network), spec.entry(path)) {
            (RowForm::Own, None) => {
                let omitted = if is_stated { "STATED" } else { "\"the value when it is omitted\"" };
                problems.push(format!(
                    "`{path}` of {kind} has no entry in {FILE}; add, at the position of the field in the type: \
                     field(\"{path}\", {omitted}, InPlace, \"the effect of a change in AWS\")"
                ));
            }
            (RowForm::Own, Some(entry)) if entry.omitted.is_empty() != is_stated => problems.push(if is_stated {
                format!(
                    "`{path}` of {kind} is required, or its description states the value when it is omitted; in \
                     {FILE}, write STATED instead of \"{}\"",
                    entry.omitted
                )
            } else {
                format!(
                    "`{path}` of {kind} is optional, but its value when omitted is not documented; in {FILE}, write it \
                     instead of STATED, or end its description with 'Defaults to …' or 'If omitted, …'"
                )
            }),
            (RowForm::Within, Some(_)) => problems.push(format!(
                "`{path}` of {kind} refers to the field of a network, but has an entry in {FILE}; remove the entry, \
                 or move it to the field directly below `spec.defaults`"
            )),
            (RowForm::Own | RowForm::Refers | RowForm::Within, _) => {}
        }
    }
    let gone = spec.entries.iter().filter(|entry| fields.iter().all(|field| field.path != entry.path));
    problems
        .extend(gone.map(|entry| format!("`{}` is not a field of {kind}; remove its entry from {FILE}", entry.path)));
    problems
}

/// Returns the table of the fields.
pub(crate) fn table_of(spec: &Spec<'_>, network: &Spec<'_>) -> String {
    let rows: Vec<_> = spec
        .fields(network)
        .iter()
        .filter_map(|field| {
            let (stated, meaning) = field.when_omitted();
            let entry = spec.entry(&field.path);
            let (omitted, change) = match spec.row_form(&field.path, network) {
                RowForm::Within => return None,
                RowForm::Own if field.is_required => ("must be set".to_owned(), entry.map(changed)?),
                RowForm::Own => (text(stated.or_else(|| Some(entry?.omitted))?), entry.map(changed)?),
                RowForm::Refers => {
                    let reference = format!("as [`{}`](#migrationnetwork-spec)", field.path.replace(DEFAULTS, "spec."));
                    (reference.clone(), entry.map_or(reference, changed))
                }
            };
            Some([code(&field.path), values(field.schema), text(&meaning), omitted, change])
        })
        .collect();
    table(&["Field", "Values", "Meaning", "When omitted", "Effect of a change in AWS"], &rows)
}

fn changed(entry: &Entry) -> String {
    let word = match entry.change {
        Change::Nothing => "nothing",
        Change::InPlace => "in place",
        Change::Replace => "replace",
        Change::NotPossible => "not possible",
        Change::ByField => "see its fields",
    };
    if entry.how.is_empty() { word.to_owned() } else { format!("{word}: {}", text(entry.how)) }
}

/// Returns the list of rules for the values. Fields with the same rules share an item.
pub(crate) fn rules_of(spec: &Spec<'_>, network: &Spec<'_>) -> String {
    let mut listed: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for field in spec.fields(network) {
        if spec.row_form(&field.path, network) != RowForm::Own || field.rules.is_empty() {
            continue;
        }
        match listed.iter_mut().find(|(rules, _)| *rules == field.rules) {
            Some((_, paths)) => paths.push(code(&field.path)),
            None => listed.push((field.rules, vec![code(&field.path)])),
        }
    }
    let lines = listed.iter().map(|(rules, paths)| format!("- {}: {}", paths.join(", "), text(&rules.join("; "))));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        changes::{self, Change::InPlace, STATED, field},
        fields::root,
    };

    fn root_of(spec: &Value) -> JSONSchemaProps {
        serde_json::from_value(
            json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": spec } } }),
        )
        .unwrap()
    }

    fn problems_of(root: &JSONSchemaProps, entries: &'static [Entry]) -> Vec<String> {
        let network = root_of(&json!({ "a": { "type": "string" } }));
        let spec = Spec { kind: "Kind", entries, root: Some(root) };
        problems(&spec, &Spec { kind: "Network", entries: &[], root: Some(&network) })
    }

    #[test]
    fn a_field_without_an_entry_is_reported_with_the_entry_to_add() {
        let found = problems_of(&root_of(&json!({ "a": { "type": "string" } })), &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(r#"field("spec.a", "the value when it is omitted", InPlace, "#), "{found:?}");
        let stated = root_of(&json!({ "a": { "type": "string", "description": "A. Defaults to none." } }));
        assert!(problems_of(&stated, &[])[0].contains(r#"field("spec.a", STATED, InPlace, "#));
    }

    #[test]
    fn an_entry_without_a_field_is_reported() {
        const GONE: &[Entry] = &[field("spec.b", "none", InPlace, "")];
        assert_eq!(problems_of(&root_of(&json!({})), GONE).len(), 1);
    }

    #[test]
    fn exactly_one_place_states_the_value_of_an_omitted_field() {
        const IN_ENTRY: &[Entry] = &[field("spec.a", "none", InPlace, "")];
        const NOT_IN_ENTRY: &[Entry] = &[field("spec.a", STATED, InPlace, "")];
        let silent = root_of(&json!({ "a": { "type": "string" } }));
        let stated = root_of(&json!({ "a": { "type": "string", "description": "If omitted, none is used." } }));
        for (root, entries, expected) in
            [(&silent, IN_ENTRY, 0), (&stated, NOT_IN_ENTRY, 0), (&silent, NOT_IN_ENTRY, 1), (&stated, IN_ENTRY, 1)]
        {
            assert_eq!(problems_of(root, entries).len(), expected);
        }
    }

    /// The fields that the schema makes immutable, with all fields below them, are exactly those marked as not
    /// possible to change.
    #[test]
    fn the_immutable_fields_are_marked_as_not_possible_to_change() {
        let crds = mgnet::api::schema::crds();
        for (kind, entries) in changes::ALL {
            let fields = fields(root(&crds, kind), "spec");
            let immutable: Vec<&str> = fields
                .iter()
                .filter(|field| {
                    field.rules.iter().any(|rule| rule.starts_with("must not be") && rule.contains("changed"))
                })
                .map(|field| field.path.as_str())
                .collect();
            assert!(!immutable.is_empty(), "{kind}");
            for entry in entries {
                let is_in = |path: &str| {
                    entry.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let expected = immutable.iter().any(|path| is_in(path));
                assert_eq!(entry.change == Change::NotPossible, expected, "{}", entry.path);
            }
        }
    }

    #[test]
    fn a_default_with_the_same_schema_refers_to_the_networks_field() {
        const DEFAULT: &[Entry] = &[field("spec.defaults", "none", InPlace, "")];
        let defaults = |a: &Value| root_of(&json!({ "defaults": { "type": "object", "properties": { "a": a } } }));
        let same = defaults(&json!({ "type": "string", "description": "Of networks." }));
        assert_eq!(problems_of(&same, DEFAULT), Vec::<String>::new());
        let other = defaults(&json!({ "type": "string", "maxLength": 4 }));
        assert!(problems_of(&other, DEFAULT)[0].contains("`spec.defaults.a`"));
    }
}
