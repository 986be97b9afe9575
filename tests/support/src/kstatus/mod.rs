//! What every status of a network must satisfy, so that kstatus, Flux, Argo CD, Helm and `kubectl wait` read it right.
//!
//! The rules are those of Flux's own checker (fluxcd/pkg `runtime/conditions/check/fail.go`, FAIL0001 to FAIL0009) and
//! three of ours. FAIL0010 is left out: it wants `status.observedGeneration` to lag while `Reconciling` is true, which
//! cannot hold when a repair begins on a generation that was observed long ago; kstatus reads `Reconciling` as "in
//! progress" either way.

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use mgnet::api::conditions::{find, is_true};
use mgnet::api::{ConditionType, Reason};

/// What the schema writes as `status.observedGeneration` of an object that no reconcile has seen.
const NEVER_OBSERVED: i64 = -1;

/// The rules that a network's status breaks, each as a sentence; empty when all is well.
///
/// `generation` is that of the object which the writer of this status had read. Who only watches may see an object
/// between an edit and the operator's answer to it; that status is about the generation before, so pass
/// `observed_generation` then. `deletion` says whether that object had a deletion timestamp.
pub fn violations(generation: i64, deletion: bool, observed_generation: i64, conditions: &[Condition]) -> Vec<String> {
    let status = Status { generation, deletion, observed_generation, conditions };
    [
        status.ready_is_present(),
        status.ready_is_false_while(ConditionType::Reconciling, "FAIL0003"),
        status.ready_is_false_while(ConditionType::Stalled, "FAIL0004"),
        status.not_both_reconciling_and_stalled(),
        status.not_ahead_of_the_object(),
        status.not_ready_for_an_older_generation(),
        status.not_ready_by_older_conditions(),
        status.generations_are_written_together(),
        status.only_while_true(),
        status.not_ready_while_deleting(),
        status.stalled_needs_somebody(),
        status.unready_says_whether_to_wait(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

struct Status<'a> {
    generation: i64,
    deletion: bool,
    observed_generation: i64,
    conditions: &'a [Condition],
}

impl Status<'_> {
    fn is_ready(&self) -> bool {
        is_true(self.conditions, ConditionType::Ready)
    }

    /// The operator's own conditions for which it is so. Whoever writes others answers for those.
    fn types_where(&self, test: impl Fn(&Condition) -> bool) -> Option<String> {
        let types: Vec<_> = self
            .conditions
            .iter()
            .filter(|condition| ConditionType::parse(&condition.type_).is_some() && test(condition))
            .map(|condition| condition.type_.as_str())
            .collect();
        (!types.is_empty()).then(|| types.join(", "))
    }

    fn ready_is_present(&self) -> Option<String> {
        find(self.conditions, ConditionType::Ready)
            .is_none()
            .then(|| "FAIL0002: Ready must always be present".to_owned())
    }

    /// FAIL0001 says the same of all conditions with negative polarity, which here are these two.
    fn ready_is_false_while(&self, negative: ConditionType, rule: &str) -> Option<String> {
        let ready = find(self.conditions, ConditionType::Ready)?;
        (is_true(self.conditions, negative) && ready.status != "False")
            .then(|| format!("{rule}: Ready must be False, not {}, while {negative} is True", ready.status))
    }

    fn not_both_reconciling_and_stalled(&self) -> Option<String> {
        let present = |type_| find(self.conditions, type_).is_some();
        (present(ConditionType::Reconciling) && present(ConditionType::Stalled))
            .then(|| "FAIL0005: Reconciling and Stalled must not be present together".to_owned())
    }

    fn not_ahead_of_the_object(&self) -> Option<String> {
        (self.observed_generation > self.generation).then(|| {
            format!(
                "FAIL0006: observedGeneration {} must not be above the object's generation {}",
                self.observed_generation, self.generation
            )
        })
    }

    fn not_ready_for_an_older_generation(&self) -> Option<String> {
        (self.is_ready() && self.observed_generation < self.generation).then(|| {
            format!(
                "FAIL0007: Ready must not be True while observedGeneration {} is below the object's generation {}",
                self.observed_generation, self.generation
            )
        })
    }

    fn not_ready_by_older_conditions(&self) -> Option<String> {
        if !self.is_ready() {
            return None;
        }
        let older = self.types_where(|condition| condition.observed_generation.unwrap_or(0) < self.generation)?;
        Some(format!("FAIL0008: Ready must not be True while conditions are about an older generation: {older}"))
    }

    /// FAIL0009 says this while Ready is True. Here it holds always: `kubectl wait` reads the condition's generation
    /// and kstatus the status's, and they must not be told different things.
    fn generations_are_written_together(&self) -> Option<String> {
        let apart = self.types_where(|condition| {
            condition.observed_generation.unwrap_or(NEVER_OBSERVED) != self.observed_generation
        })?;
        let rule = if self.is_ready() { "FAIL0009" } else { "generations" };
        Some(format!(
            "{rule}: conditions must have the status's observedGeneration {}: {apart}",
            self.observed_generation
        ))
    }

    fn only_while_true(&self) -> Option<String> {
        let types = self.types_where(|condition| {
            condition.status != "True"
                && ConditionType::parse(&condition.type_).is_some_and(ConditionType::only_while_true)
        })?;
        Some(format!("presence: conditions must be removed when they are not True: {types}"))
    }

    fn not_ready_while_deleting(&self) -> Option<String> {
        (self.deletion && self.is_ready())
            .then(|| "deletion: Ready must not be True while the object is being deleted".to_owned())
    }

    fn stalled_needs_somebody(&self) -> Option<String> {
        let reason = &find(self.conditions, ConditionType::Stalled)?.reason;
        Reason::parse(reason)
            .is_none_or(Reason::heals_by_waiting)
            .then(|| format!("stalled: '{reason}' must not stall, as waiting may heal it or it is not known"))
    }

    /// kstatus ends a wait at `Stalled` and goes on waiting at `Reconciling`. kstatus reports a deletion as such before
    /// it looks at either, and a suspended network is left as it was found.
    fn unready_says_whether_to_wait(&self) -> Option<String> {
        let exempt = self.deletion
            || self.observed_generation == NEVER_OBSERVED
            || is_true(self.conditions, ConditionType::Suspended);
        let said =
            is_true(self.conditions, ConditionType::Reconciling) || is_true(self.conditions, ConditionType::Stalled);
        (!exempt && !said && !self.is_ready())
            .then(|| "waiting: Reconciling or Stalled must be True while Ready is not".to_owned())
    }
}
