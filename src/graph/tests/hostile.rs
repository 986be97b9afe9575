//! Objects whose values would add elements, attributes, nodes or edges.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{TOKYO, read, readers};
use crate::{
    api::MigrationNetwork,
    graph::{Format, draw},
};

const HOSTILE: [&str; 7] = [
    "</text><script>alert(1)</script>",
    "\" onload=\"alert(1)\" x='",
    "]]>--><image href='https://example.com/x'/>&lt;&#60;<!--",
    "\"]:::failed\n  evil[\"x\"]\n  evil --> vpc\n  end",
    "#quot;] --> evil; click row1 href \"javascript:alert(1)\" %%{init: {}}%%",
    "`**bold** <b>x</b>` 1. item\n- item",
    "\u{0}\u{1b}[31m\u{202e}\u{feff}\u{fdfd}\u{ffff}",
];

/// Returns the object with all texts of one field replaced, for each field of which that leaves an object.
fn spoiled(hostile: &str) -> Vec<(String, MigrationNetwork)> {
    fn fields(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(all) => all.iter().for_each(|one| fields(one, found)),
            Value::Object(all) => all.iter().for_each(|(field, one)| {
                found.insert(field.clone());
                fields(one, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    fn spoil(value: &mut Value, name: &str, hostile: &str) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| spoil(one, name, hostile)),
            Value::Object(all) => all.iter_mut().for_each(|(field, one)| match one {
                Value::String(text) if field == name => hostile.clone_into(text),
                Value::Array(texts) if field == name && texts.iter().all(Value::is_string) => {
                    *texts = vec![Value::from(hostile)];
                }
                other => spoil(other, name, hostile),
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let object = serde_json::to_value(read(TOKYO)).expect("an object");
    let mut found = BTreeSet::new();
    fields(&object, &mut found);
    let change = |field: String| {
        let mut changed = object.clone();
        spoil(&mut changed, &field, hostile);
        let network = serde_json::from_value(changed.clone()).ok()?;
        (changed != object).then_some((field, network))
    };
    found.into_iter().filter_map(change).collect()
}

/// The elements and attributes of a picture.
const NAMES: [&str; 27] = [
    "svg",
    "title",
    "desc",
    "style",
    "rect",
    "text",
    "path",
    "circle",
    "@xmlns",
    "@class",
    "@width",
    "@height",
    "@viewBox",
    "@role",
    "@x",
    "@y",
    "@rx",
    "@cx",
    "@cy",
    "@r",
    "@d",
    "@font-size",
    "@textLength",
    "@lengthAdjust",
    "@style",
    "@fill",
    "@stroke",
];

#[test]
fn no_value_adds_an_element() {
    for hostile in HOSTILE {
        let spoiled = spoiled(hostile);
        assert!(spoiled.len() > 30, "{}", spoiled.len());
        for (path, network) in spoiled {
            let svg = draw(&network, Format::Svg);
            let mut names = readers::names(&svg);
            names.retain(|name| !NAMES.contains(&name.as_str()));
            assert!(names.is_empty(), "{path}: {names:?}");
            assert!(svg.chars().all(|c| c == '\n' || !c.is_control()), "{path}");
            assert_eq!(svg.matches("<style").count(), 1, "{path}");
        }
    }
}

#[test]
fn no_value_adds_a_node_or_an_edge() {
    for hostile in HOSTILE {
        for (path, network) in spoiled(hostile) {
            let flowchart = draw(&network, Format::Mermaid);
            // The first line has the configuration.
            for line in flowchart.lines().skip(1) {
                let parts: Vec<&str> = line.split('"').collect();
                assert!(parts.len() % 2 == 1, "{path}: {line}");
                // Outside of quotes there is no value of the object.
                let outside = parts.iter().step_by(2).copied().collect::<String>();
                let known = |c: char| c.is_ascii_alphanumeric() || " [](){}/|:,.#->".contains(c);
                assert!(outside.chars().all(known) && !outside.contains("evil"), "{path}: {line}");
                for label in parts.iter().skip(1).step_by(2) {
                    let allowed = |c: char| c.is_ascii_alphanumeric() || " ./,-:#;".contains(c);
                    assert!(label.replace("<br/>", "").chars().all(allowed), "{path}: {label}");
                }
            }
        }
    }
}

#[test]
fn very_long_lists_and_texts_do_not_blow_up_the_picture() {
    let mut network = read(TOKYO);
    let status = network.status.as_mut().expect("a status");
    let settings = status.settings.as_mut().expect("settings");
    settings.source_cidrs = vec!["192.168.0.0/24".to_owned(); 10_000];
    let subnets = settings.subnets.as_mut().expect("subnets");
    subnets.staging = vec!["subnet-0".to_owned(); 10_000];
    subnets.endpoints = (0..10_000).map(|number| format!("subnet-{number}")).collect();
    let (group, endpoint) = (status.security_groups[0].clone(), status.endpoints[0].clone());
    status.security_groups = vec![group; 10_000];
    status.endpoints.extend((0..1_000).map(|number| {
        let mut one = endpoint.clone();
        one.service = format!("service-{number}");
        one
    }));
    status.on_premises.as_mut().expect("a hand-off").checklist =
        vec![status.on_premises.as_ref().expect("a hand-off").checklist[0].clone(); 10_000];
    status.conditions[0].message = "x".repeat(1_000_000);
    status.conditions[0].status = "False".to_owned();
    for format in [Format::Svg, Format::Mermaid] {
        let length = draw(&network, format).len();
        assert!(length < 500_000, "{format:?}: {length}");
    }
}
