//! Forms of answers that cloud-custodian (`tests/data/placebo`) and LocalStack (`tests/aws/services`) recorded from AWS.

use aws_sdk_ec2::types::{GatewayType, VpcEndpointType, VpcState};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};

use crate::support::{Aws, code, message};

/// Source: DescribeVpcEndpoints, cloud-custodian, 2018 to 2026. The text of an interface endpoint has several lines.
#[tokio::test]
async fn the_default_policy_depends_on_the_endpoint_type() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let (gateway, interface) = (aws.s3_gateway(&network).await, aws.interface_endpoint(&network, "ec2").await);
    let policy = async |id: &str| aws.endpoint(id).await.policy_document.unwrap();
    let of_gateway =
        r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;
    assert_eq!(policy(&gateway).await, of_gateway);
    let of_interface = policy(&interface).await;
    assert!(
        of_interface.starts_with("{\n  \"Statement\": [\n    {\n      \"Action\": \"*\",\n")
            && !of_interface.contains("Version")
    );

    let own = r#"{ "Statement": [{"Action": "*", "Resource": "*", "Principal": {"AWS": "*"}, "Effect": "Deny"}] }"#;
    aws.advance(60);
    for id in [&gateway, &interface] {
        aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).policy_document(own).send().await.unwrap();
    }
    let rewritten = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}]}"#;
    assert_eq!((policy(&gateway).await, policy(&interface).await), (rewritten.to_owned(), own.to_owned()));
    aws.advance(60);
    for (id, default) in [(&gateway, of_gateway), (&interface, &of_interface)] {
        aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).reset_policy(true).send().await.unwrap();
        assert_eq!(policy(id).await, default);
    }
}

/// Source: DescribeVpcEndpoints and DescribeVpcEndpointServices, cloud-custodian, 2026.
#[tokio::test]
async fn a_service_without_private_names_and_policies_has_the_default_policy_and_no_names_without_subnets() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let name = aws.service("apprunner.requests");
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(&name).send().await.unwrap();
    let detail = &services.service_details()[0];
    assert_eq!(detail.base_endpoint_dns_names(), ["requests.apprunner.ap-northeast-1.vpce.amazonaws.com"]);
    assert_eq!((detail.private_dns_name(), detail.private_dns_name_verification_state()), (None, None));
    assert_eq!(detail.vpc_endpoint_policy_supported(), Some(false));
    let create = || {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(&name);
        call.vpc_endpoint_type(VpcEndpointType::Interface)
    };
    let endpoint = create().send().await.unwrap().vpc_endpoint.unwrap();
    assert!(endpoint.policy_document().unwrap().contains("Allow"));
    assert_eq!((endpoint.private_dns_enabled(), endpoint.dns_entries().len()), (Some(false), 0));
    assert_eq!(code(create().policy_document("{\"Statement\":[]}").send().await), "InvalidParameter");
    assert_eq!(code(create().private_dns_enabled(true).send().await), "InvalidParameter");
}

/// Source: DescribeVpcEndpointServices, cloud-custodian, 2026.
#[tokio::test]
async fn s3_is_named_twice_and_has_six_private_names() {
    let aws = Aws::start().await;
    let found = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("s3")).send().await.unwrap();
    assert_eq!(found.service_names(), [aws.service("s3"), aws.service("s3")]);
    let with_names = found.service_details().iter().find(|one| one.private_dns_name().is_some()).unwrap();
    assert_eq!(with_names.private_dns_name(), Some("*.s3.ap-northeast-1.amazonaws.com"));
    assert_eq!(with_names.private_dns_names().len(), 6);
    let kinds: Vec<&str> = with_names
        .supported_ip_address_types()
        .iter()
        .map(aws_sdk_ec2::types::ServiceConnectivityType::as_str)
        .collect();
    assert_eq!(kinds, ["ipv6", "ipv4"]);
}

/// Source: DescribeVpcEndpoints, cloud-custodian, 2026.
#[tokio::test]
async fn without_private_dns_an_s3_interface_endpoint_has_no_inbound_only_option() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    aws.s3_gateway(&network).await;
    let create = |private_dns| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("s3"));
        call.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(private_dns).send()
    };
    for (private_dns, expected) in [(false, None), (true, Some(true))] {
        let endpoint = create(private_dns).await.unwrap().vpc_endpoint.unwrap();
        let options = endpoint.dns_options().unwrap();
        assert_eq!(options.private_dns_only_for_inbound_resolver_endpoint(), expected);
    }
}

