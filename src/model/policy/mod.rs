//! Endpoint policies, which limit what clients may do through a VPC endpoint, in a canonical form in which they can
//! be compared.
//!
//! IAM allows several spellings of one policy: a list with one entry or the entry alone, any order, any spacing. Here
//! each policy has one text, and the operator sends that text to AWS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod evaluation;
pub mod needs;

pub use self::{
    evaluation::Answer,
    needs::{mgn_only, partition},
};

/// The longest policy that AWS accepts, in characters, including white space (AWS PrivateLink guide, "Quotas").
const LONGEST: usize = 20_480;

/// The version of the policy language that a policy without `Version` has.
const DEFAULT_VERSION: &str = "2008-10-17";

/// The policy of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Policy {
    /// Full access, which AWS also gives to an endpoint without a policy.
    #[default]
    FullAccess,
    /// A policy document in canonical form.
    Document(String),
}

/// The reason why a text is not an endpoint policy. Completes "`field` must …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not JSON.
    #[error("be JSON: {0}")]
    NotJson(String),
    /// The text is JSON, but not a policy.
    #[error("be an IAM policy: {0}")]
    NotAPolicy(&'static str),
    /// AWS would reject the policy.
    #[error(
        "be at most {LONGEST} characters long without white space, but is {0}; shorten it, for example with wildcards"
    )]
    TooLong(usize),
}

impl Policy {
    /// Parses a policy that a user wrote.
    ///
    /// # Errors
    /// The text is not JSON, lacks a required element of a statement, or is too long for AWS.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let value: Value = serde_json::from_str(text).map_err(|error| PolicyError::NotJson(error.to_string()))?;
        let policy = Self::of(&value)?;
        match &policy {
            Self::Document(document) if document.chars().count() > LONGEST => {
                Err(PolicyError::TooLong(document.chars().count()))
            }
            Self::FullAccess | Self::Document(_) => Ok(policy),
        }
    }

    /// Parses a policy that AWS reports. A policy that cannot be parsed is kept as it is, and equals no desired
    /// policy.
    pub fn observed(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::FullAccess,
            Some(text) => {
                let parsed = serde_json::from_str(text).ok().and_then(|value| Self::of(&value).ok());
                parsed.unwrap_or_else(|| Self::Document(text.to_owned()))
            }
        }
    }

    fn of(value: &Value) -> Result<Self, PolicyError> {
        let policy = value.as_object().ok_or(PolicyError::NotAPolicy("an object with `Statement`"))?;
        let statements: Vec<Value> = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            Some(_) | None => return Err(PolicyError::NotAPolicy("it needs a `Statement`")),
        };
        if statements.is_empty() {
            return Err(PolicyError::NotAPolicy("its `Statement` is empty and would allow nothing"));
        }
        let statements = statements.iter().map(statement).collect::<Result<Vec<_>, _>>()?;
        if let [only] = statements.as_slice()
            && is_everything(only)
        {
            return Ok(Self::FullAccess);
        }
        let mut canonical: BTreeMap<String, Value> =
            policy.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
        // The default of a policy without a version (IAM User Guide, "Version"), which AWS writes into the policies of gateway
        // endpoints.
        if canonical.get("Version").and_then(Value::as_str) == Some(DEFAULT_VERSION) {
            canonical.remove("Version");
        }
        canonical.insert("Statement".to_owned(), Value::Array(statements));
        Ok(Self::Document(object(canonical).to_string()))
    }
}

/// Returns a statement in canonical form.
fn statement(value: &Value) -> Result<Value, PolicyError> {
    let statement = value.as_object().ok_or(PolicyError::NotAPolicy("each `Statement` must be an object"))?;
    let has = |keys: [&str; 2]| keys.iter().any(|key| statement.contains_key(*key));
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err(PolicyError::NotAPolicy("each statement needs an `Effect`, 'Allow' or 'Deny'"));
    }
    if !has(["Principal", "NotPrincipal"]) {
        return Err(PolicyError::NotAPolicy("each statement needs a `Principal`, such as '*'"));
    }
    if !has(["Action", "NotAction"]) {
        return Err(PolicyError::NotAPolicy("each statement needs an `Action`"));
    }
    if !has(["Resource", "NotResource"]) {
        return Err(PolicyError::NotAPolicy("each statement needs a `Resource`"));
    }
    let canonical = statement.iter().map(|(key, value)| {
        let value = match key.as_str() {
            "Principal" | "NotPrincipal" => principal(value),
            _ => sorted(value),
        };
        (key.clone(), value)
    });
    Ok(object(canonical.collect()))
}

