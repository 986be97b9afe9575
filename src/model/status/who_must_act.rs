//! Who has to act before a network makes progress, and so whether waiting helps.
//!
//! [`Reason::heals_by_waiting`] is the one table. A failed call has the answer of the reason that it gives to conditions; a
//! blocker also says whether AWS or the operator itself goes on next.

use crate::{
    api::Reason,
    model::{
        failure::{CallFailure, FailureClass},
        plan::Blocker,
    },
};

/// Who has to act next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoMustAct {
    /// AWS is at work, or fails for a moment: the same request succeeds later.
    Aws,
    /// The operator, in a later step of its own.
    Operator,
    /// A person has to change the network, its class, the VPC or the account.
    Person,
}

impl CallFailure {
    /// The reason that the failure gives to conditions.
    pub const fn reason(&self) -> Reason {
        match self.class {
            FailureClass::Throttled => Reason::Throttled,
            FailureClass::AccountMismatch => Reason::AccountMismatch,
            FailureClass::Unauthorized => Reason::AccessDenied,
            FailureClass::Quota => Reason::QuotaExceeded,
            // The other endpoint is foreign.
            FailureClass::RouteConflict => Reason::NotOwned,
            FailureClass::Conflict => Reason::PrivateDnsConflict,
            FailureClass::Invalid => Reason::InvalidRequest,
            FailureClass::NotFound | FailureClass::Dependency | FailureClass::AlreadyExists => Reason::Progressing,
            FailureClass::Transient | FailureClass::Unknown => Reason::AwsError,
        }
    }

    /// Whether a person has to act: waiting does not help.
    pub const fn needs_person(&self) -> bool {
        !self.reason().heals_by_waiting()
    }
}

impl Blocker {
    /// Who has to act before the slot is free.
    pub const fn who_must_act(&self) -> WhoMustAct {
        match self {
            Self::UnderWay { .. } | Self::NotVisible { .. } | Self::MayArrive { .. } => WhoMustAct::Aws,
            Self::Awaits { .. } => WhoMustAct::Operator,
            Self::Failed { .. }
            | Self::NotOwned { .. }
            | Self::Ambiguous { .. }
            | Self::AddressChange { .. }
            | Self::InUse { .. } => WhoMustAct::Person,
        }
    }
}
