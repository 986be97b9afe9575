//! VPCs, subnets, route tables and network interfaces.

use aws_sdk_ec2::types::{AttributeBooleanValue, Tenancy, VpcAttributeName};

use crate::support::{Aws, code, filter};

/// Source: VPC User Guide, "Create a VPC": a new VPC has a main route table and a default security group.
#[tokio::test]
async fn a_new_vpc_has_a_main_route_table_and_a_default_group() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let tables = aws.ec2.describe_route_tables().filters(filter("association.main", "true")).send().await.unwrap();
    assert_eq!(tables.route_tables().len(), 1);
    assert_eq!(tables.route_tables()[0].routes()[0].gateway_id(), Some("local"));
    let groups = aws.ec2.describe_security_groups().filters(filter("vpc-id", &vpc)).send().await.unwrap();
    assert_eq!(groups.security_groups()[0].group_name(), Some("default"));
}

/// Source: VPC User Guide, "DNS attributes in your VPC": in a nondefault VPC, DNS support is enabled and DNS
/// hostnames are disabled. One call sets or reads one attribute.
#[tokio::test]
async fn dns_support_is_on_by_default_and_attributes_are_set_one_at_a_time() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let read = |attribute| aws.ec2.describe_vpc_attribute().vpc_id(&vpc).attribute(attribute).send();
    let hostnames = read(VpcAttributeName::EnableDnsHostnames).await.unwrap();
    assert_eq!(hostnames.enable_dns_hostnames().and_then(AttributeBooleanValue::value), Some(false));
    let support = read(VpcAttributeName::EnableDnsSupport).await.unwrap();
    assert_eq!(support.enable_dns_support().and_then(AttributeBooleanValue::value), Some(true));
    aws.dns_hostnames(&vpc, true).await;
    let hostnames = read(VpcAttributeName::EnableDnsHostnames).await.unwrap();
    assert_eq!(hostnames.enable_dns_hostnames().and_then(AttributeBooleanValue::value), Some(true));
    let on = AttributeBooleanValue::builder().value(true).build();
    let both = aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_support(on.clone()).enable_dns_hostnames(on);
    assert_eq!(code(both.send().await), "InvalidParameterCombination");
}

/// Source: EC2 API Reference, CreateVpc and ModifyVpcTenancy: dedicated tenancy can be changed to default tenancy,
/// but not the reverse.
#[tokio::test]
async fn tenancy_can_change_only_to_default() {
    let aws = Aws::start().await;
    let made =
        aws.ec2.create_vpc().cidr_block("10.20.0.0/16").instance_tenancy(Tenancy::Dedicated).send().await.unwrap();
    let vpc = made.vpc().and_then(|vpc| vpc.vpc_id()).unwrap().to_owned();
    let tenancy = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap();
        found.vpcs()[0].instance_tenancy().cloned()
    };
    assert_eq!(tenancy().await, Some(Tenancy::Dedicated));
    let change = |tenancy: &str| aws.ec2.modify_vpc_tenancy().vpc_id(&vpc).instance_tenancy(tenancy.into()).send();
    change("default").await.unwrap();
    assert_eq!(tenancy().await, Some(Tenancy::Default));
    assert_eq!(code(change("dedicated").await), "InvalidParameterValue");
    assert_eq!(tenancy().await, Some(Tenancy::Default));
}

/// Source: VPC User Guide, "VPC CIDR blocks": more blocks can be added; they must not overlap.
#[tokio::test]
async fn a_second_block_is_added_to_a_vpc() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.21.0.0/16").send().await.unwrap();
    let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap();
    let blocks: Vec<_> =
        found.vpcs()[0].cidr_block_association_set().iter().filter_map(|block| block.cidr_block()).collect();
    assert_eq!(blocks.len(), 2);
    let overlap = aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.20.5.0/24").send().await;
    assert_eq!(code(overlap), "InvalidVpc.Range");
}

/// Source: VPC User Guide, "Subnet CIDR blocks": AWS reserves five addresses of a subnet.
#[tokio::test]
async fn a_subnet_reports_its_zone_and_free_addresses() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = aws.subnet(&vpc, "10.20.0.0/28", "c").await;
    let found = aws.ec2.describe_subnets().subnet_ids(&id).send().await.unwrap();
    let subnet = &found.subnets()[0];
    assert_eq!(subnet.availability_zone_id(), Some("apne1-az1"));
    assert_eq!(subnet.available_ip_address_count(), Some(11));
    let create =
        |cidr: &str, zone: &str| aws.ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(zone).send();
    assert_eq!(code(create("10.20.0.0/26", "ap-northeast-1a").await), "InvalidSubnet.Conflict");
    assert_eq!(code(create("10.99.0.0/24", "ap-northeast-1a").await), "InvalidSubnet.Range");
    assert_eq!(code(create("10.20.9.0/24", "ap-northeast-1b").await), "InvalidParameterValue");
}

