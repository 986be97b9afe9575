//! The error answers of AWS: code, message, and the HTTP status for the code.

use std::borrow::Cow;

/// An error answer of AWS. It carries no Rust source error, because a caller of AWS sees only these two fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The error code, for example `InvalidVpcID.NotFound`. Source: EC2 API Reference, "Error codes".
    pub code: Cow<'static, str>,
    /// The text for users. Clients must not depend on it, except where AWS uses one code for several causes.
    pub message: String,
}

impl AwsError {
    /// Returns an error with this code and message.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// Returns `InvalidParameter`, the code of CreateVpcEndpoint and ModifyVpcEndpoint for a value that contradicts
    /// other values.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameter", message)
    }

    /// Returns `InvalidParameterValue`, the code for a value that is invalid by itself.
    pub(crate) fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// Returns `MissingParameter`, with the text of the EC2 API.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
    }

    /// Returns the HTTP status that AWS uses with this code.
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
