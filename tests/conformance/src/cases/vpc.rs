//! VPCs, subnets, route tables and network interfaces.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{AttributeBooleanValue, Tenancy, VpcAttributeName};

use crate::{
    answers::{Rejections, code},
    case::{
        Basis::{Assumed, Source},
        Case,
        InAccount::Cheap,
        case,
    },
    network::filter,
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        a_new_vpc_has_a_main_route_table_and_a_default_group,
        Source("VPC User Guide, \"Create a VPC\""),
        "a VPC",
        Cheap
    ),
    case!(
        dns_support_is_on_by_default_and_attributes_are_set_one_at_a_time,
        Assumed("VPC User Guide, \"DNS attributes in your VPC\"; the code for two attributes is assumed"),
        "a VPC",
        Cheap
    ),
    case!(
        tenancy_can_change_only_to_default,
        Assumed("EC2 API Reference, CreateVpc and ModifyVpcTenancy; the code is assumed"),
        "a VPC of dedicated tenancy, without instances",
        Cheap
    ),
    case!(a_second_block_is_added_to_a_vpc, Source("VPC User Guide, \"VPC CIDR blocks\""), "a VPC", Cheap),
    case!(
        a_subnet_reports_its_zone_and_free_addresses,
        Source("VPC User Guide, \"Subnet CIDR blocks\": AWS reserves five addresses of a subnet"),
        "a VPC, a subnet",
        Cheap
    ),
    case!(
        a_subnet_has_one_route_table_and_prevents_its_deletion,
        Source("EC2 API Reference, AssociateRouteTable and DeleteRouteTable"),
        "a VPC, a subnet, two route tables",
        Cheap
    ),
    case!(only_an_empty_vpc_can_be_deleted, Source("EC2 API Reference, DeleteVpc"), "a VPC, a subnet", Cheap),
    case!(
        an_interface_uses_its_subnet_its_address_and_its_group,
        Source("EC2 API Reference, CreateNetworkInterface"),
        "a network, a network interface",
        Cheap
    ),
    case!(
        a_region_has_zones_and_prefix_lists,
        Source("AWS RAM User Guide, \"Availability Zone IDs\"; EC2 API Reference, DescribeAvailabilityZones"),
        "nothing",
        Cheap
    ),
    case!(
        an_added_block_is_removed_if_no_subnet_is_in_it,
        Assumed(
            "EC2 API Reference, DisassociateVpcCidrBlock; hashicorp/terraform-provider-aws issue 29077; hashicorp/terraform \
             issue 12895; the code for the first block is assumed"
        ),
        "a VPC, a subnet",
        Cheap
    ),
    case!(
        a_subnet_with_ipv6_only_has_no_ipv4_block,
        Assumed(
            "EC2 API Reference, CreateSubnet, `Ipv6Native`; that no interface can be created without an IPv6 address is assumed"
        ),
        "a VPC, a subnet",
        Cheap
    ),
    case!(
        aws_chooses_no_address_in_a_reservation,
        Assumed("VPC User Guide, \"Subnet CIDR reservations\"; the codes are assumed"),
        "a VPC, a subnet, six network interfaces",
        Cheap
    ),
];

async fn a_new_vpc_has_a_main_route_table_and_a_default_group(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let filters = [filter("association.main", "true"), filter("vpc-id", &vpc)];
    let tables = aws.ec2.describe_route_tables().set_filters(Some(filters.to_vec())).send().await.unwrap();
    assert_eq!(tables.route_tables().len(), 1);
    assert_eq!(tables.route_tables()[0].routes()[0].gateway_id(), Some("local"));
    let groups = aws.ec2.describe_security_groups().filters(filter("vpc-id", &vpc)).send().await.unwrap();
    assert_eq!(groups.security_groups().len(), 1);
    assert_eq!(groups.security_groups()[0].group_name(), Some("default"));
}

