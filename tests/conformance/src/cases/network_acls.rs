//! Network ACLs and their entries.

use aws_sdk_ec2::{
    operation::create_network_acl_entry::builders::CreateNetworkAclEntryFluentBuilder,
    types::{IcmpTypeCode, NetworkAcl, NetworkAclEntry, PortRange, ResourceType, RuleAction},
};

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
        the_default_acl_of_a_vpc_allows_all_traffic_and_applies_to_new_subnets,
        Source(
            "VPC User Guide, \"Default network ACL\" and \"Network ACL basics\"; EC2 API Reference, DescribeNetworkAcls, example"
        ),
        "a VPC, a subnet",
        Cheap
    ),
    case!(
        a_subnet_can_get_its_own_acl,
        Source("VPC User Guide, \"Custom network ACLs\""),
        "a VPC, a subnet, an ACL",
        Cheap
    ),
    case!(
        entries_are_added_replaced_and_removed_by_number_and_direction,
        Source(
            "EC2 API Reference, CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry and \"Error codes\""
        ),
        "a VPC, an ACL",
        Cheap
    ),
    case!(
        invalid_entries_are_rejected,
        Assumed("EC2 API Reference, CreateNetworkAclEntry, for the rules; the codes are assumed"),
        "a VPC, an ACL",
        Cheap
    ),
    case!(
        an_unused_acl_can_be_deleted_and_the_default_acl_is_deleted_with_its_vpc,
        Assumed("EC2 API Reference, DeleteNetworkAcl and DeleteVpc; two of the codes are assumed"),
        "two VPCs, a subnet, two ACLs",
        Cheap
    ),
];

async fn acl(aws: &Target, id: &str) -> NetworkAcl {
    let read = async || {
        let found = aws.ec2.describe_network_acls().network_acl_ids(id).send().await.ok()?;
        found.network_acls.and_then(|mut acls| acls.pop())
    };
    aws.until("the ACL is described", read).await
}

async fn acl_of_subnet(aws: &Target, subnet: &str) -> NetworkAcl {
    let by_subnet = filter("association.subnet-id", subnet);
    let found = aws.ec2.describe_network_acls().filters(by_subnet).send().await.expect("an answer");
    assert_eq!(found.network_acls().len(), 1, "a subnet has exactly one");
    found.network_acls.and_then(|mut acls| acls.pop()).expect("one ACL")
}

