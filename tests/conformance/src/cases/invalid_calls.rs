//! Thirty-two calls that AWS rejects, but that all or nearly all public emulators accept.
//!
//! A case sets up one scene and makes its calls there. After each call, the world must be unchanged, if the target can
//! tell.

use aws_sdk_ec2::{
    operation::modify_vpc_endpoint::builders::ModifyVpcEndpointFluentBuilder,
    types::{IpAddressType, IpPermission, ResourceType, UserIdGroupPair, VpcEndpointType},
};

use crate::{
    answers::{Rejections, code},
    case::{Basis::Assumed, Case, Charge, InAccount::Slow, case},
    network::{CreateEndpoint, Network, fixed, inbound_only, tags},
    target::Target,
};

const SOURCES: &str = "EC2 API Reference, the page of each action and \"Error codes\", for the rules; the codes of ASSUMPTIONS.md are assumed";

pub(super) const CASES: &[Case] = &[
    case!(
        invalid_endpoints_are_rejected,
        Assumed(SOURCES),
        "two networks, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        invalid_changes_are_rejected,
        Assumed(SOURCES),
        "two networks, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        invalid_deletions_are_rejected,
        Assumed(SOURCES),
        "two networks, a gateway endpoint, an interface endpoint, a network interface",
        Slow(Charge::endpoints(2))
    ),
];

/// The world in which the calls are made.
struct Scene<'t> {
    aws: &'t Target,
    network: Network,
    /// A VPC without the DNS attributes, with its own subnet, group and route table.
    other: Network,
    mgn: String,
    gateway: String,
    /// A second subnet in the zone of the first.
    twin: String,
    rejections: Rejections,
}

const UNKNOWN_SUBNET: &str = "subnet-00000000000000000";
const UNKNOWN_GROUP: &str = "sg-00000000000000000";

async fn scene(aws: &Target) -> Scene<'_> {
    let network = aws.network().await;
    let vpc = aws.vpc("10.30.0.0/16").await;
    let other = Network {
        subnets: vec![aws.subnet(&vpc, "10.30.0.0/24", 0).await],
        group: aws.group(&vpc, "endpoints").await,
        route_table: aws.route_table(&vpc).await,
        vpc,
    };
    let mgn = aws.interface_endpoint(&network, "mgn").await;
    let gateway = aws.s3_gateway(&network).await;
    let twin = aws.subnet(&network.vpc, "10.20.9.0/24", 0).await;
    aws.available(&mgn).await;
    Scene { aws, network, other, mgn, gateway, twin, rejections: Rejections::default() }
}

impl Scene<'_> {
    /// Returns a valid call: an interface endpoint in the first subnet.
    fn interface(&self, service: &str) -> CreateEndpoint {
        let call = self.aws.new_interface(&self.network, service);
        call.security_group_ids(&self.network.group).private_dns_enabled(false)
    }

    /// Returns a valid call: an interface endpoint with private DNS in the other VPC, but for its DNS attributes.
    fn elsewhere(&self, service: &str) -> CreateEndpoint {
        let call = self.aws.new_interface(&self.other, service);
        call.security_group_ids(&self.other.group).private_dns_enabled(true)
    }

    /// Returns a valid call: a gateway endpoint without route tables.
    fn gateway(&self) -> CreateEndpoint {
        let call = self.aws.ec2.create_vpc_endpoint().vpc_id(&self.network.vpc).service_name(self.aws.service("s3"));
        call.vpc_endpoint_type(VpcEndpointType::Gateway)
    }

    fn modify(&self, id: &str) -> ModifyVpcEndpointFluentBuilder {
        self.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id)
    }

    /// Makes a call, which must be rejected with this code and change nothing.
    async fn refuses(&mut self, what: &str, expected: &str, call: impl Future<Output = String>) {
        let before = self.aws.state();
        self.rejections.expect(what, expected, &call.await);
        assert_eq!(self.aws.state(), before, "{what} changed something");
    }
}

/// Calls that create an endpoint: 20 of the 32.
async fn invalid_endpoints_are_rejected(aws: &Target) {
    let mut scene = scene(aws).await;
    let calls = invalid_endpoints(&scene);
    assert_eq!(calls.len(), 20);
    for (what, expected, call) in calls {
        scene.refuses(what, expected, async { code(call.send().await) }).await;
    }
    scene.rejections.check();
}

