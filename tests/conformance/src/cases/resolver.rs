//! Route 53 Resolver endpoints.

use std::collections::BTreeMap;

use aws_sdk_route53resolver::{
    operation::create_resolver_endpoint::builders::CreateResolverEndpointFluentBuilder,
    types::{
        Filter, IpAddressRequest, IpAddressResponse, IpAddressUpdate, Protocol, ResolverEndpointDirection,
        ResolverEndpointType, Tag,
    },
};

use crate::{
    answers::{Rejections, code, message},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cannot, Cheap, Slow},
        case,
    },
    network::{Network, filter},
    ownership::TAG,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        an_endpoint_is_created_and_deleted_in_steps,
        Source(
            "hashicorp/terraform-provider-aws `internal/service/route53resolver/endpoint.go`, which waits for the states"
        ),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
    case!(
        an_endpoint_has_the_properties_of_its_creation,
        Source("Route 53 API Reference, CreateResolverEndpoint"),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
    case!(
        an_address_is_added_before_another_one_is_removed,
        Assumed(
            "Route 53 API Reference, AssociateResolverEndpointIpAddress and Disassociate...; that other calls are rejected \
             meanwhile is assumed"
        ),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(3))
    ),
    case!(
        invalid_endpoints_are_rejected,
        Assumed(
            "hashicorp/terraform-provider-aws issue 6563 quotes `RSLVR-00400`; `RSLVR-00405` is quoted in public issues; the \
             codes of ASSUMPTIONS.md are assumed"
        ),
        "two networks",
        Cheap
    ),
    case!(
        a_fifth_endpoint_exceeds_the_quota,
        Source("Route 53 quotas: four endpoints; hashicorp/terraform-provider-aws issue 40480 quotes `RSLVR-00309`"),
        "a network, four Resolver endpoints",
        Cannot("the quota of an account counts its other endpoints, and may have been raised")
    ),
    case!(
        endpoints_are_listed_by_filters,
        Assumed("aws-sdk-route53resolver, `Filter::name`: seven filters, none of them for tags; the code is assumed"),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
    case!(
        an_update_keeps_absent_parameters,
        Source("Route 53 API Reference, UpdateResolverEndpoint"),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
    case!(
        tags_are_read_and_changed_by_arn,
        Assumed("Route 53 API Reference, TagResource; the code for a reserved key is assumed"),
        "a network, a Resolver endpoint",
        Slow(Charge::resolver(2))
    ),
];

fn address(subnet: &str, ip: Option<&str>) -> IpAddressRequest {
    IpAddressRequest::builder().subnet_id(subnet).set_ip(ip.map(ToOwned::to_owned)).build().unwrap()
}

fn create(aws: &Target, network: &Network, request: &str) -> CreateResolverEndpointFluentBuilder {
    aws.resolver
        .create_resolver_endpoint()
        // Resolver remembers the requests of deleted endpoints, and each case needs its own.
        .creator_request_id(format!("{}-{request}", network.vpc))
        .name("mgnet-tokyo")
        .direction(ResolverEndpointDirection::Inbound)
        .security_group_ids(&network.group)
        .set_ip_addresses(Some(network.subnets.iter().map(|subnet| address(subnet, None)).collect()))
}

async fn made(aws: &Target, network: &Network) -> String {
    create(aws, network, "request").send().await.unwrap().resolver_endpoint.unwrap().id.unwrap()
}

async fn status(aws: &Target, id: &str) -> String {
    let answer = aws.resolver.get_resolver_endpoint().resolver_endpoint_id(id).send().await;
    match answer {
        Ok(answer) => answer.resolver_endpoint.unwrap().status.unwrap().as_str().to_owned(),
        Err(error) => code::<(), _>(Err(error)),
    }
}

async fn operational(aws: &Target, id: &str) {
    aws.reaches("the status of the endpoint", "OPERATIONAL".to_owned(), async || status(aws, id).await).await;
}

/// Returns the ID, the address and the status of each address.
async fn addresses(aws: &Target, id: &str) -> Vec<(String, String, String)> {
    let answer = aws.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id).send().await.unwrap();
    let read = |ip: &IpAddressResponse| {
        let status = ip.status().map(|status| status.as_str().to_owned());
        // AWS chooses an address some time after the creation.
        (ip.ip_id().unwrap_or_default().to_owned(), ip.ip().unwrap_or_default().to_owned(), status.unwrap())
    };
    answer.ip_addresses().iter().map(read).collect()
}

