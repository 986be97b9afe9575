//! DescribeVpcEndpointServices.

use aws_sdk_ec2::types::{ServiceDetail, ServiceType};

use crate::{
    answers::code,
    case::{Basis::Source, Case, InAccount::Cheap, case},
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        s3_is_offered_twice_and_mgn_once,
        Source(
            "AWS PrivateLink guide, \"AWS services that integrate with AWS PrivateLink\"; S3 User Guide, \"AWS PrivateLink \
             for Amazon S3\""
        ),
        "nothing",
        Cheap
    ),
    case!(
        an_unknown_name_is_an_error_as_a_parameter_but_matches_nothing_as_a_filter,
        Source("EC2 API Reference, DescribeVpcEndpointServices, and \"Error codes\" (`InvalidServiceName`)"),
        "nothing",
        Cheap
    ),
];

fn types(detail: &ServiceDetail) -> Vec<&str> {
    detail.service_type().iter().filter_map(|kind| kind.service_type().map(ServiceType::as_str)).collect()
}

/// S3 has an interface endpoint and a gateway endpoint, each in its own item.
async fn s3_is_offered_twice_and_mgn_once(aws: &Target) {
    let find = |name: &str| {
        aws.ec2.describe_vpc_endpoint_services().filters(filter("service-name", &aws.service(name))).send()
    };
    let s3 = find("s3").await.unwrap();
    let mut kinds: Vec<_> = s3.service_details().iter().flat_map(types).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Gateway", "Interface"]);
    let mgn = find("mgn").await.unwrap();
    let detail = &mgn.service_details()[0];
    assert_eq!(types(detail), ["Interface"]);
    assert_eq!(detail.private_dns_name(), Some(aws.host("mgn").as_str()));
    assert!(aws.zones.iter().all(|zone| detail.availability_zones().contains(&zone.name)));
    assert_eq!(detail.vpc_endpoint_policy_supported(), Some(true));
}

async fn an_unknown_name_is_an_error_as_a_parameter_but_matches_nothing_as_a_filter(aws: &Target) {
    let name = aws.service("nothing");
    let named = aws.ec2.describe_vpc_endpoint_services().service_names(&name).send().await;
    assert_eq!(code(named), "InvalidServiceName");
    let by_name = filter("service-name", &name);
    let filtered = aws.ec2.describe_vpc_endpoint_services().filters(by_name).send().await.unwrap();
    assert!(filtered.service_details().is_empty());
    let kind = filter("service-type", "Gateway");
    let gateways = aws.ec2.describe_vpc_endpoint_services().filters(kind).send().await.unwrap();
    assert!(gateways.service_details().iter().all(|detail| types(detail) == ["Gateway"]));
    let offered: Vec<_> = gateways.service_details().iter().filter_map(ServiceDetail::service_name).collect();
    assert!(["s3", "dynamodb"].iter().all(|name| offered.contains(&aws.service(name).as_str())), "{offered:?}");
}
