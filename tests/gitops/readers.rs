//! Implements how other tools than Argo CD read an object: the rules of kstatus (Flux, Helm 4 `--wait`, kpt) and of
//! `kubectl wait`.

use serde_json::Value;

/// The status of an object according to kstatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kstatus {
    InProgress,
    Failed,
    Current,
    Terminating,
}

/// Applies the generic rules in their order: kubernetes-sigs/cli-utils `pkg/kstatus/status/generic.go`, then the
/// check of `Ready` in `status.go`. An object without a status counts as current.
pub(crate) fn kstatus(object: &Value) -> Kstatus {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Kstatus::Terminating;
    }
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return Kstatus::InProgress;
    }
    for condition in conditions(object).iter().filter(|condition| condition["status"] == "True") {
        if condition["type"] == "Reconciling" {
            return Kstatus::InProgress;
        }
        if condition["type"] == "Stalled" {
            return Kstatus::Failed;
        }
    }
    match conditions(object).iter().find(|condition| condition["type"] == "Ready") {
        Some(ready) if ready["status"] != "True" => Kstatus::InProgress,
        Some(_) | None => Kstatus::Current,
    }
}

/// Whether `kubectl wait --for=condition=<type>` ends (kubernetes/kubectl `pkg/cmd/wait/condition.go`). The
/// generation of the condition has precedence over that of the status. A condition with a lower generation than the
/// object does not count.
pub(crate) fn kubectl_wait(object: &Value, type_: &str) -> bool {
    let Some(condition) = conditions(object).iter().find(|condition| condition["type"] == type_) else { return false };
    let of_condition = condition["observedGeneration"].as_i64();
    let observed = of_condition.or_else(|| object["status"]["observedGeneration"].as_i64());
    let lags = observed.zip(object["metadata"]["generation"].as_i64()).is_some_and(|(observed, now)| observed < now);
    !lags && condition["status"] == "True"
}

/// Returns the conditions of an object, which may be empty.
pub(crate) fn conditions(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map_or(&[], Vec::as_slice)
}
