//! Tests of the evaluator itself: the rules of IAM on which the other tests rely.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    evaluate::{Principal, Request, is_like},
    policy::{Policy, Statement},
    role_of,
};

fn statements(statements: &Value) -> Result<Vec<Statement>> {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    Ok(Policy::parse(&policy.to_string())?.statements)
}

/// A statement that allows to tag endpoints under a condition.
fn under(condition: &Value) -> Result<Vec<Statement>> {
    statements(&json!([{
        "Sid": "Test", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:vpc-endpoint/*",
        "Condition": condition,
    }]))
}

fn request(keys: &[(&str, &str)]) -> Request {
    Request {
        action: "ec2:CreateTags".to_owned(),
        resource: "arn:aws:ec2:eu-west-1:111122223333:vpc-endpoint/vpce-1".to_owned(),
        keys: keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[test]
fn a_condition_matches_like_in_iam() -> Result<()> {
    let (owner, service) = ("aws:ResourceTag/mgnet.dev/owner", "ec2:VpceServiceName");
    for (operator, key, value, found, matches) in [
        ("Null", owner, "false", Some("uid"), true),
        ("Null", owner, "false", None, false),
        ("Null", owner, "true", None, true),
        ("Null", owner, "true", Some(""), false),
        ("StringEquals", owner, "uid", Some("uid"), true),
        ("StringEquals", owner, "uid", Some("UID"), false),
        ("StringEquals", owner, "*", Some("uid"), false),
        ("StringEquals", owner, "uid", None, false),
        ("StringEqualsIfExists", owner, "uid", None, true),
        ("StringEqualsIfExists", owner, "uid", Some("other"), false),
        ("StringLike", service, "com.amazonaws.*.s3", Some("com.amazonaws.eu-west-1.s3"), true),
        ("StringLike", service, "com.amazonaws.*.s3", Some("com.amazonaws.eu-west-1.s3tables"), false),
        ("StringLike", service, "com.amazonaws.*.s3", None, false),
        ("Bool", "aws:ViaAWSService", "true", Some("true"), true),
        ("Bool", "aws:ViaAWSService", "true", Some("false"), false),
        ("Bool", "aws:ViaAWSService", "true", None, false),
    ] {
        let statements = under(&json!({ operator: { key: value } }))?;
        let keys: Vec<_> = found.map(|found| (key, found)).into_iter().collect();
        let allowed = Principal::default().may(&request(&keys), &statements);
        assert_eq!(allowed, matches, "{operator} {key} {value}: {found:?}");
    }
    Ok(())
}

#[test]
fn all_keys_must_match_but_only_one_value_of_each() -> Result<()> {
    let (owner, action) = ("aws:RequestTag/mgnet.dev/owner", "ec2:CreateAction");
    let statements =
        under(&json!({ "StringEquals": { owner: "uid", action: ["CreateVpcEndpoint", "CreateVolume"] } }))?;
    let may = |keys: &[(&str, &str)]| Principal::default().may(&request(keys), &statements);
    assert!(may(&[(owner, "uid"), (action, "CreateVolume")]));
    assert!(!may(&[(owner, "uid"), (action, "RunInstances")]));
    assert!(!may(&[(owner, "uid")]));
    Ok(())
}

#[test]
fn a_variable_has_the_value_of_the_roles_tag_and_matches_nothing_without_it() -> Result<()> {
    let key = "aws:ResourceTag/mgnet.dev/cluster";
    let statements = under(&json!({ "StringEquals": { key: "${aws:PrincipalTag/mgnet-cluster}" } }))?;
    let own = request(&[(key, "cluster")]);
    assert!(role_of("cluster").may(&own, &statements));
    assert!(!role_of("another").may(&own, &statements));
    assert!(!Principal::default().may(&own, &statements));
    assert!(!Principal { tags: BTreeMap::new() }.may(&request(&[(key, "")]), &statements));
    assert!(!Principal::default().may(&request(&[(key, "${aws:PrincipalTag/mgnet-cluster}")]), &statements));
    Ok(())
}

#[test]
fn action_and_resource_must_match_and_a_denial_wins() -> Result<()> {
    let allow = json!({
        "Sid": "Allow", "Effect": "Allow", "Action": ["ec2:DeleteTags", "ec2:CreateTags"],
        "Resource": ["arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:eu-west-1:*:vpc-endpoint/*"],
    });
    let deny = json!({
        "Sid": "Deny", "Effect": "Deny", "Action": "ec2:CreateTags", "Resource": "*",
        "Condition": { "Null": { "aws:RequestTag/mgnet.dev/owner": "true" } },
    });
    let (one, both) = (statements(&json!([allow]))?, statements(&json!([allow, deny]))?);
    let role = Principal::default();
    let request = request(&[]);
    assert!(role.may(&request, &one));
    assert!(!role.may(&request, &both));
    assert!(role.may(&Request { action: "EC2:createtags".to_owned(), ..request.clone() }, &one));
    for resource in [
        "arn:aws:ec2:us-east-1:111122223333:vpc-endpoint/vpce-1",
        "arn:aws:ec2:eu-west-1:111122223333:subnet/vpc-endpoint/1",
        "arn:aws-cn:ec2:eu-west-1:111122223333:vpc-endpoint/vpce-1",
        "*",
    ] {
        assert!(!role.may(&Request { resource: resource.to_owned(), ..request.clone() }, &one), "{resource}");
    }
    assert!(!role.may(&Request { action: "ec2:DeleteVpcEndpoints".to_owned(), ..request }, &one));
    Ok(())
}

#[test]
fn wildcards_stand_for_any_characters() {
    for (text, pattern, matches) in [
        ("resolver-endpoint/", "resolver-endpoint/*", true),
        ("resolver-endpoint/rslvr-in-1", "resolver-endpoint/*", true),
        ("resolver-endpoint/rslvr-in-1", "resolver-endpoint/", false),
        ("com.amazonaws.eu-west-1.s3", "com.*.s3", true),
        ("a", "?", true),
        ("", "?", false),
        ("", "*", true),
        ("ab", "a*b*", true),
        ("abc", "a*b", false),
    ] {
        assert_eq!(is_like(text, pattern), matches, "{text} like {pattern}");
    }
}

#[test]
fn what_the_evaluator_does_not_know_is_an_error() {
    for (part, value) in [
        ("Condition", json!({ "ArnLike": { "aws:ResourceTag/a": "b" } })),
        ("Condition", json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } })),
        ("Condition", json!({ "StringEquals": { "aws:ResourceTag/a": "${aws:username}" } })),
        ("Condition", json!({ "StringEquals": { "aws:ResourceTag/a": "x-${aws:PrincipalTag/a}" } })),
        ("NotAction", json!("ec2:CreateTags")),
        ("Effect", json!("allow")),
        ("Action", json!("ec2:*")),
    ] {
        let mut statement = json!({ "Sid": "Test", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*" });
        statement[part] = value;
        assert!(statements(&json!([statement])).is_err(), "{statement}");
    }
}
