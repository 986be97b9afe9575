//! What AWS answers instead of a result: a code, a message, and the HTTP status that goes with the code.

use std::borrow::Cow;

/// An error answer of AWS. It carries no Rust source error: everything a caller of AWS can learn is in these two fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The error code, for example `InvalidVpcID.NotFound`. Source: EC2 API Reference, "Error codes".
    pub code: Cow<'static, str>,
    /// The text for people. Clients must not depend on it, except where AWS gives several causes one code.
    pub message: String,
}

impl AwsError {
    /// An error with this code and message.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// `InvalidParameter`: the code of CreateVpcEndpoint and ModifyVpcEndpoint for a value that does not fit the rest.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameter", message)
    }

    /// `InvalidParameterValue`: the value itself is not acceptable.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// `MissingParameter`, with the text of the EC2 API.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    /// The HTTP status AWS answers with this code.
    ///
    /// Source: EC2 API Reference, "Error codes": client errors are 4xx, `RequestLimitExceeded` and `Unavailable` 503,
    /// `InternalError` 500; a dry run that would succeed is 412. Route 53 API Reference: the codes of each action have their own.
    pub fn status(&self) -> u16 {
        match &*self.code {
            "AuthFailure" | "NotAuthorizedException" => 401,
            "AccessDenied" | "InvalidClientTokenId" | "MissingAuthenticationToken" | "UnauthorizedOperation" => 403,
            "NoSuchHostedZone" | "VPCAssociationNotFound" => 404,
            "HostedZoneAlreadyExists" => 409,
            "DryRunOperation" => 412,
            "InternalError" | "InternalFailure" | "InternalServiceErrorException" => 500,
            "RequestLimitExceeded" | "ServiceUnavailable" | "Unavailable" => 503,
            _ => 400,
        }
    }
}
