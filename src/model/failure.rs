//! What went wrong with a call to AWS, in the few kinds that decide what happens next.

use std::fmt;

/// The kinds of failure. `crate::aws::request::error` maps AWS's codes to them; nothing else looks at codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The resource is not there.
    NotFound,
    /// What was to be created is there already, or was: its token or name is taken.
    AlreadyExists,
    /// Something that still stands in the way goes by itself: an interface that is being removed, a state that changes.
    Dependency,
    /// Too many calls; the same call succeeds later.
    Throttled,
    /// The role may not do this, or could not be assumed.
    Unauthorized,
    /// The credentials belong to another account than the class names.
    AccountMismatch,
    /// A limit of the account is reached.
    Quota,
    /// Another endpoint or a hosted zone has the private DNS names already.
    Conflict,
    /// Another endpoint has the route already.
    RouteConflict,
    /// AWS refuses the request as it is.
    Invalid,
    /// No answer, or an answer that says nothing about the call: it may have had its effect.
    Transient,
    /// A code that this version does not know: retried, slowly.
    Unknown,
}

impl FailureClass {
    /// Whether AWS has answered that the call had no effect. Everything else may have had it; so may a throttled call,
    /// as the SDK may have sent it before and lost that answer.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::NotFound
            | Self::Dependency
            | Self::Unauthorized
            | Self::AccountMismatch
            | Self::Quota
            | Self::Conflict
            | Self::RouteConflict
            | Self::Invalid => true,
            Self::AlreadyExists | Self::Throttled | Self::Transient | Self::Unknown => false,
        }
    }

    /// Whether further calls in the same reconcile are a waste: AWS asks for fewer, or does not answer.
    pub const fn stops_the_rest(self) -> bool {
        match self {
            Self::Throttled | Self::Transient | Self::Unauthorized | Self::AccountMismatch => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Dependency
            | Self::Quota
            | Self::Conflict
            | Self::RouteConflict
            | Self::Invalid
            | Self::Unknown => false,
        }
    }
}

/// A failed call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// Its kind.
    pub class: FailureClass,
    /// `ec2:CreateVpcEndpoint`
    pub operation: String,
    /// AWS's error code, or a word of ours where no answer came.
    pub code: String,
    /// AWS's message, cut, and without encoded authorization messages.
    pub message: String,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.code)?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

impl std::error::Error for CallFailure {}
