//! Private DNS: its requirements, its conflicts, and the special case of S3.

use aws_sdk_ec2::types::VpcEndpointType;
use emulator::world::options::ServiceRule;

use crate::support::{Aws, Network, code, inbound_only, message, state_of};

fn s3(
    aws: &Aws,
    network: &Network,
) -> aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder {
    aws.ec2
        .create_vpc_endpoint()
        .vpc_id(&network.vpc)
        .service_name(aws.service("s3"))
        .vpc_endpoint_type(VpcEndpointType::Interface)
        .subnet_ids(&network.subnets[0])
        .private_dns_enabled(true)
}

/// Source: hashicorp/terraform-provider-aws issue 17535, which quotes the text of AWS.
#[tokio::test]
async fn a_second_endpoint_of_a_service_cannot_have_private_dns() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    aws.interface_endpoint(&network, "mgn").await;
    let create = |private_dns| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
        call.private_dns_enabled(private_dns).send()
    };
    let expected = format!(
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for \
         mgn.ap-northeast-1.amazonaws.com in the VPC {}",
        network.vpc
    );
    assert_eq!(code(create(true).await), "InvalidParameter");
    assert_eq!(message(create(true).await), expected);
    let other = create(false).await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    aws.advance(60);
    let turn_on = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(other).private_dns_enabled(true).send().await;
    assert_eq!(message(turn_on), expected);
}

/// Source: S3 User Guide, "AWS PrivateLink for Amazon S3", and hashicorp/terraform-provider-aws issue 33689 for the
/// text: inbound-only is the default and requires a gateway endpoint.
#[tokio::test]
async fn inbound_only_private_dns_of_s3_requires_the_gateway() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let expected = format!(
        "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {} must have a Gateway endpoint for the service.",
        network.vpc
    );
    assert_eq!(message(s3(&aws, &network).send().await), expected);
    assert_eq!(message(s3(&aws, &network).dns_options(inbound_only(true)).send().await), expected);
    assert_eq!(code(s3(&aws, &network).dns_options(inbound_only(false)).send().await), "ok");
}

/// Source: S3 User Guide, "AWS PrivateLink for Amazon S3": an absent value means true, and the gateway endpoint must
/// then be kept.
#[tokio::test]
async fn the_gateway_cannot_be_deleted_before_the_s3_interface() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let gateway = aws.s3_gateway(&network).await;
    let endpoint = s3(&aws, &network).send().await.unwrap().vpc_endpoint.unwrap();
    let options = endpoint.dns_options().unwrap();
    assert_eq!(options.private_dns_only_for_inbound_resolver_endpoint(), Some(true));
    assert_eq!(aws.delete_endpoints(&[&gateway]).await, [(gateway.clone(), "InvalidParameter".to_owned())]);
    assert_eq!(state_of(&aws.endpoint(&gateway).await), "available");
    let interface = endpoint.vpc_endpoint_id.unwrap();
    assert_eq!(aws.delete_endpoints(&[&interface, &gateway]).await, []);
}

/// Source: the same guide: the solution is to turn inbound-only off. hashicorp/terraform-provider-aws issue 33689:
/// enabling private DNS without DNS options restores the default.
#[tokio::test]
async fn inbound_only_can_be_turned_off_and_on() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let gateway = aws.s3_gateway(&network).await;
    let id = s3(&aws, &network).send().await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    aws.advance(60);
    let modify = || aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id);
    modify().private_dns_enabled(true).dns_options(inbound_only(false)).send().await.unwrap();
    assert_eq!(aws.delete_endpoints(&[&gateway]).await, []);
    aws.advance(60);
    assert_eq!(code(modify().dns_options(inbound_only(true)).send().await), "InvalidParameter");
    modify().private_dns_enabled(false).send().await.unwrap();
    aws.advance(60);
    assert_eq!(code(modify().private_dns_enabled(true).send().await), "InvalidParameter");
    let explicit = modify().private_dns_enabled(true).dns_options(inbound_only(false)).send().await;
    assert_eq!(code(explicit), "ok");
}

/// Source: hashicorp/terraform-provider-aws issue 45846, which quotes the text of AWS.
#[tokio::test]
async fn gateways_reject_inbound_only() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let call = s3(&aws, &network).vpc_endpoint_type(VpcEndpointType::Gateway).set_subnet_ids(None);
    let outcome = call.set_private_dns_enabled(None).dns_options(inbound_only(false)).send().await;
    assert_eq!(
        message(outcome),
        "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints."
    );
}

/// Source: EC2 API Reference, CreateVpcEndpoint, PrivateDnsEnabled: both DNS attributes of the VPC must be true.
#[tokio::test]
async fn private_dns_requires_both_dns_attributes() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    aws.dns_hostnames(&network.vpc, false).await;
    let create = |private_dns| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
        call.private_dns_enabled(private_dns).send()
    };
    assert_eq!(code(create(true).await), "InvalidParameter");
    assert_eq!(code(create(false).await), "ok");
}

/// Source: EC2 API Reference, `ServiceDetail`: `privateDnsName` is optional; public reports quote the text of the error.
#[tokio::test]
async fn a_service_without_private_names_cannot_have_private_dns() {
    let aws = Aws::with(|options| {
        let rule = ServiceRule { private_dns: false, ..ServiceRule::default() };
        options.services.insert("ap-northeast-1/kms".to_owned(), rule);
    })
    .await;
    let network = aws.network().await;
    let create = |private_dns: Option<bool>| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("kms"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
        call.set_private_dns_enabled(private_dns).send()
    };
    assert_eq!(code(create(Some(true)).await), "InvalidParameter");
    let text = "Private DNS can't be enabled because the service com.amazonaws.ap-northeast-1.kms does not provide a private DNS name.";
    assert_eq!(message(create(Some(true)).await), text);
    let made = create(None).await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(made.private_dns_enabled(), Some(false));
    let services = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("kms")).send().await.unwrap();
    assert!(services.service_details().iter().all(|detail| detail.private_dns_names().is_empty()));
}

/// Source: AWS PrivateLink Guide, "Services that integrate with AWS PrivateLink": DynamoDB has gateway and interface
/// endpoints. That private DNS depends on the gateway endpoint, as for S3, is ASSUMED.
#[tokio::test]
async fn private_dns_of_a_service_with_both_types_requires_the_gateway() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let create = |private_dns| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("dynamodb"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
        call.private_dns_enabled(private_dns).send()
    };
    assert_eq!(code(create(true).await), "InvalidParameter");
    assert_eq!(code(create(false).await), "ok");
}
