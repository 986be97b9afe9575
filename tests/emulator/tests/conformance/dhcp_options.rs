//! DHCP option sets.

use aws_sdk_ec2::types::{DhcpOptions, NewDhcpConfiguration, ResourceType};

use crate::support::{Aws, code, filter, tags};

fn option(key: &str, values: &[&str]) -> NewDhcpConfiguration {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    NewDhcpConfiguration::builder().key(key).set_values(Some(values)).build()
}

async fn set_of_vpc(aws: &Aws, vpc: &str) -> String {
    let found = aws.ec2.describe_vpcs().vpc_ids(vpc).send().await.expect("the VPC");
    found.vpcs()[0].dhcp_options_id().expect("an id").to_owned()
}

async fn set(aws: &Aws, id: &str) -> DhcpOptions {
    let found = aws.ec2.describe_dhcp_options().dhcp_options_ids(id).send().await.expect("the set");
    found.dhcp_options.and_then(|mut sets| sets.pop()).expect("one set")
}

fn values<'a>(set: &'a DhcpOptions, key: &str) -> Vec<&'a str> {
    let option = set.dhcp_configurations().iter().find(|option| option.key() == Some(key));
    option.map(|option| option.values().iter().filter_map(|value| value.value()).collect()).unwrap_or_default()
}

/// Source: VPC User Guide, "Default DHCP option set".
#[tokio::test]
async fn a_new_vpc_has_the_default_set_with_amazon_provided_dns() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let default = set(&aws, &set_of_vpc(&aws, &vpc).await).await;
    assert_eq!(values(&default, "domain-name-servers"), ["AmazonProvidedDNS"]);
    assert_eq!(values(&default, "domain-name"), ["ap-northeast-1.compute.internal"]);
    assert_eq!(set_of_vpc(&aws, &aws.vpc("10.30.0.0/16").await).await, default.dhcp_options_id().unwrap());
}

/// Source: EC2 API Reference, CreateDhcpOptions and AssociateDhcpOptions.
#[tokio::test]
async fn a_vpc_can_get_other_name_servers_and_its_first_set_back() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let default = set_of_vpc(&aws, &vpc).await;
    let call = aws.ec2.create_dhcp_options().dhcp_configurations(option("domain-name-servers", &["10.0.0.2,10.0.1.2"]));
    let call = call.dhcp_configurations(option("ntp-servers", &["10.0.0.3", "10.0.1.3"]));
    let made = call.tag_specifications(tags(ResourceType::DhcpOptions, &[("Name", "own DNS")])).send().await.unwrap();
    let own = made.dhcp_options().and_then(DhcpOptions::dhcp_options_id).unwrap();
    let shown = set(&aws, own).await;
    assert_eq!(values(&shown, "domain-name-servers"), ["10.0.0.2", "10.0.1.2"], "commas separate values");
    assert_eq!(values(&shown, "ntp-servers"), ["10.0.0.3", "10.0.1.3"]);
    assert_eq!(shown.tags()[0].value(), Some("own DNS"));
    assert_eq!(shown.owner_id(), Some("111111111111"));

    let associate = |set: &str| aws.ec2.associate_dhcp_options().vpc_id(&vpc).dhcp_options_id(set).send();
    associate(own).await.unwrap();
    assert_eq!(set_of_vpc(&aws, &vpc).await, own);
    let by_set = filter("dhcp-options-id", own);
    assert_eq!(aws.ec2.describe_vpcs().filters(by_set).send().await.unwrap().vpcs().len(), 1);
    let delete = |set: &str| aws.ec2.delete_dhcp_options().dhcp_options_id(set).send();
    assert_eq!(code(delete(own).await), "DependencyViolation");
    associate(&default).await.unwrap();
    assert_eq!(set_of_vpc(&aws, &vpc).await, default);
    associate("default").await.unwrap();
    assert_eq!(set_of_vpc(&aws, &vpc).await, "default", "the VPC has no set");
    assert_eq!(code(delete(own).await), "ok");
    assert_eq!(code(delete(own).await), "InvalidDhcpOptionID.NotFound");
    assert_eq!(code(associate(own).await), "InvalidDhcpOptionID.NotFound");
}

/// Source: EC2 API Reference, CreateDhcpOptions.
#[tokio::test]
async fn invalid_sets_are_rejected() {
    let aws = Aws::start().await;
    let create = |options: Vec<NewDhcpConfiguration>| {
        let call = aws.ec2.create_dhcp_options().set_dhcp_configurations(Some(options));
        async { code(call.send().await) }
    };
    let five = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    for (case, options) in [
        ("an unknown option", vec![option("name-servers", &["10.0.0.2"])]),
        ("a name server that is no address", vec![option("domain-name-servers", &["dns.example.com"])]),
        ("five name servers", vec![option("domain-name-servers", &five)]),
        ("no value", vec![option("ntp-servers", &[])]),
        ("an option twice", vec![option("domain-name", &["a.example"]), option("domain-name", &["b.example"])]),
        ("an unknown node type", vec![option("netbios-node-type", &["3"])]),
    ] {
        assert_eq!(create(options).await, "InvalidParameterValue", "{case}");
    }
    assert_eq!(create(Vec::new()).await, "MissingParameter");
    assert_eq!(create(vec![option("netbios-node-type", &["2"])]).await, "ok");
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
