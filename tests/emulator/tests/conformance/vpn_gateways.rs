//! Virtual private gateways and their attachments.

use aws_sdk_ec2::types::{AttachmentStatus, GatewayType, ResourceType, VpnGateway, VpnState};

use crate::support::{Aws, code, filter, message, tags};

async fn create(aws: &Aws) -> String {
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.expect("a gateway");
    made.vpn_gateway.and_then(|gateway| gateway.vpn_gateway_id).expect("an id")
}

async fn gateway(aws: &Aws, id: &str) -> VpnGateway {
    let found = aws.ec2.describe_vpn_gateways().vpn_gateway_ids(id).send().await.expect("the gateway");
    found.vpn_gateways.and_then(|mut gateways| gateways.pop()).expect("one gateway")
}

/// Returns the VPC and the state of each attachment.
async fn attachments(aws: &Aws, id: &str) -> Vec<(String, String)> {
    let gateway = gateway(aws, id).await;
    let shown = gateway.vpc_attachments().iter().map(|attachment| {
        let state = attachment.state().map_or("", AttachmentStatus::as_str);
        (attachment.vpc_id().unwrap_or_default().to_owned(), state.to_owned())
    });
    shown.collect()
}

/// Source: EC2 API Reference, CreateVpnGateway, AttachVpnGateway, DetachVpnGateway; hashicorp/terraform pull request 6987 (a
/// detached VPC stays listed).
#[tokio::test]
async fn a_gateway_is_attached_and_detached_over_time() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(&aws).await;
    let made = gateway(&aws, &id).await;
    assert_eq!((made.state(), made.amazon_side_asn()), (Some(&VpnState::Available), Some(64_512)));
    assert!(attachments(&aws, &id).await.is_empty());

    let answer = aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    assert_eq!(answer.vpc_attachment.unwrap().state, Some(AttachmentStatus::Attaching));
    let in_state = |state: &str| vec![(vpc.clone(), state.to_owned())];
    assert_eq!(attachments(&aws, &id).await, in_state("attaching"));
    aws.advance(15);
    assert_eq!(attachments(&aws, &id).await, in_state("attached"));

    let detach = || aws.ec2.detach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send();
    detach().await.unwrap();
    assert_eq!(attachments(&aws, &id).await, in_state("detaching"));
    aws.advance(15);
    assert_eq!(attachments(&aws, &id).await, in_state("detached"));
    assert_eq!(code(detach().await), "InvalidVpnGatewayAttachment.NotFound");
}

/// Source: EC2 API Reference, "Error codes"; cloudposse/terraform-aws-vpn-connection issue 22.
#[tokio::test]
async fn a_gateway_has_one_vpc_and_a_vpc_has_one_gateway() {
    let aws = Aws::start().await;
    let (vpc, other_vpc) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.30.0.0/16").await);
    let (id, other) = (create(&aws).await, create(&aws).await);
    let attach = |id: &str, vpc: &str| aws.ec2.attach_vpn_gateway().vpn_gateway_id(id).vpc_id(vpc).send();
    attach(&id, &vpc).await.unwrap();
    let taken = attach(&other, &vpc).await;
    assert!(message(taken).contains("currently attached to the Virtual Private Gateway"));
    assert_eq!(code(attach(&other, &vpc).await), "InvalidVpcState");
    assert_eq!(code(attach(&id, &other_vpc).await), "VpnGatewayAttachmentLimitExceeded");
    assert_eq!(code(attach(&other, "vpc-00000000000000000").await), "InvalidVpcID.NotFound");
    assert_eq!(code(attach("vgw-00000000000000000", &other_vpc).await), "InvalidVpnGatewayID.NotFound");
    let elsewhere = aws.ec2.detach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&other_vpc).send().await;
    assert_eq!(code(elsewhere), "InvalidVpnGatewayAttachment.NotFound");
    assert_eq!(code(attach(&other, &other_vpc).await), "ok");
}

