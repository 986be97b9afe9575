//! Tests the health of a network in Argo CD with every status that the operator can write, and with outdated
//! statuses. Also tests that wrong scripts are detected.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use support::health::breach;

use crate::lua::Script;
use crate::verdicts::{GENERATION, networks};
use crate::{ARGOCD, text};

const SCRIPT: &str = "health/migrationnetwork.lua";

/// Returns the object and its variants: between an edit and the operator's answer, and with inconsistent generations.
fn variants(object: &Value) -> [Value; 5] {
    let change = |change: &dyn Fn(&mut Value)| {
        let mut changed = object.clone();
        change(&mut changed);
        changed
    };
    let older = json!(GENERATION - 1);
    [
        object.clone(),
        change(&|object| object["metadata"]["generation"] = json!(GENERATION + 1)),
        change(&|object| object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
        change(&|object| object["status"]["observedGeneration"] = older.clone()),
        change(&|object| {
            for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
                condition["observedGeneration"] = older.clone();
            }
        }),
    ]
}

/// Returns all test cases of the script: the networks of the operator, their variants, and one network without a
/// status.
fn cases() -> Result<&'static [Value]> {
    static CASES: LazyLock<Result<Vec<Value>>> = LazyLock::new(|| {
        let mut cases: Vec<Value> = networks()?.iter().flat_map(variants).collect();
        cases.push(json!({ "metadata": { "generation": 1 }, "spec": {} }));
        Ok(cases)
    });
    CASES.as_deref().map_err(|error| anyhow!("{error:#}"))
}

/// Returns the first case for which the script reports the wrong health.
fn first_breach(script: &Script) -> Result<Option<String>> {
    for object in cases()? {
        let health = script.health(object);
        if let Some(rule) = breach(object, &health) {
            return Ok(Some(format!("{rule}: {health:?} for {object:#}")));
        }
    }
    Ok(None)
}

#[test]
fn every_status_of_the_operator_has_the_right_health() -> Result<()> {
    assert_eq!(first_breach(&Script::of(SCRIPT)?)?, None);
    Ok(())
}

#[test]
fn every_health_is_among_the_cases() -> Result<()> {
    let script = Script::of(SCRIPT)?;
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for object in cases()? {
        *found.entry(format!("{:?}", script.health(object)?.status)).or_default() += 1;
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), ["Degraded", "Healthy", "Progressing", "Suspended"]);
    Ok(())
}

/// Common mistakes, each as a change of the script: the original text, and its replacement.
const MISTAKES: [(&str, &str, &str); 11] = [
    ("a waiting plan is Degraded", r#"stalled.reason == "AwaitingApproval""#, "false"),
    (
        "a network that is not ready yet is Degraded",
        r#""Progressing", message = words"#,
        r#""Degraded", message = words"#,
    ),
    ("`Stalled` is ignored", r#"if stalled ~= nil and stalled.status == "True" then"#, "if false then"),
    (
        "an outdated status counts",
        "status.observedGeneration ~= nil and status.observedGeneration == generation",
        "true",
    ),
    ("an outdated condition counts", " and about == generation", ""),
    ("suspension is ignored", "obj.spec.suspend == true and not is_deleted", "false"),
    ("suspension hides a deletion", "obj.spec.suspend == true and not is_deleted", "obj.spec.suspend == true"),
    ("deletion is ignored", "obj.metadata.deletionTimestamp ~= nil", "false"),
    ("a condition without a message gives no message", "return reason\n", "return condition.message\n"),
    ("a new object is an error", "obj.status or {}", "obj.status"),
    ("a health that Argo CD does not know", r#""Healthy""#, r#""Ready""#),
];

#[test]
fn every_planted_mistake_is_detected() -> Result<()> {
    let right = text(&format!("{ARGOCD}/{SCRIPT}"))?;
    for (mistake, what, instead) in MISTAKES {
        ensure!(right.contains(what), "{mistake}: the script does not contain {what:?}");
        let wrong = Script::new(&right.replace(what, instead)).with_context(|| mistake)?;
        assert!(first_breach(&wrong)?.is_some(), "not detected: {mistake}");
    }
    Ok(())
}