/// Returns the address and the description of each network interface in the VPC, sorted.
async fn interfaces(aws: &Target, network: &Network) -> Vec<(String, String)> {
    let of_vpc = filter("vpc-id", &network.vpc);
    let found = aws.ec2.describe_network_interfaces().filters(of_vpc).send().await.unwrap();
    let found = found.network_interfaces.unwrap_or_default().into_iter();
    let mut places: Vec<_> = found.filter_map(|one| Some((one.private_ip_address?, one.description?))).collect();
    places.sort();
    places
}

/// Until it is deleted, the endpoint uses its group.
async fn an_endpoint_is_created_and_deleted_in_steps(aws: &Target) {
    let network = aws.network().await;
    let id = made(aws, &network).await;
    assert!(id.starts_with("rslvr-in-"));
    assert_eq!(status(aws, &id).await, "CREATING");
    assert!(addresses(aws, &id).await.iter().all(|(_, _, status)| status == "CREATING"));
    let early = aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&id).send().await;
    assert_eq!(code(early), "InvalidRequestException");
    operational(aws, &id).await;
    assert!(addresses(aws, &id).await.iter().all(|(_, _, status)| status == "ATTACHED"));
    let group = aws.ec2.delete_security_group().group_id(&network.group).send().await;
    assert_eq!(code(group), "DependencyViolation");
    aws.resolver.delete_resolver_endpoint().resolver_endpoint_id(&id).send().await.unwrap();
    assert_eq!(status(aws, &id).await, "DELETING");
    assert_eq!(interfaces(aws, &network).await.len(), 2);
    let gone = "ResourceNotFoundException".to_owned();
    aws.reaches("the status of the endpoint", gone, async || status(aws, &id).await).await;
    aws.reaches("the interfaces", Vec::new(), async || interfaces(aws, &network).await).await;
}

/// The fields of an endpoint, and the interfaces in its subnets.
async fn an_endpoint_has_the_properties_of_its_creation(aws: &Target) {
    let network = aws.network().await;
    let fixed = [address(&network.subnets[0], Some("10.20.0.53")), address(&network.subnets[1], Some("10.20.1.53"))];
    let call = create(aws, &network, "request").set_ip_addresses(Some(fixed.to_vec()));
    let endpoint = call.send().await.unwrap().resolver_endpoint.unwrap();
    assert_eq!(endpoint.host_vpc_id(), Some(network.vpc.as_str()));
    assert_eq!(endpoint.ip_address_count(), Some(2));
    assert_eq!(endpoint.resolver_endpoint_type(), Some(&ResolverEndpointType::Ipv4));
    assert_eq!(endpoint.protocols(), [Protocol::Do53]);
    assert_eq!(endpoint.creator_request_id(), Some(format!("{}-request", network.vpc).as_str()));
    let id = endpoint.id().unwrap();
    let arn = format!("arn:aws:route53resolver:{}:{}:resolver-endpoint/{id}", aws.region, aws.account);
    assert_eq!(endpoint.arn(), Some(arn.as_str()));
    operational(aws, id).await;
    let places = interfaces(aws, &network).await;
    assert_eq!(places.iter().map(|(ip, _)| ip.as_str()).collect::<Vec<_>>(), ["10.20.0.53", "10.20.1.53"]);
    let expected = format!("Route 53 Resolver: {id}:rni-");
    assert!(places.iter().all(|(_, description)| description.starts_with(&expected)), "{places:?}");
}

