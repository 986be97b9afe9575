//! The health of a network, over every status that the operator can write and over those that lag behind an edit; and that
//! scripts which are wrong are found out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use support::health::breach;

use crate::lua::Script;
use crate::verdicts::{GENERATION, networks};
use crate::{ARGOCD, text};

const SCRIPT: &str = "health/migrationnetwork.lua";

/// An object as it is between an edit and the operator's answer, and as a careless writer could leave it.
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

/// Every network that the script must get right: those of the operator, their variants, and one without a status.
fn cases() -> Result<&'static [Value]> {
    static CASES: LazyLock<Result<Vec<Value>>> = LazyLock::new(|| {
        let mut cases: Vec<Value> = networks()?.iter().flat_map(variants).collect();
        cases.push(json!({ "metadata": { "generation": 1 }, "spec": {} }));
        Ok(cases)
    });
    CASES.as_deref().map_err(|error| anyhow!("{error:#}"))
}

/// The first case that the script gets wrong.
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
fn every_status_that_the_operator_can_write_gets_the_right_health() -> Result<()> {
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

/// Mistakes that are easy to make, each as a change of the script: what stands there, and what is put in its place.
const MISTAKES: [(&str, &str, &str); 11] = [
    ("a plan that waits is Degraded", r#"stalled.reason == "AwaitingApproval""#, "false"),
    ("what is not ready yet is Degraded", r#""Progressing", message = words"#, r#""Degraded", message = words"#),
    ("`Stalled` is overlooked", r#"if stalled ~= nil and stalled.status == "True" then"#, "if false then"),
    (
        "a status that lags counts",
        "status.observedGeneration ~= nil and status.observedGeneration == generation",
        "true",
    ),
    ("a condition that lags counts", " and about == generation", ""),
    ("suspension is overlooked", "obj.spec.suspend == true and not is_deleted", "false"),
    ("suspension hides a deletion", "obj.spec.suspend == true and not is_deleted", "obj.spec.suspend == true"),
    ("deletion is overlooked", "obj.metadata.deletionTimestamp ~= nil", "false"),
    ("a condition without a message gives none", "return reason\n", "return condition.message\n"),
    ("a new object is an error", "obj.status or {}", "obj.status"),
    ("a word that Argo CD does not know", r#""Healthy""#, r#""Ready""#),
];

#[test]
fn every_planted_mistake_is_found() -> Result<()> {
    let right = text(&format!("{ARGOCD}/{SCRIPT}"))?;
    for (mistake, what, instead) in MISTAKES {
        ensure!(right.contains(what), "{mistake}: the script has no {what:?}");
        let wrong = Script::new(&right.replace(what, instead)).with_context(|| mistake)?;
        assert!(first_breach(&wrong)?.is_some(), "not found: {mistake}");
    }
    Ok(())
}
