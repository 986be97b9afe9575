//! Virtual private gateways and their attachments.

use aws_sdk_ec2::types::{AttachmentStatus, GatewayType, ResourceType, Tag, VpnGateway, VpnState};

use crate::{
    answers::{code, message},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cannot, Slow},
        case,
    },
    network::{filter, tags},
    ownership::TAG,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_gateway_is_attached_and_detached_over_time,
        Source(
            "EC2 API Reference, CreateVpnGateway, AttachVpnGateway, DetachVpnGateway; hashicorp/terraform pull request 6987 (a \
             detached VPC stays listed)"
        ),
        "a VPC, a virtual private gateway",
        Slow(Charge::NONE)
    ),
    case!(
        a_gateway_has_one_vpc_and_a_vpc_has_one_gateway,
        Source("EC2 API Reference, \"Error codes\"; cloudposse/terraform-aws-vpn-connection issue 22"),
        "two VPCs, two virtual private gateways",
        Slow(Charge::NONE)
    ),
    case!(
        an_attached_gateway_and_its_vpc_cannot_be_deleted,
        Assumed(
            "hashicorp/terraform-provider-aws pull request 5831; gruntwork-io/cloud-nuke pull request 1022; that a deleted \
             gateway is `InvalidVpnGatewayState` is assumed"
        ),
        "a VPC, a virtual private gateway",
        Slow(Charge::NONE)
    ),
    case!(
        invalid_gateways_are_rejected,
        Assumed(
            "AWS Site-to-Site VPN User Guide, \"Quotas\"; EC2 API Reference, CreateVpnGateway (the ASNs); the codes are assumed"
        ),
        "five virtual private gateways",
        Cannot("it needs the whole quota of virtual private gateways")
    ),
    case!(
        gateways_are_filtered_by_vpc_state_and_tags,
        Source("aws-sdk-ec2, `DescribeVpnGatewaysInput::filters`"),
        "a VPC, two virtual private gateways",
        Slow(Charge::NONE)
    ),
];

async fn create(aws: &Target) -> String {
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).send().await.expect("a gateway");
    made.vpn_gateway.and_then(|gateway| gateway.vpn_gateway_id).expect("an id")
}

/// Creates a gateway that is attached to a VPC.
pub(super) async fn attached_gateway(aws: &Target, vpc: &str) -> String {
    let id = create(aws).await;
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(vpc).send().await.unwrap();
    has_attachment(aws, &id, vpc, "attached").await;
    id
}

/// Detaches a gateway, and waits for the end.
pub(super) async fn detach(aws: &Target, id: &str, vpc: &str) {
    aws.ec2.detach_vpn_gateway().vpn_gateway_id(id).vpc_id(vpc).send().await.unwrap();
    has_attachment(aws, id, vpc, "detached").await;
}

async fn has_attachment(aws: &Target, id: &str, vpc: &str, state: &str) {
    let expected = vec![(vpc.to_owned(), state.to_owned())];
    aws.reaches("the attachments", expected, async || attachments(aws, id).await).await;
}

async fn gateway(aws: &Target, id: &str) -> VpnGateway {
    let found = aws.ec2.describe_vpn_gateways().vpn_gateway_ids(id).send().await.expect("the gateway");
    found.vpn_gateways.and_then(|mut gateways| gateways.pop()).expect("one gateway")
}

/// Returns the VPC and the state of each attachment.
async fn attachments(aws: &Target, id: &str) -> Vec<(String, String)> {
    let gateway = gateway(aws, id).await;
    let shown = gateway.vpc_attachments().iter().map(|attachment| {
        let state = attachment.state().map_or("", AttachmentStatus::as_str);
        (attachment.vpc_id().unwrap_or_default().to_owned(), state.to_owned())
    });
    shown.collect()
}

