//! Tests the Argo CD actions `reconcile`, `suspend`, `resume` and `approve-plan`: their changes to every valid manifest, and
//! the conditions under which they are enabled.

use std::fs;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use mgnet::api::RECONCILE_ANNOTATION;
use serde_json::{Value, json};

use crate::lua::Script;
use crate::{in_repository, text};

/// The object that Argo CD stores after an action (`cleanReturnedObj` in argo-cd `util/lua/lua.go`). Lua cannot
/// distinguish an empty map from an empty list, so Argo CD keeps the old map if the action returns an empty list in
/// its place.
fn cleaned(returned: &Value, before: &Value) -> Value {
    match (returned, before) {
        (Value::Object(returned), Value::Object(before)) => {
            let clean = |(key, value): (&String, &Value)| {
                let value = before.get(key).map_or_else(|| value.clone(), |before| cleaned(value, before));
                (key.clone(), value)
            };
            Value::Object(returned.iter().map(clean).collect())
        }
        (Value::Array(returned), Value::Object(_)) if returned.is_empty() => before.clone(),
        (Value::Array(returned), Value::Array(before)) => {
            returned.iter().zip(before).map(|(returned, before)| cleaned(returned, before)).collect()
        }
        _ => returned.clone(),
    }
}

/// Returns the object after an action.
fn after(script: &Script, object: &Value) -> Result<Value> {
    Ok(cleaned(&script.run(object)?, object))
}

/// Returns every network that the API server accepts.
fn networks() -> Result<Vec<Value>> {
    let mut networks = Vec::new();
    for entry in fs::read_dir(in_repository("tests/manifests/good"))? {
        let path = entry?.path();
        for document in fs::read_to_string(&path)?.split("---\n") {
            let object: Value = serde_saphyr::from_str(document).with_context(|| path.display().to_string())?;
            if object["kind"] == "MigrationNetwork" {
                networks.push(object);
            }
        }
    }
    anyhow::ensure!(networks.len() > 5, "the valid manifests are missing");
    Ok(networks)
}

fn suspended(network: &Value) -> Value {
    let mut network = network.clone();
    network["spec"]["suspend"] = json!(true);
    network
}

fn without_suspend(network: &Value) -> Value {
    let mut network = network.clone();
    network["spec"].as_object_mut().and_then(|spec| spec.remove("suspend"));
    network
}

#[test]
fn suspend_sets_only_one_field() -> Result<()> {
    let suspend = Script::of("actions/suspend.lua")?;
    for network in networks()? {
        assert_eq!(after(&suspend, &network)?, suspended(&network));
    }
    Ok(())
}

#[test]
fn resume_restores_the_object_before_suspend() -> Result<()> {
    let (suspend, resume) = (Script::of("actions/suspend.lua")?, Script::of("actions/resume.lua")?);
    for network in networks()? {
        let before = without_suspend(&network);
        if before["spec"] != json!({}) {
            assert_eq!(after(&resume, &after(&suspend, &before)?)?, before);
        }
    }
    Ok(())
}

#[test]
fn a_spec_with_no_other_field_is_resumed() -> Result<()> {
    let network = json!({ "metadata": { "generation": 1 }, "spec": { "suspend": true } });
    assert_eq!(after(&Script::of("actions/resume.lua")?, &network)?["spec"], json!({ "suspend": false }));
    let naive = Script::new("obj.spec.suspend = nil return obj")?;
    assert_eq!(after(&naive, &network)?, network, "with this script, Argo CD would keep the network suspended");
    Ok(())
}

