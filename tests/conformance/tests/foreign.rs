//! What others have in the account: resources that no run may change, and that no case may take for its own.

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{GatewayType, NewDhcpConfiguration, VpcEndpointType};
use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};

/// Creates one resource of most kinds, with the same names and address ranges as the cases use. Returns the ID of the VPC.
pub(crate) async fn create(config: &SdkConfig, region: &str) -> String {
    let ec2 = aws_sdk_ec2::Client::new(config);
    let vpc = ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.expect("a VPC");
    let vpc = vpc.vpc.and_then(|vpc| vpc.vpc_id).expect("an id");
    let on = aws_sdk_ec2::types::AttributeBooleanValue::builder().value(true).build();
    ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_hostnames(on).send().await.expect("DNS host names");
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.20.0.0/24", "a"), ("10.20.1.0/24", "c")] {
        let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(format!("{region}{zone}"));
        let subnet = call.send().await.expect("a subnet").subnet.and_then(|subnet| subnet.subnet_id);
        subnets.push(subnet.expect("an id"));
    }
    let group = ec2.create_security_group().vpc_id(&vpc).group_name("endpoints").description("of others");
    let group = group.send().await.expect("a group").group_id.expect("an id");
    let table = ec2.create_route_table().vpc_id(&vpc).send().await.expect("a route table").route_table;
    let table = table.and_then(|table| table.route_table_id).expect("an id");
    ec2.create_network_interface().subnet_id(&subnets[0]).send().await.expect("an interface");
    ec2.create_network_acl().vpc_id(&vpc).send().await.expect("an ACL");
    let servers = NewDhcpConfiguration::builder().key("domain-name-servers").values("10.0.0.2").build();
    ec2.create_dhcp_options().dhcp_configurations(servers).send().await.expect("a set");
    let gateway = ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.expect("a gateway").vpn_gateway;
    let gateway = gateway.and_then(|gateway| gateway.vpn_gateway_id).expect("an id");
    ec2.attach_vpn_gateway().vpn_gateway_id(gateway).vpc_id(&vpc).send().await.expect("an attachment");
    let list = ec2.create_managed_prefix_list().prefix_list_name("premises").address_family("IPv4").max_entries(5);
    list.send().await.expect("a prefix list");
    let endpoint = |service: &str, kind: VpcEndpointType| {
        let service = format!("com.amazonaws.{region}.{service}");
        ec2.create_vpc_endpoint().vpc_id(&vpc).service_name(service).vpc_endpoint_type(kind)
    };
    endpoint("s3", VpcEndpointType::Gateway).route_table_ids(table).send().await.expect("a gateway endpoint");
    let interface = endpoint("mgn", VpcEndpointType::Interface).subnet_ids(&subnets[0]).security_group_ids(&group);
    interface.send().await.expect("an interface endpoint");
    create_names(config, region, &vpc, &subnets, &group).await;
    vpc
}

/// Creates the Resolver endpoint and the hosted zone.
async fn create_names(config: &SdkConfig, region: &str, vpc: &str, subnets: &[String], group: &str) {
    let addresses = subnets.iter().map(|id| IpAddressRequest::builder().subnet_id(id).build().expect("a request"));
    let resolver = aws_sdk_route53resolver::Client::new(config).create_resolver_endpoint().creator_request_id("theirs");
    let resolver = resolver.name("mgnet-tokyo").direction(ResolverEndpointDirection::Inbound).security_group_ids(group);
    resolver.set_ip_addresses(Some(addresses.collect())).send().await.expect("a Resolver endpoint");
    let place = Vpc::builder().vpc_region(VpcRegion::from(region)).vpc_id(vpc).build();
    let private = HostedZoneConfig::builder().private_zone(true).build();
    let zone =
        aws_sdk_route53::Client::new(config).create_hosted_zone().name("corp.example").caller_reference("theirs");
    zone.vpc(place).hosted_zone_config(private).send().await.expect("a zone");
}
