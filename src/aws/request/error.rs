//! Classifies the failures of calls. Only this file reads AWS error codes and messages.
//!
//! No code has different meanings in different services, so one table serves all services. Sources: EC2 API Reference,
//! "Error codes"; Route 53 Resolver, MGN and STS API Reference, errors of each action; and, where AWS uses one code for
//! several causes, messages from public reports.

use std::{error::Error, fmt::Write as _};

use aws_sdk_ec2::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId as _,
};
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};

use crate::text::shorten;
use crate::{
    aws::request::Action,
    model::failure::{CallFailure, FailureClass},
};

/// The maximum length of a message that is passed on, in characters.
const LONGEST: usize = 256;

const UNREADABLE: &str = "UnreadableAnswer";

/// Returns the classified failure of a call.
pub(crate) fn failure<E>(action: Action, error: &SdkError<E, HttpResponse>) -> CallFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failure = |class, code: &str, message: String| CallFailure {
        class,
        operation: action.to_string(),
        code: code.to_owned(),
        message: readable(&message),
        request_id: error.request_id().filter(|id| is_request_id(id)).map(str::to_owned),
    };
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status();
            let code = error.code().map(readable).filter(|code| !code.is_empty());
            let class = classify(code.as_deref(), error.message(), status.as_u16());
            match code.as_deref() {
                Some(code) => failure(class, code, error.message().unwrap_or_default().to_owned()),
                // The SDK reports an answer that it cannot parse as a service error, whatever its status.
                None if status.is_success() => failure(class, UNREADABLE, causes(error)),
                None => failure(class, &format!("HTTP{}", status.as_u16()), causes(error)),
            }
        }
        SdkError::ConstructionFailure(_) => failure(FailureClass::Invalid, "RequestNotBuilt", causes(error)),
        SdkError::TimeoutError(_) => failure(FailureClass::Unanswered, "Timeout", causes(error)),
        SdkError::ResponseError(_) => failure(FailureClass::Transient, UNREADABLE, causes(error)),
        // The SDK also reports this when it cannot get credentials; then nothing was sent.
        SdkError::DispatchFailure(_) => {
            if let Some(role) = role_not_assumed(error) {
                return role;
            }
            let (class, code) = if has_no_credentials(error) {
                (FailureClass::Credentials, "NoCredentials")
            } else {
                (FailureClass::Unanswered, "NoAnswer")
            };
            failure(class, code, causes(error))
        }
        _ => failure(FailureClass::Unknown, "UnknownFailure", causes(error)),
    }
}

/// Whether a text may be the ID of a request. AWS sends UUIDs and similar words; anything else comes from a proxy.
fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Returns the failure of one item in an answer that succeeded as a whole.
pub(crate) fn item_failure(action: Action, code: Option<&str>, message: Option<&str>) -> CallFailure {
    CallFailure {
        class: classify(code, message, 400),
        operation: action.to_string(),
        code: code.unwrap_or("NoCode").to_owned(),
        message: readable(message.unwrap_or_default()),
        request_id: None,
    }
}

/// Returns an AWS message in the form that users see: one line, shortened, and without the encoded authorization
/// message, which users cannot read and which may reveal too much to anyone who is able to decode it.
pub(crate) fn readable(message: &str) -> String {
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
    shorten(&line.collect::<Vec<_>>().join(" "), LONGEST)
}

/// Returns the class of a failure that AWS reported. `status` is the HTTP status of the answer.
fn classify(code: Option<&str>, message: Option<&str>, status: u16) -> FailureClass {
    let message = message.unwrap_or_default();
    let known = code.and_then(|code| by_message(code, message).or_else(|| by_code(code)).or_else(|| by_form(code)));
    // A success that cannot be parsed is as uncertain as an internal failure of AWS.
    known.unwrap_or(if (400..500).contains(&status) { FailureClass::Unknown } else { FailureClass::Transient })
}

