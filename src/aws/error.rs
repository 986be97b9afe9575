//! What a failed call means. The only place that looks at AWS's codes and messages.
//!
//! Codes are not shared between services with different meanings, so one table serves all three. Sources: EC2 API Reference,
//! "Error codes"; Route 53 Resolver and STS API Reference, errors of each action; messages from public reports where AWS
//! gives several causes one code.

use std::{error::Error, fmt::Write as _};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ConnectorError, ProvideErrorMetadata, SdkError},
};
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};

use super::call::Action;
use crate::model::failure::{CallFailure, FailureClass};

/// The longest message that is passed on, in characters.
const LONGEST: usize = 256;

/// The failure of a call.
pub(super) fn failure<E>(action: Action, error: &SdkError<E, HttpResponse>) -> CallFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = |class, code: &str, message: String| CallFailure {
        class,
        operation: action.to_string(),
        code: code.to_owned(),
        message: readable(&message),
    };
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let class = classify(error.code(), error.message(), status);
            let code = error.code().map_or_else(|| format!("HTTP{status}"), str::to_owned);
            failure(class, &code, error.message().unwrap_or_default().to_owned())
        }
        SdkError::ConstructionFailure(_) => failure(FailureClass::Invalid, "RequestNotBuilt", causes(error)),
        SdkError::TimeoutError(_) => failure(FailureClass::Transient, "Timeout", causes(error)),
        SdkError::ResponseError(_) => failure(FailureClass::Transient, "UnreadableAnswer", causes(error)),
        // The SDK reports credentials that cannot be had as a request that could not be sent, for no reason of the network.
        SdkError::DispatchFailure(unsent) if unsent.is_other() => match credentials_class(error) {
            Some((class, code)) => failure(class, &code, causes(error)),
            None => failure(FailureClass::Unauthorized, "NoCredentials", causes(error)),
        },
        SdkError::DispatchFailure(_) => failure(FailureClass::Transient, "NoAnswer", causes(error)),
        _ => failure(FailureClass::Unknown, "UnknownFailure", causes(error)),
    }
}

/// The failure of one item in an answer that was a success as a whole.
pub(super) fn item_failure(action: Action, code: Option<&str>, message: Option<&str>) -> CallFailure {
    CallFailure {
        class: classify(code, message, 200),
        operation: action.to_string(),
        code: code.unwrap_or("NoCode").to_owned(),
        message: readable(message.unwrap_or_default()),
    }
}

