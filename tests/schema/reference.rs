//! Tests that `docs/reference.md` equals the generated text and explains every name that the operator sets, and that
//! the examples in the README are valid.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use mgnet::api::{MigrationNetworkSpec, schema};
use serde_json::Value;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_file_equals_the_generated_reference() -> Result<()> {
    let file = fs::read_to_string(in_repository("docs/reference.md"))?;
    assert!(file == reference::document()?, "docs/reference.md is out of date: run 'make generate'");
    Ok(())
}

/// Returns the constants in a source text that start with the operator's prefix: annotations, finalizers and tags.
fn names_in(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.contains("const "))
        .filter_map(|line| line.split_once("= \"mgnet.dev/")?.1.split_once('"'))
        .map(|(name, _)| format!("mgnet.dev/{name}"))
        .collect()
}

fn names_of_source(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            names.extend(names_of_source(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(names_in(&fs::read_to_string(path)?));
        }
    }
    Ok(names)
}

#[test]
fn every_name_that_the_operator_sets_is_explained() -> Result<()> {
    let document = reference::document()?;
    let names = names_of_source(&in_repository("src"))?;
    assert!(names.len() >= 10, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !document.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not explained: {missing:?}; add them to tests/schema/reference/src/names.rs");
    Ok(())
}

#[test]
fn names_are_found_in_declarations() {
    let text = "pub const NEW_TAG: &str = \"mgnet.dev/new\";\n// mgnet.dev/other\n";
    assert_eq!(names_in(text), BTreeSet::from(["mgnet.dev/new".to_owned()]));
}

/// All rows of a table have the same number of columns, because GitHub shows no other tables.
#[test]
fn every_table_is_complete() -> Result<()> {
    let document = reference::document()?;
    let cells = |line: &str| line.replace("\\|", "").matches('|').count() - 1;
    let mut columns = None;
    let mut tables = 0;
    for line in document.lines() {
        if !line.starts_with('|') {
            columns = None;
            continue;
        }
        if columns.is_none() {
            tables += 1;
        }
        assert_eq!(cells(line), *columns.get_or_insert_with(|| cells(line)), "{line}");
    }
    assert!(tables >= 9, "{tables} tables");
    Ok(())
}

/// Links within the document lead to one of its headings, according to GitHub's rule for anchors.
#[test]
fn every_link_leads_to_a_heading() -> Result<()> {
    let document = reference::document()?;
    let anchor = |heading: &str| {
        let kept =
            heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect::<String>();
        kept.replace(' ', "-")
    };
    let headings: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches(['#', ' '])))
        .collect();
    assert_eq!(headings.len(), headings.iter().collect::<BTreeSet<_>>().len(), "{headings:?}");
    let links: Vec<_> = document.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(!links.is_empty());
    for link in links {
        assert!(headings.iter().any(|heading| heading == link), "#{link}");
    }
    Ok(())
}

#[test]
fn every_status_field_is_listed() -> Result<()> {
    let document = reference::document()?;
    for crd in schema::crds() {
        let yaml = serde_json::to_value(&crd)?;
        let status = &yaml["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        for name in status.as_object().into_iter().flat_map(|properties| properties.keys()) {
            assert!(document.contains(&format!("\n| `status.{name}` |")), "{name}");
        }
    }
    Ok(())
}

/// Each example in the README is unchanged after a round trip through the types, which would lose a misspelled field.
#[test]
fn the_examples_in_the_readme_are_valid() -> Result<()> {
    let readme = fs::read_to_string(in_repository("README.md"))?;
    let examples: Vec<_> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 5, "{} examples", examples.len());
    for example in examples {
        let written: Value = serde_saphyr::from_str(example)?;
        let spec = written.get("spec").with_context(|| format!("the example has no spec: {example}"))?;
        let read: MigrationNetworkSpec = serde_json::from_value(spec.clone()).with_context(|| example.to_owned())?;
        assert_eq!(serde_json::to_value(read)?, *spec);
    }
    Ok(())
}
