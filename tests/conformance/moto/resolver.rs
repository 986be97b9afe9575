//! The inbound Resolver endpoint.

use aws_sdk_route53resolver::types::{
    IpAddressRequest, IpAddressUpdate, Protocol, ResolverEndpointDirection, ResolverEndpointStatus,
    ResolverEndpointType, Tag,
};

use super::{landing::Landing, place::Place, report::Report};

/// Makes it, changes it, and gives its id.
pub(crate) async fn scenario(place: &Place, landing: &Landing, group: &str, report: &mut Report) -> String {
    let create = |subnets: &[String]| {
        let addresses = subnets.iter().map(|id| IpAddressRequest::builder().subnet_id(id).build().expect("a request"));
        let call = place.resolver.create_resolver_endpoint().creator_request_id("one").name("mgnet-1");
        let call = call.direction(ResolverEndpointDirection::Inbound).security_group_ids(group);
        let call = call.resolver_endpoint_type(ResolverEndpointType::Ipv4).protocols(Protocol::Do53);
        let tag = Tag::builder().key("owner").value("me").build().expect("a tag");
        call.set_ip_addresses(Some(addresses.collect())).tags(tag)
    };
    report.call("a resolver with one address", create(&landing.subnets[..1]).send().await);
    let made = create(&landing.subnets).send().await.expect("a Resolver endpoint");
    let made = made.resolver_endpoint().expect("a Resolver endpoint");
    let (id, arn) = (made.id().expect("an id").to_owned(), made.arn().expect("an ARN").to_owned());
    report.see("a new resolver", made.status().map(ResolverEndpointStatus::as_str));
    report.call("the same request of a resolver again", create(&landing.subnets).send().await);
    place.wait();

    let get = || place.resolver.get_resolver_endpoint().resolver_endpoint_id(&id).send();
    let got = get().await.expect("an answer");
    let got = got.resolver_endpoint().expect("the endpoint");
    report.see("a resolver after a while", got.status().map(ResolverEndpointStatus::as_str));
    report.see("protocols of a resolver", got.protocols().iter().map(Protocol::as_str).collect::<Vec<_>>());
    report.see("the type of a resolver", got.resolver_endpoint_type().map(ResolverEndpointType::as_str));
    report.see("a resolver knows its VPC", got.host_vpc_id() == Some(&landing.vpc));
    let by_vpc = aws_sdk_route53resolver::types::Filter::builder().name("HostVPCId").values(&landing.vpc).build();
    let listed = place.resolver.list_resolver_endpoints().filters(by_vpc).send().await.expect("an answer");
    report.see("resolvers of the VPC", listed.resolver_endpoints().len());
    let tags = place.resolver.list_tags_for_resource().resource_arn(&arn).send().await.expect("an answer");
    report.see("tags of a resolver", tags.tags().len());
    addresses(place, landing, &id, report).await;
    id
}

async fn addresses(place: &Place, landing: &Landing, id: &str, report: &mut Report) {
    let listed = || async {
        let call = place.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id);
        call.send().await.expect("an answer").ip_addresses.unwrap_or_default()
    };
    let before = listed().await;
    report.see("addresses of a resolver", before.len());
    let inside = |ip: &str| ip.starts_with("10.20.1.") || ip.starts_with("10.20.2.");
    report.see("they are in the subnets", before.iter().all(|address| address.ip().is_some_and(inside)));
    let disassociate = |update: IpAddressUpdate| {
        place.resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(id).ip_address(update).send()
    };
    let associate = |update: IpAddressUpdate| {
        place.resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(id).ip_address(update).send()
    };
    let outside = IpAddressUpdate::builder().subnet_id(&landing.third).ip("10.99.0.9").build();
    report.call("an address outside of its subnet", associate(outside).await);
    let third = IpAddressUpdate::builder().subnet_id(&landing.third).build();
    let added = report.call("a third address", associate(third).await).expect("an answer");
    let status = added.resolver_endpoint().and_then(|endpoint| endpoint.status());
    report.see("a resolver that gets an address", status.map(ResolverEndpointStatus::as_str));
    place.wait();
    report.see("addresses after that", listed().await.len());
    let first = before[0].ip_id().expect("an id");
    report.call("an address is removed by its id", disassociate(IpAddressUpdate::builder().ip_id(first).build()).await);
    place.wait();
    report.see("addresses after that removal", listed().await.len());
}

/// Deletes it.
pub(crate) async fn deleted(place: &Place, id: &str, report: &mut Report) {
    let delete = || place.resolver.delete_resolver_endpoint().resolver_endpoint_id(id).send();
    let answer = report.call("a resolver is deleted", delete().await).expect("an answer");
    let status = answer.resolver_endpoint().and_then(|endpoint| endpoint.status());
    report.see("a resolver that goes", status.map(ResolverEndpointStatus::as_str));
    place.wait();
    report.call("a resolver is deleted that is gone", delete().await);
}
