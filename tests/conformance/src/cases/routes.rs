//! Custom routes, and the propagation of virtual private gateways.

use aws_sdk_ec2::types::{Route, RouteOrigin, RouteState, RouteTable};

use super::vpn_gateways::{attached_gateway, detach};
use crate::{
    answers::{Rejections, code, message},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::Slow,
        case,
    },
    network::{Network, filter},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_route_to_a_gateway_is_listed_filtered_and_deleted,
        Source(
            "EC2 API Reference, CreateRoute (host bits are cleared) and DeleteRoute, \"Error codes\"; aws-sdk-ec2, `Route`"
        ),
        "a network, a virtual private gateway",
        Slow(Charge::NONE)
    ),
    case!(
        a_route_is_a_blackhole_without_its_target,
        Source("aws-sdk-ec2, `Route::state`"),
        "a network, a virtual private gateway, a network interface",
        Slow(Charge::NONE)
    ),
    case!(
        routes_within_the_vpc_need_an_interface_and_a_whole_subnet,
        Assumed(
            "VPC User Guide, \"Route tables\"; hashicorp/terraform-provider-aws issues 13896 and 23866, and `vpc_route.go`; two \
             of the codes are assumed"
        ),
        "a network, a virtual private gateway, a network interface",
        Slow(Charge::NONE)
    ),
    case!(
        invalid_routes_are_rejected_and_change_nothing,
        Assumed(
            "EC2 API Reference, CreateRoute and \"Error codes\"; smoketurner/serverless-vpc-plugin issue 147, saltstack/salt \
             issue 38791, devopsacademyau/academy pull request 906; the codes of ASSUMPTIONS.md are assumed"
        ),
        "two networks, a virtual private gateway, a network interface",
        Slow(Charge::NONE)
    ),
    case!(
        a_gateway_propagates_into_tables_of_its_vpc,
        Source(
            "EC2 API Reference, EnableVgwRoutePropagation; hashicorp/terraform-provider-aws, `vpc_route_table.go` \
             (`Gateway.NotAttached`)"
        ),
        "a network, a virtual private gateway",
        Slow(Charge::NONE)
    ),
];

const ON_PREMISES: &str = "192.168.0.0/16";

/// A network with an attached gateway.
struct Scene<'t> {
    aws: &'t Target,
    network: Network,
    gateway: String,
}

async fn scene(aws: &Target) -> Scene<'_> {
    let network = aws.network().await;
    let gateway = attached_gateway(aws, &network.vpc).await;
    Scene { aws, network, gateway }
}

