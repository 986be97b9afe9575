//! IAM policies: the subset of their language that `deploy/iam` uses. Everything else is an error, so that no test
//! passes because a condition was overlooked.
//!
//! Source: IAM User Guide, "IAM JSON policy element reference".

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;

/// A policy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Policy {
    /// `2012-10-17`. Earlier versions have no variables.
    version: String,
    /// The statements.
    #[serde(rename = "Statement")]
    pub(crate) statements: Vec<Statement>,
}

/// A statement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Statement {
    /// The name of the statement.
    pub(crate) sid: String,
    /// Whether the statement allows or denies.
    pub(crate) effect: Effect,
    /// Who may act, in a trust policy.
    #[serde(default)]
    pub(crate) principal: BTreeMap<String, Texts>,
    /// The actions, such as `ec2:CreateTags`.
    pub(crate) action: Texts,
    /// ARNs. A trust policy has none.
    #[serde(default)]
    pub(crate) resource: Texts,
    /// The conditions: operator, key and values. All operators and keys must match, and of each key one value.
    #[serde(default)]
    pub(crate) condition: BTreeMap<Operator, BTreeMap<String, Texts>>,
}

/// The effect of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Effect {
    /// Allows what matches.
    Allow,
    /// Denies what matches, whatever allows it.
    Deny,
}

/// A condition operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) enum Operator {
    /// Whether the key is absent.
    Null,
    /// Equality of `true` and `false`.
    Bool,
    /// Equality. A key that is absent does not match.
    StringEquals,
    /// Equality. A key that is absent matches.
    StringEqualsIfExists,
    /// Equality with `*` and `?`. A key that is absent does not match.
    StringLike,
}

/// One text or a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "OneOrMany")]
pub(crate) struct Texts(pub(crate) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Texts {
    fn from(texts: OneOrMany) -> Self {
        match texts {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl Policy {
    /// Parses a policy.
    ///
    /// # Errors
    /// If it has an element, an operator, a condition key or a variable that the evaluator does not know.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let policy: Self = serde_json::from_str(text)?;
        ensure!(policy.version == "2012-10-17", "version {}", policy.version);
        for Statement { sid, action, condition, .. } in &policy.statements {
            ensure!(action.0.iter().all(|action| !action.contains(['*', '?'])), "{sid}: list each action");
            for (key, values) in condition.values().flatten() {
                ensure!(is_known_key(key), "{sid}: the evaluator does not know the condition key '{key}'");
                for value in &values.0 {
                    check_variable(value)?;
                }
            }
        }
        Ok(policy)
    }
}

/// Whether a condition key exists and the evaluator knows it. Keys of tags end with the key of the tag.
fn is_known_key(key: &str) -> bool {
    const PREFIXES: [&str; 2] = ["aws:RequestTag/", "aws:ResourceTag/"];
    const KEYS: [&str; 4] = ["aws:ViaAWSService", "ec2:CreateAction", "ec2:VpceServiceName", "sts:ExternalId"];
    KEYS.contains(&key) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Fails if a value contains another variable than one tag of the principal.
fn check_variable(value: &str) -> Result<()> {
    if value.contains("${") && principal_tag(value).is_none() {
        bail!("the evaluator does not know the variable in '{value}'");
    }
    Ok(())
}

/// Returns the key of the principal's tag, if the value is the variable for it.
///
/// Source: IAM User Guide, "IAM policy elements: Variables and tags".
pub(crate) fn principal_tag(value: &str) -> Option<&str> {
    value.strip_prefix("${aws:PrincipalTag/")?.strip_suffix('}')
}
