//! The classes of failed AWS calls, which decide how the operator continues.

use std::fmt;

use crate::text::request_id;

/// The classes of failure. `crate::aws::request::error` maps the error codes of AWS to them, and no other code reads
/// error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The resource does not exist.
    NotFound,
    /// The resource to create exists already, or existed: its token or name is taken.
    AlreadyExists,
    /// A dependency blocks the call, but will disappear by itself, such as an interface that is being deleted or a
    /// state that changes.
    Dependency,
    /// Too many calls. The same call succeeds later.
    Throttled,
    /// The operator did not send the request, because it expired in the rate-limit queue.
    NotSent,
    /// The role lacks the permission for this call.
    Unauthorized,
    /// No call can succeed: the credentials are missing, expired or invalid, or the role could not be assumed.
    Credentials,
    /// The credentials belong to another account than the class names.
    AccountMismatch,
    /// The service is not initialized in the account and Region.
    Uninitialized,
    /// A foreign resource uses the resource to delete. It is named in the message.
    InUse,
    /// The account has reached a quota.
    Quota,
    /// Another endpoint or a hosted zone already has the private DNS names.
    Conflict,
    /// Another endpoint already has the route.
    RouteConflict,
    /// AWS rejects the request as invalid.
    Invalid,
    /// An answer that does not show the outcome: the call may have had its effect.
    Transient,
    /// No answer: AWS cannot be reached or takes too long. The call may have had its effect.
    Unanswered,
    /// An error code that this version does not know. The call is retried slowly.
    Unknown,
}

impl FailureClass {
    /// Whether the answer of AWS proves that the call had no effect. All other failures may have had it, even a
    /// throttled call, because the SDK may have sent it before and lost that answer.
    pub const fn is_refusal(self) -> bool {
        match self {
            Self::NotFound
            | Self::Dependency
            | Self::InUse
            | Self::NotSent
            | Self::Unauthorized
            | Self::Credentials
            | Self::AccountMismatch
            | Self::Uninitialized
            | Self::Quota
            | Self::Conflict
            | Self::RouteConflict
            | Self::Invalid => true,
            Self::AlreadyExists | Self::Throttled | Self::Transient | Self::Unanswered | Self::Unknown => false,
        }
    }

    /// Returns the other steps of the same reconcile that would fail, too.
    pub const fn reach(self) -> Reach {
        match self {
            Self::Credentials | Self::AccountMismatch => Reach::Everything,
            Self::Throttled | Self::NotSent => Reach::Action,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Dependency
            | Self::InUse
            | Self::Unauthorized
            | Self::Uninitialized
            | Self::Quota
            | Self::Conflict
            | Self::RouteConflict
            | Self::Invalid
            | Self::Transient
            | Self::Unanswered
            | Self::Unknown => Reach::Slot,
        }
    }
}

/// The steps of a reconcile that a failure affects. All other steps are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The steps for the same slot.
    Slot,
    /// The steps with the same AWS action, too: AWS throttles each action by itself.
    Action,
    /// All steps.
    Everything,
}

/// A failed call to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// The class of the failure.
    pub class: FailureClass,
    /// The call, such as `ec2:CreateVpcEndpoint`.
    pub operation: String,
    /// The error code of AWS, or a code of the operator if no answer arrived.
    pub code: String,
    /// The message of AWS, truncated and without encoded authorization messages.
    pub message: String,
    /// The ID of the request in AWS, for CloudTrail and for AWS Support. None if no answer arrived.
    pub request_id: Option<String>,
}

impl CallFailure {
    /// Whether the role of the class cannot be assumed, for example because its trust policy requires another external ID.
    pub fn is_of_role(&self) -> bool {
        self.class == FailureClass::Credentials && self.operation == "sts:AssumeRole"
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        self.request_id.as_ref().map_or(Ok(()), |id| f.write_str(&request_id(id)))
    }
}

impl std::error::Error for CallFailure {}
