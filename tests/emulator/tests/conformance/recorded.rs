//! Forms of answers about resources without tags that cloud-custodian (`tests/data/placebo`) and LocalStack (`tests/aws/services`) recorded from AWS.

use aws_sdk_ec2::types::{GatewayType, VpcState};

use crate::support::Aws;

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