/// In a nondefault VPC, DNS support is enabled and DNS hostnames are disabled. One call sets or reads one attribute.
async fn dns_support_is_on_by_default_and_attributes_are_set_one_at_a_time(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let read = |attribute| aws.ec2.describe_vpc_attribute().vpc_id(&vpc).attribute(attribute).send();
    let hostnames = async || {
        let answer = read(VpcAttributeName::EnableDnsHostnames).await.unwrap();
        answer.enable_dns_hostnames().and_then(AttributeBooleanValue::value)
    };
    assert_eq!(hostnames().await, Some(false));
    let support = read(VpcAttributeName::EnableDnsSupport).await.unwrap();
    assert_eq!(support.enable_dns_support().and_then(AttributeBooleanValue::value), Some(true));
    aws.dns_hostnames(&vpc, true).await;
    aws.reaches("the attribute", Some(true), hostnames).await;
    let on = AttributeBooleanValue::builder().value(true).build();
    let both = aws.ec2.modify_vpc_attribute().vpc_id(&vpc).enable_dns_support(on.clone()).enable_dns_hostnames(on);
    assert_eq!(code(both.send().await), "InvalidParameterCombination");
}

/// Dedicated tenancy can be changed to default tenancy, but not the reverse.
async fn tenancy_can_change_only_to_default(aws: &Target) {
    let create = aws.ec2.create_vpc().cidr_block("10.20.0.0/16").instance_tenancy(Tenancy::Dedicated);
    let vpc = create.send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let tenancy = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.ok()?;
        found.vpcs()[0].instance_tenancy().cloned()
    };
    aws.reaches("the tenancy", Some(Tenancy::Dedicated), tenancy).await;
    let change = |tenancy: &str| aws.ec2.modify_vpc_tenancy().vpc_id(&vpc).instance_tenancy(tenancy.into()).send();
    change("default").await.unwrap();
    aws.reaches("the tenancy", Some(Tenancy::Default), tenancy).await;
    assert_eq!(code(change("dedicated").await), "InvalidParameterValue");
    assert_eq!(tenancy().await, Some(Tenancy::Default));
}

/// More blocks can be added; they must not overlap.
async fn a_second_block_is_added_to_a_vpc(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.21.0.0/16").send().await.unwrap();
    let blocks = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap();
        found.vpcs()[0].cidr_block_association_set().iter().filter_map(|block| block.cidr_block()).count()
    };
    aws.reaches("the number of blocks", 2, blocks).await;
    let overlap = aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.20.5.0/24").send().await;
    assert_eq!(code(overlap), "InvalidVpc.Range");
}

async fn a_subnet_reports_its_zone_and_free_addresses(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let id = aws.subnet(&vpc, "10.20.0.0/28", 1).await;
    let found = aws.until("the subnet is described", async || {
        aws.ec2.describe_subnets().subnet_ids(&id).send().await.ok()?.subnets?.pop()
    });
    let subnet = found.await;
    assert_eq!(subnet.availability_zone_id(), Some(aws.zones[1].id.as_str()));
    assert_eq!(subnet.available_ip_address_count(), Some(11));
    let create = async |cidr: &str, zone: &str| {
        code(aws.ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone(zone).send().await)
    };
    let (first, nowhere) = (aws.zones[0].name.as_str(), format!("{}z", aws.region));
    let mut rejections = Rejections::default();
    rejections.expect("an overlap", "InvalidSubnet.Conflict", &create("10.20.0.0/26", first).await);
    rejections.expect("a block outside", "InvalidSubnet.Range", &create("10.99.0.0/24", first).await);
    rejections.expect("an unknown zone", "InvalidParameterValue", &create("10.20.9.0/24", &nowhere).await);
    rejections.check();
}

