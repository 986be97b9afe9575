//! Tests how the AWS layer connects to accounts and assumes roles.

use emulator::world::caller::Role;
use mgnet::{
    aws::{Account, Clouds, Role as AccountRole},
    model::failure::FailureClass,
};

use crate::site::{ACCOUNT, account, clouds, config, model};

const OPERATORS: &str = "999999999999";

fn role() -> Role {
    Role {
        account: ACCOUNT.to_owned(),
        name: "mgnet".to_owned(),
        external_id: Some("external-1".to_owned()),
        allows_source_identity: false,
        trusts: [OPERATORS.to_owned()].into(),
    }
}

fn with_role(external_id: &str) -> Account {
    let role = AccountRole {
        arn: format!("arn:aws:iam::{ACCOUNT}:role/mgnet"),
        external_id: external_id.to_owned(),
        session_name: "mgnet-c1-tokyo".to_owned(),
        sets_source_identity: false,
    };
    Account { role: Some(role), ..account() }
}

#[tokio::test]
async fn a_role_gives_access_to_its_account() {
    let server = model(|_| {}).await;
    server.with_world(|world| world.identities_mut().declare(role()));
    let clouds = clouds(&config(&server, OPERATORS).await);
    clouds.connect(&with_role("external-1")).await.expect("the role may be assumed");

    let failure = clouds.connect(&with_role("external-2")).await.expect_err("the external ID is wrong");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Credentials, "AccessDenied"));
    assert_eq!(failure.operation, "sts:AssumeRole", "{failure}");
    assert!(failure.message.contains("is not authorized to perform: sts:AssumeRole"), "{failure}");

    let failure = clouds.connect(&account()).await.expect_err("without the role, the account is another one");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::AccountMismatch, "AccountMismatch"));
    assert!(failure.message.contains(OPERATORS) && failure.message.contains(ACCOUNT), "{failure}");
}

#[tokio::test]
async fn each_account_is_called_in_its_own_region() {
    let server = model(|_| {}).await;
    let clouds = clouds(&config(&server, ACCOUNT).await);
    for region in ["ap-northeast-1", "eu-west-1"] {
        clouds.connect(&Account { region: region.to_owned(), ..account() }).await.expect("the account is right");
    }
    let regions: Vec<String> = server.calls(Some(ACCOUNT), 0).into_iter().map(|call| call.region).collect();
    assert_eq!(regions, ["ap-northeast-1", "eu-west-1"], "the identity is also requested in the account's Region");
}
