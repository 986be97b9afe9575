//! DHCP option sets.

use aws_sdk_ec2::types::NewDhcpConfiguration;

use crate::support::{Aws, filter};

fn option(key: &str, values: &[&str]) -> NewDhcpConfiguration {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    NewDhcpConfiguration::builder().key(key).set_values(Some(values)).build()
}

/// Source: aws-sdk-ec2, `DescribeDhcpOptionsInput::filters`; EC2 API Reference, "Pagination".
#[tokio::test]
async fn sets_are_listed_page_by_page_and_by_filters() {
    let aws = Aws::with(|options| options.max_page = Some(1)).await;
    let own = vec![option("domain-name-servers", &["10.0.0.2"])];
    aws.ec2.create_dhcp_options().set_dhcp_configurations(Some(own)).send().await.unwrap();
    let list = || aws.ec2.describe_dhcp_options();
    let all = list().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(all.len(), 2, "the default set and the new one");
    let found = list().filters(filter("value", "AmazonProvidedDNS")).send().await.unwrap();
    assert_eq!(found.dhcp_options().len(), 1);
    let found = list().filters(filter("key", "ntp-servers")).send().await.unwrap();
    assert!(found.dhcp_options().is_empty());
}