#[test]
fn only_the_action_with_an_effect_is_enabled() -> Result<()> {
    let discovery = Script::of("actions/discovery.lua")?;
    let object = |suspend: Value, deleted: bool| {
        let mut object = json!({ "metadata": { "generation": 1 }, "spec": { "suspend": suspend } });
        if deleted {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        object
    };
    for (object, suspend, resume) in [
        (object(Value::Null, false), true, false),
        (object(json!(false), false), true, false),
        (object(json!(true), false), false, true),
        (object(Value::Null, true), false, false),
        (object(json!(true), true), false, false),
    ] {
        let offered = discovery.run(&object)?;
        let is_offered = |action: &str| offered[action]["disabled"] == false;
        assert_eq!((is_offered("suspend"), is_offered("resume")), (suspend, resume), "{object}");
    }
    Ok(())
}

#[test]
fn approval_sets_only_one_field() -> Result<()> {
    let approve = Script::of("actions/approve-plan.lua")?;
    for network in networks()? {
        let mut approved = network.clone();
        approved["spec"]["managementPolicy"] = json!("Enforce");
        assert_eq!(after(&approve, &network)?, approved);
    }
    Ok(())
}

#[test]
fn approval_is_enabled_only_while_a_plan_waits_for_it() -> Result<()> {
    let discovery = Script::of("actions/discovery.lua")?;
    let object = |policy: Value, observed: i64, stalled: &str| {
        json!({
            "metadata": { "generation": 2 },
            "spec": { "managementPolicy": policy },
            "status": {
                "observedGeneration": observed,
                "conditions": [
                    { "type": "Ready", "status": "False", "reason": "ChangesPlanned" },
                    { "type": "Stalled", "status": "True", "reason": stalled },
                ],
            },
        })
    };
    let mut deleted = object(json!("Plan"), 2, "AwaitingApproval");
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let cases = [
        ("a plan waits", object(json!("Plan"), 2, "AwaitingApproval"), true),
        ("a plan waits because of the class's default", object(Value::Null, 2, "AwaitingApproval"), true),
        ("the plan is for the previous generation", object(json!("Plan"), 1, "AwaitingApproval"), false),
        ("the plan is approved", object(json!("Enforce"), 2, "AwaitingApproval"), false),
        ("another problem must be solved first", object(json!("Plan"), 2, "NotOwned"), false),
        ("the network is being deleted", deleted, false),
        ("the network has no status", json!({ "metadata": { "generation": 1 }, "spec": {} }), false),
    ];
    for (case, object, offered) in cases {
        assert_eq!(discovery.run(&object)?["approve-plan"]["disabled"] == false, offered, "{case}");
    }
    Ok(())
}

#[test]
fn reconcile_sets_only_one_annotation_to_the_present_time() -> Result<()> {
    let reconcile = Script::of("actions/reconcile.lua")?;
    let before = Timestamp::now();
    for mut network in networks()? {
        let requested = after(&reconcile, &network)?;
        let value = requested["metadata"]["annotations"][RECONCILE_ANNOTATION].as_str().context("no value")?;
        let time: Timestamp = value.parse()?;
        assert!(time.as_second() >= before.as_second() && time <= Timestamp::now(), "{value}");
        network["metadata"]["annotations"][RECONCILE_ANNOTATION] = json!(value);
        assert_eq!(requested, network);
    }
    Ok(())
}

/// The operator does not reconcile a suspended network, but deletes it.
#[test]
fn reconcile_is_enabled_unless_the_network_is_suspended() -> Result<()> {
    let discovery = Script::of("actions/discovery.lua")?;
    for (suspend, deleted, enabled) in
        [(false, false, true), (true, false, false), (false, true, true), (true, true, true)]
    {
        let mut object = json!({ "metadata": { "generation": 1 }, "spec": { "suspend": suspend } });
        if deleted {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        assert_eq!(discovery.run(&object)?["reconcile"]["disabled"] == false, enabled, "{object}");
    }
    let class = Script::of("actions/class/discovery.lua")?.run(&json!({ "metadata": {}, "spec": {} }))?;
    assert_eq!(class["reconcile"]["disabled"], false);
    Ok(())
}

#[test]
fn every_action_has_a_script() -> Result<()> {
    for (discovery, expected) in [
        ("actions/discovery.lua", &["approve-plan", "reconcile", "resume", "suspend"][..]),
        ("actions/class/discovery.lua", &["reconcile"]),
    ] {
        let offered = Script::of(discovery)?.run(&json!({ "metadata": {}, "spec": {} }))?;
        let names: Vec<_> = offered.as_object().context("the actions are not a table")?.keys().collect();
        assert_eq!(names, expected);
        for name in names {
            text(&format!("{}/actions/{name}.lua", crate::ARGOCD))?;
        }
    }
    Ok(())
}