fn is_everything(statement: &Value) -> bool {
    let is = |key: &str, expected: &str| statement.get(key).and_then(Value::as_str) == Some(expected);
    let about: Vec<&str> =
        statement.as_object().into_iter().flat_map(Map::keys).map(String::as_str).filter(|key| *key != "Sid").collect();
    about == ["Action", "Effect", "Principal", "Resource"]
        && is("Effect", "Allow")
        && ["Action", "Principal", "Resource"].iter().all(|key| is(key, "*"))
}

/// `{"AWS": "*"}` is `"*"` (IAM User Guide, "Principal").
fn principal(value: &Value) -> Value {
    let Some(kinds) = value.as_object() else { return set(value) };
    let canonical: BTreeMap<String, Value> = kinds.iter().map(|(kind, ids)| (kind.clone(), set(ids))).collect();
    let everybody = Value::String("*".to_owned());
    if canonical.len() == 1 && canonical.get("AWS") == Some(&everybody) { everybody } else { object(canonical) }
}

/// Sorts a list whose order does not matter, and replaces a list of one entry by the entry.
fn set(value: &Value) -> Value {
    let Value::Array(items) = value else { return value.clone() };
    let mut items = items.clone();
    items.sort_by_key(Value::to_string);
    items.dedup();
    match items.as_slice() {
        // A list within a list is not valid in a policy, and AWS rejects it, but it still needs a canonical form.
        [only] if !only.is_array() => only.clone(),
        _ => Value::Array(items),
    }
}

