//! The verdict: the result of a reconcile, from which the conditions are derived.

use crate::{
    api::Reason,
    model::{failure::CallFailure, plan::Plan, preflight::checks::Finding, slot::Slot},
};

/// A call that failed, and the slots that it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// The slots that the step would have changed. Empty if no step could run.
    pub slots: Vec<Slot>,
    /// The reason for the failure.
    pub failure: CallFailure,
}

/// The health of a network's Resolver endpoint, apart from what the plan still changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolverHealth {
    /// No Resolver endpoint is desired.
    Disabled,
    /// All addresses answer.
    Full,
    /// AWS repairs the endpoint by itself, and fewer addresses answer meanwhile (`AUTO_RECOVERING`).
    Reduced,
}

impl Verdict {
    /// Whether a call failed, or the reconcile itself.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Built { failures, .. } | Self::Deleting { failures, .. } => !failures.is_empty(),
            Self::Unseen(_) | Self::LongUnseen(_) | Self::Broken(_) => true,
            Self::Rejected { .. } | Self::Admitted | Self::Unfit(_) | Self::Planned { .. } => false,
        }
    }
}

/// The result of a reconcile.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The network is not accepted because of its class, its spec, or the combination of both.
    Rejected {
        /// The reason for the conditions.
        reason: Reason,
        /// The message, which says what to do.
        message: String,
    },
    /// The class admits the network, and nothing is known about AWS yet. It is written before the first write to AWS.
    Admitted,
    /// AWS could not be reached, or the observation is incomplete.
    Unseen(CallFailure),
    /// The same, for so long that the last complete observation no longer shows the state of the network.
    LongUnseen(CallFailure),
    /// The preflight found problems that block the network.
    Unfit(Vec<Finding>),
    /// The network is built, or the operator is building it.
    Built {
        /// The remaining steps and blockers.
        plan: Plan,
        /// The calls that failed.
        failures: Vec<StepFailure>,
        /// Whether steps ran. If so, only the next observation can confirm the result.
        changed: bool,
        /// The health of the Resolver endpoint.
        resolver: ResolverHealth,
        /// The number of available endpoints, and the number of desired endpoints.
        endpoints: (usize, usize),
        /// The foreign rules on the network's security groups.
        foreign_rules: Vec<String>,
    },
    /// The plan of a network with `managementPolicy: Plan` waits for approval, and it is not empty.
    Planned {
        /// The remaining steps up to the desired state, as forecast, and the remaining blockers.
        plan: Plan,
        /// The plan in one line, and how to approve it.
        summary: String,
        /// Whether AWS is still working on a resource, so that the plan may change soon.
        under_way: bool,
        /// The health of the Resolver endpoint.
        resolver: ResolverHealth,
        /// The number of available endpoints, and the number of desired endpoints.
        endpoints: (usize, usize),
        /// The foreign rules on the network's security groups.
        foreign_rules: Vec<String>,
    },
    /// The network is being deleted.
    Deleting {
        /// The remaining steps and blockers.
        plan: Plan,
        /// The calls that failed.
        failures: Vec<StepFailure>,
        /// Whether steps ran.
        changed: bool,
    },
    /// The reconcile itself failed, for example by a panic or a missed deadline.
    Broken(String),
}
