//! Tags of EC2 resources. Source: EC2 User Guide, "Tag restrictions"; EC2 API Reference, CreateTags, DeleteTags.

use aws_sdk_ec2::types::{ResourceType, Tag};

use crate::support::{Aws, code, filter, tags};

#[tokio::test]
async fn tags_are_set_with_the_resource_changed_and_removed() {
    let aws = Aws::start().await;
    let set = tags(ResourceType::Vpc, &[("Name", "migration-landing"), ("stage", "test")]);
    let call = aws.ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(set);
    let id = call.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    aws.ec2.create_tags().resources(&id).tags(tag("stage", "live")).tags(tag("owner", "me")).send().await.unwrap();
    aws.ec2.delete_tags().resources(&id).tags(tag("owner", "you")).send().await.unwrap();
    aws.ec2.delete_tags().resources(&id).tags(Tag::builder().key("Name").build()).send().await.unwrap();
    let answer = aws.ec2.describe_tags().filters(filter("resource-id", &id)).send().await.unwrap();
    let found: Vec<_> = answer.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(found, [("owner", "me"), ("stage", "live")]);
    for (name, value, expected) in [("tag:stage", "li*", 1), ("tag:stage", "test", 0), ("tag-key", "owner", 1)] {
        let answer = aws.ec2.describe_vpcs().filters(filter(name, value)).send().await.unwrap();
        assert_eq!(answer.vpcs().len(), expected, "{name} {value}");
    }
}

#[tokio::test]
async fn invalid_tags_are_rejected() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let tag = |id: &str, key: &str| {
        let tag = Tag::builder().key(key).value("").build();
        aws.ec2.create_tags().resources(id).tags(tag).send()
    };
    assert_eq!(code(tag(&vpc, "aws:mine").await), "InvalidParameterValue");
    assert_eq!(code(tag(&vpc, &"k".repeat(129)).await), "InvalidParameterValue");
    assert_eq!(code(tag("vpc-00000000000000000", "k").await), "InvalidVpcID.NotFound");
    assert_eq!(code(tag("nothing", "k").await), "InvalidID");
    let wrong_kind =
        aws.ec2.create_vpc().cidr_block("10.21.0.0/16").tag_specifications(tags(ResourceType::Subnet, &[("k", "v")]));
    assert_eq!(code(wrong_kind.send().await), "InvalidParameterValue");
}
