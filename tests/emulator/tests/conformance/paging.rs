//! Pages that an option forces.

use crate::support::{Aws, filter};

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
