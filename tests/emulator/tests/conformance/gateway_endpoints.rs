//! The quota of gateway endpoints.

use aws_sdk_ec2::types::VpcEndpointType;

use crate::support::{Aws, code};

/// Source: AWS PrivateLink guide, "Quotas": 20 gateway endpoints for each Region.
#[tokio::test]
async fn gateways_have_a_quota_per_region() {
    let aws = Aws::with(|options| options.quotas.gateway_endpoints_per_region = 1).await;
    let network = aws.network().await;
    aws.s3_gateway(&network).await;
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("dynamodb"));
    let outcome = call.vpc_endpoint_type(VpcEndpointType::Gateway).send().await;
    assert_eq!(code(outcome), "VpcEndpointLimitExceeded");
}
