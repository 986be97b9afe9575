//! Endpoints whose state others decide: services that must accept endpoints, and endpoints that AWS services manage.

use aws_sdk_ec2::types::VpcEndpointType;
use emulator::world::{ec2::vpc_endpoint::State, options::ServiceRule};

use crate::support::{ACCOUNT, Aws, TOKYO, code, control, filter, message, state_of};

/// Source: AWS PrivateLink guide, "Accept or reject connection requests", and "Interface endpoint states" for the states.
#[tokio::test]
async fn an_endpoint_waits_until_its_service_accepts_or_rejects_it() {
    let aws = Aws::with(|options| {
        let rule = ServiceRule { acceptance_required: true, ..ServiceRule::default() };
        options.services.insert(format!("{TOKYO}/kms"), rule);
    })
    .await;
    let network = aws.network().await;
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("kms")).send().await.unwrap();
    assert_eq!(services.service_details()[0].acceptance_required(), Some(true));
    let id = aws.interface_endpoint(&network, "kms").await;
    aws.advance(600);
    let state = async || state_of(&aws.endpoint(&id).await).to_owned();
    assert_eq!(state().await, "pendingAcceptance");
    let modify = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).private_dns_enabled(false).send();
    assert_eq!(code(modify.await), "IncorrectState");
    let decide = |state| aws.server.with_world(|world| world.set_endpoint_state(ACCOUNT, TOKYO, &id, state));
    assert!(decide(State::Pending), "the service accepts");
    assert_eq!(state().await, "pending");
    aws.advance(60);
    assert_eq!(state().await, "available");
    for (decision, word) in [(State::Rejected, "rejected"), (State::Expired, "expired")] {
        assert!(decide(decision));
        aws.advance(600);
        assert_eq!(state().await, word);
    }
    let found = aws.ec2.describe_vpc_endpoints().filters(filter("vpc-endpoint-state", "expired")).send().await.unwrap();
    assert_eq!(found.vpc_endpoints().len(), 1);
    assert_eq!(aws.delete_endpoints(&[&id]).await, []);
}

/// Source: gruntwork-io/cloud-nuke pull request 1037, and an answer of DescribeVpcEndpoints that cloud-custodian recorded in
/// 2026.
#[tokio::test]
async fn an_endpoint_that_an_aws_service_manages_cannot_be_changed() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "kms").await;
    aws.advance(60);
    assert_eq!(aws.endpoint(&id).await.requester_managed(), Some(false));
    let body = format!(r#"{{"account":"{ACCOUNT}","region":"{TOKYO}","id":"{id}","requester_managed":true}}"#);
    assert_eq!(control(&aws.server, "POST", "endpoint", &body).await.0, 200);
    assert_eq!(control(&aws.server, "POST", "endpoint", &body.replace("vpce-", "vpce-1")).await.0, 400);
    assert_eq!(aws.endpoint(&id).await.requester_managed(), Some(true));
    assert_eq!(aws.delete_endpoints(&[&id]).await, [(id.clone(), "InvalidParameter".to_owned())]);
    let modify = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).private_dns_enabled(false).send();
    let expected = "Operation is not allowed for requester-managed VPC endpoints for the service \
                    com.amazonaws.ap-northeast-1.kms.";
    assert_eq!(message(modify.await), expected);
}

/// Source: aws/aws-cdk, `packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts`; botocore `partitions.json`.
#[tokio::test]
async fn services_in_china_have_two_prefixes_and_another_domain() {
    let aws = Aws::in_region("cn-north-1", |_| {}).await;
    let names = async |kind: &str| {
        let found =
            aws.ec2.describe_vpc_endpoint_services().filters(filter("service-type", kind)).send().await.unwrap();
        found.service_details().iter().filter_map(|one| one.service_name().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (interface, gateway) = (names("Interface").await, names("Gateway").await);
    for name in ["cn.com.amazonaws.cn-north-1.ec2", "cn.com.amazonaws.cn-north-1.s3", "com.amazonaws.cn-north-1.ssm"] {
        assert!(interface.iter().any(|known| known == name), "{name}");
    }
    assert!(gateway.iter().any(|known| known == "com.amazonaws.cn-north-1.s3"));
    let network = aws.network().await;
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).vpc_endpoint_type(VpcEndpointType::Interface);
    let call = call.service_name("cn.com.amazonaws.cn-north-1.ec2").set_subnet_ids(Some(network.subnets.clone()));
    let endpoint = call.send().await.unwrap().vpc_endpoint.unwrap();
    let names: Vec<&str> = endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name()).collect();
    assert!(names[0].ends_with(".ec2.cn-north-1.vpce.amazonaws.com.cn"), "{names:?}");
    assert_eq!(names.last(), Some(&"ec2.cn-north-1.amazonaws.com.cn"));
    let group = aws.ec2.describe_security_groups().group_ids(&network.group).send().await.unwrap();
    assert!(group.security_groups()[0].security_group_arn().unwrap().starts_with("arn:aws-cn:ec2:cn-north-1:"));
}

/// Source: botocore `partitions.json`.
#[tokio::test]
async fn the_partition_of_govcloud_is_in_arns_only() {
    let aws = Aws::in_region("us-gov-west-1", |_| {}).await;
    let network = aws.network().await;
    let group = aws.ec2.describe_security_groups().group_ids(&network.group).send().await.unwrap();
    assert!(group.security_groups()[0].security_group_arn().unwrap().starts_with("arn:aws-us-gov:ec2:us-gov-west-1:"));
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("ec2")).send().await.unwrap();
    assert_eq!(services.service_details()[0].private_dns_name(), Some("ec2.us-gov-west-1.amazonaws.com"));
}
