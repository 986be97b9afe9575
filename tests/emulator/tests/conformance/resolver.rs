//! Route 53 Resolver endpoints. Source, unless noted otherwise: Route 53 API Reference.

use aws_sdk_route53resolver::{
    operation::create_resolver_endpoint::builders::CreateResolverEndpointFluentBuilder,
    types::{
        Filter, IpAddressRequest, IpAddressUpdate, Protocol, ResolverEndpointDirection, ResolverEndpointType, Tag,
    },
};

use emulator::world::{
    World,
    resolver::{AddressStatus, Status},
};

use crate::support::{Aws, Network, code, message};

fn address(subnet: &str, ip: Option<&str>) -> IpAddressRequest {
    IpAddressRequest::builder().subnet_id(subnet).set_ip(ip.map(ToOwned::to_owned)).build().unwrap()
}

fn create(aws: &Aws, network: &Network, request: &str) -> CreateResolverEndpointFluentBuilder {
    aws.resolver
        .create_resolver_endpoint()
        .creator_request_id(request)
        .name("mgnet-tokyo")
        .direction(ResolverEndpointDirection::Inbound)
        .security_group_ids(&network.group)
        .set_ip_addresses(Some(network.subnets.iter().map(|subnet| address(subnet, None)).collect()))
}

async fn made(aws: &Aws, network: &Network) -> String {
    create(aws, network, "request").send().await.unwrap().resolver_endpoint.unwrap().id.unwrap()
}

async fn status(aws: &Aws, id: &str) -> String {
    let answer = aws.resolver.get_resolver_endpoint().resolver_endpoint_id(id).send().await;
    match answer {
        Ok(answer) => answer.resolver_endpoint.unwrap().status.unwrap().as_str().to_owned(),
        Err(error) => code::<(), _>(Err(error)),
    }
}

async fn addresses(aws: &Aws, id: &str) -> Vec<(String, String, String)> {
    let answer = aws.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id).send().await.unwrap();
    let read = |ip: &aws_sdk_route53resolver::types::IpAddressResponse| {
        let status = ip.status().map(|status| status.as_str().to_owned());
        (ip.ip_id().unwrap().to_owned(), ip.ip().unwrap().to_owned(), status.unwrap())
    };
    answer.ip_addresses().iter().map(read).collect()
}

/// Source: hashicorp/terraform-provider-aws `internal/service/route53resolver/endpoint.go`, which waits for CREATING
/// -> OPERATIONAL and DELETING -> ResourceNotFoundException.
#[tokio::test]
async fn an_endpoint_is_created_and_deleted_in_steps() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    assert!(id.starts_with("rslvr-in-"));
    assert_eq!(status(&aws, &id).await, "CREATING");
    assert!(addresses(&aws, &id).await.iter().all(|(_, _, status)| status == "CREATING"));
    let early = aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&id).send().await;
    assert_eq!(code(early), "InvalidRequestException");
    aws.advance(90);
    assert_eq!(status(&aws, &id).await, "OPERATIONAL");
    assert!(addresses(&aws, &id).await.iter().all(|(_, _, status)| status == "ATTACHED"));
    aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&id).send().await.unwrap();
    assert_eq!(status(&aws, &id).await, "DELETING");
    assert_eq!(aws.state().network_interfaces.len(), 2);
    aws.advance(60);
    assert_eq!(status(&aws, &id).await, "ResourceNotFoundException");
    assert!(aws.state().network_interfaces.is_empty());
}

/// The fields of an endpoint, and the interfaces in its subnets.
#[tokio::test]
async fn an_endpoint_has_the_properties_of_its_creation() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let fixed = [address(&network.subnets[0], Some("10.20.0.53")), address(&network.subnets[1], Some("10.20.1.53"))];
    let call = create(&aws, &network, "request").set_ip_addresses(Some(fixed.to_vec()));
    let endpoint = call.send().await.unwrap().resolver_endpoint.unwrap();
    assert_eq!(endpoint.host_vpc_id(), Some(network.vpc.as_str()));
    assert_eq!(endpoint.ip_address_count(), Some(2));
    assert_eq!(endpoint.resolver_endpoint_type(), Some(&ResolverEndpointType::Ipv4));
    assert_eq!(endpoint.protocols(), [Protocol::Do53]);
    assert_eq!(endpoint.creator_request_id(), Some("request"));
    let arn =
        format!("arn:aws:route53resolver:ap-northeast-1:111111111111:resolver-endpoint/{}", endpoint.id().unwrap());
    assert_eq!(endpoint.arn(), Some(arn.as_str()));
    let state = aws.state();
    let mut ips: Vec<String> = state.network_interfaces.iter().map(|eni| eni.address.to_string()).collect();
    ips.sort_unstable();
    assert_eq!(ips, ["10.20.0.53", "10.20.1.53"]);
    let expected = format!("Route 53 Resolver: {}:rni-", endpoint.id().unwrap());
    assert!(state.network_interfaces.iter().all(|eni| eni.description.starts_with(&expected) && eni.requester_managed));
}