async fn a_gateway_is_attached_and_detached_over_time(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(aws).await;
    let made = gateway(aws, &id).await;
    assert_eq!((made.state(), made.amazon_side_asn()), (Some(&VpnState::Available), Some(64_512)));
    assert!(attachments(aws, &id).await.is_empty());

    let answer = aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    assert_eq!(answer.vpc_attachment.unwrap().state, Some(AttachmentStatus::Attaching));
    assert_eq!(attachments(aws, &id).await, [(vpc.clone(), "attaching".to_owned())]);
    has_attachment(aws, &id, &vpc, "attached").await;

    let detach = || aws.ec2.detach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send();
    detach().await.unwrap();
    assert_eq!(attachments(aws, &id).await, [(vpc.clone(), "detaching".to_owned())]);
    has_attachment(aws, &id, &vpc, "detached").await;
    assert_eq!(code(detach().await), "InvalidVpnGatewayAttachment.NotFound");
}

async fn a_gateway_has_one_vpc_and_a_vpc_has_one_gateway(aws: &Target) {
    let (vpc, other_vpc) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.30.0.0/16").await);
    let (id, other) = (create(aws).await, create(aws).await);
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
    has_attachment(aws, &id, &vpc, "attached").await;
    has_attachment(aws, &other, &other_vpc, "attached").await;
}

async fn an_attached_gateway_and_its_vpc_cannot_be_deleted(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = attached_gateway(aws, &vpc).await;
    let delete = || aws.ec2.delete_vpn_gateway().vpn_gateway_id(&id).send();
    let delete_vpc = async || code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await);
    assert_eq!(code(delete().await), "IncorrectState");
    assert_eq!(delete_vpc().await, "DependencyViolation");
    aws.ec2.detach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    assert_eq!(code(delete().await), "IncorrectState", "still detaching");
    assert_eq!(delete_vpc().await, "DependencyViolation", "still detaching");
    has_attachment(aws, &id, &vpc, "detached").await;
    aws.reaches("the deletion of the VPC", "ok".to_owned(), delete_vpc).await;
    delete().await.unwrap();
    assert_eq!(gateway(aws, &id).await.state(), Some(&VpnState::Deleted));
    assert_eq!(code(delete().await), "InvalidVpnGatewayState");
    let again = async || code(delete().await);
    aws.reaches("another deletion", "InvalidVpnGatewayID.NotFound".to_owned(), again).await;
}

async fn invalid_gateways_are_rejected(aws: &Target) {
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
    let last = create(aws).await;
    assert_eq!(code(with(64_512).await), "VpnGatewayLimitExceeded");
    aws.ec2.delete_vpn_gateway().vpn_gateway_id(last).send().await.unwrap();
    assert_eq!(code(with(64_512).await), "ok", "a deleted one does not count");
}

async fn gateways_are_filtered_by_vpc_state_and_tags(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let set = tags(ResourceType::VpnGateway, &[("Name", "datacentre")]);
    let made = aws.ec2.create_vpn_gateway().r#type(GatewayType::Ipsec1).tag_specifications(set).send().await.unwrap();
    let id = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    create(aws).await;
    aws.ec2.attach_vpn_gateway().vpn_gateway_id(&id).vpc_id(&vpc).send().await.unwrap();
    let by_new_tag = Tag::builder().key("owner").value("network").build();
    aws.ec2.create_tags().resources(&id).tags(by_new_tag).send().await.unwrap();
    let found = async |name: &str, value: &str| -> Vec<String> {
        // Other gateways of the account must not count.
        let filters = [filter(name, value), filter(&format!("tag:{TAG}"), aws.run.name())];
        let found = aws.ec2.describe_vpn_gateways().set_filters(Some(filters.to_vec())).send().await.unwrap();
        let live = found.vpn_gateways().iter().filter(|gateway| gateway.state() != Some(&VpnState::Deleted));
        live.filter_map(|gateway| gateway.vpn_gateway_id.clone()).collect()
    };
    for (name, value) in [
        ("attachment.vpc-id", vpc.as_str()),
        ("attachment.state", "attaching"),
        ("tag:Name", "datacentre"),
        ("tag:owner", "network"),
        ("vpn-gateway-id", &id),
    ] {
        assert_eq!(found(name, value).await, [id.as_str()], "{name}");
    }
    for (name, value) in [("state", "available"), ("type", "ipsec.1"), ("amazon-side-asn", "64512")] {
        assert_eq!(found(name, value).await.len(), 2, "{name}");
    }
}