/// Returns the value with sorted keys, independent of the parser, and with lists as sets.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => object(members.iter().map(|(key, value)| (key.clone(), sorted(value))).collect()),
        Value::Array(_) => set(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn object(members: BTreeMap<String, Value>) -> Value {
    Value::Object(members.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        mgn_buckets::Buckets,
        slot::{EndpointKey, Service},
    };

    const EVERYTHING: &str = r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}"#;

    fn parsed(text: &str) -> Policy {
        Policy::parse(text).unwrap()
    }

    fn preset(key: EndpointKey, region: &str) -> Policy {
        mgn_only(needs::Scope { key, region, buckets: &Buckets::new(region, None, false) })
    }

    #[test]
    fn equivalent_policies_are_equal() {
        let one = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*",
            "Action":["s3:GetObject","s3:ListBucket"],"Resource":["b","a"],
            "Condition":{"StringEquals":{"k":["2","1"]}}}]}"#;
        let same = r#"{"Statement":{"Condition":{"StringEquals":{"k":["1","2","2"]}},"Resource":["a","b"],
            "Action":["s3:ListBucket","s3:GetObject"],"Principal":{"AWS":["*"]},"Effect":"Allow","Sid":"a"},
            "Version":"2012-10-17"}"#;
        assert_eq!(parsed(one), parsed(same));
        let single = one.replace(r#"["b","a"]"#, r#"["a"]"#);
        assert_eq!(
            parsed(&single),
            parsed(&single.replace(r#"["a"]"#, r#""a""#)),
            "a single entry equals a list of one"
        );
        for other in [
            one.replace("s3:ListBucket", "s3:PutObject"),
            one.replace("Allow", "Deny"),
            one.replace("\"b\"", "\"c\""),
            one.replace("\"1\"", "\"3\""),
            one.replace("\"Principal\":\"*\"", "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"}"),
        ] {
            assert_ne!(parsed(one), parsed(&other), "{other}");
        }
    }

    #[test]
    fn a_policy_without_a_version_equals_one_with_the_default_version() {
        let without = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;
        let with = |version: &str| without.replacen('{', &format!(r#"{{"Version":"{version}","#), 1);
        assert_eq!(parsed(&with("2008-10-17")), parsed(without));
        assert_ne!(parsed(&with("2012-10-17")), parsed(without), "policy variables need the later version");
    }

    #[test]
    fn a_canonical_policy_reads_back_as_itself() {
        for key in EndpointKey::standard() {
            let Policy::Document(document) = preset(key, "eu-west-1") else { panic!("{key} is restricted") };
            assert_eq!(parsed(&document), Policy::Document(document));
        }
        let nested = EVERYTHING.replace("\"Action\":\"*\"", "\"Action\":[[\"a\"]]");
        let Policy::Document(document) = parsed(&nested) else { panic!("it is not full access") };
        assert_eq!(parsed(&document), Policy::Document(document));
    }

    #[test]
    fn full_access_is_recognized_in_every_form() {
        for text in [
            EVERYTHING,
            r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["*"],"Resource":["*"]}]}"#,
            r#"{"Statement":{"Sid":"all","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
        ] {
            assert_eq!(parsed(text), Policy::FullAccess, "{text}");
            assert_eq!(Policy::observed(Some(text)), Policy::FullAccess, "{text}");
        }
        assert_eq!(Policy::observed(None), Policy::FullAccess);
        let denied = EVERYTHING.replace("Allow", "Deny");
        assert_ne!(parsed(&denied), Policy::FullAccess);
        let conditional =
            EVERYTHING.replace("\"Effect\"", r#""Condition":{"Bool":{"aws:SecureTransport":"true"}},"Effect""#);
        assert_ne!(parsed(&conditional), Policy::FullAccess);
    }

    #[test]
    fn an_invalid_policy_is_rejected_with_the_missing_element() {
        let statement = |without: &str| {
            let members = [
                (r#""Effect":"Allow""#, "Effect"),
                (r#""Principal":"*""#, "Principal"),
                (r#""Action":"*""#, "Action"),
                (r#""Resource":"a""#, "Resource"),
            ];
            let left: Vec<&str> =
                members.iter().filter(|(_, key)| *key != without).map(|(member, _)| *member).collect();
            format!("{{\"Statement\":[{{{}}}]}}", left.join(","))
        };
        assert!(Policy::parse(&statement("")).is_ok());
        for (text, word) in [
            ("{".to_owned(), "JSON"),
            ("[]".to_owned(), "Statement"),
            ("{}".to_owned(), "Statement"),
            (r#"{"Statement":[]}"#.to_owned(), "empty"),
            (r#"{"Statement":["a"]}"#.to_owned(), "object"),
            (statement("Effect"), "Effect"),
            (statement("Principal"), "Principal"),
            (statement("Action"), "Action"),
            (statement("Resource"), "Resource"),
        ] {
            let error = Policy::parse(&text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_policy_too_long_for_aws_is_rejected() {
        let long = |length: usize| {
            EVERYTHING.replace("\"Resource\":\"*\"", &format!("\"Resource\":\"{}\"", "a".repeat(length)))
        };
        let fixed = long(0).len();
        assert!(Policy::parse(&long(LONGEST - fixed)).is_ok());
        assert_eq!(Policy::parse(&long(LONGEST - fixed + 1)), Err(PolicyError::TooLong(LONGEST + 1)));
        // White space is not sent.
        assert!(Policy::parse(&format!("{}{}", long(LONGEST - fixed), " ".repeat(100))).is_ok());
    }

    #[test]
    fn an_unreadable_policy_in_aws_equals_no_desired_policy() {
        assert_eq!(Policy::observed(Some("{")), Policy::Document("{".to_owned()));
    }

    #[test]
    fn the_preset_allows_what_a_migration_needs() {
        let document = |service, region| match preset(EndpointKey::interface(service), region) {
            Policy::Document(document) => document,
            Policy::FullAccess => panic!("restricted"),
        };
        let s3 = document(Service::S3, "ap-northeast-1");
        assert_eq!(s3.matches("arn:aws:s3:::").count(), 8);
        assert!(s3.contains("arn:aws:s3:::aws-mgn-clients-hashes-ap-northeast-1/*"));
        let mgn = document(Service::Mgn, "us-gov-west-1");
        assert!(mgn.contains("arn:aws-us-gov:execute-api:us-gov-west-1:*:*/POST/CreateSessionForMgn"), "{mgn}");
        let mgn = document(Service::Mgn, "eusc-de-east-1");
        assert!(mgn.contains("arn:aws-eusc:execute-api:eusc-de-east-1:*"), "{mgn}");
        let kms = EndpointKey::interface(Service::named("kms").unwrap());
        assert_eq!(preset(kms, "eu-west-1"), Policy::FullAccess);
    }
}