/// Source: hashicorp/terraform-provider-aws pull request 5831 (the gateway); gruntwork-io/cloud-nuke pull request 1022 (the VPC);
/// EC2 API Reference, "Error codes" (`InvalidVpnGatewayState`).
#[tokio::test]
async fn an_attached_gateway_and_its_vpc_cannot_be_deleted() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(&aws).await;
    let delete = || aws.ec2.delete_vpn_gateway().vpn_gateway_id(&id).send();
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    aws.advance(15);
    assert_eq!(code(delete().await), "IncorrectState");
    assert_eq!(code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await), "DependencyViolation");
    aws.ec2.detach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    assert_eq!(code(delete().await), "IncorrectState", "still detaching");
    assert_eq!(code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await), "DependencyViolation", "still detaching");
    aws.advance(15);
    assert_eq!(code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await), "ok");
    delete().await.unwrap();
    assert_eq!(gateway(&aws, &id).await.state(), Some(&VpnState::Deleted));
    assert_eq!(code(delete().await), "InvalidVpnGatewayState");
    aws.advance(60);
    assert_eq!(code(delete().await), "InvalidVpnGatewayID.NotFound");
}

/// Source: AWS Site-to-Site VPN User Guide, "Quotas": 5 per Region; EC2 API Reference, CreateVpnGateway (the ASNs).
#[tokio::test]
async fn invalid_gateways_are_rejected() {
    let aws = Aws::start().await;
    let with = |asn: i64| aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).amazon_side_asn(asn).send();
    for (asn, expected) in [
        (64_511, "InvalidParameterValue"),
        (64_512, "ok"),
        (65_534, "ok"),
        (65_535, "InvalidParameterValue"),
        (4_199_999_999, "InvalidParameterValue"),
        (4_200_000_000, "ok"),
        (4_294_967_294, "ok"),
        (4_294_967_295, "InvalidParameterValue"),
    ] {
        assert_eq!(code(with(asn).await), expected, "{asn}");
    }
    let other_type = aws.ec2.create_vpn_gateway().r#type(GatewayType::from("ipsec.2")).send().await;
    assert_eq!(code(other_type), "InvalidParameterValue");
    let last = create(&aws).await;
    assert_eq!(code(with(64_512).await), "VpnGatewayLimitExceeded");
    aws.ec2.delete_vpn_gateway().vpn_gateway_id(last).send().await.unwrap();
    assert_eq!(code(with(64_512).await), "ok", "a deleted one does not count");
}

/// Source: aws-sdk-ec2, `DescribeVpnGatewaysInput::filters`.
#[tokio::test]
async fn gateways_are_filtered_by_vpc_state_and_tags() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let set = tags(ResourceType::VpnGateway, &[("Name", "datacentre")]);
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).tag_specifications(set).send().await.unwrap();
    let id = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    create(&aws).await;
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    let by_new_tag = aws_sdk_ec2::types::Tag::builder().key("owner").value("network").build();
    aws.ec2.create_tags().resources(&id).tags(by_new_tag).send().await.unwrap();
    for (name, value) in [
        ("attachment.vpc-id", vpc.as_str()),
        ("attachment.state", "attaching"),
        ("tag:Name", "datacentre"),
        ("tag:owner", "network"),
        ("vpn-gateway-id", &id),
    ] {
        let found = aws.ec2.describe_vpn_gateways().filters(filter(name, value)).send().await.unwrap();
        let ids: Vec<_> = found.vpn_gateways().iter().filter_map(VpnGateway::vpn_gateway_id).collect();
        assert_eq!(ids, [id.as_str()], "{name}");
    }
    for (name, value) in [("state", "available"), ("type", "ipsec.1"), ("amazon-side-asn", "64512")] {
        let found = aws.ec2.describe_vpn_gateways().filters(filter(name, value)).send().await.unwrap();
        assert_eq!(found.vpn_gateways().len(), 2, "{name}");
    }
}
