//! The lag of callers. Source: EC2 API Reference, "Eventual consistency".

use std::time::Duration;

use crate::support::{Aws, code, filter, permission, state_of};

#[tokio::test]
async fn a_new_resource_is_invisible_for_a_while() {
    let aws = Aws::with(|options| options.new_invisible_for = Duration::from_secs(5)).await;
    let call = aws.ec2.create_vpc().cidr_block("10.20.0.0/16");
    let vpc = call.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    assert_eq!(code(aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await), "InvalidVpcID.NotFound");
    assert!(aws.ec2.describe_vpcs().send().await.unwrap().vpcs().is_empty());
    let subnet = aws.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.20.0.0/24").send().await;
    assert_eq!(code(subnet), "InvalidVpcID.NotFound");
    aws.advance(5);
    assert_eq!(code(aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await), "ok");
    let group =
        |name: &str| aws.ec2.create_security_group().vpc_id(&vpc).group_name(name).description("for a test").send();
    group("endpoints").await.unwrap();
    let by_name = filter("group-name", "endpoints");
    assert!(aws.ec2.describe_security_groups().filters(by_name).send().await.unwrap().security_groups().is_empty());
    assert_eq!(code(group("endpoints").await), "InvalidGroup.Duplicate", "decisions of AWS use the true state");
}

#[tokio::test]
async fn a_deleted_resource_is_listed_for_a_while() {
    let aws = Aws::with(|options| options.deleted_visible_for = Duration::from_secs(5)).await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let group = aws.group(&vpc, "endpoints").await;
    aws.ec2.delete_security_group().group_id(&group).send().await.unwrap();
    assert_eq!(code(aws.ec2.describe_security_groups().group_ids(&group).send().await), "ok");
    assert_eq!(code(aws.ec2.delete_security_group().group_id(&group).send().await), "InvalidGroup.NotFound");
    assert!(aws.state().security_groups.iter().all(|other| other.name == "default"), "the state shows the truth");
    aws.advance(5);
    assert_eq!(code(aws.ec2.describe_security_groups().group_ids(&group).send().await), "InvalidGroup.NotFound");
}

#[tokio::test]
async fn a_changed_resource_is_listed_as_before_for_a_while() {
    let aws = Aws::with(|options| options.changes_invisible_for = Duration::from_secs(5)).await;
    let network = aws.network().await;
    aws.advance(5);
    let authorize = || {
        let call = aws.ec2.authorize_security_group_ingress().group_id(&network.group);
        call.ip_permissions(permission("tcp", 443, &["10.0.0.0/8"])).send()
    };
    authorize().await.unwrap();
    let rules = async || {
        let group = aws.ec2.describe_security_groups().group_ids(&network.group).send().await.unwrap();
        let rules =
            aws.ec2.describe_security_group_rules().filters(filter("group-id", &network.group)).send().await.unwrap();
        assert_eq!(group.security_groups()[0].ip_permissions().len() + 1, rules.security_group_rules().len());
        rules.security_group_rules().len()
    };
    assert_eq!(rules().await, 1, "only the outbound rule");
    assert_eq!(code(authorize().await), "InvalidPermission.Duplicate", "decisions of AWS use the true state");

    let endpoint = aws.interface_endpoint(&network, "kms").await;
    aws.advance(60);
    assert_eq!(rules().await, 2);
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&endpoint).private_dns_enabled(false).send().await.unwrap();
    let read = async || {
        let endpoint = aws.endpoint(&endpoint).await;
        (state_of(&endpoint).to_owned(), endpoint.private_dns_enabled())
    };
    assert_eq!(read().await, ("available".to_owned(), Some(true)));
    aws.advance(5);
    assert_eq!(read().await, ("pending".to_owned(), Some(false)));
}
