//! Tags of EC2 resources.

use aws_sdk_ec2::types::{ResourceType, Tag};

use crate::{
    answers::{Rejections, code},
    case::{Basis::Source, Case, InAccount::Cheap, case},
    network::{filter, tags},
    ownership::TAG,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        tags_are_set_with_the_resource_changed_and_removed,
        Source("EC2 API Reference, CreateTags, DeleteTags, DescribeTags"),
        "a VPC",
        Cheap
    ),
    case!(
        invalid_tags_are_rejected,
        Source("EC2 User Guide, \"Tag restrictions\"; EC2 API Reference, CreateTags"),
        "a VPC",
        Cheap
    ),
];

async fn tags_are_set_with_the_resource_changed_and_removed(aws: &Target) {
    let set = tags(ResourceType::Vpc, &[("Name", "migration-landing"), ("stage", "test")]);
    let call = aws.ec2.create_vpc().cidr_block("10.20.0.0/16").tag_specifications(set);
    let id = call.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    aws.ec2.create_tags().resources(&id).tags(tag("stage", "live")).tags(tag("owner", "me")).send().await.unwrap();
    aws.ec2.delete_tags().resources(&id).tags(tag("owner", "you")).send().await.unwrap();
    aws.ec2.delete_tags().resources(&id).tags(Tag::builder().key("Name").build()).send().await.unwrap();
    let read = async || -> Vec<(String, String)> {
        let answer = aws.ec2.describe_tags().filters(filter("resource-id", &id)).send().await.unwrap();
        let tags = answer.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?)));
        let mut tags: Vec<_> = tags.filter(|(key, _)| key != TAG).collect();
        tags.sort();
        tags
    };
    let expected = [("owner", "me"), ("stage", "live")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    aws.reaches("the tags", expected.to_vec(), read).await;
    for (name, value, expected) in [("tag:stage", "li*", 1), ("tag:stage", "test", 0), ("tag-key", "owner", 1)] {
        let filters = [filter(name, value), filter("vpc-id", &id)];
        let answer = aws.ec2.describe_vpcs().set_filters(Some(filters.to_vec())).send().await.unwrap();
        assert_eq!(answer.vpcs().len(), expected, "{name} {value}");
    }
}

async fn invalid_tags_are_rejected(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let tag = async |id: &str, key: &str| {
        let tag = Tag::builder().key(key).value("").build();
        code(aws.ec2.create_tags().resources(id).tags(tag).send().await)
    };
    let mut rejections = Rejections::default();
    rejections.expect("a reserved key", "InvalidParameterValue", &tag(&vpc, "aws:mine").await);
    rejections.expect("a long key", "InvalidParameterValue", &tag(&vpc, &"k".repeat(129)).await);
    rejections.expect("an unknown VPC", "InvalidVpcID.NotFound", &tag("vpc-00000000000000000", "k").await);
    rejections.expect("no ID", "InvalidID", &tag("nothing", "k").await);
    let wrong_kind = aws.ec2.create_vpc().cidr_block("10.21.0.0/16");
    let wrong_kind = wrong_kind.tag_specifications(tags(ResourceType::Subnet, &[("k", "v")])).send().await;
    rejections.expect("tags of another kind", "InvalidParameterValue", &code(wrong_kind));
    rejections.check();
}
