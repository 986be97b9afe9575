//! The verdict: how a reconcile ended. Every way in which one can end is a [`Verdict`].

use crate::{
    api::Reason,
    model::{failure::CallFailure, plan::Plan, preflight::checks::Finding, slot::Slot},
};

/// A call that failed, and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// The slots that the step was to change; none if no step could be taken at all.
    pub slots: Vec<Slot>,
    /// Why it was not.
    pub failure: CallFailure,
}

/// How a reconcile ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The network may not be built as it is: its class, its spec, or the two together.
    Rejected {
        /// Why.
        reason: Reason,
        /// What to do.
        message: String,
    },
    /// AWS could not be reached or seen in full.
    Unseen(CallFailure),
    /// The VPC is not as the network needs it.
    Unfit(Vec<Finding>),
    /// The network is built, or being built.
    Built {
        /// What is left to do.
        plan: Plan,
        /// What went wrong.
        failures: Vec<StepFailure>,
        /// Whether steps were taken, so that only the next observation can say that all is well.
        changed: bool,
        /// Whether a Resolver endpoint is wanted.
        resolver: bool,
        /// How many endpoints are available, and of how many.
        endpoints: (usize, usize),
        /// Rules on our groups that are not ours.
        foreign_rules: Vec<String>,
    },
    /// The network is only planned, and its plan is not empty.
    Planned {
        /// All that is left to do, foretold to its end.
        plan: Plan,
        /// The plan in a line, and how to have it carried out.
        summary: String,
        /// Whether AWS is at work on something, so that the plan may soon be another.
        under_way: bool,
        /// Whether a Resolver endpoint is wanted.
        resolver: bool,
        /// How many endpoints are available, and of how many.
        endpoints: (usize, usize),
        /// Rules on our groups that are not ours.
        foreign_rules: Vec<String>,
    },
    /// The network is being deleted.
    Deleting {
        /// What is left to do.
        plan: Plan,
        /// What went wrong.
        failures: Vec<StepFailure>,
        /// Whether steps were taken.
        changed: bool,
    },
    /// The reconcile itself failed: a panic, a deadline.
    Broken(String),
}
