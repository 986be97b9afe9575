//! Network ACLs and their entries.

use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAcl, NetworkAclEntry, PortRange, ResourceType, RuleAction};

use crate::support::{Aws, code, filter, tags};

async fn acl(aws: &Aws, id: &str) -> NetworkAcl {
    let found = aws.ec2.describe_network_acls().network_acl_ids(id).send().await.expect("the ACL");
    found.network_acls.and_then(|mut acls| acls.pop()).expect("one ACL")
}

async fn acl_of_subnet(aws: &Aws, subnet: &str) -> NetworkAcl {
    let by_subnet = filter("association.subnet-id", subnet);
    let found = aws.ec2.describe_network_acls().filters(by_subnet).send().await.expect("an answer");
    assert_eq!(found.network_acls().len(), 1, "a subnet has exactly one");
    found.network_acls.and_then(|mut acls| acls.pop()).expect("one ACL")
}

async fn create(aws: &Aws, vpc: &str) -> String {
    let made = aws.ec2.create_network_acl().vpc_id(vpc).send().await.expect("an ACL");
    made.network_acl.and_then(|acl| acl.network_acl_id).expect("an id")
}

fn ports(from: i32, to: i32) -> PortRange {
    PortRange::builder().from(from).to(to).build()
}

/// Returns direction, number, protocol, action and range.
fn shown(entry: &NetworkAclEntry) -> (bool, i32, &str, &str, &str) {
    (
        entry.egress().unwrap_or_default(),
        entry.rule_number().unwrap_or_default(),
        entry.protocol().unwrap_or_default(),
        entry.rule_action().map_or("", RuleAction::as_str),
        entry.cidr_block().unwrap_or_default(),
    )
}

/// Source: VPC User Guide, "Default network ACL" and "Network ACL basics"; EC2 API Reference, DescribeNetworkAcls, example.
#[tokio::test]
async fn the_default_acl_of_a_vpc_allows_all_traffic_and_applies_to_new_subnets() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    let acl = acl_of_subnet(&aws, &subnet).await;
    assert_eq!(acl.is_default(), Some(true));
    assert_eq!((acl.vpc_id(), acl.owner_id()), (Some(&*vpc), Some("111111111111")));
    let entries: Vec<_> = acl.entries().iter().map(shown).collect();
    let expected = [
        (true, 100, "-1", "allow", "0.0.0.0/0"),
        (true, 32_767, "-1", "deny", "0.0.0.0/0"),
        (false, 100, "-1", "allow", "0.0.0.0/0"),
        (false, 32_767, "-1", "deny", "0.0.0.0/0"),
    ];
    assert_eq!(entries, expected);
    let by_default = [filter("vpc-id", &vpc), filter("default", "true")];
    let found = aws.ec2.describe_network_acls().set_filters(Some(by_default.to_vec())).send().await.unwrap();
    assert_eq!(found.network_acls(), [acl]);
}

/// Source: VPC User Guide, "Custom network ACLs": a new ACL denies all traffic; replacing its association gives a
/// subnet another ACL.
#[tokio::test]
async fn a_subnet_can_get_its_own_acl() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    let default = acl_of_subnet(&aws, &subnet).await;
    let tag = tags(ResourceType::NetworkAcl, &[("Name", "strict")]);
    let made = aws.ec2.create_network_acl().vpc_id(&vpc).tag_specifications(tag).send().await.unwrap();
    let own = made.network_acl().and_then(NetworkAcl::network_acl_id).unwrap();
    let denied: Vec<_> = made.network_acl().unwrap().entries().iter().map(shown).collect();
    assert_eq!(denied, [(true, 32_767, "-1", "deny", "0.0.0.0/0"), (false, 32_767, "-1", "deny", "0.0.0.0/0")]);

    let association = default.associations()[0].network_acl_association_id().unwrap();
    let replace = |id: &str| aws.ec2.replace_network_acl_association().association_id(association).network_acl_id(id);
    let replaced = replace(own).send().await.unwrap();
    assert_ne!(replaced.new_association_id(), Some(association));
    let now = acl_of_subnet(&aws, &subnet).await;
    assert_eq!(now.network_acl_id(), Some(own));
    assert_eq!(now.tags()[0].value(), Some("strict"));
    assert_eq!(now.associations()[0].network_acl_association_id(), replaced.new_association_id());
    assert!(acl(&aws, default.network_acl_id().unwrap()).await.associations().is_empty());
    assert_eq!(code(replace(own).send().await), "InvalidAssociationID.NotFound", "the old association is gone");
}

