//! The routes in the state of the world, which tests read.

use aws_sdk_ec2::types::GatewayType;

use crate::support::Aws;

#[tokio::test]
async fn the_state_of_the_world_shows_routes_as_ec2_does() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.unwrap();
    let gateway = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&gateway).vpc_id(&network.vpc).send().await.unwrap();
    aws.advance(15);
    let call = aws.ec2.create_route().route_table_id(&network.route_table).gateway_id(&gateway);
    call.destination_cidr_block("192.168.0.0/16").send().await.unwrap();
    let shown = async || {
        let call = aws.ec2.describe_route_tables().route_table_ids(&network.route_table);
        let table = call.send().await.unwrap().route_tables.unwrap().remove(0);
        let told = table.routes().iter().find(|route| route.gateway_id() == Some(&gateway)).unwrap().state().cloned();
        let state = aws.state();
        let tables = state.route_tables.iter().filter(|table| table.id.to_string() == network.route_table);
        let route = tables.flat_map(|table| &table.routes).find(|route| route.target == gateway).unwrap();
        assert_eq!(told.as_ref().map(aws_sdk_ec2::types::RouteState::as_str), Some(route.state));
        route.state
    };
    assert_eq!(shown().await, "active");
    aws.ec2.detach_vpn_gateway().vpn_gateway_id(&gateway).vpc_id(&network.vpc).send().await.unwrap();
    aws.advance(15);
    assert_eq!(shown().await, "blackhole");
}
