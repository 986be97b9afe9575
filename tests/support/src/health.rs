//! The rules for the health that Argo CD shows for a network, derived from its spec and its conditions alone.

use anyhow::Result;
use serde_json::Value;

use crate::lua::{Health, HealthStatus};

/// The script that computes the health, under `deploy/argocd`.
pub const SCRIPT: &str = "health/migrationnetwork.lua";

/// Returns the condition of that type if it is true for the current generation of the object.
fn is_true_now<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    let generation = &object["metadata"]["generation"];
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let mut all = conditions.iter().filter(|_| object["status"]["observedGeneration"] == *generation);
    all.find(|one| one["type"] == type_ && one["status"] == "True" && one["observedGeneration"] == *generation)
}

/// Returns the rule that the health of a network breaks, if it breaks one. The rules do not depend on the way in which
/// the script computes the health.
pub fn breach(object: &Value, health: &Result<Health>) -> Option<&'static str> {
    use HealthStatus::{Degraded, Healthy, Suspended};

    let Ok(Health { status, message }) = health else { return Some("the script must not fail") };
    let is_deleted = object["metadata"]["deletionTimestamp"].is_string();
    let is_suspended = object["spec"]["suspend"] == true && !is_deleted;
    let stalled = is_true_now(object, "Stalled").filter(|_| !is_suspended);
    let awaits_approval = stalled.is_some_and(|stalled| stalled["reason"] == "AwaitingApproval");
    let is_stalled = stalled.is_some() && !awaits_approval;
    let is_ready = is_true_now(object, "Ready").is_some() && !is_deleted && !is_suspended;
    let rules = [
        (message.is_empty(), "the message must not be empty"),
        (*status == Degraded && !is_stalled, "only a network with `Stalled` is Degraded"),
        (*status != Degraded && is_stalled, "a network with `Stalled` is Degraded"),
        (*status == Healthy && !is_ready, "only a network that is Ready in this generation is Healthy"),
        (*status != Healthy && is_ready, "a network that is Ready in this generation is Healthy"),
        ((*status == Suspended) != (is_suspended || awaits_approval), "Suspended means waiting for the user"),
    ];
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
}
