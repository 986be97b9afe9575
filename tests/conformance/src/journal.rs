//! Records the answer to each call, for reports.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, http::HttpResponse, interceptors::FinalizerInterceptorContextRef,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// The answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The name of the action, such as `CreateVpc`.
    pub operation: String,
    /// The HTTP status; none without an answer.
    pub status: Option<u16>,
    /// The code of an error.
    pub code: Option<String>,
    /// The message of an error.
    pub message: Option<String>,
    /// The ID under which AWS Support finds the call.
    pub request_id: Option<String>,
}

impl Answer {
    /// Whether AWS rejected the call, or did not answer.
    pub fn is_rejection(&self) -> bool {
        self.status.is_none_or(|status| status >= 400)
    }
}

/// The answers since the last time that they were taken.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<Answer>>);

impl Journal {
    pub(crate) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes the journal. The SDK calls it after each attempt.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    journal: Arc<Journal>,
}

impl Recorder {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal }
    }
}

/// Returns the name of the action that is being called.
pub(crate) fn operation(bag: &ConfigBag) -> String {
    bag.load::<Metadata>().map(|metadata| metadata.name().to_owned()).unwrap_or_default()
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut answer = context.response().map(read).unwrap_or_default();
        answer.operation = operation(bag);
        self.journal.0.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
        Ok(())
    }
}

fn read(response: &HttpResponse) -> Answer {
    let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
    let headers = response.headers();
    let header = ["x-amzn-requestid", "x-amz-request-id"].into_iter().find_map(|name| headers.get(name));
    let request_id = header.map(str::to_owned).or_else(|| element(&body, &["requestId", "RequestID", "RequestId"]));
    let status = response.status().as_u16();
    let (code, message) = if status < 400 { (None, None) } else { error(&body) };
    Answer { operation: String::new(), status: Some(status), code, message, request_id }
}

/// Returns the code and the message of an error answer: XML, or JSON for Route 53 Resolver.
fn error(body: &str) -> (Option<String>, Option<String>) {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else {
        return (element(body, &["Code"]), element(body, &["Message"]));
    };
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| json[name].as_str()).map(str::to_owned);
    // A code may have a prefix: `com.amazonaws.route53resolver#ValidationException`.
    let code = text(["__type", "code"]).map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    (code, text(["message", "Message"]))
}

/// Returns the text of the first element with one of the names.
fn element(xml: &str, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let (_, after) = xml.split_once(&format!("<{name}>"))?;
        let (text, _) = after.split_once(&format!("</{name}>"))?;
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
        Some(entities.into_iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_from_xml_and_json() {
        let xml = "<Response><Errors><Error><Code>InvalidVpc.Range</Code><Message>The CIDR &apos;x&apos; is bad</Message>\
                   </Error></Errors><RequestID>id-1</RequestID></Response>";
        assert_eq!(error(xml), (Some("InvalidVpc.Range".to_owned()), Some("The CIDR 'x' is bad".to_owned())));
        assert_eq!(element(xml, &["requestId", "RequestID"]), Some("id-1".to_owned()));
        let json = r#"{"__type":"com.amazonaws.route53resolver#ValidationException","message":"no"}"#;
        assert_eq!(error(json), (Some("ValidationException".to_owned()), Some("no".to_owned())));
        assert_eq!(error("<html>"), (None, None));
    }
}
