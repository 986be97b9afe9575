//! Tests how each tool interprets each situation of a network, with one row of a table per situation.

use anyhow::{Context as _, Result};
use mgnet::api::schema;
use serde_json::{Value, json};

use crate::lua::{HealthStatus, Script};
use crate::readers::{Kstatus, kstatus, kubectl_wait};

/// The generation of the object in every situation.
const GENERATION: i64 = 2;

/// One row: the situation, the object, and the results of kstatus, `kubectl wait --for=condition=Ready` and Argo CD.
struct Situation(&'static str, Value, Kstatus, bool, HealthStatus);

/// Returns a network with this status.
fn network(status: &Value) -> Value {
    json!({
        "apiVersion": "mgnet.dev/v1alpha1",
        "kind": "MigrationNetwork",
        "metadata": { "name": "tokyo", "namespace": "team-billing", "generation": GENERATION },
        "spec": { "migrationNetworkClassName": "tokyo", "sourceCIDRs": ["192.168.10.0/24"] },
        "status": status,
    })
}

/// Returns a status with conditions in the form `Type=Status:Reason`, all of the same generation.
fn status(observed: i64, conditions: &[&str]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|condition| {
            let (type_, rest) = condition.split_once('=').unwrap_or_default();
            let (status, reason) = rest.split_once(':').unwrap_or_default();
            json!({
                "type": type_, "status": status, "reason": reason, "message": "in words",
                "observedGeneration": observed, "lastTransitionTime": "2026-01-01T00:00:00Z",
            })
        })
        .collect();
    json!({ "observedGeneration": observed, "conditions": conditions })
}

/// Returns a network whose status is of the current generation.
fn current(conditions: &[&str]) -> Value {
    network(&status(GENERATION, conditions))
}

/// Returns a network whose status is of the previous generation.
fn lagging(conditions: &[&str]) -> Value {
    network(&status(GENERATION - 1, conditions))
}

fn with(mut object: Value, part: &str, field: &str, value: Value) -> Value {
    object[part][field] = value;
    object
}

fn suspended(object: Value) -> Value {
    with(object, "spec", "suspend", json!(true))
}

fn deleted(object: Value) -> Value {
    with(object, "metadata", "deletionTimestamp", json!("2026-01-01T00:00:00Z"))
}

/// Returns the status that the API server gives to a new object, which is the default in the CRD.
fn default_status() -> Result<Value> {
    let crd = schema::crds()
        .into_iter()
        .find(|crd| crd.spec.names.kind == "MigrationNetwork")
        .context("the CRD of networks is missing")?;
    let crd = serde_json::to_value(crd)?;
    let default = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/default");
    default.cloned().context("the status has no default")
}

/// Returns the situations from creation to completion, and after edits.
fn building() -> Result<Vec<Situation>> {
    use HealthStatus::{Degraded, Healthy, Progressing};
    use Kstatus::{Current, Failed, InProgress};

    let mut halfway = current(&["Ready=True:Ready"]);
    halfway["status"]["conditions"][0]["observedGeneration"] = json!(GENERATION - 1);
    Ok(vec![
        // The reason for the default: in kstatus, an object without a status counts as current.
        Situation("new, if the CRD had no default", network(&Value::Null), Current, false, Progressing),
        Situation("new", network(&default_status()?), InProgress, false, Progressing),
        Situation(
            "being built",
            current(&["Ready=False:EndpointsPending", "Reconciling=True:Progressing"]),
            InProgress,
            false,
            Progressing,
        ),
        Situation(
            "throttled by AWS",
            current(&["Ready=False:Throttled", "Reconciling=True:ProgressingWithRetry"]),
            InProgress,
            false,
            Progressing,
        ),
        Situation(
            "rejected by its class",
            current(&["Ready=False:NamespaceNotAllowed", "Stalled=True:NamespaceNotAllowed"]),
            Failed,
            false,
            Degraded,
        ),
        Situation("complete", current(&["Ready=True:Ready", "Synced=True:InSync"]), Current, true, Healthy),
        Situation(
            "complete, with a foreign rule in a security group",
            current(&["Ready=True:Ready", "Synced=False:DriftDetected"]),
            Current,
            true,
            Healthy,
        ),
        Situation(
            "complete, in an account without MGN",
            current(&["Ready=True:Ready", "ReplicationTemplateReady=False:MGNNotInitialized"]),
            Current,
            true,
            Healthy,
        ),
        Situation("edited, not observed yet", lagging(&["Ready=True:Ready"]), InProgress, false, Progressing),
        Situation(
            "edited after it was stalled, not observed yet",
            lagging(&["Ready=False:InvalidSpec", "Stalled=True:InvalidSpec"]),
            InProgress,
            false,
            Progressing,
        ),
        // The operator never writes this status, because it writes all generations at once. kstatus misreads it.
        Situation("status observed, but `Ready` of the previous generation", halfway, Current, false, Progressing),
        // The operator never writes these two statuses. kstatus uses the first of the two conditions.
        Situation(
            "at work and stalled",
            current(&["Ready=False:Progressing", "Reconciling=True:Progressing", "Stalled=True:InvalidSpec"]),
            InProgress,
            false,
            Degraded,
        ),
        Situation(
            "stalled and at work",
            current(&["Ready=False:Progressing", "Stalled=True:InvalidSpec", "Reconciling=True:Progressing"]),
            Failed,
            false,
            Degraded,
        ),
    ])
}

