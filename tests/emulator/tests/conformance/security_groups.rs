//! Security groups and their rules.

use aws_sdk_ec2::types::{
    IpPermission, ResourceType, SecurityGroupRuleDescription, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
    SecurityGroupVpcAssociationState, UserIdGroupPair,
};
use aws_sdk_route53resolver::types::{IpAddressRequest, ResolverEndpointDirection};

use crate::support::{Aws, code, filter, permission, tags};

fn ingress_peers(aws: &Aws, group: &str) -> Vec<String> {
    let state = aws.state();
    let group = state.security_groups.iter().find(|other| other.id.to_string() == group).unwrap();
    group.ingress.iter().map(|rule| format!("{} {} {}", rule.protocol, rule.from_port, rule.peer)).collect()
}

/// Source: EC2 API Reference, CreateSecurityGroup: one outbound rule for all traffic, no inbound rule; names are
/// unique in a VPC regardless of case, and `default` is reserved.
#[tokio::test]
async fn a_new_group_allows_all_outbound_traffic_and_has_a_unique_name() {
    let aws = Aws::start().await;
    let (vpc, other) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.21.0.0/16").await);
    let create = |vpc: &str, name: &str| {
        aws.ec2.create_security_group().vpc_id(vpc).group_name(name).description("for a test").send()
    };
    let id = create(&vpc, "endpoints").await.unwrap().group_id.unwrap();
    let found = aws.ec2.describe_security_groups().group_ids(&id).send().await.unwrap();
    let group = &found.security_groups()[0];
    assert!(group.ip_permissions().is_empty());
    assert_eq!(group.ip_permissions_egress()[0].ip_ranges()[0].cidr_ip(), Some("0.0.0.0/0"));
    assert_eq!(code(create(&vpc, "Endpoints ").await), "InvalidGroup.Duplicate");
    assert_eq!(code(create(&vpc, "sg-mine").await), "InvalidParameterValue");
    assert_eq!(code(create(&vpc, "default").await), "InvalidParameterValue");
    assert_eq!(code(create(&other, "endpoints").await), "ok");
}

/// Source: EC2 API Reference, AuthorizeSecurityGroupIngress: all rules of all permissions are returned, each with an
/// ID.
#[tokio::test]
async fn all_rules_of_a_call_are_added_and_returned() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let call = call.ip_permissions(permission("tcp", 53, &["10.0.0.0/8", "172.16.0.0/12"]));
    let call = call.ip_permissions(permission("udp", 53, &["10.0.0.0/8"]));
    let call = call.tag_specifications(tags(ResourceType::SecurityGroupRule, &[("k", "v")]));
    let answer = call.send().await.unwrap();
    assert_eq!(answer.security_group_rules().len(), 3);
    let by_group = aws.ec2.describe_security_group_rules().filters(filter("group-id", &group)).send().await.unwrap();
    assert_eq!(by_group.security_group_rules().len(), 4, "the outbound rule is one of them");
    let tagged = aws.ec2.describe_security_group_rules().filters(filter("tag:k", "v")).send().await.unwrap();
    assert_eq!(tagged.security_group_rules().len(), 3);
    let tag_key = aws.ec2.describe_security_group_rules().filters(filter("tag-key", "k")).send().await;
    assert_eq!(code(tag_key), "InvalidParameterValue");
}

/// Source: aws-sdk-ec2, `IpRange::cidr_ip`: AWS canonicalizes ranges; EC2 API Reference, "Error codes"
/// (`InvalidPermission.Duplicate`). That AWS rejects the whole call is ASSUMED.
#[tokio::test]
async fn a_range_is_canonical_and_a_duplicate_fails_the_whole_call() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let authorize = |cidrs: &[&str]| {
        let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
        call.ip_permissions(permission("tcp", 443, cidrs)).send()
    };
    authorize(&["10.1.2.3/16"]).await.unwrap();
    assert_eq!(ingress_peers(&aws, &group), ["tcp 443 10.1.0.0/16"]);
    assert_eq!(code(authorize(&["192.168.0.0/16", "10.1.0.0/16"]).await), "InvalidPermission.Duplicate");
    assert_eq!(code(authorize(&["10.2.0.0/16", "10.2.9.9/16"]).await), "InvalidParameterValue");
    assert_eq!(ingress_peers(&aws, &group), ["tcp 443 10.1.0.0/16"]);
}

