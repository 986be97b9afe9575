//! Endpoint policies: an accepted policy has one canonical form, which does not depend on its notation, and counts as
//! full access only if it allows everything.

use mgnet::model::policy::Policy;
use serde_json::{Map, Value, json};

use crate::Choices;

/// Parses a policy. If the first byte is zero, the policy is generated.
pub fn check(data: &[u8]) {
    let text = match data.split_first() {
        Some((0, rest)) => document(&mut Choices::new(rest)).to_string(),
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    let observed = Policy::observed(Some(&text));
    let Ok(policy) = Policy::parse(&text) else { return };
    assert_eq!(observed, policy, "an observed policy equals the policy that was sent");
    let written: Value = serde_json::from_str(&text).expect("the policy is JSON");
    for other in [reversed(&written), wrapped(&written)] {
        assert_eq!(Policy::parse(&other.to_string()).as_ref(), Ok(&policy), "{written} and {other}");
    }
    match &policy {
        Policy::FullAccess => assert!(allows_everything(&written), "{written}"),
        Policy::Document(document) => {
            assert_eq!(
                Policy::parse(document).as_ref(),
                Ok(&policy),
                "the canonical form is unchanged after a round trip"
            );
            assert!(document.chars().count() <= 20_480);
        }
    }
}

/// Reverses every object and every list of strings. The order of statements stays, because it matters to readers.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
        Value::Array(items) if items.iter().all(Value::is_string) => items.iter().rev().cloned().collect(),
        Value::Array(items) => items.iter().map(reversed).collect(),
        _ => value.clone(),
    }
}

/// Puts each value that may be a single value or a list into a list.
fn wrapped(policy: &Value) -> Value {
    let mut policy = policy.clone();
    if policy["Statement"].is_object() {
        policy["Statement"] = json!([policy["Statement"]]);
    }
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        for key in ["Action", "NotAction", "Resource", "NotResource"] {
            if statement[key].is_string() {
                statement[key] = json!([statement[key]]);
            }
        }
        // Indexing has added the missing keys with the value null.
        if let Some(members) = statement.as_object_mut() {
            members.retain(|key, value| !(value.is_null() && policy_key(key)));
        }
    }
    policy
}

fn policy_key(key: &str) -> bool {
    matches!(key, "Action" | "NotAction" | "Resource" | "NotResource")
}

fn allows_everything(policy: &Value) -> bool {
    let statement = match &policy["Statement"] {
        Value::Array(all) if all.len() == 1 => &all[0],
        other => other,
    };
    let everything = |value: &Value| {
        *value == "*" || value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|one| one == "*"))
    };
    statement["Effect"] == "Allow"
        && (everything(&statement["Principal"]) || everything(&statement["Principal"]["AWS"]))
        && everything(&statement["Action"])
        && everything(&statement["Resource"])
        && ["Condition", "NotAction", "NotPrincipal", "NotResource"].iter().all(|key| statement.get(*key).is_none())
}

/// Returns a document with the structure of a policy.
fn document(choices: &mut Choices<'_>) -> Value {
    let mut statements: Vec<Value> = (0..=choices.below(3)).map(|_| statement(choices)).collect();
    let mut policy = Map::new();
    if choices.one_in(2) {
        policy.insert("Version".to_owned(), json!("2012-10-17"));
    }
    let is_single = choices.one_in(3);
    let statement = if is_single { statements.swap_remove(0) } else { json!(statements) };
    policy.insert("Statement".to_owned(), statement);
    Value::Object(policy)
}

fn statement(choices: &mut Choices<'_>) -> Value {
    let mut statement = Map::new();
    let values = [
        ("Effect", &[|| json!("Allow"), || json!("Deny"), || json!("allow"), || json!(1)] as &[fn() -> Value]),
        (
            "Principal",
            &[
                || json!("*"),
                || json!({ "AWS": "*" }),
                || json!({ "AWS": ["*", "*"] }),
                || json!({ "AWS": ["b", "a"], "Service": "x" }),
                || json!([]),
            ],
        ),
        ("Action", LISTS),
        ("Resource", LISTS),
        ("Sid", &[|| json!("a")]),
        (
            "Condition",
            &[|| json!({ "StringEquals": { "k": ["2", "1"] } }), || json!({}), || json!({ "Bool": { "k": true } })],
        ),
        ("NotAction", LISTS),
    ];
    for (number, (key, values)) in values.into_iter().enumerate() {
        let is_present = if number < 4 { !choices.one_in(12) } else { choices.one_in(6) };
        if is_present {
            statement.insert(key.to_owned(), choices.of(values)());
        }
    }
    Value::Object(statement)
}

const LISTS: &[fn() -> Value] = &[
    || json!("*"),
    || json!(["*"]),
    || json!(["s3:GetObject", "s3:ListBucket"]),
    || json!(["b", "a", "b"]),
    || json!(["*", "*"]),
    || json!([]),
    || json!({}),
    || json!([["a"]]),
];
