//! DescribeVpcEndpointServices.

use aws_sdk_ec2::types::{ServiceDetail, ServiceType, VpcEndpointType};
use emulator::world::options::ServiceRule;

use crate::support::{Aws, code, filter};

fn types(detail: &ServiceDetail) -> Vec<&str> {
    detail.service_type().iter().filter_map(|kind| kind.service_type().map(ServiceType::as_str)).collect()
}

/// Source: AWS PrivateLink guide, "AWS services that integrate with AWS PrivateLink"; S3 User Guide, "AWS PrivateLink
/// for Amazon S3": S3 has an interface endpoint and a gateway endpoint, each in its own item.
#[tokio::test]
async fn s3_is_offered_twice_and_mgn_once() {
    let aws = Aws::start().await;
    let find = |name: &str| aws.ec2.describe_vpc_endpoint_services().filters(filter("service-name", name)).send();
    let s3 = find("com.amazonaws.ap-northeast-1.s3").await.unwrap();
    let mut kinds: Vec<_> = s3.service_details().iter().flat_map(types).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Gateway", "Interface"]);
    let mgn = find("com.amazonaws.ap-northeast-1.mgn").await.unwrap();
    let detail = &mgn.service_details()[0];
    assert_eq!(types(detail), ["Interface"]);
    assert_eq!(detail.private_dns_name(), Some("mgn.ap-northeast-1.amazonaws.com"));
    assert_eq!(detail.availability_zones().len(), 3);
    assert_eq!(detail.vpc_endpoint_policy_supported(), Some(true));
}

/// Source: EC2 API Reference, DescribeVpcEndpointServices, and "Error codes" (`InvalidServiceName`).
#[tokio::test]
async fn an_unknown_name_is_an_error_as_a_parameter_but_matches_nothing_as_a_filter() {
    let aws = Aws::start().await;
    let name = "com.amazonaws.ap-northeast-1.nothing";
    let named = aws.ec2.describe_vpc_endpoint_services().service_names(name).send().await;
    assert_eq!(code(named), "InvalidServiceName");
    let filtered = aws.ec2.describe_vpc_endpoint_services().filters(filter("service-name", name)).send().await.unwrap();
    assert!(filtered.service_details().is_empty());
    let kind = filter("service-type", "Gateway");
    let gateways = aws.ec2.describe_vpc_endpoint_services().filters(kind).send().await.unwrap();
    assert_eq!(gateways.service_details().len(), 2);
}

/// Source: Systems Manager User Guide, "VPC endpoints": Regions that were launched in 2024 or later have no
/// ec2messages.
#[tokio::test]
async fn a_new_region_has_no_ec2messages() {
    let aws = Aws::in_region("mx-central-1", |_| {}).await;
    let name = aws.service("ec2messages");
    assert_eq!(code(aws.ec2.describe_vpc_endpoint_services().service_names(name).send().await), "InvalidServiceName");
}

/// A test can narrow the catalog: a service is missing in a Region or in a zone.
#[tokio::test]
async fn options_narrow_the_catalog() {
    let aws = Aws::with(|options| {
        let rule = |offered, zones| ServiceRule { offered, zones, ..ServiceRule::default() };
        options.services.insert("ap-northeast-1/mgn".to_owned(), rule(false, None));
        options.services.insert("ap-northeast-1/ec2".to_owned(), rule(true, Some(vec!["apne1-az4".to_owned()])));
    })
    .await;
    let network = aws.network().await;
    let create = |service: &str| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service(service));
        call.vpc_endpoint_type(VpcEndpointType::Interface).set_subnet_ids(Some(network.subnets.clone())).send()
    };
    assert_eq!(code(create("mgn").await), "InvalidServiceName");
    assert_eq!(code(create("ec2").await), "InvalidParameter");
    let ec2 = aws.ec2.describe_vpc_endpoint_services().service_names(aws.service("ec2")).send().await.unwrap();
    assert_eq!(ec2.service_details()[0].availability_zone_ids(), ["apne1-az4"]);
}
