//! Accounts and roles.

use emulator::world::caller::Role;
use mgnet::{
    aws::{Account, Clouds},
    model::failure::FailureClass,
};

use crate::site::{ACCOUNT, account, clouds, config, model};

const OPERATORS: &str = "999999999999";

fn role() -> Role {
    Role {
        account: ACCOUNT.to_owned(),
        name: "mgnet".to_owned(),
        external_id: Some("external-1".to_owned()),
        trusts: [OPERATORS.to_owned()].into(),
    }
}

fn with_role(external_id: &str) -> Account {
    Account {
        role_arn: Some(format!("arn:aws:iam::{ACCOUNT}:role/mgnet")),
        external_id: Some(external_id.to_owned()),
        ..account()
    }
}

#[tokio::test]
async fn a_role_leads_into_its_account() {
    let server = model(|_| {}).await;
    server.with_world(|world| world.identities_mut().declare(role()));
    let clouds = clouds(&config(&server, OPERATORS).await);
    clouds.connect(&with_role("external-1")).await.expect("the role may be assumed");

    let failure = clouds.connect(&with_role("external-2")).await.expect_err("the external id is wrong");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::Unauthorized, "AccessDenied"));
    assert_eq!(failure.operation, "sts:AssumeRole", "{failure}");
    assert!(failure.message.contains("is not authorized to perform: sts:AssumeRole"), "{failure}");

    let failure = clouds.connect(&account()).await.expect_err("without the role it is another account");
    assert_eq!((failure.class, failure.code.as_str()), (FailureClass::AccountMismatch, "AccountMismatch"));
    assert!(failure.message.contains(OPERATORS) && failure.message.contains(ACCOUNT), "{failure}");
}

#[tokio::test]
async fn regions_are_worlds_of_their_own() {
    let server = model(|_| {}).await;
    let clouds = clouds(&config(&server, ACCOUNT).await);
    for region in ["ap-northeast-1", "eu-west-1"] {
        clouds.connect(&Account { region: region.to_owned(), ..account() }).await.expect("the account is right");
    }
    let regions: Vec<String> = server.calls(Some(ACCOUNT), 0).into_iter().map(|call| call.region).collect();
    assert_eq!(regions, ["ap-northeast-1", "eu-west-1"], "also the identity is asked for in the account's Region");
}