/// Source: EC2 API Reference, IpPermission and "Error codes".
#[tokio::test]
async fn malformed_permissions_are_rejected() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let authorize = |permission: IpPermission| {
        aws.ec2.authorize_security_group_ingress().group_id(&group).ip_permissions(permission).send()
    };
    let no_ports = IpPermission::builder().ip_protocol("tcp").build();
    let from_unknown = UserIdGroupPair::builder().group_id("sg-00000000000000000").build();
    for (permission, expected) in [
        (permission("tcp", 443, &["10.0.0.0"]), "InvalidParameterValue"),
        (permission("tcp", 70_000, &["10.0.0.0/8"]), "InvalidParameterValue"),
        (permission("none", 443, &["10.0.0.0/8"]), "InvalidParameterValue"),
        (permission("tcp", 443, &[]), "InvalidPermission.Malformed"),
        (no_ports, "InvalidParameterValue"),
        (IpPermission::builder().ip_protocol("-1").user_id_group_pairs(from_unknown).build(), "InvalidGroup.NotFound"),
    ] {
        assert_eq!(code(authorize(permission).await), expected);
    }
    assert!(ingress_peers(&aws, &group).is_empty());
}

/// Source: EC2 API Reference, RevokeSecurityGroupIngress: by ID or by permission. A rule that does not exist is an
/// error, and then no rule is revoked.
#[tokio::test]
async fn rules_are_revoked_by_id_and_by_permission() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let call = call.ip_permissions(permission("tcp", 443, &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]));
    let rules = call.send().await.unwrap().security_group_rules.unwrap();
    let revoke = || aws.ec2.revoke_security_group_ingress().group_id(&group);
    let absent = revoke().ip_permissions(permission("tcp", 443, &["10.0.0.0/8", "10.9.0.0/16"])).send().await;
    assert_eq!(code(absent), "InvalidPermission.NotFound");
    assert_eq!(ingress_peers(&aws, &group).len(), 3);
    let unknown = revoke().security_group_rule_ids("sgr-00000000000000000").send().await;
    assert_eq!(code(unknown), "InvalidSecurityGroupRuleId.NotFound");
    let id = rules[0].security_group_rule_id().unwrap();
    let answer = revoke().security_group_rule_ids(id).send().await.unwrap();
    assert_eq!(answer.revoked_security_group_rules()[0].security_group_rule_id(), Some(id));
    revoke().ip_permissions(permission("tcp", 443, &["172.16.5.5/12"])).send().await.unwrap();
    assert_eq!(ingress_peers(&aws, &group), ["tcp 443 192.168.0.0/16"]);
    let everything = IpPermission::builder().ip_protocol("-1");
    let everything = everything.ip_ranges(aws_sdk_ec2::types::IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
    aws.ec2.revoke_security_group_egress().group_id(&group).ip_permissions(everything).send().await.unwrap();
    let state = aws.state();
    assert!(state.security_groups.iter().any(|other| other.id.to_string() == group && other.egress.is_empty()));
}

/// Source: EC2 API Reference, ModifySecurityGroupRules and UpdateSecurityGroupRuleDescriptionsIngress: in place, by ID.
#[tokio::test]
async fn a_rule_is_modified_in_place() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    let call = aws.ec2.authorize_security_group_ingress().group_id(&group);
    let rules = call.ip_permissions(permission("tcp", 443, &["10.0.0.0/8"])).send().await.unwrap();
    let id = rules.security_group_rules()[0].security_group_rule_id().unwrap();
    let request = SecurityGroupRuleRequest::builder().ip_protocol("tcp").from_port(443).to_port(443);
    let request = request.cidr_ipv4("192.168.0.0/16").description("sources").build();
    let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id).security_group_rule(request).build();
    aws.ec2.modify_security_group_rules().group_id(&group).security_group_rules(update).send().await.unwrap();
    assert_eq!(ingress_peers(&aws, &group), ["tcp 443 192.168.0.0/16"]);
    let text = SecurityGroupRuleDescription::builder().security_group_rule_id(id).description("other").build();
    let call = aws.ec2.update_security_group_rule_descriptions_ingress().group_id(&group);
    call.security_group_rule_descriptions(text).send().await.unwrap();
    let found = aws.ec2.describe_security_group_rules().security_group_rule_ids(id).send().await.unwrap();
    assert_eq!(found.security_group_rules()[0].description(), Some("other"));
}