/// A call adds or removes one address. Meanwhile the endpoint is UPDATING, and two addresses must remain.
async fn an_address_is_added_before_another_one_is_removed(aws: &Target) {
    let network = aws.network().await;
    let id = made(aws, &network).await;
    operational(aws, &id).await;
    let before = addresses(aws, &id).await;
    let associate = || {
        let update = IpAddressUpdate::builder().subnet_id(&network.subnets[0]).ip("10.20.0.99").build();
        aws.resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(&id).ip_address(update).send()
    };
    let by_id = |ip: &str| {
        let update = IpAddressUpdate::builder().ip_id(ip).build();
        aws.resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(&id).ip_address(update).send()
    };
    assert_eq!(code(by_id(&before[0].0).await), "InvalidRequestException", "two addresses must remain");
    associate().await.unwrap();
    assert_eq!(status(aws, &id).await, "UPDATING");
    assert_eq!(addresses(aws, &id).await.iter().filter(|(_, _, status)| status == "ATTACHING").count(), 1);
    assert_eq!(code(by_id(&before[0].0).await), "InvalidRequestException", "one change at a time");
    operational(aws, &id).await;
    assert_eq!(code(associate().await), "ResourceExistsException");
    by_id(&before[0].0).await.unwrap();
    assert!(addresses(aws, &id).await.iter().any(|(_, _, status)| status == "DETACHING"));
    operational(aws, &id).await;
    let after = addresses(aws, &id).await;
    assert_eq!(after.len(), 2);
    assert!(!after.iter().any(|(ip, _, _)| *ip == before[0].0));
    aws.reaches("the interfaces", 2, async || interfaces(aws, &network).await.len()).await;
}

async fn invalid_endpoints_are_rejected(aws: &Target) {
    let network = aws.network().await;
    let call = || create(aws, &network, "request");
    let elsewhere = aws.dns_vpc("10.21.0.0/16").await;
    let (subnet, group) = (aws.subnet(&elsewhere, "10.21.0.0/24", 0).await, aws.group(&elsewhere, "other").await);
    let with = |addresses: &[IpAddressRequest]| call().set_ip_addresses(Some(addresses.to_vec())).send();
    let good = address(&network.subnets[0], None);
    for (what, ip) in [("outside", "10.99.0.1"), ("reserved", "10.20.1.2")] {
        let outcome = with(&[good.clone(), address(&network.subnets[1], Some(ip))]).await;
        let text = message(outcome);
        assert!(text.starts_with("[RSLVR-00405]"), "{what}: {text}");
    }
    let mut rejections = Rejections::default();
    rejections.expect("one address", "InvalidRequestException", &code(with(std::slice::from_ref(&good)).await));
    let unknown = with(&[good.clone(), address("subnet-00000000000000000", None)]).await;
    rejections.expect("an unknown subnet", "InvalidParameterException", &code(unknown));
    let two_vpcs = with(&[good.clone(), address(&subnet, None)]).await;
    rejections.expect("subnets of two VPCs", "InvalidParameterException", &code(two_vpcs));
    for (what, id) in [("an unknown group", "sg-00000000000000000"), ("a group of another VPC", group.as_str())] {
        let outcome = call().set_security_group_ids(Some(vec![id.to_owned()])).send().await;
        rejections.expect(what, "InvalidParameterException", &code(outcome));
    }
    for name in ["a.b", "123"] {
        rejections.expect(name, "ValidationException", &code(call().name(name).send().await));
    }
    let protocols = [Protocol::Doh, Protocol::Dohfips];
    let outcome = call().set_protocols(Some(protocols.to_vec())).send().await;
    rejections.expect("two forms of DoH", "InvalidParameterException", &code(outcome));
    rejections.expect("seven addresses", "LimitExceededException", &code(with(&vec![good; 7]).await));
    rejections.check();
    assert_eq!(interfaces(aws, &network).await, []);
}

