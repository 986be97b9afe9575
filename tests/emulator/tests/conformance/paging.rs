//! Pages. Source: EC2 API Reference, "Pagination"; Route 53 API Reference, ListResolverEndpoints.

use crate::support::{Aws, code, filter};

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let aws = Aws::start().await;
    for n in 0..12 {
        aws.vpc(&format!("10.{n}.0.0/16")).await;
    }
    let mut pages = aws.ec2.describe_vpcs().into_paginator().page_size(5).send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().vpcs().len());
    }
    assert_eq!(sizes, [5, 5, 2]);
    assert_eq!(code(aws.ec2.describe_vpcs().max_results(4).send().await), "InvalidParameterValue");
    assert_eq!(code(aws.ec2.describe_vpcs().next_token("bogus").send().await), "InvalidNextToken");
    let token = aws.ec2.describe_vpcs().max_results(5).send().await.unwrap().next_token.unwrap();
    assert_eq!(code(aws.ec2.describe_subnets().next_token(token).send().await), "InvalidNextToken");
}

/// An option makes all pages tiny, which reveals clients that do not page.
#[tokio::test]
async fn pages_can_be_forced() {
    let aws = Aws::with(|options| options.max_page = Some(2)).await;
    let network = aws.network().await;
    for service in ["mgn", "ec2", "ssm"] {
        aws.interface_endpoint(&network, service).await;
    }
    let first = aws.ec2.describe_vpc_endpoints().send().await.unwrap();
    assert_eq!(first.vpc_endpoints().len(), 2);
    assert!(first.next_token().is_some());
    let all: Vec<_> =
        aws.ec2.describe_vpc_endpoints().into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(all.len(), 3);
    let of_vpc = filter("vpc-id", &network.vpc);
    let interfaces = aws.ec2.describe_network_interfaces().filters(of_vpc).into_paginator().items().send();
    assert_eq!(interfaces.collect::<Result<Vec<_>, _>>().await.unwrap().len(), 6);
}

#[tokio::test]
async fn resolver_lists_have_pages_too() {
    let aws = Aws::start().await;
    let list = || aws.resolver.list_resolver_endpoints();
    assert_eq!(code(list().max_results(101).send().await), "InvalidParameterException");
    assert_eq!(code(list().next_token("bogus").send().await), "InvalidNextTokenException");
}
