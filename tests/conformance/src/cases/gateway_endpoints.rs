//! Gateway endpoints and their routes.

use crate::{
    answers::{code, state_of},
    case::{Basis::Source, Case, InAccount::Cheap, case},
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_gateway_is_available_immediately_and_has_a_route_in_its_tables,
        Source(
            "EC2 API Reference, CreateVpcEndpoint, example 1 (`available` in the answer); AWS PrivateLink guide, \"Gateway \
             endpoints\""
        ),
        "a network, a gateway endpoint",
        Cheap
    ),
    case!(
        a_table_has_one_gateway_per_service,
        Source("EC2 API Reference, \"Error codes\" (`RouteAlreadyExists`), and eksctl-io/eksctl issue 2510"),
        "a network, two gateway endpoints",
        Cheap
    ),
    case!(
        routes_follow_the_tables_of_the_gateway,
        Source("EC2 API Reference, ModifyVpcEndpoint"),
        "a network, a route table, a gateway endpoint",
        Cheap
    ),
];

async fn routed_tables(aws: &Target, endpoint: &str) -> Vec<String> {
    let by_gateway = filter("route.gateway-id", endpoint);
    let found = aws.ec2.describe_route_tables().filters(by_gateway).send().await.unwrap();
    found.route_tables().iter().filter_map(|table| table.route_table_id().map(ToOwned::to_owned)).collect()
}

/// There is a route to the prefix list of the service in each route table.
async fn a_gateway_is_available_immediately_and_has_a_route_in_its_tables(aws: &Target) {
    let network = aws.network().await;
    let id = aws.s3_gateway(&network).await;
    let endpoint = aws.endpoint(&id).await;
    assert_eq!(state_of(&endpoint), "available");
    assert_eq!(endpoint.private_dns_enabled(), Some(false));
    assert!(endpoint.dns_entries().is_empty() && endpoint.network_interface_ids().is_empty());
    aws.reaches("the tables with a route", vec![network.route_table.clone()], async || routed_tables(aws, &id).await)
        .await;
    let tables = aws.ec2.describe_route_tables().route_table_ids(&network.route_table).send().await.unwrap();
    let route = tables.route_tables()[0].routes().iter().find(|route| route.gateway_id() == Some(&id)).unwrap();
    assert!(route.destination_prefix_list_id().unwrap().starts_with("pl-"));
}

async fn a_table_has_one_gateway_per_service(aws: &Target) {
    let network = aws.network().await;
    let first = aws.s3_gateway(&network).await;
    let second = || {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("s3"));
        call.route_table_ids(&network.route_table).send()
    };
    assert_eq!(code(second().await), "RouteAlreadyExists");
    aws.delete_endpoints(&[&first]).await;
    assert_eq!(code(second().await), "ok", "the call removes the routes");
}

async fn routes_follow_the_tables_of_the_gateway(aws: &Target) {
    let network = aws.network().await;
    let id = aws.s3_gateway(&network).await;
    let other = aws.route_table(&network.vpc).await;
    let call = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).add_route_table_ids(&other);
    call.remove_route_table_ids(&network.route_table).send().await.unwrap();
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
    let routed = async || routed_tables(aws, &id).await;
    aws.reaches("the tables with a route", vec![other], routed).await;
    aws.delete_endpoints(&[&id]).await;
    aws.reaches("the tables with a route", Vec::new(), routed).await;
}
