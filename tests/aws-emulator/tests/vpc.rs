//! VPCs, subnets and route tables, as the real SDK sees them.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{Aws, code, filter};

/// Source: VPC User Guide, "Create a VPC": a main route table and a default security group come with it.
#[tokio::test]
async fn a_new_vpc_has_a_main_route_table_and_a_default_group() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let tables = aws.ec2.describe_route_tables().filters(filter("association.main", "true")).send().await.expect("tables");
    assert_eq!(tables.route_tables().len(), 1);
    assert_eq!(tables.route_tables()[0].routes()[0].gateway_id(), Some("local"));
    let groups = aws.ec2.describe_security_groups().filters(filter("vpc-id", &vpc)).send().await.expect("groups");
    assert_eq!(groups.security_groups()[0].group_name(), Some("default"));
    assert_eq!(code(aws.ec2.describe_vpcs().vpc_ids("vpc-00000000000000000").send().await), "InvalidVpcID.NotFound");
}