/// Source: Amazon VPC quotas: 60 inbound rules; EC2 API Reference, "Error codes" (`RulesPerSecurityGroupLimitExceeded`).
#[tokio::test]
async fn a_group_has_at_most_sixty_inbound_rules() {
    let aws = Aws::start().await;
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

/// Source: EC2 API Reference, DeleteSecurityGroup: a group cannot be deleted while another group names it or an
/// interface uses it, or if it is the default group.
#[tokio::test]
async fn a_group_in_use_is_not_deleted() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let (used, other) = (aws.group(&network.vpc, "used").await, aws.group(&network.vpc, "other").await);
    let pair = UserIdGroupPair::builder().group_id(&used).build();
    let from_used =
        IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).user_id_group_pairs(pair).build();
    let authorize = aws.ec2.authorize_security_group_ingress().group_id(&other).ip_permissions(from_used.clone());
    authorize.send().await.unwrap();
    let delete = |id: &str| aws.ec2.delete_security_group().group_id(id).send();
    assert_eq!(code(delete(&used).await), "DependencyViolation");
    let revoke = aws.ec2.revoke_security_group_ingress().group_id(&other).ip_permissions(from_used);
    revoke.send().await.unwrap();
    assert_eq!(code(delete(&used).await), "ok");
    let address = |subnet: &String| IpAddressRequest::builder().subnet_id(subnet).build().unwrap();
    let call = aws.resolver.create_resolver_endpoint().creator_request_id("r").security_group_ids(&other);
    let call = call.direction(ResolverEndpointDirection::Inbound);
    call.set_ip_addresses(Some(network.subnets.iter().map(address).collect())).send().await.unwrap();
    assert_eq!(code(delete(&other).await), "DependencyViolation");
    let default = aws.ec2.describe_security_groups().filters(filter("group-name", "default")).send().await.unwrap();
    assert_eq!(code(delete(default.security_groups()[0].group_id().unwrap()).await), "CannotDelete");
}

/// Source: VPC User Guide, "Associate security groups with multiple VPCs", and EC2 API Reference, DeleteSecurityGroup: an
/// association with another VPC keeps a group from being deleted. The codes of invalid associations are ASSUMED.
#[tokio::test]
async fn a_group_that_is_associated_with_another_vpc_is_not_deleted() {
    let aws = Aws::start().await;
    let (vpc, other) = (aws.vpc("10.20.0.0/16").await, aws.vpc("10.21.0.0/16").await);
    let group = aws.group(&vpc, "shared").await;
    let associate = |vpc: &str| aws.ec2.associate_security_group_vpc().group_id(&group).vpc_id(vpc).send();
    let delete = || aws.ec2.delete_security_group().group_id(&group).send();
    assert_eq!(code(associate(&vpc).await), "InvalidParameter", "its own VPC");
    assert_eq!(code(associate(&other).await), "ok");
    assert_eq!(code(delete().await), "DependencyViolation");
    let described = aws.ec2.describe_security_group_vpc_associations().filters(filter("group-id", &group)).send().await;
    let found = described.unwrap();
    let [association] = found.security_group_vpc_associations() else { panic!("{found:?}") };
    assert_eq!((association.vpc_id(), association.group_id()), (Some(&*other), Some(&*group)));
    assert_eq!(association.state(), Some(&SecurityGroupVpcAssociationState::Associated));
    let disassociate = || aws.ec2.disassociate_security_group_vpc().group_id(&group).vpc_id(&other).send();
    assert_eq!(code(disassociate().await), "ok");
    assert_eq!(code(disassociate().await), "InvalidParameter", "it is not associated");
    assert_eq!(code(delete().await), "ok");
}
