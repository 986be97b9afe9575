//! Private DNS: its requirements, its conflicts, and the special case of S3.

use aws_sdk_ec2::types::VpcEndpointType;

use crate::{
    answers::{code, message, state_of},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::{CreateEndpoint, Network, endpoint_id, inbound_only},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_second_endpoint_of_a_service_cannot_have_private_dns,
        Source("hashicorp/terraform-provider-aws issue 17535, which quotes the text of AWS"),
        "a network, two interface endpoints",
        Slow(Charge::endpoints(3))
    ),
    case!(
        inbound_only_private_dns_of_s3_requires_the_gateway,
        Source(
            "S3 User Guide, \"AWS PrivateLink for Amazon S3\"; hashicorp/terraform-provider-aws issue 33689, which quotes the \
             text of AWS"
        ),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        the_gateway_cannot_be_deleted_before_the_s3_interface,
        Source("S3 User Guide, \"AWS PrivateLink for Amazon S3\""),
        "a network, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        inbound_only_can_be_turned_off_and_on,
        Source(
            "S3 User Guide, \"AWS PrivateLink for Amazon S3\"; hashicorp/terraform-provider-aws issue 33689 (enabling private \
             DNS without DNS options restores the default)"
        ),
        "a network, a gateway endpoint, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        gateways_reject_inbound_only,
        Source("hashicorp/terraform-provider-aws issue 45846, which quotes the text of AWS"),
        "a network",
        Cheap
    ),
    case!(
        private_dns_requires_both_dns_attributes,
        Source("EC2 API Reference, CreateVpcEndpoint, PrivateDnsEnabled"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        private_dns_of_a_service_with_both_types_requires_the_gateway,
        Assumed(
            "AWS PrivateLink Guide, \"Services that integrate with AWS PrivateLink\": DynamoDB has gateway and interface \
             endpoints; that private DNS depends on the gateway endpoint, as for S3, is assumed"
        ),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
];

fn s3(aws: &Target, network: &Network) -> CreateEndpoint {
    aws.new_interface(network, "s3").private_dns_enabled(true)
}

async fn a_second_endpoint_of_a_service_cannot_have_private_dns(aws: &Target) {
    let network = aws.network().await;
    aws.interface_endpoint(&network, "mgn").await;
    let create = |private_dns| aws.new_interface(&network, "mgn").private_dns_enabled(private_dns);
    let expected = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {}",
        aws.host("mgn"),
        network.vpc
    );
    assert_eq!(code(create(true).send().await), "InvalidParameter");
    assert_eq!(message(create(true).send().await), expected);
    let other = endpoint_id(create(false)).await;
    aws.available(&other).await;
    let turn_on = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(other).private_dns_enabled(true).send().await;
    assert_eq!(message(turn_on), expected);
}

/// Inbound-only is the default and requires a gateway endpoint.
async fn inbound_only_private_dns_of_s3_requires_the_gateway(aws: &Target) {
    let network = aws.network().await;
    let expected = format!(
        "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {} must have a Gateway endpoint for the service.",
        network.vpc
    );
    assert_eq!(message(s3(aws, &network).send().await), expected);
    assert_eq!(message(s3(aws, &network).dns_options(inbound_only(true)).send().await), expected);
    assert_eq!(code(s3(aws, &network).dns_options(inbound_only(false)).send().await), "ok");
}

/// An absent value means true, and the gateway endpoint must then be kept.
async fn the_gateway_cannot_be_deleted_before_the_s3_interface(aws: &Target) {
    let network = aws.network().await;
    let gateway = aws.s3_gateway(&network).await;
    let endpoint = s3(aws, &network).send().await.unwrap().vpc_endpoint.unwrap();
    let options = endpoint.dns_options().unwrap();
    assert_eq!(options.private_dns_only_for_inbound_resolver_endpoint(), Some(true));
    assert_eq!(aws.delete_endpoints(&[&gateway]).await, [(gateway.clone(), "InvalidParameter".to_owned())]);
    assert_eq!(state_of(&aws.endpoint(&gateway).await), "available");
    let interface = endpoint.vpc_endpoint_id.unwrap();
    aws.available(&interface).await;
    assert_eq!(aws.delete_endpoints(&[&interface, &gateway]).await, []);
}

/// The gateway endpoint can be deleted once inbound-only is turned off.
async fn inbound_only_can_be_turned_off_and_on(aws: &Target) {
    let network = aws.network().await;
    let gateway = aws.s3_gateway(&network).await;
    let id = endpoint_id(s3(aws, &network)).await;
    aws.available(&id).await;
    let modify = || aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id);
    modify().private_dns_enabled(true).dns_options(inbound_only(false)).send().await.unwrap();
    assert_eq!(aws.delete_endpoints(&[&gateway]).await, []);
    aws.deleted(&gateway).await;
    aws.available(&id).await;
    assert_eq!(code(modify().dns_options(inbound_only(true)).send().await), "InvalidParameter");
    modify().private_dns_enabled(false).send().await.unwrap();
    aws.available(&id).await;
    assert_eq!(code(modify().private_dns_enabled(true).send().await), "InvalidParameter");
    let explicit = modify().private_dns_enabled(true).dns_options(inbound_only(false)).send().await;
    assert_eq!(code(explicit), "ok");
}

async fn gateways_reject_inbound_only(aws: &Target) {
    let network = aws.network().await;
    let call = s3(aws, &network).vpc_endpoint_type(VpcEndpointType::Gateway).set_subnet_ids(None);
    let outcome = call.set_private_dns_enabled(None).dns_options(inbound_only(false)).send().await;
    assert_eq!(
        message(outcome),
        "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints."
    );
}

async fn private_dns_requires_both_dns_attributes(aws: &Target) {
    let network = aws.network().await;
    aws.dns_hostnames(&network.vpc, false).await;
    let create = |private_dns| aws.new_interface(&network, "mgn").private_dns_enabled(private_dns).send();
    assert_eq!(code(create(true).await), "InvalidParameter");
    assert_eq!(code(create(false).await), "ok");
}

async fn private_dns_of_a_service_with_both_types_requires_the_gateway(aws: &Target) {
    let network = aws.network().await;
    let create = |private_dns| aws.new_interface(&network, "dynamodb").private_dns_enabled(private_dns).send();
    assert_eq!(code(create(true).await), "InvalidParameter");
    assert_eq!(code(create(false).await), "ok");
}
