//! Custom routes, and the propagation of virtual private gateways.

use aws_sdk_ec2::types::{GatewayType, Route, RouteOrigin, RouteState, RouteTable};

use crate::support::{Aws, Network, code, filter, message};

const ON_PREMISES: &str = "192.168.0.0/16";

/// A network with an attached gateway.
struct Scene {
    aws: Aws,
    network: Network,
    gateway: String,
}

async fn scene() -> Scene {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.unwrap();
    let gateway = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&gateway).vpc_id(&network.vpc).send().await.unwrap();
    aws.advance(15);
    Scene { aws, network, gateway }
}

impl Scene {
    async fn to_gateway(&self, destination: &str) -> String {
        let call = self.aws.ec2.create_route().route_table_id(&self.network.route_table);
        code(call.destination_cidr_block(destination).gateway_id(&self.gateway).send().await)
    }

    async fn to_interface(&self, destination: &str, interface: &str) -> String {
        let call = self.aws.ec2.create_route().route_table_id(&self.network.route_table);
        code(call.destination_cidr_block(destination).network_interface_id(interface).send().await)
    }

    async fn delete(&self, destination: &str) -> String {
        let call = self.aws.ec2.delete_route().route_table_id(&self.network.route_table);
        code(call.destination_cidr_block(destination).send().await)
    }

    async fn interface(&self, subnet: &str) -> String {
        let made = self.aws.ec2.create_network_interface().subnet_id(subnet).send().await.unwrap();
        made.network_interface.unwrap().network_interface_id.unwrap()
    }

    async fn table(&self) -> RouteTable {
        let call = self.aws.ec2.describe_route_tables().route_table_ids(&self.network.route_table);
        call.send().await.unwrap().route_tables.unwrap().remove(0)
    }

    async fn route(&self, destination: &str) -> Option<Route> {
        let table = self.table().await;
        table.routes().iter().find(|route| route.destination_cidr_block() == Some(destination)).cloned()
    }

    /// Returns the state of the route in the EC2 answer; the state of the world must be equal.
    async fn state(&self, destination: &str) -> RouteState {
        let state = self.route(destination).await.and_then(|route| route.state).expect("a route with a state");
        let world = self.aws.state();
        let routes = world.route_tables.iter().filter(|table| table.id.to_string() == self.network.route_table);
        let told = routes.flat_map(|table| &table.routes).find(|route| route.destination == destination);
        assert_eq!(told.map(|route| route.state), Some(state.as_str()));
        state
    }

    async fn detach(&self) {
        let call = self.aws.ec2.detach_vpn_gateway().vpn_gateway_id(&self.gateway).vpc_id(&self.network.vpc);
        call.send().await.unwrap();
        self.aws.advance(15);
    }

    async fn propagate(&self) -> String {
        let call = self.aws.ec2.enable_vgw_route_propagation().route_table_id(&self.network.route_table);
        code(call.gateway_id(&self.gateway).send().await)
    }

    async fn propagating(&self) -> Vec<String> {
        let table = self.table().await;
        table.propagating_vgws().iter().filter_map(|vgw| vgw.gateway_id().map(ToOwned::to_owned)).collect()
    }
}

/// Source: EC2 API Reference, CreateRoute (host bits are cleared) and DeleteRoute, "Error codes"; aws-sdk-ec2, `Route`.
#[tokio::test]
async fn a_route_to_a_gateway_is_listed_filtered_and_deleted() {
    let scene = scene().await;
    assert_eq!(scene.to_gateway("192.168.7.1/16").await, "ok");
    let route = scene.route(ON_PREMISES).await.expect("the route in its canonical form");
    assert_eq!(route.gateway_id(), Some(scene.gateway.as_str()));
    assert_eq!(route.origin(), Some(&RouteOrigin::CreateRoute));
    assert_eq!(scene.state(ON_PREMISES).await, RouteState::Active);
    for (name, value) in [("route.destination-cidr-block", ON_PREMISES), ("route.gateway-id", &scene.gateway)] {
        let found = scene.aws.ec2.describe_route_tables().filters(filter(name, value)).send().await.unwrap();
        let ids: Vec<_> = found.route_tables().iter().filter_map(RouteTable::route_table_id).collect();
        assert_eq!(ids, [scene.network.route_table.as_str()], "{name}");
    }
    assert_eq!(scene.to_gateway(ON_PREMISES).await, "RouteAlreadyExists");
    assert_eq!(scene.delete(ON_PREMISES).await, "ok");
    assert_eq!(scene.route(ON_PREMISES).await, None);
    assert_eq!(scene.delete(ON_PREMISES).await, "InvalidRoute.NotFound");
}