async fn a_fifth_endpoint_exceeds_the_quota(aws: &Target) {
    let network = aws.network().await;
    for n in 0..4 {
        create(aws, &network, &format!("request-{n}")).send().await.unwrap();
    }
    let fifth = create(aws, &network, "request-4").send().await;
    assert!(message(fifth).starts_with("[RSLVR-00309]"));
    assert_eq!(code(create(aws, &network, "request-4").send().await), "LimitExceededException");
}

async fn endpoints_are_listed_by_filters(aws: &Target) {
    let network = aws.network().await;
    made(aws, &network).await;
    let count = async |name: &'static str, value: &str| {
        // Other Resolver endpoints of the account must not count.
        let mut filters = BTreeMap::from([("HostVPCId", network.vpc.as_str())]);
        filters.insert(name, value);
        let filters = filters.into_iter().map(|(name, value)| Filter::builder().name(name).values(value).build());
        let answer = aws.resolver.list_resolver_endpoints().set_filters(Some(filters.collect())).send().await;
        answer.map_or_else(|error| code::<(), _>(Err(error)), |answer| answer.resolver_endpoints().len().to_string())
    };
    let request = format!("{}-request", network.vpc);
    for (name, value) in [
        ("Name", "mgnet-tokyo"),
        ("Direction", "INBOUND"),
        ("HostVPCId", &network.vpc),
        ("Status", "CREATING"),
        ("CreatorRequestId", &request),
        ("SecurityGroupIds", &network.group),
        ("IpAddressCount", "2"),
    ] {
        assert_eq!(count(name, value).await, "1", "{name}");
        assert_eq!(count(name, "other").await, "0", "{name}");
    }
    assert_eq!(count("tag:Name", "x").await, "InvalidParameterException");
}

/// An update without a name keeps the name. Protocols cannot change directly from Do53 to DoH.
async fn an_update_keeps_absent_parameters(aws: &Target) {
    let network = aws.network().await;
    let id = made(aws, &network).await;
    operational(aws, &id).await;
    let update = || aws.resolver.update_resolver_endpoint().resolver_endpoint_id(&id);
    assert_eq!(code(update().protocols(Protocol::Doh).send().await), "InvalidRequestException");
    let answer = update().protocols(Protocol::Do53).protocols(Protocol::Doh).send().await.unwrap();
    let endpoint = answer.resolver_endpoint.unwrap();
    assert_eq!(endpoint.name(), Some("mgnet-tokyo"));
    assert_eq!(endpoint.protocols().len(), 2);
    operational(aws, &id).await;
    assert_eq!(update().name("other").send().await.unwrap().resolver_endpoint.unwrap().name(), Some("other"));
}

/// Tags are not part of the list.
async fn tags_are_read_and_changed_by_arn(aws: &Target) {
    let network = aws.network().await;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let created = create(aws, &network, "request").tags(tag("a", "1")).send().await.unwrap();
    let endpoint = created.resolver_endpoint.unwrap();
    let arn = endpoint.arn().unwrap();
    aws.resolver.tag_resource().resource_arn(arn).tags(tag("b", "2")).send().await.unwrap();
    aws.resolver.untag_resource().resource_arn(arn).tag_keys("a").send().await.unwrap();
    let answer = aws.resolver.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    let own: Vec<_> = answer.tags().iter().filter(|tag| tag.key() != TAG).cloned().collect();
    assert_eq!(own, [tag("b", "2")]);
    let reserved = aws.resolver.tag_resource().resource_arn(arn).tags(tag("aws:x", "2")).send().await;
    assert_eq!(code(reserved), "InvalidTagException");
    let id = endpoint.id().unwrap();
    let other = arn.replace(id, "rslvr-in-00000000000000000");
    let other = aws.resolver.list_tags_for_resource().resource_arn(other).send().await;
    assert_eq!(code(other), "ResourceNotFoundException");
}
