//! Identities: accounts, roles, and the keys of assumed roles.

use aws_sdk_ec2::config::Credentials;
use emulator::world::caller::Role;

use crate::support::{ACCOUNT, Aws, TOKYO, code, config, config_with};

const OTHER: &str = "222222222222";

fn role(external_id: Option<&str>) -> Role {
    Role {
        account: OTHER.to_owned(),
        name: "mgnet".to_owned(),
        external_id: external_id.map(ToOwned::to_owned),
        allows_source_identity: false,
        trusts: [ACCOUNT.to_owned()].into(),
    }
}

/// Source: STS API Reference, GetCallerIdentity. The access key names the account: a convention of this emulator.
#[tokio::test]
async fn the_access_key_names_the_account() {
    let aws = Aws::start().await;
    let identity = aws.sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(ACCOUNT));
    let unknown = config(&aws.server, "AKIAUNKNOWN", TOKYO).await;
    let refused = aws_sdk_sts::Client::new(&unknown).get_caller_identity().send().await;
    assert_eq!(code(refused), "InvalidClientTokenId");
    assert_eq!(code(aws_sdk_ec2::Client::new(&unknown).describe_vpcs().send().await), "AuthFailure");
    let refused = aws_sdk_route53resolver::Client::new(&unknown).list_resolver_endpoints().send().await;
    assert_eq!(code(refused), "UnrecognizedClientException");
}

/// Source: STS API Reference, AssumeRole; the role's account has its own resources.
#[tokio::test]
async fn the_keys_of_a_role_belong_to_its_account() {
    let aws = Aws::start().await;
    aws.server.with_world(|world| world.identities_mut().declare(role(None)));
    aws.vpc("10.20.0.0/16").await;
    let assume = aws.sts.assume_role().role_arn("arn:aws:iam::222222222222:role/mgnet").role_session_name("test");
    let answer = assume.send().await.unwrap();
    let keys = answer.credentials.unwrap();
    assert!(keys.access_key_id().starts_with("ASIA"));
    let without_token = Credentials::new(keys.access_key_id(), keys.secret_access_key(), None, None, "test");
    let without_token = config_with(&aws.server, without_token, TOKYO).await;
    assert_eq!(code(aws_sdk_ec2::Client::new(&without_token).describe_vpcs().send().await), "AuthFailure");
    let token = Some(keys.session_token().to_owned());
    let credentials = Credentials::new(keys.access_key_id(), keys.secret_access_key(), token, None, "test");
    let config = config_with(&aws.server, credentials, TOKYO).await;
    let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(OTHER));
    assert_eq!(identity.arn(), Some("arn:aws:sts::222222222222:assumed-role/mgnet/test"));
    let ec2 = aws_sdk_ec2::Client::new(&config);
    assert!(ec2.describe_vpcs().send().await.unwrap().vpcs().is_empty());
}

/// Source: IAM User Guide, "How to use an external ID"; a role that does not exist returns the same error.
#[tokio::test]
async fn trust_and_external_id_are_checked() {
    let aws = Aws::start().await;
    let assume = |name: &str, external_id: Option<&str>| {
        let call = aws.sts.assume_role().role_arn(format!("arn:aws:iam::222222222222:role/{name}"));
        call.role_session_name("test").set_external_id(external_id.map(ToOwned::to_owned)).send()
    };
    assert_eq!(code(assume("mgnet", None).await), "AccessDenied", "not declared");
    aws.server.with_world(|world| world.identities_mut().declare(role(Some("secret"))));
    assert_eq!(code(assume("mgnet", None).await), "AccessDenied");
    assert_eq!(code(assume("mgnet", Some("wrong")).await), "AccessDenied");
    assert_eq!(code(assume("mgnet", Some("secret")).await), "ok");
    let stranger = config(&aws.server, "333333333333", TOKYO).await;
    let call = aws_sdk_sts::Client::new(&stranger).assume_role().role_arn("arn:aws:iam::222222222222:role/mgnet");
    assert_eq!(code(call.role_session_name("test").external_id("secret").send().await), "AccessDenied");
}

/// Source: IAM User Guide, "Monitor and control actions taken with assumed roles".
#[tokio::test]
async fn a_source_identity_needs_a_permission_of_its_own() {
    let aws = Aws::start().await;
    let assume = |identity: &str| {
        let call = aws.sts.assume_role().role_arn("arn:aws:iam::222222222222:role/mgnet");
        call.role_session_name("test").source_identity(identity).send()
    };
    let declare = |role: Role| aws.server.with_world(|world| world.identities_mut().declare(role));
    declare(role(None));
    let denied = assume("operator").await;
    assert!(format!("{denied:?}").contains("is not authorized to perform: sts:SetSourceIdentity"), "{denied:?}");
    assert_eq!(code(denied), "AccessDenied");
    declare(Role { allows_source_identity: true, ..role(None) });
    assert_eq!(assume("operator").await.unwrap().source_identity(), Some("operator"));
    assert_eq!(code(assume("not an identity").await), "ValidationError");
}

/// Each account and each Region has its own resources.
#[tokio::test]
async fn accounts_and_regions_are_isolated() {
    let aws = Aws::start().await;
    aws.vpc("10.20.0.0/16").await;
    for (account, region) in [(OTHER, TOKYO), (ACCOUNT, "eu-west-1")] {
        let ec2 = aws_sdk_ec2::Client::new(&config(&aws.server, account, region).await);
        assert!(ec2.describe_vpcs().send().await.unwrap().vpcs().is_empty(), "{account} {region}");
    }
}
