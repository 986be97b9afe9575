//! Tests the health of a class in Argo CD, which depends only on the condition `Accepted`.

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use mgnet::api::conditions::set;
use mgnet::api::{
    ConditionStatus, ConditionType, MigrationNetworkClass, MigrationNetworkClassSpec, MigrationNetworkClassStatus,
    Reason,
};
use mgnet::model::status::class::write;
use serde_json::{Value, json};

use crate::lua::{HealthStatus, Script};
use crate::readers::{Kstatus, kstatus};
use crate::{ARGOCD, text};

const SCRIPT: &str = "health/migrationnetworkclass.lua";
const GENERATION: i64 = 2;

/// Returns a class with the status that the operator writes.
fn class(status: ConditionStatus, reason: Reason, message: &str) -> Result<Value> {
    let mut class = MigrationNetworkClass::new("tokyo", MigrationNetworkClassSpec::default());
    class.metadata.generation = Some(GENERATION);
    let mut conditions = Vec::new();
    set(&mut conditions, ConditionType::Accepted, (status, reason, message), GENERATION, Timestamp::UNIX_EPOCH);
    class.status = Some(MigrationNetworkClassStatus {
        observed_generation: GENERATION,
        conditions,
        ..MigrationNetworkClassStatus::default()
    });
    Ok(serde_json::to_value(class)?)
}

/// Returns the first object for which the script reports the wrong health.
fn first_breach(script: &Script) -> Result<Option<String>> {
    for status in [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown] {
        let expected = match status {
            ConditionStatus::True => HealthStatus::Healthy,
            ConditionStatus::False => HealthStatus::Degraded,
            ConditionStatus::Unknown => HealthStatus::Progressing,
        };
        for reason in Reason::ALL {
            for message in ["", "in words"] {
                let current = class(status, *reason, message)?;
                let mut edited = current.clone();
                edited["metadata"]["generation"] = json!(GENERATION + 1);
                let mut halfway = edited.clone();
                halfway["status"]["observedGeneration"] = json!(GENERATION + 1);
                let mut ahead = edited.clone();
                ahead["status"]["conditions"][0]["observedGeneration"] = json!(GENERATION + 1);
                let mut deleted = current.clone();
                deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                let progressing = HealthStatus::Progressing;
                for (object, expected) in [
                    (&current, expected),
                    (&edited, progressing),
                    (&halfway, progressing),
                    (&ahead, progressing),
                    (&deleted, progressing),
                ] {
                    let health = script.health(object);
                    let is_right =
                        health.as_ref().is_ok_and(|health| health.status == expected && !health.message.is_empty());
                    if !is_right {
                        return Ok(Some(format!("{expected:?}, not {health:?}, for {object:#}")));
                    }
                }
            }
        }
    }
    let new = json!({ "metadata": { "generation": 1 }, "spec": {} });
    let health = script.health(&new);
    let is_right = health.as_ref().is_ok_and(|health| health.status == HealthStatus::Progressing);
    Ok((!is_right).then(|| format!("{health:?} for a new class")))
}

#[test]
fn the_health_of_a_class_follows_accepted() -> Result<()> {
    assert_eq!(first_breach(&Script::of(SCRIPT)?)?, None);
    Ok(())
}

/// The operator writes every state of `Accepted` so that Flux and Helm end at, wait for, or pass the class.
#[test]
fn kstatus_reads_every_class_as_argo_cd_does() -> Result<()> {
    let script = Script::of(SCRIPT)?;
    for (status, reason, expected, health) in Reason::ALL
        .iter()
        .map(|reason| {
            if reason.heals_by_waiting() {
                (ConditionStatus::Unknown, *reason, Kstatus::InProgress, HealthStatus::Progressing)
            } else {
                (ConditionStatus::False, *reason, Kstatus::Failed, HealthStatus::Degraded)
            }
        })
        .chain([(ConditionStatus::True, Reason::Accepted, Kstatus::Current, HealthStatus::Healthy)])
    {
        let mut object = class(status, reason, "in words")?;
        let mut conditions = Vec::new();
        write(&mut conditions, (status, reason, "in words".to_owned()), GENERATION, Timestamp::UNIX_EPOCH);
        object["status"]["conditions"] = json!(conditions);
        assert_eq!(kstatus(&object), expected, "{reason}");
        assert_eq!(script.health(&object)?.status, health, "{reason}");
        object["metadata"]["generation"] = json!(GENERATION + 1);
        assert_eq!(kstatus(&object), Kstatus::InProgress, "{reason}, edited");
    }
    Ok(())
}

#[test]
fn the_message_names_the_reason() -> Result<()> {
    let refused = class(ConditionStatus::False, Reason::AccessDenied, "sts:AssumeRole: AccessDenied")?;
    assert_eq!(Script::of(SCRIPT)?.health(&refused)?.message, "AccessDenied: sts:AssumeRole: AccessDenied");
    Ok(())
}

#[test]
fn every_planted_mistake_is_detected() -> Result<()> {
    let right = text(&format!("{ARGOCD}/{SCRIPT}"))?;
    for (mistake, what, instead) in [
        ("Unknown is Degraded", r#"condition.status == "False""#, r#"condition.status ~= "True""#),
        ("False is Progressing", r#""Degraded""#, r#""Progressing""#),
        (
            "an outdated status counts",
            "status.observedGeneration ~= nil and status.observedGeneration == generation",
            "true",
        ),
        ("an outdated condition counts", " and about == generation", ""),
        ("deletion is ignored", "obj.metadata.deletionTimestamp ~= nil", "false"),
        ("a new object is an error", "obj.status or {}", "obj.status"),
    ] {
        ensure!(right.contains(what), "{mistake}: the script does not contain {what:?}");
        let wrong = Script::new(&right.replace(what, instead)).with_context(|| mistake)?;
        assert!(first_breach(&wrong)?.is_some(), "not detected: {mistake}");
    }
    Ok(())
}
