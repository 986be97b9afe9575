//! The lag of callers. Source: EC2 API Reference, "Eventual consistency".

use std::time::Duration;

use crate::support::{Aws, code, filter};

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
