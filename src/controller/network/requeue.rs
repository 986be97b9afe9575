//! Decides when a network is reconciled again, depending on the verdict of the reconcile.

use std::time::Duration;

use super::object::NetworkObject;
use crate::{
    controller::{
        context::Context,
        runtime::{Next, backoff::jittered},
        store::{Key, Store},
    },
    model::{
        plan::{Blocker, Plan},
        status::{Verdict, WhoMustAct},
    },
};

/// The next reconcile of the network.
pub(super) fn next<C, S: Store>(
    context: &Context<C, S>,
    key: &Key,
    object: &NetworkObject<'_, S>,
    verdict: &Verdict,
    steps: &[String],
) -> Next {
    let requeue = Requeue { context, key, uid: &object.uid() };
    let settings = &context.settings;
    Next::After(match verdict {
        Verdict::Admitted => jittered(settings.poll),
        Verdict::Rejected { reason, .. } if reason.heals_by_waiting() => jittered(settings.poll),
        Verdict::Rejected { .. } | Verdict::Unfit(_) => jittered(settings.resync),
        Verdict::Unseen(failure) | Verdict::LongUnseen(failure) => requeue.after_failure(failure.needs_person()),
        Verdict::Broken(_) => requeue.after_failure(false),
        Verdict::Planned { under_way, .. } => requeue.without_steps(*under_way),
        Verdict::Built { failures, .. } | Verdict::Deleting { failures, .. } if !failures.is_empty() => {
            requeue.after_failure(failures.iter().all(|failed| failed.failure.needs_person()))
        }
        // The due changes wait until the network is resumed.
        Verdict::Built { plan, .. } if object.is_suspended() => requeue.without_steps(aws_is_at_work(plan)),
        Verdict::Built { .. } | Verdict::Deleting { .. }
            if context.memories.repeats_without_effect(key, requeue.uid, steps) =>
        {
            tracing::warn!(
                steps = steps.join("; "),
                "AWS does not keep these changes; they are repeated less and less often"
            );
            requeue.after_failure(false)
        }
        Verdict::Built { plan, changed, .. } | Verdict::Deleting { plan, changed, .. } => {
            requeue.after_steps(plan, *changed)
        }
    })
}

/// Whether AWS is at work, so that the plan may soon change.
pub(super) fn aws_is_at_work(plan: &Plan) -> bool {
    plan.blockers.iter().any(|blocker| blocker.who_must_act() == WhoMustAct::Aws)
}

struct Requeue<'a, C, S> {
    context: &'a Context<C, S>,
    key: &'a Key,
    uid: &'a str,
}

impl<C, S> Requeue<'_, C, S> {
    /// The delay after a failure. A failure that a person must correct is retried at the resync, because the
    /// correction may happen in AWS only.
    fn after_failure(&self, needs_person: bool) -> Duration {
        let delay = self.context.memories.delay_after_failure(self.key, self.uid);
        let resync = self.context.settings.resync;
        if needs_person { delay.max(jittered(resync)) } else { delay.min(resync) }
    }

    fn without_steps(&self, aws_is_at_work: bool) -> Duration {
        let settings = &self.context.settings;
        self.context.memories.went_well(self.key, self.uid);
        jittered(if aws_is_at_work { settings.poll } else { settings.resync })
    }

    fn after_steps(&self, plan: &Plan, changed: bool) -> Duration {
        let Self { context, key, uid } = *self;
        let settings = &context.settings;
        if plan.is_done() && !changed {
            context.memories.at_rest(key, uid);
            jittered(settings.resync)
        } else if plan.blockers.is_empty() {
            // Only the confirming observation is missing.
            jittered(settings.confirmation())
        } else if plan.blockers.iter().all(|blocker| matches!(blocker, Blocker::MayArrive { .. })) {
            // An earlier observation would show nothing new.
            context.memories.calls_may_arrive_for(key, uid) + jittered(settings.confirmation())
        } else if plan.blockers.iter().all(|blocker| matches!(blocker, Blocker::InUse { .. })) {
            // Interfaces of deleted endpoints disappear within seconds; a foreign one stays until a person acts.
            self.after_failure(false)
        } else if plan.blockers.iter().all(|blocker| blocker.who_must_act() == WhoMustAct::Person) {
            context.memories.went_well(key, uid);
            jittered(settings.resync)
        } else {
            jittered(settings.poll)
        }
    }
}
