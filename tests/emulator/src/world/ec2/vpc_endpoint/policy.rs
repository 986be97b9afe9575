//! The policy of an endpoint: its checks, its default, and the form in which AWS stores it.
//!
//! Source of the defaults and forms: answers of DescribeVpcEndpoints that cloud-custodian recorded between 2018 and
//! 2026 (`tests/data/placebo`). They differ by the type of the endpoint: AWS parses the policy of a gateway endpoint and
//! writes it anew, but keeps the text of an interface endpoint.

use serde_json::Value;

use crate::world::{catalogue::EndpointType, error::AwsError};

/// The maximum length of a policy in characters, including white space. Source: AWS PrivateLink guide, "Quotas".
const LONGEST: usize = 20_480;

/// Returns the default policy, which is full access. A service without policies has it, too.
pub(super) fn default_of(endpoint_type: EndpointType) -> String {
    match endpoint_type {
        EndpointType::Gateway => concat!(
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","#,
            r#""Action":"*","Resource":"*"}]}"#
        )
        .to_owned(),
        EndpointType::Interface => concat!(
            "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\",\n      \"Effect\": \"Allow\",\n",
            "      \"Principal\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
        )
        .to_owned(),
    }
}

/// Checks a policy, and returns it as AWS stores it. Source of the code: EC2 API Reference, "Error codes".
pub(super) fn stored(policy: &str, endpoint_type: EndpointType) -> Result<String, AwsError> {
    let refused =
        |why: &str| AwsError::new("InvalidPolicyDocument", format!("The policy document is not valid: {why}"));
    if policy.len() > LONGEST {
        return Err(refused("it is longer than 20480 characters"));
    }
    let parsed: Value = serde_json::from_str(policy).map_err(|_| refused("it is not JSON"))?;
    if !parsed.as_object().is_some_and(|fields| fields.contains_key("Statement")) {
        return Err(refused("it has no Statement"));
    }
    Ok(match endpoint_type {
        EndpointType::Gateway => rewritten(&parsed),
        EndpointType::Interface => policy.to_owned(),
    })
}

/// The order of the elements of a policy and of a statement in the text of a gateway endpoint.
const ELEMENTS: [&str; 12] = [
    "Version",
    "Id",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
    "Statement",
];

/// Returns the policy of a gateway endpoint without white space, with the elements in AWS's order, and with a version.
/// That AWS adds the version to the policy of a caller, as to the default policy, and that it replaces a list of one
/// entry by the entry, is ASSUMED (`ASSUMPTIONS.md`, "VPC endpoints").
fn rewritten(policy: &Value) -> String {
    let version = policy.get("Version").cloned().unwrap_or_else(|| "2008-10-17".into());
    let mut text = String::from("{\"Version\":");
    text.push_str(&version.to_string());
    if let Some(id) = policy.get("Id") {
        text.push_str(",\"Id\":");
        text.push_str(&id.to_string());
    }
    let statements: Vec<String> = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().map(statement).collect(),
        Some(other) => vec![statement(other)],
        None => Vec::new(),
    };
    text.push_str(",\"Statement\":[");
    text.push_str(&statements.join(","));
    text.push_str("]}");
    text
}

fn statement(statement: &Value) -> String {
    let Value::Object(elements) = statement else { return statement.to_string() };
    let rank = |name: &str| ELEMENTS.iter().position(|known| *known == name).unwrap_or(ELEMENTS.len());
    let mut elements: Vec<_> = elements.iter().collect();
    elements.sort_by_key(|(name, _)| rank(name));
    let shown = elements.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Array(entries) if entries.len() == 1 => &entries[0],
            other => other,
        };
        format!("{}:{value}", Value::from(name.as_str()))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::{default_of, stored};
    use crate::world::catalogue::EndpointType::{Gateway, Interface};

    #[test]
    fn the_policy_of_a_gateway_endpoint_is_written_anew_and_that_of_an_interface_endpoint_is_kept() {
        let text = r#"{ "Statement": [ { "Resource": ["*"], "Principal": "*", "Sid": "a", "Effect": "Allow",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "Action": ["s3:Get*", "s3:List*"] } ], "Id": "i" }"#;
        assert_eq!(
            stored(text, Gateway).expect("a policy"),
            concat!(
                r#"{"Version":"2008-10-17","Id":"i","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","#,
                r#""Action":["s3:Get*","s3:List*"],"Resource":"*","#,
                r#""Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}"#
            )
        );
        assert_eq!(stored(text, Interface).expect("a policy"), text);
    }

    #[test]
    fn a_default_policy_is_stored_as_it_is() {
        for kind in [Gateway, Interface] {
            assert_eq!(stored(&default_of(kind), kind).expect("a policy"), default_of(kind));
        }
    }
}
