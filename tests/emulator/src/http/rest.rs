//! The REST protocol of Route 53: method and path determine the action, and bodies are XML.
//!
//! Source: Smithy, "AWS restXml protocol"; Route 53 API Reference, "Request Syntax" of each action.

use axum::http::Method;
use serde_json::{Map, Value};
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::xml::{self, Lists};
use crate::world::error::AwsError;

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// The text of the error answer for an unknown action.
fn unknown(method: &Method, path: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("{method} {path} is not an operation of this service."))
}

/// Returns the action of a request, and its parameters from path, query and body.
pub(super) fn read(
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Result<(&'static str, Value), AwsError> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (action, in_path) = match (method.as_str(), &segments[..]) {
        ("POST", ["2013-04-01", "hostedzone"]) => ("CreateHostedZone", None),
        ("GET", ["2013-04-01", "hostedzone", id]) => ("GetHostedZone", Some(("Id", *id))),
        ("DELETE", ["2013-04-01", "hostedzone", id]) => ("DeleteHostedZone", Some(("Id", *id))),
        ("POST", ["2013-04-01", "hostedzone", id, "associatevpc"]) => {
            ("AssociateVPCWithHostedZone", Some(("HostedZoneId", *id)))
        }
        ("POST", ["2013-04-01", "hostedzone", id, "disassociatevpc"]) => {
            ("DisassociateVPCFromHostedZone", Some(("HostedZoneId", *id)))
        }
        ("POST", ["2013-04-01", "hostedzone", id, "authorizevpcassociation"]) => {
            ("CreateVPCAssociationAuthorization", Some(("HostedZoneId", *id)))
        }
        ("GET", ["2013-04-01", "hostedzonesbyvpc"]) => ("ListHostedZonesByVPC", None),
        _ => return Err(unknown(method, path)),
    };
    let mut parameters = if body.is_empty() { Map::new() } else { read_body(action, body)? };
    if let Some((name, value)) = in_path {
        parameters.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let name = match &*name {
            "vpcid" => "VPCId",
            "vpcregion" => "VPCRegion",
            "maxitems" => "MaxItems",
            "nexttoken" => "NextToken",
            other => other,
        };
        parameters.insert(name.to_owned(), Value::String(value.into_owned()));
    }
    Ok((action, Value::Object(parameters)))
}

/// Returns the children of the body's root element, which is named after the action.
fn read_body(action: &str, body: &[u8]) -> Result<Map<String, Value>, AwsError> {
    let malformed = |why: &str| AwsError::new("InvalidInput", format!("The body is not a {action}Request: {why}"));
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
    let mut tree = read_xml(text).ok_or_else(|| malformed("it is not well-formed XML"))?;
    match tree.remove(&format!("{action}Request")) {
        Some(Value::Object(children)) => Ok(children),
        // An element without children is empty text.
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        _ => Err(malformed("its root has another name")),
    }
}

/// Converts a document into a tree: an element with children becomes an object, and any other element its text.
/// Attributes are ignored.
fn read_xml(text: &str) -> Option<Map<String, Value>> {
    let mut open: Vec<(&str, Map<String, Value>, String)> = vec![("", Map::new(), String::new())];
    for token in Tokenizer::from(text) {
        let closes = match token.ok()? {
            Token::ElementStart { local, .. } => {
                open.push((local.as_str(), Map::new(), String::new()));
                false
            }
            Token::ElementEnd { end, .. } => match end {
                ElementEnd::Open => false,
                ElementEnd::Empty => true,
                ElementEnd::Close(_, local) => {
                    (open.last()?.0 == local.as_str()).then_some(())?;
                    true
                }
            },
            Token::Text { text } => {
                open.last_mut()?.2.push_str(&unescape(text.as_str())?);
                false
            }
            Token::Cdata { text, .. } => {
                open.last_mut()?.2.push_str(text.as_str());
                false
            }
            _ => false,
        };
        if closes {
            let (name, children, text) = open.pop()?;
            let value = if children.is_empty() { Value::String(text) } else { Value::Object(children) };
            open.last_mut()?.1.insert(name.to_owned(), value);
        }
    }
    let (_, document, _) = open.pop()?;
    open.is_empty().then_some(document)
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (entity, after) = after.split_once(';')?;
        plain.push_str(before);
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            number => match number.strip_prefix('#')? {
                hexadecimal if hexadecimal.starts_with('x') => {
                    char::from_u32(u32::from_str_radix(&hexadecimal[1..], 16).ok()?)?
                }
                decimal => char::from_u32(decimal.parse().ok()?)?,
            },
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

/// Writes an answer.
pub(super) fn write(action: &str, answer: &Value) -> String {
    let mut body = String::new();
    xml::write(&mut body, answer, Lists::Flat);
    format!("<?xml version=\"1.0\"?>\n<{action}Response xmlns=\"{NAMESPACE}\">{body}</{action}Response>")
}

/// Writes an error answer.
pub(super) fn write_error(request_id: &str, error: &AwsError) -> String {
    let mut text = String::from("<Code>");
    xml::escape(&mut text, &error.code);
    text.push_str("</Code><Message>");
    xml::escape(&mut text, &error.message);
    text.push_str("</Message>");
    format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type>{text}</Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::read;

    #[test]
    fn a_body_becomes_a_tree() {
        let body = br#"<?xml version="1.0"?><CreateHostedZoneRequest xmlns="x"><Name>a&amp;&#98;</Name>
            <VPC><VPCId>v</VPCId></VPC><HostedZoneConfig/></CreateHostedZoneRequest>"#;
        let (action, parameters) = read(&Method::POST, "/2013-04-01/hostedzone", None, body).expect("a request");
        assert_eq!(action, "CreateHostedZone");
        assert_eq!(parameters, json!({"Name": "a&b", "VPC": {"VPCId": "v"}, "HostedZoneConfig": ""}));
    }

    #[test]
    fn an_invalid_request_is_rejected() {
        let code = |method, path, body: &[u8]| read(&method, path, None, body).expect_err("refused").code;
        assert_eq!(code(Method::GET, "/2013-04-01/healthcheck", b""), "UnknownOperationException");
        for body in ["<CreateHostedZoneRequest>", "<Other></Other>", "text", "<a></b>"] {
            assert_eq!(code(Method::POST, "/2013-04-01/hostedzone", body.as_bytes()), "InvalidInput", "{body}");
        }
    }

    #[test]
    fn parameters_come_from_path_and_query_too() {
        let query = Some("vpcid=vpc-1&vpcregion=eu-west-1&maxitems=5&nexttoken=a%2Fb");
        let (_, parameters) = read(&Method::GET, "/2013-04-01/hostedzonesbyvpc", query, b"").expect("a request");
        let expected = json!({"VPCId": "vpc-1", "VPCRegion": "eu-west-1", "MaxItems": "5", "NextToken": "a/b"});
        assert_eq!(parameters, expected);
    }
}
