//! Error responses of AWS in any form: a call that may have had an effect never counts as refused, and a message never
//! contains text that users must not see.

use std::sync::Arc;

use mgnet::{
    aws::Cloud,
    model::{
        failure::FailureClass,
        ownership::Tags,
        plan::step::{CreateRequest, Step},
        slot::{GroupRole, Slot},
    },
};

use crate::{
    Choices,
    wire::{LANDING, block_on, check_failure, cloud, identity},
};

/// Executes one step, and answers its call with a response that the bytes determine.
pub fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let status = if choices.one_in(4) {
        200 + u16::try_from(choices.below(400)).unwrap_or(0)
    } else {
        choices.of(&[400, 403, 404, 500, 503, 200, 429, 413])
    };
    let (step, is_query) = step(&mut choices);
    let code = if choices.one_in(3) { choices.word(24) } else { choices.of(CODES).to_owned() };
    let form = choices.below(4);
    let message = format!("{}{}", choices.of(MESSAGES), choices.text());
    let body = body(form, is_query, &code, &message).into_bytes();
    let corrupt = Arc::new(move |_: &str, _| (status, body.clone()));
    let world = LANDING.aws.clone();
    let outcome = block_on(async { cloud(world, corrupt).await?.execute(&step).await });
    let Err(failure) = outcome else { return };
    check_failure(&failure);
    // A successful response to a list may refuse single items, but those are not part of this failure.
    if (200..300).contains(&status) {
        assert!(!failure.class.is_refusal(), "a successful response counts as a refusal: {failure:?}");
    }
    if status >= 500 && !CODES.contains(&code.as_str()) && !code.contains("Invalid") {
        let is_known = code.ends_with(".NotFound") || code.ends_with("LimitExceeded") || code.contains("Malformed");
        assert!(
            is_known || failure.class == FailureClass::Transient,
            "an error of the AWS service is not transient: {failure:?}"
        );
    }
}

/// Returns a step, and whether it calls EC2, which answers in XML.
fn step(choices: &mut Choices<'_>) -> (Step, bool) {
    let tags: Tags = identity().standing_tags(&Tags::new(), Slot::Resolver);
    match choices.below(4) {
        0 => {
            let request = CreateRequest::SecurityGroup {
                vpc: "vpc-00000000000000001".into(),
                name: "mgnet".to_owned(),
                description: "mgnet".to_owned(),
                tags,
            };
            (Step::Create { slot: Slot::Group(GroupRole::Endpoints), token: "mgnet".to_owned(), request }, true)
        }
        1 => (Step::DeleteGroup { role: GroupRole::Endpoints, group: "sg-00000000000000001".into() }, true),
        2 => (Step::DeleteResolver { resolver: "rslvr-in-00000000000000001".into() }, false),
        _ => {
            let addresses =
                [("subnet-00000000000000001".into(), None), ("subnet-00000000000000002".into(), None)].into();
            let group = "sg-00000000000000001".into();
            let request = CreateRequest::Resolver { name: "mgnet".to_owned(), addresses, group, tags };
            (Step::Create { slot: Slot::Resolver, token: "mgnet".to_owned(), request }, false)
        }
    }
}

fn body(form: usize, is_query: bool, code: &str, message: &str) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    match (form, is_query) {
        (0, _) => message.to_owned(),
        (1, true) => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        ),
        (_, true) => format!(
            "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>",
            escape(code),
            escape(message)
        ),
        (1, false) => format!(r#"{{"__type":"{code}","Message":"{message}"}}"#),
        (_, false) => serde_json::json!({ "__type": code, "message": message }).to_string(),
    }
}

const CODES: &[&str] = &[
    "",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidGroup.Duplicate",
    "InvalidGroup.NotFound",
    "DependencyViolation",
    "RequestLimitExceeded",
    "UnauthorizedOperation",
    "LimitExceededException",
    "InvalidRequestException",
    "ThrottlingException",
    "ResourceNotFoundException",
    "InternalError",
    "VpcEndpointLimitExceeded",
    "AccessDeniedException",
];

const MESSAGES: &[&str] = &[
    "",
    "No. Encoded authorization failure message: AbC-_123 ",
    "Encoded authorization failure message:",
    "Encoded Encoded authorization failure message: authorization failure message: ",
    "line\nline\u{0}\u{85}\u{2028}",
    "<Message>",
    "\u{3042}\u{3042}",
];
