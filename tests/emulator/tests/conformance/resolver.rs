//! Route 53 Resolver endpoints in states that the control interface sets.

use aws_sdk_route53resolver::types::{IpAddressRequest, IpAddressUpdate, ResolverEndpointDirection};
use emulator::world::{
    World,
    resolver::{AddressStatus, Status},
};

use crate::support::{Aws, Network, code};

async fn made(aws: &Aws, network: &Network) -> String {
    let address = |subnet: &String| IpAddressRequest::builder().subnet_id(subnet).build().unwrap();
    let call = aws.resolver.create_resolver_endpoint().creator_request_id("request").security_group_ids(&network.group);
    let call = call.direction(ResolverEndpointDirection::Inbound);
    let call = call.set_ip_addresses(Some(network.subnets.iter().map(address).collect()));
    call.send().await.unwrap().resolver_endpoint.unwrap().id.unwrap()
}

async fn status(aws: &Aws, id: &str) -> String {
    let answer = aws.resolver.get_resolver_endpoint().resolver_endpoint_id(id).send().await;
    match answer {
        Ok(answer) => answer.resolver_endpoint.unwrap().status.unwrap().as_str().to_owned(),
        Err(error) => code::<(), _>(Err(error)),
    }
}

async fn first_address(aws: &Aws, id: &str) -> String {
    let answer = aws.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id).send().await.unwrap();
    answer.ip_addresses()[0].ip_id().unwrap().to_owned()
}

/// Source: aws-sdk-route53resolver, `ResolverEndpoint::status`: ACTION_NEEDED when an interface was deleted. Adding
/// another address and removing the broken one repairs the endpoint.
#[tokio::test]
async fn an_endpoint_that_lost_an_interface_needs_action() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    aws.advance(90);
    let broken = first_address(&aws, &id).await;
    assert!(aws.server.with_world(|world| world.set_resolver_address_status(
        "111111111111",
        "ap-northeast-1",
        &broken,
        AddressStatus::FailedResourceGone
    )));
    assert_eq!(status(&aws, &id).await, "ACTION_NEEDED");
    let add = IpAddressUpdate::builder().subnet_id(&network.subnets[0]).build();
    aws.resolver
        .associate_resolver_endpoint_ip_address()
        .resolver_endpoint_id(&id)
        .ip_address(add)
        .send()
        .await
        .unwrap();
    aws.advance(60);
    assert_eq!(status(&aws, &id).await, "ACTION_NEEDED");
    let remove = IpAddressUpdate::builder().ip_id(broken).build();
    let call = aws.resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(&id).ip_address(remove);
    call.send().await.unwrap();
    aws.advance(60);
    assert_eq!(status(&aws, &id).await, "OPERATIONAL");
}

/// ASSUMED (`ASSUMPTIONS.md`, "Resolver"): another deletion restarts one that is stuck.
#[tokio::test]
async fn another_call_restarts_a_deletion_that_is_stuck() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    aws.advance(90);
    let stuck = |world: &mut World| world.set_resolver_status("111111111111", "ap-northeast-1", &id, Status::Deleting);
    assert!(aws.server.with_world(stuck));
    aws.advance(600);
    assert_eq!(status(&aws, &id).await, "DELETING");
    aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&id).send().await.unwrap();
    aws.advance(60);
    let gone = aws.resolver.get_resolver_endpoint().resolver_endpoint_id(&id).send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
}
