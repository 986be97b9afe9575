//! The client tokens of EC2 and the creator request IDs of Resolver.

use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};
use emulator::world::options::{RepeatedRequest, TokenMemory};

use crate::support::{Aws, Network, code, state_of};

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

/// Source: EC2 Developer Guide, "Ensuring idempotency".
#[tokio::test]
async fn the_same_call_with_the_same_token_creates_one_endpoint() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let first = id(create(&aws, &network, "t")).await;
    assert_eq!(id(create(&aws, &network, "t")).await, first);
    let answer = create(&aws, &network, "t").send().await.unwrap();
    assert_eq!(answer.client_token(), Some("t"));
    assert_eq!(aws.state().vpc_endpoints.len(), 1);
}

/// Source: EC2 Developer Guide, "Ensuring idempotency": `IdempotentParameterMismatch`; at most 64 ASCII characters.
#[tokio::test]
async fn another_call_with_the_same_token_is_rejected() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    create(&aws, &network, "t").send().await.unwrap();
    let other = create(&aws, &network, "t").private_dns_enabled(false).send().await;
    assert_eq!(code(other), "IdempotentParameterMismatch");
    assert_eq!(code(create(&aws, &network, &"t".repeat(65)).send().await), "InvalidParameterValue");
    let upper = create(&aws, &network, "T").private_dns_enabled(false).send().await;
    assert_eq!(code(upper), "ok", "tokens are case-sensitive");
}

/// ASSUMED: AWS does not document the handling of a token after its endpoint is deleted.
#[tokio::test]
async fn a_token_is_remembered_after_its_endpoint_is_gone() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let first = id(create(&aws, &network, "t")).await;
    aws.delete_endpoints(&[&first]).await;
    aws.advance(1_000);
    let again = create(&aws, &network, "t").send().await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(again.vpc_endpoint_id(), Some(first.as_str()));
    assert_eq!(state_of(&again), "deleted");
    assert!(aws.state().vpc_endpoints.is_empty());
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

/// Source: EC2 API Reference, CreateRouteTable and CreateNetworkInterface. The SDK creates the tokens of these calls.
#[tokio::test]
async fn route_tables_and_interfaces_have_tokens_too() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let table = || aws.ec2.create_route_table().vpc_id(&network.vpc).client_token("t").send();
    let first = table().await.unwrap().route_table.unwrap();
    assert_eq!(table().await.unwrap().route_table.unwrap().route_table_id, first.route_table_id);
    let interface = || aws.ec2.create_network_interface().subnet_id(&network.subnets[0]).client_token("t").send();
    let first = interface().await.unwrap().network_interface.unwrap();
    assert_eq!(interface().await.unwrap().network_interface.unwrap().network_interface_id, first.network_interface_id);
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

/// Source: aws/aws-cdk issue 5012, which quotes AWS.
#[tokio::test]
async fn a_known_creator_request_id_is_rejected() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    resolver(&aws, &network).send().await.unwrap();
    assert_eq!(code(resolver(&aws, &network).send().await), "ResourceExistsException");
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
