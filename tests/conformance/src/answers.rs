//! Reads the outcomes of calls.

use aws_sdk_ec2::{
    error::{ProvideErrorMetadata, SdkError},
    types::{Tag, VpcEndpoint},
};

/// Returns the code of an error answer, `ok`, or the kind of failure without an answer.
pub(crate) fn code<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or("no code").to_owned(),
        Err(SdkError::ResponseError(_)) => "unreadable".to_owned(),
        Err(SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) => "no answer".to_owned(),
        Err(_) => "not sent".to_owned(),
    }
}

/// Returns the message of an error answer.
pub(crate) fn message<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    let error = outcome.err();
    let message = error.as_ref().and_then(SdkError::as_service_error).and_then(ProvideErrorMetadata::message);
    message.unwrap_or_default().to_owned()
}

/// Returns the state of an endpoint as AWS sends it.
pub(crate) fn state_of(endpoint: &VpcEndpoint) -> &str {
    endpoint.state.as_ref().map_or("", aws_sdk_ec2::types::State::as_str)
}

/// Returns the value of a tag.
pub(crate) fn tag<'t>(tags: &'t [Tag], key: &str) -> Option<&'t str> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
}

/// The calls of one case that AWS must reject, and those that got another answer than expected.
#[derive(Debug, Default)]
pub(crate) struct Rejections {
    wrong: Vec<String>,
}

impl Rejections {
    /// Compares the code of an answer.
    pub(crate) fn expect(&mut self, what: &str, expected: &str, code: &str) {
        if code != expected {
            self.wrong.push(format!("{what}: {code} instead of {expected}"));
        }
    }

    /// Fails with all differences, so that one run shows all of them.
    pub(crate) fn check(self) {
        assert!(self.wrong.is_empty(), "{} answers differ:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}
