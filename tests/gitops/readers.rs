//! How others than Argo CD read an object: the rules of kstatus (Flux, Helm 4 `--wait`, kpt) and of `kubectl wait`.

use serde_json::Value;

/// What kstatus takes an object for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kstatus {
    InProgress,
    Failed,
    Current,
    Terminating,
}

/// The generic rules, in their order: kubernetes-sigs/cli-utils `pkg/kstatus/status/generic.go`, then the check of
/// `Ready` in `status.go`. An object that says nothing is taken for current.
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

/// Whether `kubectl wait --for=condition=<type>` ends: kubernetes/kubectl `pkg/cmd/wait/condition.go`. The condition's own
/// generation counts before the status's, and a lower one than the object's is not met.
pub(crate) fn kubectl_wait(object: &Value, type_: &str) -> bool {
    let Some(condition) = conditions(object).iter().find(|condition| condition["type"] == type_) else { return false };
    let of_condition = condition["observedGeneration"].as_i64();
    let observed = of_condition.or_else(|| object["status"]["observedGeneration"].as_i64());
    let lags = observed.zip(object["metadata"]["generation"].as_i64()).is_some_and(|(observed, now)| observed < now);
    !lags && condition["status"] == "True"
}

/// The conditions of an object; none if it has none.
pub(crate) fn conditions(object: &Value) -> &[Value] {
    object["status"]["conditions"].as_array().map_or(&[], Vec::as_slice)
}