/// Source: DescribeNetworkInterfaces, cloud-custodian, 2016 to 2025.
#[tokio::test]
async fn an_interface_has_a_private_name_if_its_vpc_has_host_names() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    aws.interface_endpoint(&network, "ec2").await;
    let read = async || {
        let found = aws.ec2.describe_network_interfaces().send().await.unwrap();
        let interface = found.network_interfaces()[0].clone();
        assert_eq!(interface.requester_id(), interface.owner_id());
        assert_eq!(interface.operator().and_then(aws_sdk_ec2::types::OperatorResponse::managed), Some(false));
        let address = interface.private_ip_address().unwrap().replace('.', "-");
        (interface.private_dns_name, format!("ip-{address}.ap-northeast-1.compute.internal"))
    };
    let (name, expected) = read().await;
    assert_eq!(name, Some(expected));
    aws.dns_hostnames(&network.vpc, false).await;
    assert_eq!(read().await.0, None);
}

/// Source: CreateVpc (2025-05), CreateSecurityGroup (2025-05), CreateVpnGateway (2024-06), LocalStack; DescribeSubnets,
/// cloud-custodian, up to 2026.
#[tokio::test]
async fn answers_about_new_resources_have_fields_of_their_own() {
    let aws = Aws::start().await;
    let vpc = aws.ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.unwrap().vpc.unwrap();
    assert_eq!(
        (vpc.state(), vpc.ipv6_cidr_block_association_set.as_deref()),
        (Some(&VpcState::Pending), Some(&[][..]))
    );
    let vpc = vpc.vpc_id.unwrap();
    let listed = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap().vpcs.unwrap().remove(0);
    assert_eq!((listed.state(), listed.ipv6_cidr_block_association_set.as_deref()), (Some(&VpcState::Available), None));
    let group = aws.ec2.create_security_group().vpc_id(&vpc).group_name("g").description("d").send().await.unwrap();
    assert_eq!(group.tags, None);
    let gateway = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.unwrap().vpn_gateway.unwrap();
    assert_eq!((gateway.tags, gateway.amazon_side_asn), (None, Some(64_512)));
    let listed = aws.ec2.describe_vpn_gateways().send().await.unwrap().vpn_gateways.unwrap().remove(0);
    assert_eq!(listed.tags.as_deref(), Some(&[][..]));
    aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    let subnet = aws.ec2.describe_subnets().send().await.unwrap().subnets.unwrap().remove(0);
    let names = subnet.private_dns_name_options_on_launch().unwrap();
    assert_eq!(names.hostname_type().map(aws_sdk_ec2::types::HostnameType::as_str), Some("ip-name"));
    assert_eq!(names.enable_resource_name_dns_aaaa_record(), Some(false));
    assert_eq!((subnet.enable_dns64(), subnet.map_customer_owned_ip_on_launch()), (Some(false), Some(false)));
    assert_eq!(subnet.ipv6_cidr_block_association_set.as_deref(), Some(&[][..]));
}

/// Source: AssumeRole, LocalStack, 2025-07.
#[tokio::test]
async fn a_validation_error_of_sts_contains_the_value() {
    let aws = Aws::start().await;
    let call = aws.sts.assume_role().role_arn("arn:aws:iam::222222222222:role/mgnet").role_session_name("a:2");
    let expected = "1 validation error detected: Value 'a:2' at 'roleSessionName' failed to satisfy constraint: Member must \
                    satisfy regular expression pattern: [\\w+=,.@-]*";
    assert_eq!(message(call.send().await), expected);
}

/// Source: CreateResolverEndpoint, LocalStack, 2023-09.
#[tokio::test]
async fn a_malformed_group_has_its_own_resolver_error() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let addresses = network.subnets.iter().map(|subnet| IpAddressRequest::builder().subnet_id(subnet).build().unwrap());
    let create = || {
        let call = aws.resolver.create_resolver_endpoint().creator_request_id("a").security_group_ids("group-1");
        call.direction(ResolverEndpointDirection::Inbound).set_ip_addresses(Some(addresses.clone().collect())).send()
    };
    assert_eq!(code(create().await), "InvalidParameterException");
    let expected = r#"[RSLVR-00408] Malformed security group ID: "Invalid id: "group-1" (expecting "sg-...")"."#;
    assert_eq!(message(create().await), expected);
}