/// AWS's words in the form in which people get to see them: one line, without the encoded authorization message, which
/// says nothing to a reader and may say too much to whoever can decode it, and cut.
pub(super) fn readable(message: &str) -> String {
    const ENCODED: &str = "Encoded authorization failure message:";
    let mut text = message.to_owned();
    if let Some(start) = text.find(ENCODED) {
        let after = start + ENCODED.len();
        let rest = text.get(after..).unwrap_or_default().trim_start();
        let kept = rest.split_once(char::is_whitespace).map_or("", |(_, kept)| kept).to_owned();
        text.truncate(start);
        text.push_str(&kept);
    }
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// The kind of a failure that AWS answered. `status` is the HTTP status of the answer.
fn classify(code: Option<&str>, message: Option<&str>, status: u16) -> FailureClass {
    let message = message.unwrap_or_default();
    let known = code.and_then(|code| by_message(code, message).or_else(|| by_code(code)).or_else(|| by_form(code)));
    known.unwrap_or(if status >= 500 { FailureClass::Transient } else { FailureClass::Unknown })
}

/// Codes that stand for several causes.
fn by_message(code: &str, message: &str) -> Option<FailureClass> {
    match code {
        "InvalidParameter" => {
            // hashicorp/terraform-provider-aws issue 17535.
            if message.contains("conflicting DNS domain") {
                Some(FailureClass::Conflict)
            // hashicorp/terraform-provider-aws issues 30853 and 33689.
            } else if message.contains("must have a Gateway endpoint") {
                Some(FailureClass::Dependency)
            } else {
                None
            }
        }
        // Resolver has one code for a request that makes no sense and for one that comes while addresses are changing.
        "InvalidRequestException" => {
            let message = message.to_ascii_lowercase();
            let passing = ["status", "state", "creating", "updating", "deleting", "in progress"];
            passing.iter().any(|word| message.contains(word)).then_some(FailureClass::Dependency)
        }
        _ => None,
    }
}

fn by_code(code: &str) -> Option<FailureClass> {
    Some(match code {
        "ResourceNotFoundException" => FailureClass::NotFound,
        "IdempotentParameterMismatch"
        | "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "ResourceExistsException" => FailureClass::AlreadyExists,
        "DependencyViolation"
        | "IncorrectState"
        | "InvalidGroup.InUse"
        | "ConcurrentTagAccess"
        | "ResourceInUseException"
        | "ResourceUnavailableException" => FailureClass::Dependency,
        "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "PriorRequestNotComplete"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "ThrottledException"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => FailureClass::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "Blocked"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IDPRejectedClaim"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidIdentityToken"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "PendingVerification"
        | "RegionDisabledException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnauthorizedOperation"
        | "UnrecognizedClientException" => FailureClass::Unauthorized,
        // The SDK takes Resolver's `LimitExceededException` for throttling; here it says that four endpoints exist already.
        "InsufficientFreeAddressesInSubnet" | "LimitExceededException" | "ServiceQuotaExceededException" => {
            FailureClass::Quota
        }
        "ConflictingDomainExists" | "RouteAlreadyExists" => FailureClass::Conflict,
        "CannotDelete"
        | "DuplicateSubnetsInSameZone"
        | "MissingAction"
        | "MissingParameter"
        | "OperationNotPermitted"
        | "PackedPolicyTooLarge"
        | "SerializationException"
        | "TagPolicyViolation"
        | "UnknownOperationException"
        | "UnknownParameter"
        | "Unsupported"
        | "UnsupportedOperation"
        | "ValidationError"
        | "ValidationException" => FailureClass::Invalid,
        // A list that is asked for anew begins anew.
        "IDPCommunicationError"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServiceErrorException"
        | "InvalidNextToken"
        | "InvalidNextTokenException"
        | "InvalidPaginationToken"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "Unavailable" => FailureClass::Transient,
        _ => return None,
    })
}

/// EC2 has hundreds of codes, and forms them by rule: `InvalidVpcID.NotFound`, `VpcEndpointLimitExceeded`,
/// `InvalidVpcEndpointType`.
fn by_form(code: &str) -> Option<FailureClass> {
    if code.ends_with(".NotFound") {
        Some(FailureClass::NotFound)
    } else if code.ends_with("LimitExceeded") {
        Some(FailureClass::Quota)
    } else if code.starts_with("Invalid") || code.starts_with("Malformed") || code.ends_with(".Malformed") {
        Some(FailureClass::Invalid)
    } else {
        None
    }
}

/// Looks among the causes for what kept the credentials away, if it was not their absence.
fn credentials_class(error: &(dyn Error + 'static)) -> Option<(FailureClass, String)> {
    chain(error).find_map(|cause| {
        if let Some(refused) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            return answered(refused);
        }
        if let Some(refused) = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>() {
            return answered(refused);
        }
        let unreached = cause.downcast_ref::<ConnectorError>().is_some_and(|error| error.is_io() || error.is_timeout());
        // The SDK's types for "the provider took too long" are not public; their texts agree in these words.
        (unreached || cause.to_string().contains("timed out"))
            .then(|| (FailureClass::Transient, "CredentialsNotReached".to_owned()))
    })
}

fn answered<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<(FailureClass, String)> {
    let code = error.code()?;
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    Some((classify(Some(code), error.message(), status), code.to_owned()))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error>::source(*error))
}

/// An error with all its causes, each said once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            let separator = if text.is_empty() { "" } else { ": " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{cause}");
        }
    }
    text
}
