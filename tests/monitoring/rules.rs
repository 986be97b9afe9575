//! The alert rules: valid, tested, documented, and the same for both kinds of installation.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{in_repository, text, unknown_metrics};

const RULES: &str = "deploy/monitoring/rules.yaml";
const TESTS: &str = "tests/monitoring/rules.test.yaml";

fn yaml(path: &str) -> Result<Value> {
    serde_saphyr::from_str(&text(path)?).with_context(|| format!("'{path}' is not YAML"))
}

fn list<'v>(value: &'v Value, pointer: &str) -> Result<&'v Vec<Value>> {
    value.pointer(pointer).and_then(Value::as_array).with_context(|| format!("there is no list {pointer}"))
}

fn word<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("there is no text {pointer} in {value}"))
}

/// Runs promtool and returns its output.
fn promtool(arguments: &[&str]) -> Result<String> {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(in_repository("."))
        .output()
        .context("cannot run 'promtool'; run tests/monitoring/install.sh")?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "promtool {}:\n{text}", arguments.join(" "));
    Ok(text)
}

#[test]
fn the_rules_are_valid_and_pass_their_tests() -> Result<()> {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", RULES])?;
    promtool(&["test", "rules", TESTS])?;
    Ok(())
}

#[test]
fn the_prometheus_rule_has_the_same_groups() -> Result<()> {
    let of_operator = yaml("deploy/monitoring/prometheus-rule.yaml")?;
    assert_eq!(of_operator.pointer("/spec/groups"), yaml(RULES)?.pointer("/groups"));
    Ok(())
}

#[test]
fn each_alert_has_a_test_that_fires_and_one_that_does_not() -> Result<()> {
    // For each alert, the numbers of tests in which it does not fire, and in which it fires.
    let mut tested: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let tests = yaml(TESTS)?;
    for test in list(&tests, "/tests")? {
        for case in list(test, "/alert_rule_test")? {
            let fires = !list(case, "/exp_alerts")?.is_empty();
            tested.entry(word(case, "/alertname")?).or_default()[usize::from(fires)] += 1;
        }
    }
    let rules = yaml(RULES)?;
    for rule in list(&rules, "/groups/0/rules")? {
        let name = word(rule, "/alert")?;
        let [silent, fires] = tested.remove(name).unwrap_or_default();
        ensure!(fires > 0, "no test expects {name} to fire");
        // A test that compares several series also shows which of them do not fire.
        let is_selective = ["MgnetDriftRepeats", "MgnetAWSThrottled"].contains(&name);
        ensure!(silent > 0 || is_selective, "no test expects {name} not to fire");
    }
    ensure!(tested.is_empty(), "tests of alerts that do not exist: {tested:?}");
    Ok(())
}

#[test]
fn each_alert_is_documented_and_names_metrics_that_exist() -> Result<()> {
    let page = text("docs/alerts.md")?;
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules = yaml(RULES)?;
    let rules = list(&rules, "/groups/0/rules")?;
    for rule in rules {
        let name = word(rule, "/alert")?;
        ensure!(sections.contains(&name), "docs/alerts.md has no section {name}");
        assert_eq!(word(rule, "/annotations/runbook_url")?, format!("docs/alerts.md#{}", name.to_lowercase()));
        ensure!(["critical", "warning", "info"].contains(&word(rule, "/labels/severity")?), "{name}");
        for annotation in ["summary", "description"] {
            ensure!(!word(rule, &format!("/annotations/{annotation}"))?.is_empty(), "{name}");
        }
        assert_eq!(unknown_metrics(word(rule, "/expr")?)?, Vec::<String>::new(), "{name}");
    }
    assert_eq!(sections.len(), rules.len(), "sections of alerts that do not exist: {sections:?}");
    for section in page.split("\n## ").skip(1) {
        for part in ["**Meaning:**", "**Look at:**", "**Do:**"] {
            ensure!(section.contains(part), "a section lacks {part}:\n{section}");
        }
    }
    Ok(())
}
