//! Security groups and their rules.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, ResourceType, SecurityGroupRule, SecurityGroupRuleDescription, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, SecurityGroupVpcAssociationState, UserIdGroupPair,
};

use crate::{
    answers::{Rejections, code},
    case::{
        Basis::{Assumed, Source},
        Case,
        InAccount::Cheap,
        case,
    },
    network::{filter, permission, tags},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_new_group_allows_all_outbound_traffic_and_has_a_unique_name,
        Source("EC2 API Reference, CreateSecurityGroup"),
        "two VPCs, two groups",
        Cheap
    ),
    case!(
        all_rules_of_a_call_are_added_and_returned,
        Source("EC2 API Reference, AuthorizeSecurityGroupIngress, DescribeSecurityGroupRules"),
        "a VPC, a group",
        Cheap
    ),
    case!(
        a_range_is_canonical_and_a_duplicate_fails_the_whole_call,
        Assumed(
            "aws-sdk-ec2, `IpRange::cidr_ip`; EC2 API Reference, \"Error codes\" (`InvalidPermission.Duplicate`); that AWS \
             rejects the whole call is assumed"
        ),
        "a VPC, a group",
        Cheap
    ),
    case!(
        malformed_permissions_are_rejected,
        Assumed(
            "EC2 API Reference, IpPermission and \"Error codes\"; the code for a permission without a source is assumed"
        ),
        "a VPC, a group",
        Cheap
    ),
    case!(
        rules_are_revoked_by_id_and_by_permission,
        Source("EC2 API Reference, RevokeSecurityGroupIngress"),
        "a VPC, a group",
        Cheap
    ),
    case!(
        a_rule_is_modified_in_place,
        Source("EC2 API Reference, ModifySecurityGroupRules and UpdateSecurityGroupRuleDescriptionsIngress"),
        "a VPC, a group",
        Cheap
    ),
    case!(
        a_group_has_at_most_sixty_inbound_rules,
        Source("Amazon VPC quotas: 60 inbound rules; EC2 API Reference, \"Error codes\""),
        "a VPC, a group",
        Cheap
    ),
    case!(a_group_in_use_is_not_deleted, Source("EC2 API Reference, DeleteSecurityGroup"), "a VPC, two groups", Cheap),
    case!(
        a_group_that_is_associated_with_another_vpc_is_not_deleted,
        Assumed(
            "VPC User Guide, \"Associate security groups with multiple VPCs\"; EC2 API Reference, DeleteSecurityGroup; the codes \
             of invalid associations are assumed"
        ),
        "two VPCs, a group",
        Cheap
    ),
];

async fn rules(aws: &Target, group: &str) -> Vec<SecurityGroupRule> {
    let found = aws.ec2.describe_security_group_rules().filters(filter("group-id", group)).send().await.unwrap();
    found.security_group_rules.unwrap_or_default()
}

/// Returns the inbound rules as `tcp 443 10.0.0.0/8`, sorted.
async fn ingress(aws: &Target, group: &str) -> Vec<String> {
    let rules = rules(aws, group).await.into_iter().filter(|rule| rule.is_egress == Some(false));
    let shown = |rule: SecurityGroupRule| {
        let (protocol, port) = (rule.ip_protocol.unwrap_or_default(), rule.from_port.unwrap_or_default());
        format!("{protocol} {port} {}", rule.cidr_ipv4.unwrap_or_default())
    };
    let mut rules: Vec<_> = rules.map(shown).collect();
    rules.sort();
    rules
}

async fn has_ingress(aws: &Target, group: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|&rule| rule.to_owned()).collect();
    aws.reaches("the inbound rules", expected, async || ingress(aws, group).await).await;
}

/// One outbound rule for all traffic, no inbound rule; names are unique in a VPC regardless of case, and `default` is
/// reserved.
async fn a_new_group_allows_all_outbound_traffic_and_has_a_unique_name(aws: &Target) {
    let (vpc, other) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.21.0.0/16").await);
    let create = |vpc: &str, name: &str| {
        aws.ec2.create_security_group().vpc_id(vpc).group_name(name).description("for a test").send()
    };
    let id = create(&vpc, "endpoints").await.unwrap().group_id.unwrap();
    let found = aws
        .until("the group is described", async || aws.ec2.describe_security_groups().group_ids(&id).send().await.ok());
    let found = found.await;
    let group = &found.security_groups()[0];
    assert!(group.ip_permissions().is_empty());
    assert_eq!(group.ip_permissions_egress()[0].ip_ranges()[0].cidr_ip(), Some("0.0.0.0/0"));
    let mut rejections = Rejections::default();
    for (what, expected, vpc, name) in [
        ("the name in other letters", "InvalidGroup.Duplicate", &vpc, "Endpoints "),
        ("a name like an ID", "InvalidParameterValue", &vpc, "sg-mine"),
        ("the name of the default group", "InvalidParameterValue", &vpc, "default"),
        ("the name in another VPC", "ok", &other, "endpoints"),
    ] {
        rejections.expect(what, expected, &code(create(vpc, name).await));
    }
    rejections.check();
}

