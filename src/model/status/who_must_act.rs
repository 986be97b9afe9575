//! Determines who has to act before a network makes progress, and therefore whether waiting helps.
//!
//! [`Reason::heals_by_waiting`] is the only table. A failed call has the answer of the reason that it gives to
//! conditions. For a blocker, the answer also distinguishes between AWS and the operator itself.

use crate::{
    api::Reason,
    model::{
        failure::{CallFailure, FailureClass},
        plan::Blocker,
    },
};

/// The party that has to act next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoMustAct {
    /// AWS is still working, or fails temporarily: the same request succeeds later.
    Aws,
    /// The operator, in a later step.
    Operator,
    /// A person, who has to change the network, its class, the VPC or the account.
    Person,
}

impl CallFailure {
    /// The reason that the failure gives to conditions.
    pub const fn reason(&self) -> Reason {
        match self.class {
            FailureClass::Throttled | FailureClass::NotSent => Reason::Throttled,
            FailureClass::AccountMismatch => Reason::AccountMismatch,
            FailureClass::Unauthorized | FailureClass::Credentials => Reason::AccessDenied,
            FailureClass::Uninitialized => Reason::MgnNotInitialized,
            FailureClass::InUse => Reason::DeletionBlocked,
            FailureClass::Quota => Reason::QuotaExceeded,
            // The route belongs to a foreign endpoint.
            FailureClass::RouteConflict => Reason::NotOwned,
            FailureClass::Conflict => Reason::PrivateDnsConflict,
            FailureClass::Invalid => Reason::InvalidRequest,
            FailureClass::NotFound | FailureClass::Dependency | FailureClass::AlreadyExists => Reason::Progressing,
            FailureClass::Transient | FailureClass::Unanswered | FailureClass::Unknown => Reason::AwsError,
        }
    }

    /// Whether a person has to act, because waiting does not help.
    pub const fn needs_person(&self) -> bool {
        !self.reason().heals_by_waiting()
    }
}

impl Blocker {
    /// Returns the party that has to act before the blocker is resolved.
    pub const fn who_must_act(&self) -> WhoMustAct {
        match self {
            Self::UnderWay { .. } | Self::NotVisible { .. } | Self::AddressUnknown { .. } | Self::MayArrive { .. } => {
                WhoMustAct::Aws
            }
            Self::Awaits { .. } => WhoMustAct::Operator,
            Self::Failed { .. }
            | Self::NotOwned { .. }
            | Self::Ambiguous { .. }
            | Self::Duplicates { .. }
            | Self::UnknownSlot { .. }
            | Self::InvalidTransfer(_)
            | Self::AddressChange { .. }
            | Self::InUse { .. } => WhoMustAct::Person,
        }
    }
}
