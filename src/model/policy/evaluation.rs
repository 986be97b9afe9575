//! Evaluates whether an endpoint policy allows a request, as far as the policy alone shows it.
//!
//! Source: IAM User Guide, "Policy evaluation logic" (an explicit `Deny` takes precedence, and what nothing allows is denied)
//! and "IAM JSON policy elements reference" (wildcards `*` and `?`; actions ignore case).

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use wildmatch::WildMatch;

use super::Policy;

/// The answer of a policy to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The policy allows the request.
    Allowed,
    /// The policy denies the request, or does not allow it.
    Denied,
    /// The answer depends on these elements of the policy, such as the key of a condition or `Principal`.
    Unknown(BTreeSet<String>),
}

/// How a statement applies to a request.
enum Applies {
    Yes,
    No,
    /// It depends on these elements.
    Perhaps(BTreeSet<String>),
}

impl Policy {
    /// Returns whether the policy allows a request by any principal over TLS. The resource is an ARN, in which a `*` stands for
    /// any text, or `*` if it is not known.
    pub fn answer(&self, action: &str, resource: &str) -> Answer {
        let Self::Document(document) = self else { return Answer::Allowed };
        let unreadable = || Answer::Unknown(BTreeSet::from(["Statement".to_owned()]));
        let Ok(policy) = serde_json::from_str::<Value>(document) else { return unreadable() };
        let Some(statements) = policy.get("Statement").map(list) else { return unreadable() };
        let (mut allowed, mut unknown) = (false, BTreeSet::new());
        for statement in statements {
            let Some(statement) = statement.as_object() else { return unreadable() };
            let denies = statement.get("Effect").and_then(Value::as_str) == Some("Deny");
            match applies(statement, action, resource) {
                Applies::No => {}
                Applies::Yes if denies => return Answer::Denied,
                Applies::Yes => allowed = true,
                Applies::Perhaps(why) => unknown.extend(why.into_iter().map(|element| (denies, element))),
            }
        }
        // An allowed request depends only on the statements that may deny it, and any other one on those that may allow it.
        let decisive: BTreeSet<String> =
            unknown.into_iter().filter(|(denies, _)| *denies == allowed).map(|(_, element)| element).collect();
        match (allowed, decisive.is_empty()) {
            (true, true) => Answer::Allowed,
            (false, true) => Answer::Denied,
            (_, false) => Answer::Unknown(decisive),
        }
    }
}

fn applies(statement: &Map<String, Value>, action: &str, resource: &str) -> Applies {
    let action = action.to_ascii_lowercase();
    let of_action = |pattern: &str| covers(&pattern.to_ascii_lowercase(), &action);
    let of_resource = |pattern: &str| covers(pattern, resource);
    if !names(statement, "Action", "NotAction", of_action) {
        return Applies::No;
    }
    let mut depends = BTreeSet::new();
    match names(statement, "Resource", "NotResource", of_resource) {
        true => {}
        // The request has some resource, which is not known here.
        false if resource == "*" => drop(depends.insert("Resource".to_owned())),
        false => return Applies::No,
    }
    if !is_everybody(statement.get("Principal")) {
        depends.insert("Principal".to_owned());
    }
    let variables = list(statement.get("Resource").unwrap_or(&Value::Null));
    if variables.iter().filter_map(|one| one.as_str()).any(|pattern| pattern.contains("${")) {
        depends.insert("Resource".to_owned());
    }
    for (operator, keys) in statement.get("Condition").and_then(Value::as_object).into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            match is_met(operator, key, values) {
                Some(true) => {}
                Some(false) => return Applies::No,
                None => drop(depends.insert(key.clone())),
            }
        }
    }
    if depends.is_empty() { Applies::Yes } else { Applies::Perhaps(depends) }
}

/// Whether a statement names something, by an element or by its negation.
fn names(statement: &Map<String, Value>, element: &str, negation: &str, fits: impl Fn(&str) -> bool) -> bool {
    let any = |value: &Value| list(value).iter().filter_map(|one| one.as_str()).any(&fits);
    match (statement.get(element), statement.get(negation)) {
        (Some(named), _) => any(named),
        (None, Some(excluded)) => !any(excluded),
        (None, None) => false,
    }
}

fn is_everybody(principal: Option<&Value>) -> bool {
    let is_star = |value: &Value| list(value).iter().any(|one| one.as_str() == Some("*"));
    principal.is_some_and(|principal| is_star(principal) || principal.get("AWS").is_some_and(is_star))
}