/// All rules of all permissions are returned, each with an ID.
async fn all_rules_of_a_call_are_added_and_returned(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let call = call.ip_permissions(permission("tcp", 53, &["10.0.0.0/8", "172.16.0.0/12"]));
    let call = call.ip_permissions(permission("udp", 53, &["10.0.0.0/8"]));
    let call = call.tag_specifications(tags(ResourceType::SecurityGroupRule, &[("k", "v")]));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.security_group_rules().len(), 3);
    aws.reaches("the rules, with the outbound one", 4, async || rules(aws, &group).await.len()).await;
    let of_group = || aws.ec2.describe_security_group_rules().filters(filter("group-id", &group));
    let tagged = async || of_group().filters(filter("tag:k", "v")).send().await.unwrap().security_group_rules().len();
    aws.reaches("the rules with the tag", 3, tagged).await;
    assert_eq!(code(of_group().filters(filter("tag-key", "k")).send().await), "InvalidParameterValue");
}

async fn a_range_is_canonical_and_a_duplicate_fails_the_whole_call(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let authorize = |cidrs: &[&str]| {
        let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
        call.ip_permissions(permission("tcp", 443, cidrs)).send()
    };
    authorize(&["10.1.2.3/16"]).await.unwrap();
    has_ingress(aws, &group, &["tcp 443 10.1.0.0/16"]).await;
    assert_eq!(code(authorize(&["192.168.0.0/16", "10.1.0.0/16"]).await), "InvalidPermission.Duplicate");
    assert_eq!(code(authorize(&["10.2.0.0/16", "10.2.9.9/16"]).await), "InvalidParameterValue");
    has_ingress(aws, &group, &["tcp 443 10.1.0.0/16"]).await;
}

async fn malformed_permissions_are_rejected(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let no_ports = IpPermission::builder().ip_protocol("tcp").build();
    let from_unknown = UserIdGroupPair::builder().group_id("sg-00000000000000000").build();
    let from_unknown = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(from_unknown).build();
    let mut rejections = Rejections::default();
    for (what, permission, expected) in [
        ("a range without a length", permission("tcp", 443, &["10.0.0.0"]), "InvalidParameterValue"),
        ("a port that is none", permission("tcp", 70_000, &["10.0.0.0/8"]), "InvalidParameterValue"),
        ("a protocol that is none", permission("none", 443, &["10.0.0.0/8"]), "InvalidParameterValue"),
        ("no source", permission("tcp", 443, &[]), "InvalidPermission.Malformed"),
        ("no ports", no_ports, "InvalidParameterValue"),
        ("an unknown group", from_unknown, "InvalidGroup.NotFound"),
    ] {
        let call = aws.ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(permission);
        rejections.expect(what, expected, &code(call.send().await));
    }
    rejections.check();
    assert!(ingress(aws, &group).await.is_empty());
}

/// A rule that does not exist is an error, and then no rule is revoked.
async fn rules_are_revoked_by_id_and_by_permission(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let call = call.ip_permissions(permission("tcp", 443, &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]));
    let added = call.send().await.unwrap().security_group_rules.unwrap();
    let revoke = || aws.ec2.revoke_security_group_ingress().group_id(&group);
    let absent = revoke().ip_permissions(permission("tcp", 443, &["10.0.0.0/8", "10.9.0.0/16"])).send().await;
    assert_eq!(code(absent), "InvalidPermission.NotFound");
    aws.reaches("the inbound rules", 3, async || ingress(aws, &group).await.len()).await;
    let unknown = revoke().security_group_rule_ids("sgr-00000000000000000").send().await;
    assert_eq!(code(unknown), "InvalidSecurityGroupRuleId.NotFound");
    let id =
        added.iter().find(|rule| rule.cidr_ipv4() == Some("10.0.0.0/8")).unwrap().security_group_rule_id().unwrap();
    let answer = revoke().security_group_rule_ids(id).send().await.unwrap();
    assert_eq!(answer.revoked_security_group_rules()[0].security_group_rule_id(), Some(id));
    revoke().ip_permissions(permission("tcp", 443, &["172.16.5.5/12"])).send().await.unwrap();
    has_ingress(aws, &group, &["tcp 443 192.168.0.0/16"]).await;
    let everything = IpPermission::builder().ip_protocol("-1");
    let everything = everything.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
    aws.ec2.revoke_security_group_egress().group_id(&group).ip_permissions(everything).send().await.unwrap();
    aws.reaches("all rules", 1, async || rules(aws, &group).await.len()).await;
}