/// Source: EC2 API Reference, AssociateRouteTable: a subnet has at most one association; DeleteRouteTable: a table
/// with an associated subnet cannot be deleted.
#[tokio::test]
async fn a_subnet_has_one_route_table_and_prevents_its_deletion() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    let (table, other) = (aws.route_table(&vpc).await, aws.route_table(&vpc).await);
    let answer = aws.ec2.associate_route_table().route_table_id(&table).subnet_id(&subnet).send().await.unwrap();
    let again = aws.ec2.associate_route_table().route_table_id(&other).subnet_id(&subnet).send().await;
    assert_eq!(code(again), "Resource.AlreadyAssociated");
    let by_subnet = filter("association.subnet-id", &subnet);
    let found = aws.ec2.describe_route_tables().filters(by_subnet).send().await.unwrap();
    assert_eq!(found.route_tables()[0].route_table_id(), Some(table.as_str()));
    assert_eq!(code(aws.ec2.delete_route_table().route_table_id(&table).send().await), "DependencyViolation");
    let association = answer.association_id.unwrap();
    aws.ec2.disassociate_route_table().association_id(association).send().await.unwrap();
    assert_eq!(code(aws.ec2.delete_route_table().route_table_id(&table).send().await), "ok");
}

/// Source: EC2 API Reference, DeleteVpc: all resources except the default ones must be deleted first.
#[tokio::test]
async fn only_an_empty_vpc_can_be_deleted() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", "a").await;
    assert_eq!(code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await), "DependencyViolation");
    aws.ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
    assert_eq!(code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await), "ok");
    assert_eq!(code(aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await), "InvalidVpcID.NotFound");
    assert!(aws.state().security_groups.is_empty() && aws.state().route_tables.is_empty());
}

/// Source: EC2 API Reference, CreateNetworkInterface; the interface of a caller occupies its address and uses its
/// group.
#[tokio::test]
async fn an_interface_uses_its_subnet_its_address_and_its_group() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let create = || {
        let call = aws.ec2.create_network_interface().subnet_id(&network.subnets[0]);
        call.private_ip_address("10.20.0.10").groups(&network.group).send()
    };
    let interface = create().await.unwrap().network_interface.unwrap();
    let id = interface.network_interface_id.unwrap();
    assert_eq!(code(create().await), "InvalidIPAddress.InUse");
    assert_eq!(code(aws.ec2.delete_security_group().group_id(&network.group).send().await), "DependencyViolation");
    assert_eq!(code(aws.ec2.delete_subnet().subnet_id(&network.subnets[0]).send().await), "DependencyViolation");
    aws.ec2.delete_network_interface().network_interface_id(id).send().await.unwrap();
    assert_eq!(code(aws.ec2.delete_security_group().group_id(&network.group).send().await), "ok");
}

/// Source: AWS RAM User Guide, "Availability Zone IDs"; EC2 API Reference, DescribeAvailabilityZones, DescribeDhcpOptions.
#[tokio::test]
async fn a_region_has_zones_dhcp_options_and_prefix_lists() {
    let aws = Aws::start().await;
    let zones = aws.ec2.describe_availability_zones().send().await.unwrap();
    let ids: Vec<_> = zones.availability_zones().iter().filter_map(|zone| zone.zone_id()).collect();
    assert_eq!(ids, ["apne1-az4", "apne1-az1", "apne1-az2"]);
    let dhcp = aws.ec2.describe_dhcp_options().send().await.unwrap();
    let servers = dhcp.dhcp_options()[0].dhcp_configurations().iter().find(|c| c.key() == Some("domain-name-servers"));
    assert_eq!(servers.unwrap().values()[0].value(), Some("AmazonProvidedDNS"));
    let name = filter("prefix-list-name", "com.amazonaws.ap-northeast-1.s3");
    let lists = aws.ec2.describe_prefix_lists().filters(name.clone()).send().await.unwrap();
    assert_eq!(lists.prefix_lists()[0].cidrs().len(), 2);
    let managed = aws.ec2.describe_managed_prefix_lists().filters(name).send().await.unwrap();
    assert_eq!(managed.prefix_lists()[0].prefix_list_id(), lists.prefix_lists()[0].prefix_list_id());
}

