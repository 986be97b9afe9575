//! DescribeVpcEndpointServices.

use aws_sdk_ec2::types::VpcEndpointType;
use emulator::world::options::ServiceRule;

use crate::support::{Aws, code};

/// Source: Systems Manager User Guide, "VPC endpoints": Regions that were launched in 2024 or later have no
/// ec2messages.
#[tokio::test]
async fn a_new_region_has_no_ec2messages() {
    let aws = Aws::in_region("mx-central-1", |_| {}).await;
    let name = aws.service("ec2messages");
    assert_eq!(code(aws.ec2.describe_vpc_endpoint_services().service_names(name).send().await), "InvalidServiceName");
}

/// Source: AWS RAM User Guide, "Availability Zone IDs". The mapping of one account.
#[tokio::test]
async fn tokyo_has_three_zones() {
    let aws = Aws::start().await;
    let zones = aws.ec2.describe_availability_zones().send().await.unwrap();
    let ids: Vec<_> = zones.availability_zones().iter().filter_map(|zone| zone.zone_id()).collect();
    assert_eq!(ids, ["apne1-az4", "apne1-az1", "apne1-az2"]);
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