/// Classifies codes that have several causes.
fn by_message(code: &str, message: &str) -> Option<FailureClass> {
    match code {
        "InvalidParameter" => {
            // hashicorp/terraform-provider-aws issue 17535.
            if message.contains("conflicting DNS domain") {
                Some(FailureClass::Conflict)
            // hashicorp/terraform-provider-aws issues 30853 and 33689.
            } else if message.contains("must have a Gateway endpoint") {
                Some(FailureClass::Dependency)
            // cloudposse/terraform-aws-vpc issue 153. The operator deletes its own S3 interface endpoint first.
            } else if message.contains("cannot be deleted while Interface endpoint") {
                Some(FailureClass::InUse)
            } else {
                None
            }
        }
        // Resolver uses one code both for an invalid request and for a request that arrives while addresses are
        // changing.
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
        // EC2 also answers `AuthFailure` if the caller may not use one of the named resources.
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "NotAuthorized"
        | "OptInRequired"
        | "PendingVerification"
        | "UnauthorizedOperation" => FailureClass::Unauthorized,
        "Blocked"
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
        | "RegionDisabledException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => FailureClass::Credentials,
        // The SDK treats Resolver's `LimitExceededException` as throttling, but here it means that the Region already
        // has four endpoints.
        "InsufficientFreeAddressesInSubnet" | "LimitExceededException" | "ServiceQuotaExceededException" => {
            FailureClass::Quota
        }
        "UninitializedAccountException" => FailureClass::Uninitialized,
        "ConflictingDomainExists" => FailureClass::Conflict,
        "RouteAlreadyExists" => FailureClass::RouteConflict,
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
        // The next attempt reads the list again from its first page.
        "IDPCommunicationError"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
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

/// Classifies codes by their form. EC2 has hundreds of codes and forms them by rule: `InvalidVpcID.NotFound`,
/// `VpcEndpointLimitExceeded`, `InvalidVpcEndpointType`.
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

/// Returns the failure to assume the role, if that is among the causes. Without the role, no call can succeed.
fn role_not_assumed(error: &(dyn Error + 'static)) -> Option<CallFailure> {
    let failure = chain(error).skip(1).find_map(|cause| {
        let role = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>();
        let web_identity = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>();
        role.map(|error| failure(Action::sts("AssumeRole"), error))
            .or_else(|| web_identity.map(|error| failure(Action::sts("AssumeRoleWithWebIdentity"), error)))
    })?;
    let class = match failure.class {
        FailureClass::Unauthorized => FailureClass::Credentials,
        class => class,
    };
    Some(CallFailure { class, ..failure })
}

/// Whether the causes report that there were no credentials to sign with. The SDK's types for this are not public. If
/// the SDK changes these texts, the failure is classified as a lost answer, which is the safer assumption.
fn has_no_credentials(error: &(dyn Error + 'static)) -> bool {
    const WORDS: [&str; 5] = [
        "an error occurred while loading credentials",
        "failed to select an auth scheme",
        "the credential provider was not enabled",
        "the credentials provider was not properly configured",
        "unexpected credentials error",
    ];
    chain(error).map(ToString::to_string).any(|cause| WORDS.iter().any(|words| cause.starts_with(words)))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <dyn Error>::source(*error))
}

/// Returns the causes of an error in one line, each cause once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error).skip(1) {
        let cause = cause.to_string();
        // The SDK calls a dispatch failure of no specific kind "other".
        if cause != "other" && !text.contains(&cause) {
            let separator = if text.is_empty() { "" } else { ": " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{separator}{cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_class() {
        use FailureClass as Class;
        for (expected, codes) in [
            (
                Class::NotFound,
                "InvalidGroup.NotFound InvalidNetworkInterfaceID.NotFound InvalidPermission.NotFound \
                 InvalidRouteTableID.NotFound InvalidSecurityGroupRuleId.NotFound InvalidSubnetID.NotFound \
                 InvalidSubnetId.NotFound InvalidVpcEndpoint.NotFound InvalidVpcEndpointId.NotFound InvalidVpcID.NotFound \
                 ResourceNotFoundException",
            ),
            (
                Class::AlreadyExists,
                "IdempotentParameterMismatch InvalidGroup.Duplicate InvalidPermission.Duplicate ResourceExistsException",
            ),
            (Class::Dependency, "DependencyViolation IncorrectState InvalidGroup.InUse ResourceInUseException"),
            (
                Class::Throttled,
                "EC2ThrottledException RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException",
            ),
            (Class::Unauthorized, "AccessDenied AccessDeniedException AuthFailure OptInRequired UnauthorizedOperation"),
            (Class::Credentials, "ExpiredToken InvalidClientTokenId SignatureDoesNotMatch UnrecognizedClientException"),
            (
                Class::Quota,
                "InsufficientFreeAddressesInSubnet LimitExceededException NetworkInterfaceLimitExceeded \
                 RulesPerSecurityGroupLimitExceeded SecurityGroupLimitExceeded SecurityGroupsPerInterfaceLimitExceeded \
                 TagLimitExceeded VpcEndpointLimitExceeded",
            ),
            (Class::Uninitialized, "UninitializedAccountException"),
            (Class::Conflict, "ConflictingDomainExists"),
            (Class::RouteConflict, "RouteAlreadyExists"),
            (
                Class::Invalid,
                "DuplicateSubnetsInSameZone InvalidAction InvalidGroupId.Malformed InvalidParameter \
                 InvalidParameterException InvalidParameterValue InvalidRequestException InvalidServiceName \
                 InvalidTagException InvalidVpcEndpointId.Malformed InvalidVpcEndpointType MalformedQueryString \
                 MissingParameter TagPolicyViolation UnknownParameter UnsupportedOperation ValidationError",
            ),
            (
                Class::Transient,
                "InternalError InternalFailure InternalServiceErrorException InvalidNextToken InvalidNextTokenException \
                 RequestTimeout ServiceUnavailable Unavailable",
            ),
            (Class::Unknown, "SomethingNewInTheWorld"),
        ] {
            for code in codes.split_whitespace() {
                assert_eq!(classify(Some(code), None, 400), expected, "{code}");
            }
        }
    }

    #[test]
    fn the_message_distinguishes_the_causes_of_one_code() {
        for (code, message, expected) in [
            (
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for \
                 mgn.eu-west-1.amazonaws.com in the VPC vpc-1",
                FailureClass::Conflict,
            ),
            (
                "InvalidParameter",
                "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC vpc-1 must have a Gateway endpoint for \
                 the service.",
                FailureClass::Dependency,
            ),
            (
                "InvalidParameter",
                "Gateway endpoint cannot be deleted while Interface endpoint vpce-1 for the service has \
                 PrivateDnsOnlyForInboundResolverEndpoint set to true.",
                FailureClass::InUse,
            ),
            (
                "InvalidParameter",
                "The VPC endpoint service com.amazonaws.eu-west-1.mgn does not support the availability zone of the \
                 subnet: subnet-1.",
                FailureClass::Invalid,
            ),
            (
                "InvalidRequestException",
                "[RSLVR-00602] Cannot change the resolver endpoint. It has status UPDATING.",
                FailureClass::Dependency,
            ),
            ("InvalidRequestException", "An endpoint must have at least two addresses.", FailureClass::Invalid),
        ] {
            assert_eq!(classify(Some(code), Some(message), 400), expected, "{message}");
        }
    }

    #[test]
    fn an_answer_without_a_known_code_is_classified_by_its_status() {
        assert_eq!(classify(None, None, 500), FailureClass::Transient);
        assert_eq!(classify(None, None, 200), FailureClass::Transient);
        assert_eq!(classify(Some("SomethingNew"), None, 503), FailureClass::Transient);
        assert_eq!(classify(None, None, 400), FailureClass::Unknown);
        // EC2 throttles with status 503.
        assert_eq!(classify(Some("RequestLimitExceeded"), None, 503), FailureClass::Throttled);
    }

    #[test]
    fn encoded_authorization_messages_are_removed() {
        let message = "You are not authorized to perform this operation. User: u is not authorized to perform: \
                       ec2:CreateVpcEndpoint. Encoded authorization failure message: AbC-_123 Ask your administrator.";
        assert_eq!(
            readable(message),
            "You are not authorized to perform this operation. User: u is not authorized to perform: \
             ec2:CreateVpcEndpoint. Ask your administrator."
        );
        assert_eq!(readable("no. Encoded authorization failure message: AbC"), "no.");
        assert_eq!(readable("Encoded authorization failure message:"), "");
    }

    #[test]
    fn messages_are_one_line_of_at_most_256_characters() {
        assert_eq!(readable("a\n  b\tc\u{0}d"), "a b c d");
        let long = readable(&"あ".repeat(1000));
        assert_eq!(long.chars().count(), 256);
        assert!(long.ends_with("あ…"));
        assert_eq!(readable(&"x".repeat(256)).len(), 256, "a message of the maximum length is not shortened");
    }
}