/// Source: EC2 API Reference, DisassociateVpcCidrBlock; hashicorp/terraform-provider-aws issue 29077; hashicorp/terraform issue
/// 12895.
#[tokio::test]
async fn an_added_block_is_removed_if_no_subnet_is_in_it() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let added = aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.21.0.0/16").send().await.unwrap();
    let added = added.cidr_block_association.unwrap().association_id.unwrap();
    let blocks = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap().vpcs.unwrap().remove(0);
        let associations = found.cidr_block_association_set.unwrap().into_iter();
        associations
            .map(|one| {
                let state = one.cidr_block_state.unwrap().state.unwrap();
                (one.association_id.unwrap(), one.cidr_block.unwrap(), state.as_str().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let first = blocks().await.into_iter().find(|(_, block, _)| block == "10.20.0.0/16").unwrap().0;
    let remove = |id: &str| aws.ec2.disassociate_vpc_cidr_block().association_id(id).send();
    assert_eq!(code(remove(&first).await), "OperationNotPermitted");
    let subnet = aws.subnet(&vpc, "10.21.0.0/24", "a").await;
    assert_eq!(code(remove(&added).await), "InvalidCidrBlock.InUse");
    aws.ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
    assert_eq!(code(remove(&added).await), "ok");
    assert_eq!(code(remove(&added).await), "InvalidVpcCidrBlockAssociationID.NotFound");
    let states: Vec<String> = blocks().await.into_iter().map(|(_, _, state)| state).collect();
    assert_eq!(states, ["associated", "disassociated"]);
    let create = aws.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.21.0.0/24").send();
    assert_eq!(code(create.await), "InvalidSubnet.Range");
    aws.advance(60);
    assert_eq!(blocks().await.len(), 1);
}

/// Source: EC2 API Reference, CreateSubnet, `Ipv6Native`.
#[tokio::test]
async fn a_subnet_with_ipv6_only_has_no_ipv4_block() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let added =
        aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).amazon_provided_ipv6_cidr_block(true).send().await.unwrap();
    let block = added.ipv6_cidr_block_association.unwrap().ipv6_cidr_block.unwrap();
    let block = block.replace("/56", "/64");
    let create = |native| {
        let call = aws.ec2.create_subnet().vpc_id(&vpc).ipv6_cidr_block(&block).ipv6_native(native);
        call.send()
    };
    assert_eq!(code(create(false).await), "MissingParameter");
    let subnet = create(true).await.unwrap().subnet.unwrap();
    assert_eq!((subnet.cidr_block(), subnet.ipv6_native()), (None, Some(true)));
    assert_eq!(subnet.ipv6_cidr_block_association_set()[0].ipv6_cidr_block(), Some(&*block));
    assert_eq!(code(create(true).await), "InvalidSubnet.Conflict");
    let interface = aws.ec2.create_network_interface().subnet_id(subnet.subnet_id().unwrap()).send().await;
    assert_eq!(code(interface), "InsufficientFreeAddressesInSubnet");
    let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap().vpcs.unwrap().remove(0);
    assert_eq!(found.ipv6_cidr_block_association_set().len(), 1);
}

/// Source: VPC User Guide, "Subnet CIDR reservations".
#[tokio::test]
async fn aws_chooses_no_address_in_a_reservation() {
    let aws = Aws::start().await;
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/28", "a").await;
    let reserve = |cidr: &str| {
        let call = aws.ec2.create_subnet_cidr_reservation().subnet_id(&subnet).cidr(cidr);
        call.reservation_type("explicit".into()).send()
    };
    let made = reserve("10.20.0.8/29").await.unwrap().subnet_cidr_reservation.unwrap();
    assert_eq!(code(reserve("10.20.0.8/30").await), "InvalidParameterValue");
    assert_eq!(code(reserve("10.20.1.0/28").await), "InvalidParameterValue");
    let interface = async |address: Option<&str>| {
        let call =
            aws.ec2.create_network_interface().subnet_id(&subnet).set_private_ip_address(address.map(str::to_owned));
        call.send().await.map(|made| made.network_interface.unwrap().private_ip_address.unwrap())
    };
    let mut chosen = Vec::new();
    for _ in 0..4 {
        chosen.push(interface(None).await.unwrap());
    }
    chosen.sort();
    assert_eq!(chosen, ["10.20.0.4", "10.20.0.5", "10.20.0.6", "10.20.0.7"]);
    assert_eq!(code(interface(None).await), "InsufficientFreeAddressesInSubnet");
    assert_eq!(interface(Some("10.20.0.9")).await.unwrap(), "10.20.0.9");
    let id = made.subnet_cidr_reservation_id.unwrap();
    let listed = aws.ec2.get_subnet_cidr_reservations().subnet_id(&subnet).send().await.unwrap();
    assert_eq!(listed.subnet_ipv4_cidr_reservations()[0].subnet_cidr_reservation_id(), Some(&*id));
    aws.ec2.delete_subnet_cidr_reservation().subnet_cidr_reservation_id(&id).send().await.unwrap();
    assert_eq!(code(interface(None).await), "ok");
}
