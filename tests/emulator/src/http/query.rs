//! The query protocols of EC2 and STS: form parameters as requests, XML as answers.

use serde_json::{Map, Value};

use super::xml::{self, Lists};
use crate::world::{action::Service, error::AwsError};

/// A call in the query protocol.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) action: String,
    pub(super) parameters: Value,
}

/// Parses a form: `A.B.1=x` becomes `{"A": {"B": {"1": "x"}}}`.
///
/// Source of the codes: EC2 API Reference, "Error codes".
pub(super) fn read(form: &[u8]) -> Result<Query, AwsError> {
    let mut action = None;
    let mut tree = Map::new();
    for (name, value) in form_urlencoded::parse(form) {
        match &*name {
            "Action" => action = Some(value.into_owned()),
            "Version" => {}
            _ => insert(&mut tree, &name, value.into_owned())?,
        }
    }
    let action = action.ok_or_else(|| AwsError::new("MissingAction", "The request is missing the parameter Action"))?;
    Ok(Query { action, parameters: Value::Object(tree) })
}

fn insert(tree: &mut Map<String, Value>, name: &str, value: String) -> Result<(), AwsError> {
    let malformed = || AwsError::new("MalformedQueryString", format!("The parameter {name} contradicts another one"));
    let (path, last) = name.rsplit_once('.').map_or((None, name), |(path, last)| (Some(path), last));
    let mut node = tree;
    for part in path.into_iter().flat_map(|path| path.split('.')) {
        let child = node.entry(part).or_insert_with(|| Value::Object(Map::new()));
        node = child.as_object_mut().ok_or_else(malformed)?;
    }
    match node.insert(last.to_owned(), Value::String(value)) {
        None => Ok(()),
        Some(_) => Err(malformed()),
    }
}

/// Writes an answer.
pub(super) fn write(service: Service, action: &str, request_id: &str, answer: &Value) -> String {
    let mut body = String::new();
    match service {
        Service::Sts => {
            xml::write(&mut body, answer, Lists::Named("member"));
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{body}</{action}Result>\
                 <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
            )
        }
        Service::Ec2 | Service::Mgn | Service::Resolver | Service::Route53 => {
            xml::write(&mut body, answer, Lists::Named("item"));
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response \
                 xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{request_id}</requestId>{body}</{action}Response>"
            )
        }
    }
}

/// Writes an error answer.
pub(super) fn write_error(service: Service, request_id: &str, error: &AwsError) -> String {
    let mut text = String::from("<Code>");
    xml::escape(&mut text, &error.code);
    text.push_str("</Code><Message>");
    xml::escape(&mut text, &error.message);
    text.push_str("</Message>");
    match service {
        Service::Sts => format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>{text}</Error>\
             <RequestId>{request_id}</RequestId></ErrorResponse>"
        ),
        Service::Ec2 | Service::Mgn | Service::Resolver | Service::Route53 => format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>{text}</Error></Errors><RequestID>{request_id}\
             </RequestID></Response>"
        ),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn a_form_becomes_a_tree() {
        let query = read(b"Action=A&Version=1&Tag.1.Key=k&Tag.1.Value=a%20b&VpcId=v").expect("a query");
        assert_eq!(query.action, "A");
        assert_eq!(query.parameters, json!({"Tag": {"1": {"Key": "k", "Value": "a b"}}, "VpcId": "v"}));
    }

    #[test]
    fn a_parameter_that_is_value_and_structure_is_rejected() {
        assert_eq!(read(b"Action=A&X=1&X.Y=2").expect_err("refused").code, "MalformedQueryString");
    }
}
