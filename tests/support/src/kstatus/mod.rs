//! The rules for every status of a network or a class, so that kstatus, Flux, Argo CD, Helm and `kubectl wait` interpret
//! it correctly.
//!
//! The rules are those of Flux's own checker (fluxcd/pkg `runtime/conditions/check/fail.go`, FAIL0001 to FAIL0009) and
//! three further ones. FAIL0010 is left out: it requires that `status.observedGeneration` lags while `Reconciling` is
//! true. That cannot hold when a repair begins on a generation that was observed long ago. kstatus interprets
//! `Reconciling` as "in progress" in any case.

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use mgnet::api::conditions::{Presence, find, is_true};
use mgnet::api::{ConditionType, Reason};

/// The default of `status.observedGeneration` in the schema, for an object that was never reconciled.
const NEVER_OBSERVED: i64 = -1;

/// Returns the rules that a network's status breaks, each as a sentence.
///
/// `generation` is the generation of the object that the writer of this status had read. A watch may deliver an object
/// after an edit, but before the operator has processed the edit. That status describes the previous generation, so
/// pass `observed_generation` then. `deletion` is true if that object had a deletion timestamp.
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
        status.stalled_only_if_waiting_cannot_heal(),
        status.unready_is_reconciling_or_stalled(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the rules that a class's status breaks, each as a sentence. A class has no `Ready`: kstatus reads only
/// `Reconciling` and `Stalled`, which must therefore explain every class that is not accepted.
pub fn violations_of_class(generation: i64, observed_generation: i64, conditions: &[Condition]) -> Vec<String> {
    let status = Status { generation, deletion: false, observed_generation, conditions };
    [
        status.not_both_reconciling_and_stalled(),
        status.not_ahead_of_the_object(),
        status.generations_are_written_together(),
        status.only_while_true(),
        status.stalled_only_if_waiting_cannot_heal(),
        status.only_an_accepted_class_is_current(),
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

    /// Returns the types of the operator's own conditions that pass the test. Conditions of other writers are not
    /// checked.
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

    /// FAIL0001 is the same rule for all conditions with negative polarity. Here these are the two conditions.
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
        Some(format!("FAIL0008: Ready must not be True while conditions describe an older generation: {older}"))
    }

    /// FAIL0009 requires this while Ready is True. Here it is always required: `kubectl wait` reads the generation of
    /// the condition, but kstatus reads the one of the status, and both must give the same result.
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
                && ConditionType::parse(&condition.type_).is_some_and(|type_| type_.presence() == Presence::WhileTrue)
        })?;
        Some(format!("presence: conditions must be removed when they are not True: {types}"))
    }

    fn not_ready_while_deleting(&self) -> Option<String> {
        (self.deletion && self.is_ready())
            .then(|| "deletion: Ready must not be True while the object is being deleted".to_owned())
    }

    fn stalled_only_if_waiting_cannot_heal(&self) -> Option<String> {
        let reason = &find(self.conditions, ConditionType::Stalled)?.reason;
        Reason::parse(reason)
            .is_none_or(Reason::heals_by_waiting)
            .then(|| format!("stalled: '{reason}' must not stall, because waiting may heal it or it is unknown"))
    }

    /// kstatus ends a wait at `Stalled`, but continues it at `Reconciling`. It reports a deletion before it reads
    /// either condition, and the status of a suspended network remains as it was.
    fn unready_is_reconciling_or_stalled(&self) -> Option<String> {
        let exempt = self.deletion
            || self.observed_generation == NEVER_OBSERVED
            || is_true(self.conditions, ConditionType::Suspended);
        let is_explained =
            is_true(self.conditions, ConditionType::Reconciling) || is_true(self.conditions, ConditionType::Stalled);
        (!exempt && !is_explained && !self.is_ready())
            .then(|| "waiting: Reconciling or Stalled must be True while Ready is not".to_owned())
    }

    fn only_an_accepted_class_is_current(&self) -> Option<String> {
        let accepted = find(self.conditions, ConditionType::Accepted);
        let is_refused = accepted.is_some_and(|accepted| {
            accepted.status == "False"
                && Reason::parse(&accepted.reason).is_some_and(|reason| !reason.heals_by_waiting())
        });
        let [reconciling, stalled] =
            [ConditionType::Reconciling, ConditionType::Stalled].map(|type_| is_true(self.conditions, type_));
        let is_accepted = is_true(self.conditions, ConditionType::Accepted);
        if self.observed_generation == NEVER_OBSERVED
            || (is_accepted, is_refused) == (!reconciling && !stalled, stalled)
        {
            return None;
        }
        Some(
            "class: Stalled must be True while Accepted is False until a person acts, and Reconciling while it waits"
                .to_owned(),
        )
    }
}