/// A call adds or removes one address. Meanwhile the endpoint is UPDATING, and two addresses must remain. That other
/// calls are rejected meanwhile is ASSUMED.
#[tokio::test]
async fn an_address_is_added_before_another_one_is_removed() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    aws.advance(90);
    let before = addresses(&aws, &id).await;
    let update = |subnet: &str| IpAddressUpdate::builder().subnet_id(subnet).ip("10.20.0.99").build();
    let associate = || {
        aws.resolver
            .associate_resolver_endpoint_ip_address()
            .resolver_endpoint_id(&id)
            .ip_address(update(&network.subnets[0]))
            .send()
    };
    let by_id = |ip: &str| {
        let update = IpAddressUpdate::builder().ip_id(ip).build();
        aws.resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(&id).ip_address(update).send()
    };
    assert_eq!(code(by_id(&before[0].0).await), "InvalidRequestException", "two addresses must remain");
    associate().await.unwrap();
    assert_eq!(status(&aws, &id).await, "UPDATING");
    assert_eq!(addresses(&aws, &id).await.iter().filter(|(_, _, status)| status == "ATTACHING").count(), 1);
    assert_eq!(code(by_id(&before[0].0).await), "InvalidRequestException", "one change at a time");
    aws.advance(60);
    assert_eq!(status(&aws, &id).await, "OPERATIONAL");
    assert_eq!(code(associate().await), "ResourceExistsException");
    by_id(&before[0].0).await.unwrap();
    assert!(addresses(&aws, &id).await.iter().any(|(_, _, status)| status == "DETACHING"));
    aws.advance(60);
    let after = addresses(&aws, &id).await;
    assert_eq!(after.len(), 2);
    assert!(!after.iter().any(|(ip, _, _)| *ip == before[0].0));
    assert_eq!(aws.state().network_interfaces.len(), 2);
}

/// Source: hashicorp/terraform-provider-aws issue 6563 quotes `RSLVR-00400`; `RSLVR-00405` is quoted in public issues.
#[tokio::test]
async fn invalid_endpoints_are_rejected() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let call = || create(&aws, &network, "request");
    let elsewhere = aws.dns_vpc("10.21.0.0/16").await;
    let (subnet, group) = (aws.subnet(&elsewhere, "10.21.0.0/24", "a").await, aws.group(&elsewhere, "other").await);
    let with = |addresses: &[IpAddressRequest]| call().set_ip_addresses(Some(addresses.to_vec())).send();
    let good = address(&network.subnets[0], None);
    let one = with(std::slice::from_ref(&good)).await;
    assert_eq!(code(one), "InvalidRequestException");
    let outside = with(&[good.clone(), address(&network.subnets[1], Some("10.99.0.1"))]).await;
    assert!(message(outside).starts_with("[RSLVR-00405]"));
    let reserved = with(&[good.clone(), address(&network.subnets[1], Some("10.20.1.2"))]).await;
    assert!(message(reserved).starts_with("[RSLVR-00405]"));
    let unknown = with(&[good.clone(), address("subnet-00000000000000000", None)]).await;
    assert_eq!(code(unknown), "InvalidParameterException");
    assert_eq!(code(with(&[good.clone(), address(&subnet, None)]).await), "InvalidParameterException", "two VPCs");
    let groups = |id: &str| call().set_security_group_ids(Some(vec![id.to_owned()])).send();
    assert_eq!(code(groups("sg-00000000000000000").await), "InvalidParameterException");
    assert_eq!(code(groups(&group).await), "InvalidParameterException", "a group of another VPC");
    assert_eq!(code(call().name("a.b").send().await), "ValidationException");
    assert_eq!(code(call().name("123").send().await), "ValidationException");
    let protocols = [Protocol::Doh, Protocol::Dohfips];
    assert_eq!(code(call().set_protocols(Some(protocols.to_vec())).send().await), "InvalidParameterException");
    let seven = vec![good; 7];
    assert_eq!(code(with(&seven).await), "LimitExceededException");
    assert!(aws.state().resolver_endpoints.is_empty() && aws.state().network_interfaces.is_empty());
}