/// Source: aws-sdk-ec2, `Route::state`.
#[tokio::test]
async fn a_route_is_a_blackhole_without_its_target() {
    let scene = scene().await;
    let interface = scene.interface(&scene.network.subnets[0]).await;
    assert_eq!(scene.to_gateway(ON_PREMISES).await, "ok");
    assert_eq!(scene.to_interface("172.16.0.0/12", &interface).await, "ok");
    let shown = scene.route("172.16.0.0/12").await.expect("the route");
    assert_eq!((shown.network_interface_id(), shown.gateway_id()), (Some(interface.as_str()), None));
    assert_eq!(scene.state("172.16.0.0/12").await, RouteState::Active);
    scene.aws.ec2.delete_network_interface().network_interface_id(interface).send().await.unwrap();
    assert_eq!(scene.state("172.16.0.0/12").await, RouteState::Blackhole);
    assert_eq!(scene.state(ON_PREMISES).await, RouteState::Active);
    scene.detach().await;
    assert_eq!(scene.state(ON_PREMISES).await, RouteState::Blackhole);
    let by_state = filter("route.state", "blackhole");
    assert_eq!(scene.aws.ec2.describe_route_tables().filters(by_state).send().await.unwrap().route_tables().len(), 1);
    let table = &scene.network.route_table;
    let deleted = scene.aws.ec2.delete_route_table().route_table_id(table).send().await;
    assert_eq!(code(deleted), "ok", "routes do not prevent the deletion of their table");
}

/// Source: VPC User Guide, "Route tables" (more specific than the local route); hashicorp/terraform-provider-aws issues 13896
/// and 23866, and `vpc_route.go` (local routes).
#[tokio::test]
async fn routes_within_the_vpc_need_an_interface_and_a_whole_subnet() {
    let scene = scene().await;
    let interface = scene.interface(&scene.network.subnets[0]).await;
    assert_eq!(scene.to_gateway("10.20.0.0/16").await, "InvalidParameterValue");
    assert_eq!(scene.to_gateway("10.20.1.0/24").await, "InvalidParameterValue");
    assert_eq!(scene.to_interface("10.20.0.0/16", &interface).await, "RouteAlreadyExists");
    assert_eq!(scene.to_interface("10.20.1.0/25", &interface).await, "InvalidParameterValue");
    assert_eq!(scene.to_interface("10.20.1.0/24", &interface).await, "ok");
    assert_eq!(scene.to_gateway("10.0.0.0/8").await, "ok", "less specific than the local route");
    assert_eq!(scene.delete("10.20.0.0/16").await, "InvalidParameterValue", "the local route");
}

/// Source: EC2 API Reference, CreateRoute and "Error codes"; smoketurner/serverless-vpc-plugin issue 147 and saltstack/salt issue
/// 38791 (targets of another VPC); devopsacademyau/academy pull request 906 (a NAT gateway as a gateway).
#[tokio::test]
async fn invalid_routes_are_rejected_and_change_nothing() {
    let scene = scene().await;
    let (aws, table) = (&scene.aws, &scene.network.route_table);
    let other_vpc = aws.vpc("10.30.0.0/16").await;
    let other_table = aws.route_table(&other_vpc).await;
    let other_interface = scene.interface(&aws.subnet(&other_vpc, "10.30.0.0/24", "a").await).await;
    let before = aws.state();
    let call = |table: &str| aws.ec2.create_route().route_table_id(table).destination_cidr_block(ON_PREMISES);
    for (case, expected, call) in [
        ("an unknown table", "InvalidRouteTableID.NotFound", call("rtb-00000000000000000").gateway_id(&scene.gateway)),
        ("an unknown gateway", "InvalidGatewayID.NotFound", call(table).gateway_id("vgw-00000000000000000")),
        ("a NAT gateway", "InvalidGatewayID.NotFound", call(table).gateway_id("nat-0b08ff466280436f1")),
        ("a gateway elsewhere", "InvalidParameterValue", call(&other_table).gateway_id(&scene.gateway)),
        ("an interface elsewhere", "InvalidParameterValue", call(table).network_interface_id(&other_interface)),
        (
            "an unknown interface",
            "InvalidNetworkInterfaceID.NotFound",
            call(table).network_interface_id("eni-00000000000000000"),
        ),
        ("no target", "MissingParameter", call(table)),
        (
            "two targets",
            "InvalidParameterCombination",
            call(table).gateway_id(&scene.gateway).network_interface_id(&other_interface),
        ),
        (
            "no block",
            "InvalidParameterValue",
            call(table).gateway_id(&scene.gateway).destination_cidr_block("192.168.0.0/33"),
        ),
    ] {
        assert_eq!(code(call.send().await), expected, "{case}");
    }
    assert_eq!(aws.state(), before);
    let text = message(call(&other_table).gateway_id(&scene.gateway).send().await);
    assert!(text.contains("belong to different networks"), "{text}");
}

/// Source: EC2 API Reference, EnableVgwRoutePropagation; hashicorp/terraform-provider-aws, `vpc_route_table.go`
/// (`Gateway.NotAttached`).
#[tokio::test]
async fn a_gateway_propagates_into_tables_of_its_vpc() {
    let scene = scene().await;
    assert_eq!(scene.propagate().await, "ok");
    assert_eq!(scene.propagating().await, [scene.gateway.as_str()]);
    let routes = scene.table().await.routes().len();
    assert_eq!(routes, 1, "the gateway propagates no routes, so only the local route exists");
    let call = scene.aws.ec2.disable_vgw_route_propagation().route_table_id(&scene.network.route_table);
    call.gateway_id(&scene.gateway).send().await.unwrap();
    assert!(scene.propagating().await.is_empty());
    assert_eq!(scene.propagate().await, "ok");
    scene.detach().await;
    assert!(scene.propagating().await.is_empty());
    assert_eq!(scene.propagate().await, "Gateway.NotAttached");
}