/// A subnet has at most one association; a table with an associated subnet cannot be deleted.
async fn a_subnet_has_one_route_table_and_prevents_its_deletion(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", 0).await;
    let (table, other) = (aws.route_table(&vpc).await, aws.route_table(&vpc).await);
    let answer = aws.ec2.associate_route_table().route_table_id(&table).subnet_id(&subnet).send().await.unwrap();
    let again = aws.ec2.associate_route_table().route_table_id(&other).subnet_id(&subnet).send().await;
    assert_eq!(code(again), "Resource.AlreadyAssociated");
    let by_subnet = async || {
        let call = aws.ec2.describe_route_tables().filters(filter("association.subnet-id", &subnet));
        call.send().await.unwrap().route_tables.unwrap_or_default().pop().and_then(|table| table.route_table_id)
    };
    aws.reaches("the table of the subnet", Some(table.clone()), by_subnet).await;
    assert_eq!(code(aws.ec2.delete_route_table().route_table_id(&table).send().await), "DependencyViolation");
    let association = answer.association_id.unwrap();
    aws.ec2.disassociate_route_table().association_id(association).send().await.unwrap();
    let delete = async || code(aws.ec2.delete_route_table().route_table_id(&table).send().await);
    aws.reaches("the deletion", "ok".to_owned(), delete).await;
}

/// All resources except the default ones must be deleted first.
async fn only_an_empty_vpc_can_be_deleted(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/24", 0).await;
    let delete = async || code(aws.ec2.delete_vpc().vpc_id(&vpc).send().await);
    assert_eq!(delete().await, "DependencyViolation");
    aws.ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
    aws.reaches("the deletion", "ok".to_owned(), delete).await;
    let read = async || code(aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await);
    aws.reaches("the deleted VPC", "InvalidVpcID.NotFound".to_owned(), read).await;
    let of_vpc = || filter("vpc-id", &vpc);
    let rest = async || {
        let groups = aws.ec2.describe_security_groups().filters(of_vpc()).send().await.unwrap();
        let tables = aws.ec2.describe_route_tables().filters(of_vpc()).send().await.unwrap();
        groups.security_groups().len() + tables.route_tables().len()
    };
    aws.reaches("its groups and tables", 0, rest).await;
}

/// The interface of a caller occupies its address and uses its group.
async fn an_interface_uses_its_subnet_its_address_and_its_group(aws: &Target) {
    let network = aws.network().await;
    let create = || {
        let call = aws.ec2.create_network_interface().subnet_id(&network.subnets[0]);
        call.private_ip_address("10.20.0.10").groups(&network.group).send()
    };
    let interface = create().await.unwrap().network_interface.unwrap();
    let id = interface.network_interface_id.unwrap();
    assert_eq!(code(create().await), "InvalidIPAddress.InUse");
    let delete_group = async || code(aws.ec2.delete_security_group().group_id(&network.group).send().await);
    assert_eq!(delete_group().await, "DependencyViolation");
    assert_eq!(code(aws.ec2.delete_subnet().subnet_id(&network.subnets[0]).send().await), "DependencyViolation");
    aws.ec2.delete_network_interface().network_interface_id(id).send().await.unwrap();
    aws.reaches("the deletion of the group", "ok".to_owned(), delete_group).await;
}

async fn a_region_has_zones_and_prefix_lists(aws: &Target) {
    let zones = aws.ec2.describe_availability_zones().send().await.unwrap();
    let ids: BTreeSet<_> = zones.availability_zones().iter().filter_map(|zone| zone.zone_id()).collect();
    assert_eq!(ids.len(), zones.availability_zones().len());
    assert!(ids.iter().all(|id| id.contains("-az")), "{ids:?}");
    let name = filter("prefix-list-name", &aws.service("s3"));
    let lists = aws.ec2.describe_prefix_lists().filters(name.clone()).send().await.unwrap();
    assert!(!lists.prefix_lists()[0].cidrs().is_empty());
    let managed = aws.ec2.describe_managed_prefix_lists().filters(name).send().await.unwrap();
    let ids: Vec<_> = managed.prefix_lists().iter().filter_map(|list| list.prefix_list_id()).collect();
    assert!(ids.contains(&lists.prefix_lists()[0].prefix_list_id().unwrap()), "{ids:?}");
}