/// Source: Route 53 quotas: four endpoints; `RSLVR-00309` is quoted in hashicorp/terraform-provider-aws issue 40480.
#[tokio::test]
async fn a_fifth_endpoint_exceeds_the_quota() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    for n in 0..4 {
        create(&aws, &network, &format!("request-{n}")).send().await.unwrap();
    }
    let fifth = create(&aws, &network, "request-4").send().await;
    assert!(message(fifth).starts_with("[RSLVR-00309]"));
    assert_eq!(code(create(&aws, &network, "request-4").send().await), "LimitExceededException");
}

/// Source: aws-sdk-route53resolver, `Filter::name`: seven filters, none of them for tags.
#[tokio::test]
async fn endpoints_are_listed_by_filters() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    made(&aws, &network).await;
    let count = async |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        let answer = aws.resolver.list_resolver_endpoints().filters(filter).send().await;
        answer.map_or_else(|error| code::<(), _>(Err(error)), |answer| answer.resolver_endpoints().len().to_string())
    };
    for (name, value) in [
        ("Name", "mgnet-tokyo"),
        ("Direction", "INBOUND"),
        ("HostVPCId", &network.vpc),
        ("Status", "CREATING"),
        ("CreatorRequestId", "request"),
        ("SecurityGroupIds", &network.group),
        ("IpAddressCount", "2"),
    ] {
        assert_eq!(count(name, value).await, "1", "{name}");
        assert_eq!(count(name, "other").await, "0", "{name}");
    }
    assert_eq!(count("tag:Name", "x").await, "InvalidParameterException");
}

/// Absent parameters stay unchanged: UpdateResolverEndpoint without a name keeps the name. Protocols cannot change
/// directly from Do53 to DoH.
#[tokio::test]
async fn an_update_keeps_absent_parameters() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    aws.advance(90);
    let update = || aws.resolver.update_resolver_endpoint().resolver_endpoint_id(&id);
    assert_eq!(code(update().protocols(Protocol::Doh).send().await), "InvalidRequestException");
    let answer = update().protocols(Protocol::Do53).protocols(Protocol::Doh).send().await.unwrap();
    let endpoint = answer.resolver_endpoint.unwrap();
    assert_eq!(endpoint.name(), Some("mgnet-tokyo"));
    assert_eq!(endpoint.protocols().len(), 2);
    assert_eq!(update().name("other").send().await.unwrap().resolver_endpoint.unwrap().name(), Some("other"));
}

/// Tags are not part of the list.
#[tokio::test]
async fn tags_are_read_and_changed_by_arn() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let endpoint =
        create(&aws, &network, "request").tags(tag("a", "1")).send().await.unwrap().resolver_endpoint.unwrap();
    let arn = endpoint.arn().unwrap();
    aws.resolver.tag_resource().resource_arn(arn).tags(tag("b", "2")).send().await.unwrap();
    aws.resolver.untag_resource().resource_arn(arn).tag_keys("a").send().await.unwrap();
    let answer = aws.resolver.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(answer.tags(), [tag("b", "2")]);
    let reserved = aws.resolver.tag_resource().resource_arn(arn).tags(tag("aws:x", "2")).send().await;
    assert_eq!(code(reserved), "InvalidTagException");
    let other =
        aws.resolver.list_tags_for_resource().resource_arn(arn.replace("rslvr-in-0", "rslvr-in-1")).send().await;
    assert_eq!(code(other), "ResourceNotFoundException");
}

/// Source: aws-sdk-route53resolver, `ResolverEndpoint::status`: ACTION_NEEDED when an interface was deleted. Adding
/// another address and removing the broken one repairs the endpoint.
#[tokio::test]
async fn an_endpoint_that_lost_an_interface_needs_action() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = made(&aws, &network).await;
    aws.advance(90);
    let broken = addresses(&aws, &id).await[0].0.clone();
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