async fn create(aws: &Target, vpc: &str) -> String {
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

async fn the_default_acl_of_a_vpc_allows_all_traffic_and_applies_to_new_subnets(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", 0).await;
    let acl = acl_of_subnet(aws, &subnet).await;
    assert_eq!(acl.is_default(), Some(true));
    assert_eq!((acl.vpc_id(), acl.owner_id()), (Some(&*vpc), Some(aws.account.as_str())));
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

/// A new ACL denies all traffic; replacing its association gives a subnet another ACL.
async fn a_subnet_can_get_its_own_acl(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", 0).await;
    let default = acl_of_subnet(aws, &subnet).await;
    let name = tags(ResourceType::NetworkAcl, &[("Name", "strict")]);
    let made = aws.ec2.create_network_acl().vpc_id(&vpc).tag_specifications(name).send().await.unwrap();
    let own = made.network_acl().and_then(NetworkAcl::network_acl_id).unwrap();
    let denied: Vec<_> = made.network_acl().unwrap().entries().iter().map(shown).collect();
    assert_eq!(denied, [(true, 32_767, "-1", "deny", "0.0.0.0/0"), (false, 32_767, "-1", "deny", "0.0.0.0/0")]);

    let association = default.associations()[0].network_acl_association_id().unwrap();
    let replace = |id: &str| aws.ec2.replace_network_acl_association().association_id(association).network_acl_id(id);
    let replaced = replace(own).send().await.unwrap();
    assert_ne!(replaced.new_association_id(), Some(association));
    let current = async || acl_of_subnet(aws, &subnet).await.network_acl_id;
    aws.reaches("the ACL of the subnet", Some(own.to_owned()), current).await;
    let now = acl_of_subnet(aws, &subnet).await;
    assert_eq!(tag(now.tags(), "Name"), Some("strict"));
    assert_eq!(now.associations()[0].network_acl_association_id(), replaced.new_association_id());
    assert!(acl(aws, default.network_acl_id().unwrap()).await.associations().is_empty());
    assert_eq!(code(replace(own).send().await), "InvalidAssociationID.NotFound", "the old association is gone");
}

async fn entries_are_added_replaced_and_removed_by_number_and_direction(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(aws, &vpc).await;
    let create = || {
        let call = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
        call.protocol("6").rule_action(RuleAction::Allow).cidr_block("192.168.7.9/16").port_range(ports(443, 443))
    };
    create().send().await.unwrap();
    assert_eq!(code(create().send().await), "NetworkAclEntryAlreadyExists");
    create().egress(true).port_range(ports(1024, 65_535)).send().await.unwrap();
    aws.reaches("the number of entries", 4, async || acl(aws, &id).await.entries().len()).await;
    let found = acl(aws, &id).await;
    let ingress = found.entries().iter().find(|entry| entry.egress() == Some(false)).unwrap();
    assert_eq!(shown(ingress), (false, 100, "6", "allow", "192.168.0.0/16"), "the range is canonicalized");
    assert_eq!(ingress.port_range(), Some(&ports(443, 443)));

    let replace = |number| {
        let call = aws.ec2.replace_network_acl_entry().network_acl_id(&id).rule_number(number).egress(false);
        call.protocol("17").rule_action(RuleAction::Deny).cidr_block("0.0.0.0/0").port_range(ports(53, 53))
    };
    replace(100).send().await.unwrap();
    assert_eq!(code(replace(110).send().await), "InvalidNetworkAclEntry.NotFound");
    let of_number = async || -> Vec<NetworkAclEntry> {
        acl(aws, &id).await.entries().iter().filter(|entry| entry.rule_number() == Some(100)).cloned().collect()
    };
    aws.reaches("the protocols", vec!["6".to_owned(), "17".to_owned()], async || {
        of_number().await.into_iter().filter_map(|entry| entry.protocol).collect::<Vec<_>>()
    })
    .await;
    let found = of_number().await;
    let entries: Vec<_> = found.iter().map(shown).collect();
    assert_eq!(entries, [(true, 100, "6", "allow", "192.168.0.0/16"), (false, 100, "17", "deny", "0.0.0.0/0")]);

    let delete = || aws.ec2.delete_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
    delete().send().await.unwrap();
    assert_eq!(code(delete().send().await), "InvalidNetworkAclEntry.NotFound");
    aws.reaches("the number of entries", 3, async || acl(aws, &id).await.entries().len()).await;
}

/// Numbers from 1 to 32766, ports for TCP and UDP, types for ICMP; entries of other protocols apply to all ports.
async fn invalid_entries_are_rejected(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = create(aws, &vpc).await;
    let call = || {
        let call = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(100).egress(false);
        call.protocol("-1").rule_action(RuleAction::Allow).cidr_block("10.0.0.0/8")
    };
    let before = aws.state();
    let mut rejections = Rejections::default();
    for (what, expected, call) in invalid_entries(call) {
        rejections.expect(what, expected, &code(call.send().await));
        assert_eq!(aws.state(), before, "{what} changed something");
    }
    rejections.check();
    let any = IcmpTypeCode::builder().code(-1).r#type(-1).build();
    call().protocol("1").icmp_type_code(any.clone()).send().await.unwrap();
    call().rule_number(110).protocol("50").port_range(ports(1, 2)).send().await.unwrap();
    aws.reaches("the number of entries", 4, async || acl(aws, &id).await.entries().len()).await;
    let found = acl(aws, &id).await;
    let by_number = |number| found.entries().iter().find(|entry| entry.rule_number() == Some(number)).unwrap();
    assert_eq!(by_number(100).icmp_type_code(), Some(&any));
    assert_eq!(by_number(110).port_range(), None, "ports are for TCP and UDP only");
}

fn invalid_entries(
    call: impl Fn() -> CreateNetworkAclEntryFluentBuilder,
) -> [(&'static str, &'static str, CreateNetworkAclEntryFluentBuilder); 12] {
    let tcp = || call().protocol("6");
    [
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
    ]
}

async fn an_unused_acl_can_be_deleted_and_the_default_acl_is_deleted_with_its_vpc(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", 0).await;
    let default = acl_of_subnet(aws, &subnet).await;
    let association = default.associations()[0].network_acl_association_id().unwrap();
    let own = create(aws, &vpc).await;
    let elsewhere = create(aws, &aws.vpc("10.30.0.0/16").await).await;
    let replace = |id: &str| aws.ec2.replace_network_acl_association().association_id(association).network_acl_id(id);
    assert_eq!(code(replace(&elsewhere).send().await), "InvalidParameterValue", "an ACL of another VPC");
    replace(&own).send().await.unwrap();

    let delete = |id: &str| aws.ec2.delete_network_acl().network_acl_id(id).send();
    assert_eq!(code(delete(default.network_acl_id().unwrap()).await), "InvalidParameterValue");
    assert_eq!(code(delete(&own).await), "DependencyViolation");
    let delete_vpc = || aws.ec2.delete_vpc().vpc_id(&vpc).send();
    assert_eq!(code(aws.ec2.delete_subnet().subnet_id(&subnet).send().await), "ok");
    assert_eq!(code(delete_vpc().await), "DependencyViolation", "a custom ACL prevents the deletion of the VPC");
    aws.reaches("the deletion of the ACL", "ok".to_owned(), async || code(delete(&own).await)).await;
    assert_eq!(code(delete(&own).await), "InvalidNetworkAclID.NotFound");
    aws.reaches("the deletion of the VPC", "ok".to_owned(), async || code(delete_vpc().await)).await;
    let of_vpc = async || {
        let found = aws.ec2.describe_network_acls().filters(filter("vpc-id", &vpc)).send().await.unwrap();
        found.network_acls().len()
    };
    aws.reaches("the ACLs of the VPC", 0, of_vpc).await;
}
