//! The other possibilities for client tokens of EC2 and creator request IDs of Resolver.

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};
use emulator::world::options::{RepeatedRequest, TokenMemory};

use crate::support::{Aws, Network};

fn create(
    aws: &Aws,
    network: &Network,
    token: &str,
) -> aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder {
    aws.ec2
        .create_vpc_endpoint()
        .vpc_id(&network.vpc)
        .service_name(aws.service("mgn"))
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&network.subnets[0])
        .client_token(token)
}

async fn id(call: aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder) -> String {
    call.send().await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id.unwrap()
}

/// The other possibility, for tests that must pass with either behavior of AWS.
#[tokio::test]
async fn a_token_may_be_forgotten_with_its_endpoint() {
    let aws = Aws::with(|options| options.client_tokens = TokenMemory::ForgetDeleted).await;
    let network = aws.network().await;
    let first = id(create(&aws, &network, "t")).await;
    aws.delete_endpoints(&[&first]).await;
    assert_eq!(id(create(&aws, &network, "t")).await, first, "while it is deleting the token is known");
    aws.advance(1_000);
    assert_ne!(id(create(&aws, &network, "t")).await, first);
}

fn resolver(
    aws: &Aws,
    network: &Network,
) -> aws_sdk_route53resolver::operation::create_resolver_endpoint::builders::CreateResolverEndpointFluentBuilder {
    let address = |subnet: &String| IpAddressRequest::builder().subnet_id(subnet).build().unwrap();
    aws.resolver
        .create_resolver_endpoint()
        .creator_request_id("request")
        .direction(ResolverEndpointDirection::Inbound)
        .security_group_ids(&network.group)
        .set_ip_addresses(Some(network.subnets.iter().map(address).collect()))
}

/// The other possibility, for tests that must pass with either behavior of AWS.
#[tokio::test]
async fn a_known_creator_request_id_can_return_its_endpoint() {
    let aws = Aws::with(|options| options.creator_request_id = RepeatedRequest::Return).await;
    let network = aws.network().await;
    let first = resolver(&aws, &network).send().await.unwrap().resolver_endpoint.unwrap();
    let second = resolver(&aws, &network).send().await.unwrap().resolver_endpoint.unwrap();
    assert_eq!(first.id, second.id);
}