/// Source: EC2 API Reference, CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry and "Error codes".
#[tokio::test]
async fn entries_are_added_replaced_and_removed_by_number_and_direction() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(&aws, &vpc).await;
    let create = || {
        let call = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
        call.protocol("6").rule_action(RuleAction::Allow).cidr_block("192.168.7.9/16").port_range(ports(443, 443))
    };
    create().send().await.unwrap();
    assert_eq!(code(create().send().await), "NetworkAclEntryAlreadyExists");
    create().egress(true).port_range(ports(1024, 65_535)).send().await.unwrap();
    let found = acl(&aws, &id).await;
    let ingress = found.entries().iter().find(|entry| entry.egress() == Some(false)).unwrap();
    assert_eq!(shown(ingress), (false, 100, "6", "allow", "192.168.0.0/16"), "the range is canonicalized");
    assert_eq!(ingress.port_range(), Some(&ports(443, 443)));

    let replace = |number| {
        let call = aws.ec2.replace_network_acl_entry().network_acl_id(&id).rule_number(number).egress(false);
        call.protocol("17").rule_action(RuleAction::Deny).cidr_block("0.0.0.0/0").port_range(ports(53, 53))
    };
    replace(100).send().await.unwrap();
    assert_eq!(code(replace(110).send().await), "InvalidNetworkAclEntry.NotFound");
    let found = acl(&aws, &id).await;
    let entries: Vec<_> = found.entries().iter().map(shown).filter(|entry| entry.1 == 100).collect();
    assert_eq!(entries, [(true, 100, "6", "allow", "192.168.0.0/16"), (false, 100, "17", "deny", "0.0.0.0/0")]);

    let delete = || aws.ec2.delete_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
    delete().send().await.unwrap();
    assert_eq!(code(delete().send().await), "InvalidNetworkAclEntry.NotFound");
    assert_eq!(acl(&aws, &id).await.entries().len(), 3);
}

/// Source: EC2 API Reference, CreateNetworkAclEntry: numbers from 1 to 32766, ports for TCP and UDP, types for ICMP;
/// entries of other protocols apply to all ports.
#[tokio::test]
async fn invalid_entries_are_rejected() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(&aws, &vpc).await;
    let call = || {
        let call = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
        call.protocol("-1").rule_action(RuleAction::Allow).cidr_block("10.0.0.0/8")
    };
    let tcp = || call().protocol("6");
    let cases = [
        ("the number of the last entry", "InvalidParameterValue", call().rule_number(32_767)),
        ("number zero", "InvalidParameterValue", call().rule_number(0)),
        ("a protocol by name", "InvalidParameterValue", call().protocol("tcp")),
        ("no range", "MissingParameter", call().set_cidr_block(None)),
        ("a range that is none", "InvalidParameterValue", call().cidr_block("10.0.0.0/33")),
        ("TCP without ports", "MissingParameter", tcp()),
        ("ports the wrong way round", "InvalidParameterValue", tcp().port_range(ports(443, 53))),
        ("a port that is none", "InvalidParameterValue", tcp().port_range(ports(443, 70_000))),
        ("ICMP without a type", "MissingParameter", call().protocol("1")),
        ("an unknown action", "InvalidParameterValue", call().rule_action(RuleAction::from("perhaps"))),
        ("an unknown ACL", "InvalidNetworkAclID.NotFound", call().network_acl_id("acl-00000000000000000")),
        ("a malformed id", "InvalidNetworkAclId.Malformed", call().network_acl_id("acl-x")),
    ];
    for (case, expected, call) in cases {
        let before = aws.state();
        assert_eq!(code(call.send().await), expected, "{case}");
        assert_eq!(aws.state(), before, "{case} changed something");
    }
    let any = IcmpTypeCode::builder().code(-1).r#type(-1).build();
    call().protocol("1").icmp_type_code(any.clone()).send().await.unwrap();
    call().rule_number(110).protocol("50").port_range(ports(1, 2)).send().await.unwrap();
    let found = acl(&aws, &id).await;
    let by_number = |number| found.entries().iter().find(|entry| entry.rule_number() == Some(number)).unwrap();
    assert_eq!(by_number(100).icmp_type_code(), Some(&any));
    assert_eq!(by_number(110).port_range(), None, "ports are for TCP and UDP only");
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

/// Source: EC2 API Reference, DeleteNetworkAcl and DeleteVpc.
#[tokio::test]
async fn an_unused_acl_can_be_deleted_and_the_default_acl_is_deleted_with_its_vpc() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    let default = acl_of_subnet(&aws, &subnet).await;
    let association = default.associations()[0].network_acl_association_id().unwrap();
    let own = create(&aws, &vpc).await;
    let elsewhere = create(&aws, &aws.vpc("10.30.0.0/16").await).await;
    let replace = |id: &str| aws.ec2.replace_network_acl_association().association_id(association).network_acl_id(id);
    assert_eq!(code(replace(&elsewhere).send().await), "InvalidParameterValue", "an ACL of another VPC");
    replace(&own).send().await.unwrap();

    let delete = |id: &str| aws.ec2.delete_network_acl().network_acl_id(id).send();
    assert_eq!(code(delete(default.network_acl_id().unwrap()).await), "InvalidParameterValue");
    assert_eq!(code(delete(&own).await), "DependencyViolation");
    let delete_vpc = || aws.ec2.delete_vpc().vpc_id(&vpc).send();
    assert_eq!(code(aws.ec2.delete_subnet().subnet_id(&subnet).send().await), "ok");
    assert_eq!(code(delete_vpc().await), "DependencyViolation", "a custom ACL prevents the deletion of the VPC");
    assert_eq!(code(delete(&own).await), "ok");
    assert_eq!(code(delete(&own).await), "InvalidNetworkAclID.NotFound");
    assert_eq!(code(delete_vpc().await), "ok");
    assert!(aws.state().network_acls.iter().all(|acl| acl.vpc.to_string() != vpc));
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
