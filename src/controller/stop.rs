//! The reasons for which a reconcile ends before its last step.

use super::store::StoreError;
use crate::{
    api::Reason,
    model::{failure::CallFailure, status::Verdict},
};

/// The reason for which a reconcile ends early. Steps return it as their error, so that `?` chains them.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The network cannot be built or deleted now. The verdict is written to status.
    Verdict(Box<Verdict>),
    /// The finalizer is removed, and Kubernetes deletes the network: there is no status to write.
    Gone,
    /// A Kubernetes API request failed. Status cannot be written; the reconcile is retried.
    Store(StoreError),
}

impl Stop {
    /// Rejects the network with that reason and message.
    pub(crate) fn rejected(reason: Reason, message: String) -> Self {
        Verdict::Rejected { reason, message }.into()
    }
}

impl From<Verdict> for Stop {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}

/// The observation of AWS failed.
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
