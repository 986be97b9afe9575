//! The evaluator: decides a request with statements, as IAM does.
//!
//! Source: IAM User Guide, "Policy evaluation logic", "Condition operators" and "Variables and tags".

use std::collections::BTreeMap;

use crate::policy::{Effect, Operator, Statement, principal_tag};

/// One authorization request: an action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// The action, such as `ec2:CreateTags`.
    pub(crate) action: String,
    /// The ARN of the resource, or `*` for an action without resources.
    pub(crate) resource: String,
    /// The condition keys in the context of the request.
    pub(crate) keys: BTreeMap<String, String>,
}

/// The role that makes a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Principal {
    /// The tags of the role.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Principal {
    /// Whether the statements allow the request: one of them allows it, and none denies it.
    pub(crate) fn may(&self, request: &Request, statements: &[Statement]) -> bool {
        let matching =
            |effect| statements.iter().any(|statement| statement.effect == effect && self.matches(request, statement));
        matching(Effect::Allow) && !matching(Effect::Deny)
    }

    fn matches(&self, request: &Request, statement: &Statement) -> bool {
        let Statement { action, resource, condition, .. } = statement;
        action.0.iter().any(|action| action.eq_ignore_ascii_case(&request.action))
            && resource.0.iter().any(|pattern| is_arn_like(&request.resource, pattern))
            && condition.iter().all(|(operator, keys)| {
                keys.iter().all(|(key, values)| self.holds(*operator, request.keys.get(key), &values.0))
            })
    }

    /// Whether a condition on one key holds.
    fn holds(&self, operator: Operator, found: Option<&String>, values: &[String]) -> bool {
        // A variable without a value matches nothing.
        let values = || values.iter().filter_map(|value| self.resolve(value));
        match (operator, found) {
            (Operator::Null, found) => values().any(|value| value == found.is_none().to_string()),
            (Operator::StringEqualsIfExists, None) => true,
            (Operator::Bool | Operator::StringEquals | Operator::StringLike, None) => false,
            (Operator::Bool | Operator::StringEquals | Operator::StringEqualsIfExists, Some(found)) => {
                values().any(|value| value == *found)
            }
            (Operator::StringLike, Some(found)) => values().any(|value| is_like(found, &value)),
        }
    }

    /// Returns a value with its variable replaced. `None` if the principal does not have the tag.
    fn resolve(&self, value: &str) -> Option<String> {
        match principal_tag(value) {
            Some(key) => self.tags.get(key).cloned(),
            None => Some(value.to_owned()),
        }
    }
}

/// Whether an ARN matches a pattern. A wildcard does not reach over the colons before the resource.
///
/// Source: IAM User Guide, "IAM JSON policy elements: Resource".
fn is_arn_like(arn: &str, pattern: &str) -> bool {
    let (arn, parts): (Vec<_>, Vec<_>) = (arn.splitn(6, ':').collect(), pattern.splitn(6, ':').collect());
    pattern == "*" || (arn.len() == parts.len() && arn.iter().zip(parts).all(|(part, pattern)| is_like(part, pattern)))
}

/// Whether a text matches a pattern in which `*` stands for any characters, also none, and `?` for one.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| is_like(&text[at..], rest))
        }
        Some(wanted) => {
            let mut characters = text.chars();
            let first = characters.next();
            first.is_some_and(|first| wanted == '?' || wanted == first)
                && is_like(characters.as_str(), &pattern[wanted.len_utf8()..])
        }
    }
}
