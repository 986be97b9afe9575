//! Network ACLs and their entries.

use aws_sdk_ec2::types::RuleAction;

use crate::support::{Aws, code, filter};

async fn create(aws: &Aws, vpc: &str) -> String {
    let made = aws.ec2.create_network_acl().vpc_id(vpc).send().await.expect("an ACL");
    made.network_acl.and_then(|acl| acl.network_acl_id).expect("an id")
}

/// Source: Amazon VPC quotas: 20 rules in each direction; EC2 API Reference, "Error codes".
#[tokio::test]
async fn entries_and_acls_have_quotas() {
    let aws = Aws::with(|options| {
        options.quotas.rules_per_network_acl = 2;
        options.quotas.network_acls_per_vpc = 2;
    })
    .await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(&aws, &vpc).await;
    let call = |number, egress| {
        let call = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(number).egress(egress);
        call.protocol("-1").rule_action(RuleAction::Allow).cidr_block("10.0.0.0/8").send()
    };
    assert_eq!(code(call(1, false).await), "ok");
    assert_eq!(code(call(2, false).await), "ok");
    assert_eq!(code(call(3, false).await), "NetworkAclEntryLimitExceeded");
    assert_eq!(code(call(3, true).await), "ok", "each direction has its own");
    assert_eq!(code(aws.ec2.create_network_acl().vpc_id(&vpc).send().await), "NetworkAclLimitExceeded");
}

/// Source: EC2 API Reference, "Pagination" and "Filtering", "Ensuring idempotency"; aws-sdk-ec2,
/// `DescribeNetworkAclsInput::filters`.
#[tokio::test]
async fn acls_are_listed_page_by_page_and_by_filters() {
    let aws = Aws::with(|options| options.max_page = Some(2)).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    for token in ["a", "b", "b"] {
        aws.ec2.create_network_acl().vpc_id(&vpc).client_token(token).send().await.unwrap();
    }
    let pages = aws.ec2.describe_network_acls().into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.unwrap();
    assert_eq!(all.len(), 3, "the default one, and one for each token");
    let count = |name: &'static str, value: &'static str| {
        let call = aws.ec2.describe_network_acls().filters(filter(name, value));
        async { call.send().await.unwrap().network_acls().len() }
    };
    assert_eq!(count("default", "true").await, 1);
    assert_eq!(count("entry.rule-action", "allow").await, 1);
    assert_eq!(count("entry.rule-number", "32767").await, 2, "a page of two");
    assert_eq!(count("owner-id", "222222222222").await, 0);
    assert_eq!(count("tag-key", "Name").await, 0);
    let id = all[0].network_acl_id().unwrap();
    let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("x").build();
    aws.ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
    assert_eq!(count("tag:Name", "x").await, 1);
    let unknown = aws.ec2.describe_network_acls().filters(filter("nonsense", "x")).send().await;
    assert_eq!(code(unknown), "InvalidParameterValue");
    assert_eq!(code(aws.ec2.describe_network_acls().max_results(4).send().await), "InvalidParameterValue");
}
