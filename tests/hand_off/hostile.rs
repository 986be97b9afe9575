//! Files with values that would add lines, records or rules to an export: the binary refuses each of them, prints nothing to
//! standard output, and names the field on one line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum as _;
use mgnet::api::MigrationNetwork;
use mgnet::hand_off::Format;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::networks;

/// Each text of a hand-off, by its place in the object, with values that are dangerous in at least one format.
const FIELDS: [&str; 11] = [
    "/metadata/name",
    "/metadata/namespace",
    "/status/onPremises/revision",
    "/status/onPremises/firewallRules/0/id",
    "/status/onPremises/firewallRules/0/sources/0",
    "/status/onPremises/firewallRules/0/addresses/0",
    "/status/onPremises/firewallRules/0/subnets/0",
    "/status/onPremises/dnsForwarders/0/domain",
    "/status/onPremises/dnsForwarders/0/targets/0",
    "/status/onPremises/names/1/name",
    "/status/onPremises/names/1/addresses/0",
];

/// Words of enumerations, which a reader drops or replaces if it does not know them.
const WORDS: [&str; 4] = [
    "/status/onPremises/basis",
    "/status/onPremises/firewallRules/0/protocol",
    "/status/onPremises/firewallRules/0/purpose",
    "/status/onPremises/names/1/for",
];

const VALUES: [&str; 9] = [
    "10.0.0.1\n0.0.0.0/0",
    "a\r\nb",
    "a\" { }; }; zone \".",
    "a;b",
    "a,b",
    "=cmd|' /C calc'!A0",
    "*.amazonaws.com",
    "$(reboot)",
    "\u{1b}[2Ja\u{202e}",
];

/// The names of all formats.
fn formats() -> Vec<String> {
    let names = Format::value_variants().iter().filter_map(Format::to_possible_value);
    names.map(|name| name.get_name().to_owned()).collect()
}

/// Returns the object with another value in one place. The revision matches, as the author of a file can make it match.
fn with(place: &str, value: &Value) -> Result<Value> {
    let mut object = serde_json::to_value(networks::tokyo()?)?;
    *object.pointer_mut(place).with_context(|| format!("no {place}"))? = value.clone();
    if place.starts_with("/status") && !place.ends_with("/revision") {
        let network: MigrationNetwork = serde_json::from_value(object.clone())?;
        let hand_off = network.status.as_ref().and_then(|status| status.on_premises.as_ref()).context("no hand-off")?;
        object["status"]["onPremises"]["revision"] = json!(mgnet::model::on_premises::revision_of(hand_off));
    }
    Ok(object)
}

/// Returns the object alone, and in a list after one that is valid.
fn documents(object: &Value) -> Result<[Value; 2]> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [networks::frankfurt()?, object]});
    Ok([object.clone(), list])
}

fn mgnet(arguments: &[&str], file: &Path) -> Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_mgnet")).args(arguments).arg(file).output().context("cannot run mgnet")
}

/// Checks that the command fails without output, and names the field.
fn assert_refused(output: &Output, words: &str, case: &str) -> Result<()> {
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "{case} is accepted");
    ensure!(output.stdout.is_empty(), "{case}: {}", String::from_utf8_lossy(&output.stdout));
    ensure!(error.contains(words), "{case}: {error}");
    let is_plain = |c: char| !c.is_control() && c != '\u{202e}';
    ensure!(error.trim_end().chars().all(is_plain), "{case}: the error repeats control characters: {error:?}");
    Ok(())
}

#[test]
fn no_text_of_an_object_reaches_an_export_unless_it_is_valid() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("network.json");
    let formats = formats();
    for place in FIELDS {
        let field = place.rsplit('/').find(|part| part.parse::<usize>().is_err()).context("a field")?;
        for value in VALUES {
            for document in documents(&with(place, &json!(value))?)? {
                fs::write(&file, document.to_string())?;
                let case = format!("{place} {value:?} in a {}", document["kind"]);
                // Every format parses the whole object first: one of them for each value, and all for the first one.
                let count = if value == VALUES[0] { formats.len() } else { 1 };
                for format in &formats[..count] {
                    assert_refused(&mgnet(&["export", "--output", format, "--file"], &file)?, field, &case)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn no_number_of_an_object_is_out_of_range() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("network.json");
    for port in [-1, 65_536, i64::from(i32::MAX)] {
        for document in documents(&with("/status/onPremises/firewallRules/0/port", &json!(port))?)? {
            fs::write(&file, document.to_string())?;
            let output = mgnet(&["export", "--output", "firewall-csv", "--file"], &file)?;
            assert_refused(&output, "firewallRules[0].port", &port.to_string())?;
        }
    }
    Ok(())
}

/// A reader drops what it does not know. An export without the entry would be incomplete, and one without the basis would call
/// planned addresses real.
#[test]
fn unknown_words_are_refused_with_every_revision() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("network.json");
    for place in WORDS {
        let mut object = with(place, &json!("Unknown"))?;
        object["status"]["onPremises"]["revision"] =
            json!(networks::tokyo()?.status.and_then(|status| { Some(status.on_premises?.revision) }));
        fs::write(&file, object.to_string())?;
        let words = if place.ends_with("basis") { "planned" } else { "revision" };
        assert_refused(&mgnet(&["export", "--output", "json", "--file"], &file)?, words, place)?;
    }
    Ok(())
}

#[test]
fn a_folder_stays_empty_if_an_object_is_refused() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("network.json");
    let exports = folder.path().join("exports");
    for document in documents(&with("/status/onPremises/names/1/name", &json!("a\nb"))?)? {
        fs::write(&file, document.to_string())?;
        let exports_text = exports.to_str().context("a path")?;
        assert_refused(
            &mgnet(&["export", "--output-dir", exports_text, "--file"], &file)?,
            "names[1].name",
            "a folder",
        )?;
        ensure!(!exports.exists(), "a file was written");
    }
    Ok(())
}

#[test]
fn a_comparison_refuses_the_same_values() -> Result<()> {
    let folder = TempDir::new()?;
    let (old, new) = (folder.path().join("old.json"), folder.path().join("new.json"));
    for place in FIELDS.iter().filter(|place| place.contains("firewallRules") || place.contains("metadata")) {
        let field = place.rsplit('/').find(|part| part.parse::<usize>().is_err()).context("a field")?;
        let [_, list] = documents(&with(place, &json!(VALUES[0]))?)?;
        fs::write(&new, list.to_string())?;
        fs::write(&old, json!({"kind": "List", "items": [networks::frankfurt()?, networks::tokyo()?]}).to_string())?;
        let old = old.to_str().context("a path")?;
        assert_refused(&mgnet(&["firewall-diff", old], &new)?, field, place)?;
    }
    Ok(())
}
