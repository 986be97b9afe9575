//! Interface endpoints: durations, quotas and failures.

use aws_sdk_ec2::types::VpcEndpointType;
use emulator::world::options::ServiceRule;

use crate::support::{Aws, Network, code, state_of};

/// The durations of `ASSUMPTIONS.md`.
#[tokio::test]
async fn an_endpoint_is_available_after_a_minute() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(59);
    assert_eq!(state_of(&aws.endpoint(&id).await), "pending");
    aws.advance(1);
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
}

/// Source: AWS PrivateLink guide, "Quotas"; EC2 API Reference, "Error codes" (`VpcEndpointLimitExceeded`).
#[tokio::test]
async fn endpoints_have_a_quota() {
    let aws = Aws::with(|options| options.quotas.interface_endpoints_per_vpc = 1).await;
    let network = aws.network().await;
    aws.interface_endpoint(&network, "mgn").await;
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("ec2"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    assert_eq!(code(call.send().await), "VpcEndpointLimitExceeded");
}

/// A test can make the endpoints of a service fail. Source: aws-sdk-ec2, `State::Failed` and
/// `VpcEndpoint::last_error`.
#[tokio::test]
async fn an_endpoint_can_fail() {
    let aws = Aws::with(|options| {
        let rule = ServiceRule { fails: Some("no capacity".to_owned()), ..ServiceRule::default() };
        options.services.insert("ap-northeast-1/mgn".to_owned(), rule);
    })
    .await;
    let network: Network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    let endpoint = aws.endpoint(&id).await;
    assert_eq!(state_of(&endpoint), "failed");
    assert_eq!(endpoint.last_error().and_then(|error| error.message()), Some("no capacity"));
}
