//! How a reconcile can end, and when to look again after it.

use std::time::Duration;

use crate::{
    controller::{
        context::Context,
        network::object::Subject,
        runtime::backoff::jittered,
        store::{Key, Store, StoreError},
    },
    model::{plan::Blocker, status::conditions::Verdict},
};

/// Why a reconcile could not end with a verdict. All of these are tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API did not let it read or write.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this time.
    After(Duration),
    /// Only when the object changes.
    OnChange,
}

/// How a reconcile ended, and the steps that it carried out, as lines.
pub(crate) type Ending = (Verdict, Vec<String>);

/// When to look again, by how it went.
pub(crate) fn next<C, S: Store>(
    context: &Context<C, S>,
    key: &Key,
    subject: &Subject<'_, S>,
    verdict: &Verdict,
    done: &[String],
) -> Next {
    let uid = &subject.uid();
    let settings = &context.settings;
    let after_failure = |needs_somebody: bool| {
        let delay = context.delay_after_failure(key, uid);
        // What somebody has to mend is looked at in the usual rhythm; it may be mended in AWS alone.
        if needs_somebody { delay.max(jittered(settings.resync)) } else { delay.min(settings.resync) }
    };
    Next::After(match verdict {
        Verdict::Rejected { reason, .. } if reason.heals_by_waiting() => jittered(settings.poll),
        Verdict::Rejected { .. } | Verdict::Unfit(_) => jittered(settings.resync),
        Verdict::Unseen(failure) => after_failure(failure.class.needs_somebody()),
        Verdict::Broken(_) => after_failure(false),
        Verdict::Planned { under_way, .. } => {
            context.went_well(key, uid);
            jittered(if *under_way { settings.poll } else { settings.resync })
        }
        Verdict::Built { failures, .. } | Verdict::Deleting { failures, .. } if !failures.is_empty() => {
            after_failure(failures.iter().all(|failed| failed.failure.class.needs_somebody()))
        }
        // Whatever is due is not done before somebody edits the network.
        Verdict::Built { plan, .. } if subject.is_suspended() => {
            context.went_well(key, uid);
            jittered(if plan.blockers.iter().any(passes) { settings.poll } else { settings.resync })
        }
        Verdict::Built { .. } | Verdict::Deleting { .. } if context.goes_in_circles(key, uid, done) => {
            tracing::warn!(steps = done.join("; "), "these were done before, and AWS does not keep them");
            after_failure(false)
        }
        Verdict::Built { plan, changed, .. } | Verdict::Deleting { plan, changed, .. } => {
            if plan.is_done() && !changed {
                context.at_rest(key, uid);
                jittered(settings.resync)
            } else if plan.blockers.is_empty() {
                // Only another look is wanting.
                jittered(settings.poll / 5)
            } else if plan.blockers.iter().all(|blocker| matches!(blocker, Blocker::MayArrive { .. })) {
                // A look before then tells nothing that has to be known.
                context.calls_may_arrive_for(key, uid) + jittered(settings.poll / 5)
            } else if plan.blockers.iter().all(|blocker| matches!(blocker, Blocker::InUse { .. })) {
                // Interfaces of endpoints that are gone follow within seconds; a stranger's stays until somebody acts.
                after_failure(false)
            } else if plan.blockers.iter().all(needs_somebody) {
                context.went_well(key, uid);
                jittered(settings.resync)
            } else {
                jittered(settings.poll)
            }
        }
    })
}

/// Whether a blocker goes without anybody's doing, so that looking again soon is worth it.
pub(crate) const fn passes(blocker: &Blocker) -> bool {
    match blocker {
        Blocker::UnderWay { .. } | Blocker::NotVisible { .. } | Blocker::MayArrive { .. } => true,
        Blocker::Awaits { .. }
        | Blocker::Failed { .. }
        | Blocker::NotOwned { .. }
        | Blocker::Ambiguous { .. }
        | Blocker::AddressChange { .. }
        | Blocker::InUse { .. } => false,
    }
}

const fn needs_somebody(blocker: &Blocker) -> bool {
    match blocker {
        Blocker::Failed { .. }
        | Blocker::NotOwned { .. }
        | Blocker::Ambiguous { .. }
        | Blocker::AddressChange { .. }
        | Blocker::InUse { .. } => true,
        Blocker::UnderWay { .. } | Blocker::NotVisible { .. } | Blocker::MayArrive { .. } | Blocker::Awaits { .. } => {
            false
        }
    }
}
