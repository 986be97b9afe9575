//! Why a reconcile ends before its last step.

use super::store::StoreError;
use crate::{
    api::Reason,
    model::{failure::CallFailure, status::Verdict},
};

/// What ends a reconcile early. Steps return it as their error, so that `?` joins them.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The network cannot be built or deleted now. The verdict is written to status.
    Verdict(Box<Verdict>),
    /// The finalizer is removed, and the network with it: nothing is left to report.
    Gone,
    /// A Kubernetes API request failed. Status cannot be written; the reconcile is retried.
    Store(StoreError),
}

impl Stop {
    /// The network is not accepted, for that reason.
    pub(crate) fn rejected(reason: Reason, message: String) -> Self {
        Verdict::Rejected { reason, message }.into()
    }
}

impl From<Verdict> for Stop {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}

/// AWS was not observed.
impl From<CallFailure> for Stop {
    fn from(failure: CallFailure) -> Self {
        Verdict::Unseen(failure).into()
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