/// Whether a condition is met. None if the policy alone does not show it. All clients of a migration use TLS.
fn is_met(operator: &str, key: &str, values: &Value) -> Option<bool> {
    let is_about_tls = key.eq_ignore_ascii_case("aws:SecureTransport") && operator.starts_with("Bool");
    let [value] = list(values)[..] else { return None };
    let wanted = value.as_bool().or_else(|| value.as_str().and_then(|text| text.to_ascii_lowercase().parse().ok()));
    wanted.filter(|_| is_about_tls)
}

/// The entries of a list, or the value alone.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Whether a pattern with the wildcards `*` and `?` covers a text. Only a `*` in the pattern covers a `*` in the text.
fn covers(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OBJECT: &str = "arn:aws:s3:::aws-mgn-internal-eu-west-1/*";

    fn answer(statements: &Value) -> Answer {
        let policy = Policy::parse(&json!({ "Version": "2012-10-17", "Statement": statements }).to_string());
        policy.expect("a policy").answer("s3:GetObject", OBJECT)
    }

    fn allow(more: &Value) -> Value {
        let mut statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" });
        statement.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        statement
    }

    fn unknown(element: &str) -> Answer {
        Answer::Unknown(BTreeSet::from([element.to_owned()]))
    }

    #[test]
    fn actions_and_resources_match_by_wildcards() {
        for (action, resource, expected) in [
            ("s3:Get*", "*", Answer::Allowed),
            ("S3:getobject", "arn:aws:s3:::aws-mgn-*", Answer::Allowed),
            ("*", "arn:aws:s3:::aws-mgn-internal-eu-west-?/*", Answer::Allowed),
            ("s3:PutObject", "*", Answer::Denied),
            ("s3:Get*", "arn:aws:s3:::aws-mgn-internal-eu-west-1", Answer::Denied),
            ("s3:Get*", "arn:aws:s3:::aws-mgn-internal-eu-west-1/latest/*", Answer::Denied),
            ("s3:Get*", "arn:aws:s3:::another/*", Answer::Denied),
        ] {
            let found = answer(&json!([allow(&json!({ "Action": action, "Resource": resource }))]));
            assert_eq!(found, expected, "{action} on {resource}");
        }
        let excluded =
            json!([{ "Effect": "Allow", "Principal": "*", "NotAction": "s3:Put*", "NotResource": "arn:aws:s3:::x/*" }]);
        assert_eq!(answer(&excluded), Answer::Allowed);
    }

    #[test]
    fn a_denial_takes_precedence() {
        let deny = |more: &Value| {
            let mut denial = allow(more);
            denial["Effect"] = "Deny".into();
            denial
        };
        assert_eq!(answer(&json!([allow(&json!({})), deny(&json!({}))])), Answer::Denied);
        assert_eq!(answer(&json!([allow(&json!({})), deny(&json!({ "Action": "s3:Put*" }))])), Answer::Allowed);
        let tls = json!({ "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
        assert_eq!(answer(&json!([allow(&json!({})), deny(&tls)])), Answer::Allowed, "all clients use TLS");
        let org = json!({ "Condition": { "StringNotEquals": { "aws:PrincipalOrgID": "o-1" } } });
        assert_eq!(answer(&json!([allow(&json!({})), deny(&org)])), unknown("aws:PrincipalOrgID"));
    }

    #[test]
    fn what_the_policy_does_not_show_is_unknown() {
        let org = json!({ "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-1" } } });
        assert_eq!(answer(&json!([allow(&org)])), unknown("aws:PrincipalOrgID"));
        assert_eq!(answer(&json!([allow(&org), allow(&json!({}))])), Answer::Allowed, "another statement allows it");
        let one = json!({ "Principal": { "AWS": "arn:aws:iam::111122223333:root" } });
        assert_eq!(answer(&json!([allow(&one)])), unknown("Principal"));
        assert_eq!(
            answer(&json!([allow(&json!({ "Resource": "arn:aws:s3:::${aws:PrincipalAccount}/*" }))])),
            Answer::Denied
        );
        assert_eq!(Policy::Document("no JSON".to_owned()).answer("s3:GetObject", OBJECT), unknown("Statement"));
        assert_eq!(Policy::FullAccess.answer("s3:GetObject", OBJECT), Answer::Allowed);
    }
}