fn invalid_endpoints(scene: &Scene<'_>) -> Vec<(&'static str, &'static str, CreateEndpoint)> {
    let (network, other) = (&scene.network, &scene.other);
    let call = || scene.interface("ec2");
    let inbound_only = inbound_only(true);
    vec![
        ("C06 private DNS twice for a service", "InvalidParameter", scene.interface("mgn").private_dns_enabled(true)),
        (
            "C07 S3 inbound-only private DNS without a gateway in the VPC",
            "InvalidParameter",
            scene.elsewhere("s3").dns_options(inbound_only.clone()),
        ),
        (
            "C08 a gateway of an interface-only service",
            "InvalidParameter",
            scene.gateway().service_name(scene.aws.service("mgn")),
        ),
        ("C09 an unknown VPC", "InvalidVpcID.NotFound", call().vpc_id("vpc-00000000000000000")),
        ("C10 an unknown subnet", "InvalidSubnetID.NotFound", call().subnet_ids(UNKNOWN_SUBNET)),
        ("C11 an unknown group", "InvalidGroup.NotFound", call().security_group_ids(UNKNOWN_GROUP)),
        ("C12 two subnets in one zone", "DuplicateSubnetsInSameZone", call().subnet_ids(&scene.twin)),
        ("C13 a subnet of another VPC", "InvalidParameter", call().subnet_ids(&other.subnets[0])),
        (
            "C14 an unknown route table",
            "InvalidRouteTableID.NotFound",
            scene.gateway().route_table_ids("rtb-00000000000000000"),
        ),
        ("C15 a group of another VPC", "InvalidParameter", call().security_group_ids(&other.group)),
        ("C16 a route table of another VPC", "InvalidParameter", scene.gateway().route_table_ids(&other.route_table)),
        ("C17 a table that has the route", "RouteAlreadyExists", scene.gateway().route_table_ids(&network.route_table)),
        ("C18 private DNS without the DNS attributes", "InvalidParameter", scene.elsewhere("ec2")),
        ("C19 a policy that is no JSON", "InvalidPolicyDocument", call().policy_document("{")),
        ("C20 an unknown service", "InvalidServiceName", scene.interface("nonsense")),
        ("C21 dualstack in IPv4 subnets", "InvalidParameter", call().ip_address_type(IpAddressType::Dualstack)),
        (
            "C23 a reserved tag key",
            "InvalidParameterValue",
            call().tag_specifications(tags(ResourceType::VpcEndpoint, &[("aws:mine", "x")])),
        ),
        (
            "C28 route tables for an interface endpoint",
            "InvalidParameter",
            call().route_table_ids(&network.route_table),
        ),
        (
            "C29 inbound-only for a service without a gateway",
            "InvalidParameter",
            call().private_dns_enabled(true).dns_options(inbound_only),
        ),
        (
            "C30 a fixed address outside the subnet",
            "InvalidParameterValue",
            call().subnet_configurations(fixed(&network.subnets[0], "10.99.0.1")),
        ),
    ]
}

/// Calls that modify an endpoint: 7 of the 32.
async fn invalid_changes_are_rejected(aws: &Target) {
    let mut scene = scene(aws).await;
    let (network, other) = (&scene.network, &scene.other);
    let cases: [(&str, &str, ModifyVpcEndpointFluentBuilder); 7] = [
        (
            "E09 an unknown endpoint",
            "InvalidVpcEndpointId.NotFound",
            scene.modify("vpce-00000000000000000").private_dns_enabled(false),
        ),
        (
            "E10 the last group is removed",
            "InvalidParameter",
            scene.modify(&scene.mgn).remove_security_group_ids(&network.group),
        ),
        (
            "E11 an unknown group is added",
            "InvalidGroup.NotFound",
            scene.modify(&scene.mgn).add_security_group_ids(UNKNOWN_GROUP),
        ),
        (
            "E12 a second subnet of a zone is added",
            "DuplicateSubnetsInSameZone",
            scene.modify(&scene.mgn).add_subnet_ids(&scene.twin),
        ),
        (
            "E13 a subnet of another VPC is added",
            "InvalidParameter",
            scene.modify(&scene.mgn).add_subnet_ids(&other.subnets[0]),
        ),
        (
            "E14 a gateway gets a table that has the route",
            "RouteAlreadyExists",
            scene.modify(&scene.gateway).add_route_table_ids(&network.route_table),
        ),
        (
            "E15 the last subnet is removed",
            "InvalidParameter",
            scene.modify(&scene.mgn).set_remove_subnet_ids(Some(network.subnets.clone())),
        ),
    ];
    for (what, expected, call) in cases {
        scene.refuses(what, expected, async { code(call.send().await) }).await;
    }
    scene.rejections.check();
}

/// Calls that delete resources in use: 5 of the 32.
async fn invalid_deletions_are_rejected(aws: &Target) {
    let mut scene = scene(aws).await;
    let (vpc, endpoints) = (scene.network.vpc.clone(), scene.network.group.clone());
    let subnets = scene.network.subnets.clone();
    let group = |id: &str| {
        let call = aws.ec2.delete_security_group().group_id(id);
        async { code(call.send().await) }
    };
    scene.refuses("F18 a group of an endpoint", "DependencyViolation", group(&endpoints)).await;

    let of_interface = aws.group(&vpc, "of an interface").await;
    let call = aws.ec2.create_network_interface().subnet_id(&subnets[0]).groups(&of_interface);
    call.send().await.unwrap();
    scene.refuses("F19 a group of an interface", "DependencyViolation", group(&of_interface)).await;

    let of_rule = aws.group(&vpc, "of a rule").await;
    let pair = UserIdGroupPair::builder().group_id(&of_rule).build();
    let from_it = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair).build();
    let call = aws.ec2.authorize_security_group_ingress().group_id(&endpoints).ip_permissions(from_it);
    call.send().await.unwrap();
    scene.refuses("F20 a group that a rule names", "DependencyViolation", group(&of_rule)).await;

    let default = aws.default_group(&vpc).await;
    scene.refuses("F21 the default group", "CannotDelete", group(&default)).await;

    let call = aws.ec2.delete_subnet().subnet_id(&subnets[1]);
    scene.refuses("F29 a subnet of an endpoint", "DependencyViolation", async { code(call.send().await) }).await;
    scene.rejections.check();
}
