//! The client tokens of EC2 and the creator request IDs of Resolver.

use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};

use crate::{
    answers::{code, state_of},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::{CreateEndpoint, Network, endpoint_id, filter},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        the_same_call_with_the_same_token_creates_one_endpoint,
        Source("EC2 Developer Guide, \"Ensuring idempotency\""),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        another_call_with_the_same_token_is_rejected,
        Source(
            "EC2 Developer Guide, \"Ensuring idempotency\": `IdempotentParameterMismatch`; at most 64 ASCII characters"
        ),
        "a network, two interface endpoints",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_token_is_remembered_after_its_endpoint_is_gone,
        Assumed("AWS does not document the handling of a token after its endpoint is deleted"),
        "a network, an interface endpoint, perhaps a second one",
        Slow(Charge::endpoints(2))
    ),
    case!(
        route_tables_and_interfaces_have_tokens_too,
        Source("EC2 API Reference, CreateRouteTable and CreateNetworkInterface"),
        "a network, a route table, a network interface",
        Cheap
    ),
    case!(
        a_known_creator_request_id_is_rejected,
        Source("aws/aws-cdk issue 5012, which quotes AWS"),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
];

fn create(aws: &Target, network: &Network, token: &str) -> CreateEndpoint {
    aws.new_interface(network, "mgn").client_token(aws.unique(token))
}

async fn endpoints(aws: &Target, network: &Network) -> usize {
    let found = aws.ec2.describe_vpc_endpoints().filters(filter("vpc-id", &network.vpc)).send().await.unwrap();
    found.vpc_endpoints().len()
}

async fn the_same_call_with_the_same_token_creates_one_endpoint(aws: &Target) {
    let network = aws.network().await;
    let first = endpoint_id(create(aws, &network, "t")).await;
    assert_eq!(endpoint_id(create(aws, &network, "t")).await, first);
    let answer = create(aws, &network, "t").send().await.unwrap();
    assert_eq!(answer.client_token(), Some(aws.unique("t").as_str()));
    aws.reaches("the number of endpoints", 1, async || endpoints(aws, &network).await).await;
}

async fn another_call_with_the_same_token_is_rejected(aws: &Target) {
    let network = aws.network().await;
    create(aws, &network, "t").send().await.unwrap();
    let other = create(aws, &network, "t").private_dns_enabled(false).send().await;
    assert_eq!(code(other), "IdempotentParameterMismatch");
    let long = create(aws, &network, "t").client_token("t".repeat(65));
    assert_eq!(code(long.send().await), "InvalidParameterValue");
    let upper = create(aws, &network, "T").private_dns_enabled(false).send().await;
    assert_eq!(code(upper), "ok", "tokens are case-sensitive");
}

async fn a_token_is_remembered_after_its_endpoint_is_gone(aws: &Target) {
    let network = aws.network().await;
    let first = endpoint_id(create(aws, &network, "t")).await;
    aws.available(&first).await;
    aws.delete_endpoints(&[&first]).await;
    aws.reaches("the number of endpoints", 0, async || endpoints(aws, &network).await).await;
    let again = create(aws, &network, "t").send().await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(again.vpc_endpoint_id(), Some(first.as_str()));
    assert_eq!(state_of(&again), "deleted");
    assert_eq!(endpoints(aws, &network).await, 0);
}

/// The SDK creates the tokens of these calls if the caller does not.
async fn route_tables_and_interfaces_have_tokens_too(aws: &Target) {
    let network = aws.network().await;
    let token = aws.unique("t");
    let table = || aws.ec2.create_route_table().vpc_id(&network.vpc).client_token(&token).send();
    let first = table().await.unwrap().route_table.unwrap();
    assert_eq!(table().await.unwrap().route_table.unwrap().route_table_id, first.route_table_id);
    let interface = || aws.ec2.create_network_interface().subnet_id(&network.subnets[0]).client_token(&token).send();
    let first = interface().await.unwrap().network_interface.unwrap();
    assert_eq!(interface().await.unwrap().network_interface.unwrap().network_interface_id, first.network_interface_id);
}

async fn a_known_creator_request_id_is_rejected(aws: &Target) {
    let network = aws.network().await;
    let create = || {
        let address = |subnet: &String| IpAddressRequest::builder().subnet_id(subnet).build().unwrap();
        let call = aws.resolver.create_resolver_endpoint().creator_request_id(aws.unique("request"));
        let call = call.direction(ResolverEndpointDirection::Inbound).security_group_ids(&network.group);
        call.set_ip_addresses(Some(network.subnets.iter().map(address).collect())).send()
    };
    create().await.unwrap();
    assert_eq!(code(create().await), "ResourceExistsException");
}
