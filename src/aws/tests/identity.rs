//! Tests of the credentials that are used, and of the account that they belong to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, profile::ProfileFileCredentialsProvider};

use crate::{
    aws::{
        Account, AwsClouds, Cloud as _, Clouds, Rates, Role,
        tests::{
            ACCOUNT, account,
            answers::{Answer, Server, caller_identity},
            clouds,
        },
    },
    model::failure::FailureClass,
};

fn with_role() -> Account {
    let role = Role {
        arn: format!("arn:aws:iam::{ACCOUNT}:role/mgnet"),
        external_id: "external-1".to_owned(),
        session_name: "mgnet-c1-tokyo".to_owned(),
        sets_source_identity: false,
    };
    Account { role: Some(role), ..account() }
}

fn assumed() -> Answer {
    assumed_until("2099-01-01T00:00:00Z")
}

fn assumed_until(expiration: &str) -> Answer {
    let body = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    Answer::Is(200, body)
}

fn sts_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
    Answer::Is(status, body)
}

#[tokio::test]
async fn concurrent_connects_check_the_account_once() {
    let server = Server::start(|_| Answer::Is(404, String::new())).await;
    let (clouds, account) = (clouds(&server.endpoint).await, account());
    let connected =
        futures::future::try_join_all((0..20).map(|_| clouds.connect(&account))).await.expect("right account");
    assert_eq!(server.received("GetCallerIdentity").len(), 1);
    assert!(connected.iter().all(|cloud| Arc::ptr_eq(cloud, &connected[0])), "one set of clients");
}

#[tokio::test]
async fn a_wrong_account_is_refused_and_checked_again() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => caller_identity("222222222222"),
        _ => caller_identity(ACCOUNT),
    })
    .await;
    let clouds = clouds(&server.endpoint).await;
    let failure = clouds.connect(&account()).await.expect_err("another account");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::AccountMismatch, "AccountMismatch"));
    assert_eq!(
        failure.message,
        "the credentials belong to account '222222222222', but the class specifies '111111111111'; correct \
         `spec.account.id`, or set `spec.account.roleARN` to a role in account '111111111111'"
    );
    clouds.connect(&account()).await.expect("a failed check is not remembered");
}

#[tokio::test]
async fn a_class_with_the_wrong_account_does_not_affect_others() {
    let server = Server::start(|_| Answer::Is(404, String::new())).await;
    let clouds = clouds(&server.endpoint).await;
    let first = clouds.connect(&account()).await.expect("the account is right");
    let wrong = Account { id: "222222222222".to_owned(), ..account() };
    clouds.connect(&wrong).await.expect_err("the account is wrong");
    assert!(Arc::ptr_eq(&first, &clouds.connect(&account()).await.expect("still connected")));
    assert_eq!(server.received("GetCallerIdentity").len(), 2);
}

#[tokio::test]
async fn a_role_is_assumed_with_its_external_id_before_the_account_is_checked() {
    let server = Server::start(|request| match request.action.as_str() {
        "AssumeRole" => assumed(),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    clouds(&server.endpoint).await.connect(&with_role()).await.expect("the role may be assumed");
    let [request] = server.received("AssumeRole").try_into().expect("assumed once for all clients");
    assert_eq!(request.parameters["RoleArn"], format!("arn:aws:iam::{ACCOUNT}:role/mgnet"));
    assert_eq!(request.parameters["ExternalId"], "external-1");
    assert_eq!(request.parameters["RoleSessionName"], "mgnet-c1-tokyo");
    assert_eq!(request.parameters.get("SourceIdentity"), None, "it needs a permission of its own");
}

#[tokio::test]
async fn a_source_identity_is_sent_only_if_the_class_asks_for_it_and_an_edit_takes_effect() {
    let server = Server::start(|request| match request.action.as_str() {
        "AssumeRole" => assumed(),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let clouds = clouds(&server.endpoint).await;
    let account = |sets_source_identity| Account {
        role: with_role().role.map(|role| Role { sets_source_identity, ..role }),
        ..account()
    };
    for sets_source_identity in [false, true, false] {
        clouds.connect(&account(sets_source_identity)).await.expect("the role may be assumed");
    }
    let sent: Vec<Option<String>> = server
        .received("AssumeRole")
        .into_iter()
        .map(|mut request| request.parameters.remove("SourceIdentity"))
        .collect();
    assert_eq!(sent, [None, Some("mgnet-c1-tokyo".to_owned())]);
}

#[tokio::test]
async fn sessions_that_expire_are_renewed() {
    let soon = jiff::Timestamp::now() + Duration::from_secs(5);
    let server = Server::start(move |request| match request.action.as_str() {
        "AssumeRole" => assumed_until(&soon.to_string()),
        _ => Answer::Is(404, String::new()),
    })
    .await;
    let cloud = clouds(&server.endpoint).await.connect(&with_role()).await.expect("the role may be assumed");
    // The answer does not matter here.
    let _ = cloud.find_made_by("cluster-1").await;
    assert!(server.received("AssumeRole").len() > 1, "credentials that expire within seconds are not used again");
}

#[tokio::test]
async fn each_credentials_failure_has_its_own_class() {
    type Case = (fn() -> Answer, FailureClass, &'static str);
    let cases: [Case; 4] = [
        (|| sts_error(403, "AccessDenied", "User u is not authorized"), FailureClass::Credentials, "AccessDenied"),
        (|| sts_error(400, "Throttling", "Rate exceeded"), FailureClass::Throttled, "Throttling"),
        (|| sts_error(500, "InternalFailure", ""), FailureClass::Transient, "InternalFailure"),
        (|| Answer::Lost, FailureClass::Unanswered, "NoAnswer"),
    ];
    for (answer, class, code) in cases {
        let server = Server::start(move |request| match request.action.as_str() {
            "AssumeRole" => answer(),
            _ => Answer::Is(404, String::new()),
        })
        .await;
        let failure = clouds(&server.endpoint).await.connect(&with_role()).await.expect_err("no credentials");
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{failure}");
        assert_eq!(failure.operation, "sts:AssumeRole");
    }
}

#[tokio::test]
async fn concurrent_callers_share_a_connection_attempt_without_an_answer() {
    let server = Server::start(|_| Answer::Lost).await;
    let clouds = clouds(&server.endpoint).await;
    let account = with_role();
    let attempts = futures::future::join_all((0..6).map(|_| clouds.connect(&account))).await;
    assert!(attempts.iter().all(|attempt| attempt.as_ref().is_err_and(|one| one.code == "NoAnswer")));
    assert_eq!(server.received("AssumeRole").len(), 2, "the SDK tries twice");
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Server::start(|_| Answer::Is(404, String::new())).await;
    let defaults = || aws_config::defaults(BehaviorVersion::v2026_01_12()).endpoint_url(&server.endpoint);
    let none_in_profile = ProfileFileCredentialsProvider::builder().profile_name("mgnet-no-such-profile").build();
    for config in [defaults().no_credentials(), defaults().credentials_provider(none_in_profile)] {
        let clouds = AwsClouds::new(&config.load().await, Rates::default());
        let failure = clouds.connect(&account()).await.expect_err("no credentials");
        assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Credentials, "NoCredentials"), "{failure}");
    }
    assert_eq!(server.received("GetCallerIdentity"), []);
}