impl Scene<'_> {
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

    /// Waits until a route has a state.
    async fn is(&self, destination: &str, expected: RouteState) {
        let read = async || self.route(destination).await.and_then(|route| route.state);
        self.aws.reaches(destination, Some(expected), read).await;
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

async fn a_route_to_a_gateway_is_listed_filtered_and_deleted(aws: &Target) {
    let scene = scene(aws).await;
    assert_eq!(scene.to_gateway("192.168.7.1/16").await, "ok");
    scene.is(ON_PREMISES, RouteState::Active).await;
    let route = scene.route(ON_PREMISES).await.expect("the route in its canonical form");
    assert_eq!(route.gateway_id(), Some(scene.gateway.as_str()));
    assert_eq!(route.origin(), Some(&RouteOrigin::CreateRoute));
    for (name, value) in [("route.destination-cidr-block", ON_PREMISES), ("route.gateway-id", &scene.gateway)] {
        let filters = [filter(name, value), filter("vpc-id", &scene.network.vpc)];
        let found = aws.ec2.describe_route_tables().set_filters(Some(filters.to_vec())).send().await.unwrap();
        let ids: Vec<_> = found.route_tables().iter().filter_map(RouteTable::route_table_id).collect();
        assert_eq!(ids, [scene.network.route_table.as_str()], "{name}");
    }
    assert_eq!(scene.to_gateway(ON_PREMISES).await, "RouteAlreadyExists");
    assert_eq!(scene.delete(ON_PREMISES).await, "ok");
    aws.reaches("the route", None, async || scene.route(ON_PREMISES).await).await;
    assert_eq!(scene.delete(ON_PREMISES).await, "InvalidRoute.NotFound");
}

async fn a_route_is_a_blackhole_without_its_target(aws: &Target) {
    let scene = scene(aws).await;
    let interface = scene.interface(&scene.network.subnets[0]).await;
    assert_eq!(scene.to_gateway(ON_PREMISES).await, "ok");
    assert_eq!(scene.to_interface("172.16.0.0/12", &interface).await, "ok");
    let shown = scene.route("172.16.0.0/12").await.expect("the route");
    assert_eq!((shown.network_interface_id(), shown.gateway_id()), (Some(interface.as_str()), None));
    scene.is(ON_PREMISES, RouteState::Active).await;
    aws.ec2.delete_network_interface().network_interface_id(interface).send().await.unwrap();
    scene.is("172.16.0.0/12", RouteState::Blackhole).await;
    scene.is(ON_PREMISES, RouteState::Active).await;
    detach(aws, &scene.gateway, &scene.network.vpc).await;
    scene.is(ON_PREMISES, RouteState::Blackhole).await;
    let filters = [filter("route.state", "blackhole"), filter("vpc-id", &scene.network.vpc)];
    let found = aws.ec2.describe_route_tables().set_filters(Some(filters.to_vec())).send().await.unwrap();
    assert_eq!(found.route_tables().len(), 1);
    let deleted = aws.ec2.delete_route_table().route_table_id(&scene.network.route_table).send().await;
    assert_eq!(code(deleted), "ok", "routes do not prevent the deletion of their table");
}

/// A route can be more specific than the local route.
async fn routes_within_the_vpc_need_an_interface_and_a_whole_subnet(aws: &Target) {
    let scene = scene(aws).await;
    let interface = scene.interface(&scene.network.subnets[0]).await;
    assert_eq!(scene.to_gateway("10.20.0.0/16").await, "InvalidParameterValue");
    assert_eq!(scene.to_gateway("10.20.1.0/24").await, "InvalidParameterValue");
    assert_eq!(scene.to_interface("10.20.0.0/16", &interface).await, "RouteAlreadyExists");
    assert_eq!(scene.to_interface("10.20.1.0/25", &interface).await, "InvalidParameterValue");
    assert_eq!(scene.to_interface("10.20.1.0/24", &interface).await, "ok");
    assert_eq!(scene.to_gateway("10.0.0.0/8").await, "ok", "less specific than the local route");
    assert_eq!(scene.delete("10.20.0.0/16").await, "InvalidParameterValue", "the local route");
}

async fn invalid_routes_are_rejected_and_change_nothing(aws: &Target) {
    let scene = scene(aws).await;
    let table = &scene.network.route_table;
    let other_vpc = aws.vpc("10.30.0.0/16").await;
    let other_table = aws.route_table(&other_vpc).await;
    let other_interface = scene.interface(&aws.subnet(&other_vpc, "10.30.0.0/24", 0).await).await;
    let before = aws.state();
    let call = |table: &str| aws.ec2.create_route().route_table_id(table).destination_cidr_block(ON_PREMISES);
    let mut rejections = Rejections::default();
    for (what, expected, call) in [
        ("an unknown table", "InvalidRouteTableID.NotFound", call("rtb-00000000000000000").gateway_id(&scene.gateway)),
        ("an unknown gateway", "InvalidGatewayID.NotFound", call(table).gateway_id("vgw-00000000000000000")),
        ("a NAT gateway", "InvalidGatewayID.NotFound", call(table).gateway_id("nat-00000000000000000")),
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
        rejections.expect(what, expected, &code(call.send().await));
    }
    assert_eq!(aws.state(), before);
    rejections.check();
    let text = message(call(&other_table).gateway_id(&scene.gateway).send().await);
    assert!(text.contains("belong to different networks"), "{text}");
}

async fn a_gateway_propagates_into_tables_of_its_vpc(aws: &Target) {
    let scene = scene(aws).await;
    assert_eq!(scene.propagate().await, "ok");
    let propagating = async || scene.propagating().await;
    aws.reaches("the gateways", vec![scene.gateway.clone()], propagating).await;
    let routes = scene.table().await.routes().len();
    assert_eq!(routes, 1, "the gateway propagates no routes, so only the local route exists");
    let call = aws.ec2.disable_vgw_route_propagation().route_table_id(&scene.network.route_table);
    call.gateway_id(&scene.gateway).send().await.unwrap();
    aws.reaches("the gateways", Vec::new(), propagating).await;
    assert_eq!(scene.propagate().await, "ok");
    detach(aws, &scene.gateway, &scene.network.vpc).await;
    aws.reaches("the gateways", Vec::new(), propagating).await;
    assert_eq!(scene.propagate().await, "Gateway.NotAttached");
}