async fn a_rule_is_modified_in_place(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let added = call.ip_permissions(permission("tcp", 443, &["10.0.0.0/8"])).send().await.unwrap();
    let id = added.security_group_rules()[0].security_group_rule_id().unwrap();
    let request = SecurityGroupRuleRequest::builder().ip_protocol("tcp").from_port(443).to_port(443);
    let request = request.cidr_ipv4("192.168.0.0/16").description("sources").build();
    let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id).security_group_rule(request).build();
    aws.ec2.modify_security_group_rules().group_id(&group).security_group_rules(update).send().await.unwrap();
    has_ingress(aws, &group, &["tcp 443 192.168.0.0/16"]).await;
    let text = SecurityGroupRuleDescription::builder().security_group_rule_id(id).description("other").build();
    let call = aws.ec2.update_security_group_rule_descriptions_ingress().group_id(&group);
    call.security_group_rule_descriptions(text).send().await.unwrap();
    let description = async || {
        let found = aws.ec2.describe_security_group_rules().security_group_rule_ids(id).send().await.unwrap();
        found.security_group_rules()[0].description().map(str::to_owned)
    };
    aws.reaches("the description", Some("other".to_owned()), description).await;
}

async fn a_group_has_at_most_sixty_inbound_rules(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let cidrs: Vec<String> = (0..61).map(|n| format!("10.{n}.0.0/16")).collect();
    let cidrs: Vec<&str> = cidrs.iter().map(String::as_str).collect();
    let authorize = |cidrs: &[&str]| {
        let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
        call.ip_permissions(permission("tcp", 443, cidrs)).send()
    };
    assert_eq!(code(authorize(&cidrs).await), "RulesPerSecurityGroupLimitExceeded");
    assert_eq!(code(authorize(&cidrs[..60]).await), "ok");
    assert_eq!(code(authorize(&cidrs[60..]).await), "RulesPerSecurityGroupLimitExceeded");
}

/// A group cannot be deleted while another group names it, or if it is the default group.
async fn a_group_in_use_is_not_deleted(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let (used, other) = (aws.group(&vpc, "used").await, aws.group(&vpc, "other").await);
    let pair = UserIdGroupPair::builder().group_id(&used).build();
    let from_used =
        IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).user_id_group_pairs(pair).build();
    let authorize = aws.ec2.authorize_security_group_ingress().group_id(&other).ip_permissions(from_used.clone());
    authorize.send().await.unwrap();
    let delete = async |id: &str| code(aws.ec2.delete_security_group().group_id(id).send().await);
    assert_eq!(delete(&used).await, "DependencyViolation");
    let revoke = aws.ec2.revoke_security_group_ingress().group_id(&other).ip_permissions(from_used);
    revoke.send().await.unwrap();
    aws.reaches("the deletion", "ok".to_owned(), async || delete(&used).await).await;
    assert_eq!(delete(&aws.default_group(&vpc).await).await, "CannotDelete");
}

/// An association with another VPC keeps a group from being deleted.
async fn a_group_that_is_associated_with_another_vpc_is_not_deleted(aws: &Target) {
    let (vpc, other) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.21.0.0/16").await);
    let group = aws.group(&vpc, "shared").await;
    let associate = |vpc: &str| aws.ec2.associate_security_group_vpc().group_id(&group).vpc_id(vpc).send();
    let delete = async || code(aws.ec2.delete_security_group().group_id(&group).send().await);
    assert_eq!(code(associate(&vpc).await), "InvalidParameter", "its own VPC");
    assert_eq!(code(associate(&other).await), "ok");
    assert_eq!(delete().await, "DependencyViolation");
    let described = async || {
        let call = aws.ec2.describe_security_group_vpc_associations().filters(filter("group-id", &group));
        let found = call.send().await.unwrap().security_group_vpc_associations.unwrap_or_default();
        found.into_iter().map(|one| (one.vpc_id, one.group_id, one.state)).collect::<Vec<_>>()
    };
    let associated = SecurityGroupVpcAssociationState::Associated;
    let expected = vec![(Some(other.clone()), Some(group.clone()), Some(associated))];
    aws.reaches("the associations", expected, described).await;
    let disassociate = || aws.ec2.disassociate_security_group_vpc().group_id(&group).vpc_id(&other).send();
    assert_eq!(code(disassociate().await), "ok");
    aws.reaches("the associations", Vec::new(), described).await;
    assert_eq!(code(disassociate().await), "InvalidParameter", "it is not associated");
    aws.reaches("the deletion", "ok".to_owned(), delete).await;
}