/// Returns the situations in which the network waits for a user.
fn waiting() -> Vec<Situation> {
    use HealthStatus::{Degraded, Healthy, Progressing, Suspended};
    use Kstatus::{Current, Failed, InProgress};

    vec![
        Situation(
            "changes wait for approval",
            current(&["Ready=False:ChangesPlanned", "Synced=False:ChangesPlanned", "Stalled=True:AwaitingApproval"]),
            Failed,
            false,
            Suspended,
        ),
        Situation(
            "a plan is edited, not observed yet",
            lagging(&["Ready=False:ChangesPlanned", "Stalled=True:AwaitingApproval"]),
            InProgress,
            false,
            Progressing,
        ),
        Situation(
            "planned, but another problem must be solved first",
            current(&["Ready=False:NotOwned", "Synced=False:ChangesPlanned", "Stalled=True:NotOwned"]),
            Failed,
            false,
            Degraded,
        ),
        Situation(
            "planned, without changes",
            current(&["Ready=True:Ready", "Synced=True:InSync"]),
            Current,
            true,
            Healthy,
        ),
        Situation(
            "suspended while a plan waits",
            suspended(current(&["Ready=False:Suspended", "Synced=False:ChangesPlanned", "Suspended=True:Suspended"])),
            InProgress,
            false,
            Suspended,
        ),
        Situation(
            "suspended, not observed yet",
            suspended(lagging(&["Ready=True:Ready"])),
            InProgress,
            false,
            Suspended,
        ),
        Situation(
            "suspended while complete",
            suspended(current(&["Ready=True:Ready", "Suspended=True:Suspended"])),
            Current,
            true,
            Suspended,
        ),
        Situation(
            "suspended while changes are due",
            suspended(current(&["Ready=False:Suspended", "Suspended=True:Suspended"])),
            InProgress,
            false,
            Suspended,
        ),
    ]
}

/// Returns the situations of a deletion, which raises the generation like an edit.
fn deletion() -> Vec<Situation> {
    use HealthStatus::{Degraded, Progressing};
    use Kstatus::Terminating;

    vec![
        Situation(
            "deleted, not observed yet",
            deleted(lagging(&["Ready=True:Ready"])),
            Terminating,
            false,
            Progressing,
        ),
        Situation(
            "deleted, `Ready` still true",
            deleted(current(&["Ready=True:Ready"])),
            Terminating,
            true,
            Progressing,
        ),
        Situation(
            "being deleted",
            deleted(current(&["Ready=False:Deleting", "Reconciling=True:Progressing"])),
            Terminating,
            false,
            Progressing,
        ),
        Situation(
            "being deleted, but blocked",
            deleted(current(&["Ready=False:DeletionBlocked", "Reconciling=True:Progressing"])),
            Terminating,
            false,
            Progressing,
        ),
        Situation(
            "being deleted while suspended",
            suspended(deleted(current(&["Ready=False:Deleting", "Reconciling=True:Progressing"]))),
            Terminating,
            false,
            Progressing,
        ),
        Situation(
            "being deleted, but the role was removed",
            deleted(current(&["Ready=False:AccessDenied", "Stalled=True:AccessDenied"])),
            Terminating,
            false,
            Degraded,
        ),
    ]
}

/// Returns every situation: its name, the object, and its health in Argo CD.
pub(crate) fn all() -> Result<Vec<(&'static str, Value, HealthStatus)>> {
    let situations = building()?.into_iter().chain(waiting()).chain(deletion());
    Ok(situations.map(|Situation(name, object, _, _, health)| (name, object, health)).collect())
}

#[test]
fn every_tool_reads_every_situation_as_expected() -> Result<()> {
    let script = Script::of("health/migrationnetwork.lua")?;
    for Situation(name, object, progress, met, health) in building()?.into_iter().chain(waiting()).chain(deletion()) {
        assert_eq!(kstatus(&object), progress, "kstatus: {name}");
        assert_eq!(kubectl_wait(&object, "Ready"), met, "kubectl wait: {name}");
        let reported = script.health(&object).with_context(|| name)?;
        assert_eq!(reported.status, health, "Argo CD: {name}: {}", reported.message);
        assert!(!reported.message.is_empty(), "{name}");
    }
    Ok(())
}

#[test]
fn the_health_message_states_what_the_network_waits_for() -> Result<()> {
    let script = Script::of("health/migrationnetwork.lua")?;
    let message = |object: Value| anyhow::Ok(script.health(&object)?.message);
    let mut blocked = deleted(current(&["Ready=False:DeletionBlocked", "Reconciling=True:Progressing"]));
    blocked["status"]["conditions"][0]["message"] = json!("sg/resolver: sg-1 is in use by eni-1");
    assert_eq!(message(blocked)?, "DeletionBlocked: sg/resolver: sg-1 is in use by eni-1");
    assert_eq!(message(network(&Value::Null))?, "Waiting for the operator to observe this generation");
    assert_eq!(
        message(suspended(current(&["Ready=False:Suspended"])))?,
        "Suspended: `spec.suspend` is true, and nothing is written to AWS; Ready is False: Suspended: in words"
    );
    Ok(())
}
