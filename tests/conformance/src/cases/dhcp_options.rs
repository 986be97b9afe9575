//! DHCP option sets.

use aws_sdk_ec2::types::{DhcpOptions, NewDhcpConfiguration, ResourceType};

use crate::{
    answers::{Rejections, code, tag},
    case::{
        Basis::{Assumed, Source},
        Case,
        InAccount::Cheap,
        case,
    },
    network::{filter, tags},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_new_vpc_has_the_default_set_with_amazon_provided_dns,
        Source("VPC User Guide, \"Default DHCP option set\""),
        "two VPCs",
        Cheap
    ),
    case!(
        a_vpc_can_get_other_name_servers_and_its_first_set_back,
        Source("EC2 API Reference, CreateDhcpOptions and AssociateDhcpOptions"),
        "a VPC, a set",
        Cheap
    ),
    case!(
        invalid_sets_are_rejected,
        Assumed("EC2 API Reference, CreateDhcpOptions, for the rules; the codes are assumed"),
        "a set",
        Cheap
    ),
];

fn option(key: &str, values: &[&str]) -> NewDhcpConfiguration {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    NewDhcpConfiguration::builder().key(key).set_values(Some(values)).build()
}

async fn set_of_vpc(aws: &Target, vpc: &str) -> String {
    let found = aws.ec2.describe_vpcs().vpc_ids(vpc).send().await.expect("the VPC");
    found.vpcs()[0].dhcp_options_id().expect("an id").to_owned()
}

async fn set(aws: &Target, id: &str) -> DhcpOptions {
    let read = async || {
        let found = aws.ec2.describe_dhcp_options().dhcp_options_ids(id).send().await.ok()?;
        found.dhcp_options.and_then(|mut sets| sets.pop())
    };
    aws.until("the set is described", read).await
}

fn values<'a>(set: &'a DhcpOptions, key: &str) -> Vec<&'a str> {
    let option = set.dhcp_configurations().iter().find(|option| option.key() == Some(key));
    option.map(|option| option.values().iter().filter_map(|value| value.value()).collect()).unwrap_or_default()
}

async fn a_new_vpc_has_the_default_set_with_amazon_provided_dns(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let default = set(aws, &set_of_vpc(aws, &vpc).await).await;
    assert_eq!(values(&default, "domain-name-servers"), ["AmazonProvidedDNS"]);
    assert_eq!(values(&default, "domain-name"), [aws.internal_domain()]);
    assert_eq!(set_of_vpc(aws, &aws.vpc("10.30.0.0/16").await).await, default.dhcp_options_id().unwrap());
}

async fn a_vpc_can_get_other_name_servers_and_its_first_set_back(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let default = set_of_vpc(aws, &vpc).await;
    let call = aws.ec2.create_dhcp_options().dhcp_configurations(option("domain-name-servers", &["10.0.0.2,10.0.1.2"]));
    let call = call.dhcp_configurations(option("ntp-servers", &["10.0.0.3", "10.0.1.3"]));
    let made = call.tag_specifications(tags(ResourceType::DhcpOptions, &[("Name", "own DNS")])).send().await.unwrap();
    let own = made.dhcp_options().and_then(DhcpOptions::dhcp_options_id).unwrap();
    let shown = set(aws, own).await;
    assert_eq!(values(&shown, "domain-name-servers"), ["10.0.0.2", "10.0.1.2"], "commas separate values");
    assert_eq!(values(&shown, "ntp-servers"), ["10.0.0.3", "10.0.1.3"]);
    assert_eq!(tag(shown.tags(), "Name"), Some("own DNS"));
    assert_eq!(shown.owner_id(), Some(aws.account.as_str()));

    let associate = |set: &str| aws.ec2.associate_dhcp_options().vpc_id(&vpc).dhcp_options_id(set).send();
    let current = async || set_of_vpc(aws, &vpc).await;
    associate(own).await.unwrap();
    aws.reaches("the set of the VPC", own.to_owned(), current).await;
    let by_set = filter("dhcp-options-id", own);
    assert_eq!(aws.ec2.describe_vpcs().filters(by_set).send().await.unwrap().vpcs().len(), 1);
    let delete = |set: &str| aws.ec2.delete_dhcp_options().dhcp_options_id(set).send();
    assert_eq!(code(delete(own).await), "DependencyViolation");
    associate(&default).await.unwrap();
    aws.reaches("the set of the VPC", default.clone(), current).await;
    associate("default").await.unwrap();
    aws.reaches("the VPC has no set", "default".to_owned(), current).await;
    assert_eq!(code(delete(own).await), "ok");
    assert_eq!(code(delete(own).await), "InvalidDhcpOptionID.NotFound");
    assert_eq!(code(associate(own).await), "InvalidDhcpOptionID.NotFound");
}

async fn invalid_sets_are_rejected(aws: &Target) {
    let create = |options: Vec<NewDhcpConfiguration>| {
        let call = aws.ec2.create_dhcp_options().set_dhcp_configurations(Some(options));
        async { code(call.send().await) }
    };
    let five = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
    let mut rejections = Rejections::default();
    for (what, options) in [
        ("an unknown option", vec![option("name-servers", &["10.0.0.2"])]),
        ("a name server that is no address", vec![option("domain-name-servers", &["dns.example.com"])]),
        ("five name servers", vec![option("domain-name-servers", &five)]),
        ("no value", vec![option("ntp-servers", &[])]),
        ("an option twice", vec![option("domain-name", &["a.example"]), option("domain-name", &["b.example"])]),
        ("an unknown node type", vec![option("netbios-node-type", &["3"])]),
    ] {
        rejections.expect(what, "InvalidParameterValue", &create(options).await);
    }
    rejections.expect("no option", "MissingParameter", &create(Vec::new()).await);
    rejections.expect("a node type", "ok", &create(vec![option("netbios-node-type", &["2"])]).await);
    rejections.check();
}