async fn an_added_block_is_removed_if_no_subnet_is_in_it(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let added = aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).cidr_block("10.21.0.0/16").send().await.unwrap();
    let added = added.cidr_block_association.unwrap().association_id.unwrap();
    // The ID, the block and the state of each block.
    let blocks = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.unwrap().vpcs.unwrap().remove(0);
        let blocks = found.cidr_block_association_set.unwrap_or_default().into_iter().filter_map(|one| {
            let state = one.cidr_block_state?.state?.as_str().to_owned();
            Some((one.association_id?, one.cidr_block?, state))
        });
        blocks.collect::<Vec<_>>()
    };
    let states = async || blocks().await.into_iter().map(|(_, _, state)| state).collect::<Vec<_>>();
    let expected = |states: [&str; 2]| states.map(str::to_owned).to_vec();
    aws.reaches("the states of the blocks", expected(["associated", "associated"]), states).await;
    let first = blocks().await.into_iter().find(|(_, block, _)| block == "10.20.0.0/16").unwrap().0;
    let remove = async |id: &str| code(aws.ec2.disassociate_vpc_cidr_block().association_id(id).send().await);
    assert_eq!(remove(&first).await, "OperationNotPermitted");
    let subnet = aws.subnet(&vpc, "10.21.0.0/24", 0).await;
    assert_eq!(remove(&added).await, "InvalidCidrBlock.InUse");
    aws.ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
    aws.reaches("the removal", "ok".to_owned(), async || remove(&added).await).await;
    assert_eq!(remove(&added).await, "InvalidVpcCidrBlockAssociationID.NotFound");
    aws.reaches("the states of the blocks", expected(["associated", "disassociated"]), states).await;
    let create = aws.ec2.create_subnet().vpc_id(&vpc).cidr_block("10.21.0.0/24").send();
    assert_eq!(code(create.await), "InvalidSubnet.Range");
    aws.reaches("the number of blocks", 1, async || blocks().await.len()).await;
}

async fn a_subnet_with_ipv6_only_has_no_ipv4_block(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let call = aws.ec2.associate_vpc_cidr_block().vpc_id(&vpc).amazon_provided_ipv6_cidr_block(true);
    let added = call.send().await.unwrap();
    let id = added.ipv6_cidr_block_association.unwrap().association_id;
    // AWS chooses the block some time after the call.
    let read = async || {
        let found = aws.ec2.describe_vpcs().vpc_ids(&vpc).send().await.ok()?.vpcs?.pop()?;
        let mut blocks = found.ipv6_cidr_block_association_set.unwrap_or_default().into_iter();
        blocks.find(|block| block.association_id == id)?.ipv6_cidr_block
    };
    let block = aws.until("the VPC has an IPv6 block", read).await.replace("/56", "/64");
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
}

async fn aws_chooses_no_address_in_a_reservation(aws: &Target) {
    let vpc = aws.vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/28", 0).await;
    let reserve = |cidr: &str| {
        let call = aws.ec2.create_subnet_cidr_reservation().subnet_id(&subnet).cidr(cidr);
        call.reservation_type("explicit".into()).send()
    };
    let made = reserve("10.20.0.8/29").await.unwrap().subnet_cidr_reservation.unwrap();
    assert_eq!(code(reserve("10.20.0.8/30").await), "InvalidParameterValue");
    assert_eq!(code(reserve("10.20.1.0/28").await), "InvalidParameterValue");
    let interface = async |address: Option<&str>| {
        let address = address.map(str::to_owned);
        let call = aws.ec2.create_network_interface().subnet_id(&subnet).set_private_ip_address(address);
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
    aws.reaches("another interface", "ok".to_owned(), async || code(interface(None).await)).await;
}
