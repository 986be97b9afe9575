//! Creates, modifies and deletes the inbound Resolver endpoint.

use aws_sdk_route53resolver::types::{
    IpAddressRequest, IpAddressUpdate, Protocol, ResolverEndpointDirection, ResolverEndpointStatus,
    ResolverEndpointType, Tag,
};

use super::{backend::Backend, landing::Landing, report::Report};

/// Creates the Resolver endpoint, changes it, and returns its ID.
pub(crate) async fn scenario(backend: &Backend, landing: &Landing, group: &str, report: &mut Report) -> String {
    let create = |subnets: &[String]| {
        let addresses = subnets.iter().map(|id| IpAddressRequest::builder().subnet_id(id).build().expect("a request"));
        let call = backend.resolver.create_resolver_endpoint().creator_request_id("one").name("mgnet-1");
        let call = call.direction(ResolverEndpointDirection::Inbound).security_group_ids(group);
        let call = call.resolver_endpoint_type(ResolverEndpointType::Ipv4).protocols(Protocol::Do53);
        let tag = Tag::builder().key("owner").value("me").build().expect("a tag");
        call.set_ip_addresses(Some(addresses.collect())).tags(tag)
    };
    report.call("a resolver with one address", create(&landing.subnets[..1]).send().await);
    let created = create(&landing.subnets).send().await.expect("a Resolver endpoint");
    let created = created.resolver_endpoint().expect("a Resolver endpoint");
    let (id, arn) = (created.id().expect("an id").to_owned(), created.arn().expect("an ARN").to_owned());
    report.record("a new resolver", created.status().map(ResolverEndpointStatus::as_str));
    report.call("the same request of a resolver again", create(&landing.subnets).send().await);
    backend.wait();

    let get = || backend.resolver.get_resolver_endpoint().resolver_endpoint_id(&id).send();
    let got = get().await.expect("an answer");
    let got = got.resolver_endpoint().expect("the endpoint");
    report.record("a resolver after a while", got.status().map(ResolverEndpointStatus::as_str));
    report.record("protocols of a resolver", got.protocols().iter().map(Protocol::as_str).collect::<Vec<_>>());
    report.record("the type of a resolver", got.resolver_endpoint_type().map(ResolverEndpointType::as_str));
    report.record("a resolver names its VPC", got.host_vpc_id() == Some(&landing.vpc));
    let by_vpc = aws_sdk_route53resolver::types::Filter::builder().name("HostVPCId").values(&landing.vpc).build();
    let listed = backend.resolver.list_resolver_endpoints().filters(by_vpc).send().await.expect("an answer");
    report.record("resolvers of the VPC", listed.resolver_endpoints().len());
    let tags = backend.resolver.list_tags_for_resource().resource_arn(&arn).send().await.expect("an answer");
    report.record("tags of a resolver", tags.tags().len());
    addresses(backend, landing, &id, report).await;
    id
}

async fn addresses(backend: &Backend, landing: &Landing, id: &str, report: &mut Report) {
    let listed = || async {
        let call = backend.resolver.list_resolver_endpoint_ip_addresses().resolver_endpoint_id(id);
        call.send().await.expect("an answer").ip_addresses.unwrap_or_default()
    };
    let before = listed().await;
    report.record("addresses of a resolver", before.len());
    let inside = |ip: &str| ip.starts_with("10.20.1.") || ip.starts_with("10.20.2.");
    report.record(
        "the addresses of a resolver are in the subnets",
        before.iter().all(|address| address.ip().is_some_and(inside)),
    );
    let disassociate = |update: IpAddressUpdate| {
        backend.resolver.disassociate_resolver_endpoint_ip_address().resolver_endpoint_id(id).ip_address(update).send()
    };
    let associate = |update: IpAddressUpdate| {
        backend.resolver.associate_resolver_endpoint_ip_address().resolver_endpoint_id(id).ip_address(update).send()
    };
    let outside = IpAddressUpdate::builder().subnet_id(&landing.third).ip("10.99.0.9").build();
    report.call("an address outside of its subnet", associate(outside).await);
    let third = IpAddressUpdate::builder().subnet_id(&landing.third).build();
    let added = report.call("a third address", associate(third).await).expect("an answer");
    let status = added.resolver_endpoint().and_then(|endpoint| endpoint.status());
    report.record("a resolver while an address is added", status.map(ResolverEndpointStatus::as_str));
    backend.wait();
    report.record("addresses after one is added", listed().await.len());
    let first = before[0].ip_id().expect("an id");
    report.call("an address is removed by its ID", disassociate(IpAddressUpdate::builder().ip_id(first).build()).await);
    backend.wait();
    report.record("addresses after one is removed by its ID", listed().await.len());
}

/// Deletes the Resolver endpoint.
pub(crate) async fn delete(backend: &Backend, id: &str, report: &mut Report) {
    let delete = || backend.resolver.delete_resolver_endpoint().resolver_endpoint_id(id).send();
    let answer = report.call("a resolver is deleted", delete().await).expect("an answer");
    let status = answer.resolver_endpoint().and_then(|endpoint| endpoint.status());
    report.record("a resolver that is being deleted", status.map(ResolverEndpointStatus::as_str));
    backend.wait();
    report.call("a deleted resolver is deleted again", delete().await);
}
