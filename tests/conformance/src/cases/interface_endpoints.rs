//! Interface endpoints: their states, interfaces, addresses and names.

use aws_sdk_ec2::types::{NetworkInterface, NetworkInterfaceStatus, NetworkInterfaceType, VpcEndpoint};

use crate::{
    answers::{code, state_of},
    case::{
        Basis::{Assumed, Source},
        Case, Charge,
        InAccount::{Cheap, Slow},
        case,
    },
    network::{Network, endpoint_id, filter, fixed},
    target::Target,
};

pub(super) const CASES: &[Case] = &[
    case!(
        an_endpoint_is_first_pending_and_later_available,
        Source(
            "EC2 API Reference, CreateVpcEndpoint, example 2; awslabs/aws-sdk-rust issue 619 (values with a lowercase first \
             letter)"
        ),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        the_interfaces_are_in_the_subnets_and_have_the_groups,
        Source("AWS PrivateLink guide, \"Access an AWS service using an interface VPC endpoint\""),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        fixed_addresses_are_used,
        Source("EC2 API Reference, CreateVpcEndpoint, SubnetConfigurations"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        an_endpoint_has_regional_zonal_and_private_names,
        Source("AWS PrivateLink guide; S3 User Guide, \"AWS PrivateLink for Amazon S3\" (names that begin with `*.`)"),
        "a network, a gateway endpoint, two interface endpoints",
        Slow(Charge::endpoints(4))
    ),
    case!(
        absent_parameters_have_the_defaults_of_aws,
        Source("EC2 API Reference, CreateVpcEndpoint"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(1))
    ),
    case!(
        a_change_of_subnets_and_groups_keeps_the_other_addresses,
        Source("EC2 API Reference, ModifyVpcEndpoint; hashicorp/terraform-provider-aws waits for `available`"),
        "a network, a subnet, a group, an interface endpoint",
        Slow(Charge::endpoints(3))
    ),
    case!(
        another_fixed_address_replaces_one_interface,
        Source("EC2 API Reference, ModifyVpcEndpoint, SubnetConfigurations"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_policy_is_set_and_reset,
        Source("EC2 API Reference, ModifyVpcEndpoint: PolicyDocument and ResetPolicy"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_deleted_endpoint_uses_its_group_until_its_interfaces_are_gone,
        Source(
            "EC2 API Reference, DeleteVpcEndpoints; hashicorp/terraform-provider-aws waits until the endpoint is gone"
        ),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_successful_deletion_lists_the_endpoints_that_remain,
        Source("EC2 API Reference, DeleteVpcEndpoints"),
        "a network, an interface endpoint",
        Slow(Charge::endpoints(2))
    ),
    case!(
        a_full_subnet_has_no_room_for_an_endpoint,
        Assumed("EC2 API Reference, \"Error codes\" (`InsufficientFreeAddressesInSubnet`); that this call returns it"),
        "a VPC, a subnet, 11 network interfaces",
        Cheap
    ),
];

/// The answer already contains the interfaces.
async fn an_endpoint_is_first_pending_and_later_available(aws: &Target) {
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    let endpoint = aws.endpoint(&id).await;
    assert_eq!(state_of(&endpoint), "pending");
    assert_eq!(endpoint.network_interface_ids().len(), 2);
    aws.available(&id).await;
    let filters = [filter("vpc-endpoint-state", "available"), filter("vpc-id", &network.vpc)];
    let found = aws.ec2.describe_vpc_endpoints().set_filters(Some(filters.to_vec())).send().await.unwrap();
    assert_eq!(found.vpc_endpoints().len(), 1);
}

async fn interfaces(aws: &Target, endpoint: &str) -> Vec<NetworkInterface> {
    let ids = aws.endpoint(endpoint).await.network_interface_ids;
    let found = aws.ec2.describe_network_interfaces().set_network_interface_ids(ids).send().await.unwrap();
    found.network_interfaces.unwrap_or_default()
}

/// An interface in each subnet, with the groups of the endpoint, managed by the requester.
async fn the_interfaces_are_in_the_subnets_and_have_the_groups(aws: &Target) {
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    let found = interfaces(aws, &id).await;
    assert_eq!(found.len(), 2);
    for interface in &found {
        assert_eq!(interface.interface_type().map(NetworkInterfaceType::as_str), Some("vpc_endpoint"));
        assert_eq!(interface.requester_managed(), Some(true));
        assert_eq!(interface.status().map(NetworkInterfaceStatus::as_str), Some("in-use"));
        assert_eq!(interface.groups()[0].group_id(), Some(network.group.as_str()));
        assert_eq!(interface.description(), Some(format!("VPC Endpoint Interface {id}").as_str()));
        let first = interface.subnet_id() == Some(network.subnets[0].as_str());
        let range = if first { "10.20.0." } else { "10.20.1." };
        assert!(interface.private_ip_address().unwrap().starts_with(range));
        let own = aws.ec2.delete_network_interface().network_interface_id(interface.network_interface_id().unwrap());
        assert_eq!(code(own.send().await), "OperationNotPermitted");
    }
}

async fn fixed_addresses_are_used(aws: &Target) {
    let network = aws.network().await;
    let create = |address: &str| {
        let call = aws.new_interface(&network, "mgn").private_dns_enabled(false);
        call.subnet_configurations(fixed(&network.subnets[0], address))
    };
    assert_eq!(code(create("10.20.0.3").send().await), "InvalidParameterValue", "reserved");
    assert_eq!(code(create("10.20.1.10").send().await), "InvalidParameterValue", "of another subnet");
    let id = endpoint_id(create("10.20.0.10")).await;
    assert_eq!(code(create("10.20.0.10").send().await), "InvalidIPAddress.InUse");
    assert_eq!(aws.addresses(&id).await, [(network.subnets[0].clone(), "10.20.0.10".to_owned())]);
}

async fn an_endpoint_has_regional_zonal_and_private_names(aws: &Target) {
    let network = aws.network().await;
    aws.s3_gateway(&network).await;
    let (mgn, s3) = (aws.interface_endpoint(&network, "mgn").await, aws.interface_endpoint(&network, "s3").await);
    let names = async |id: &str| -> Vec<String> {
        aws.available(id).await;
        let endpoint: VpcEndpoint = aws.endpoint(id).await;
        endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name().map(ToOwned::to_owned)).collect()
    };
    let domain = |service: &str| format!(".{service}.{}.vpce.amazonaws.com", aws.region);
    let of_mgn = names(&mgn).await;
    assert!(of_mgn[0].starts_with(&format!("{mgn}-")) && of_mgn[0].ends_with(&domain("mgn")), "{of_mgn:?}");
    assert!(of_mgn.iter().any(|name| name.contains(&format!("-{}.mgn.", aws.zones[1].name))), "{of_mgn:?}");
    assert_eq!(of_mgn.last(), Some(&aws.host("mgn")));
    let of_s3 = names(&s3).await;
    assert!(of_s3[0].starts_with(&format!("*.{s3}-")) && of_s3[0].ends_with(&domain("s3")), "{of_s3:?}");
    assert!(of_s3.contains(&aws.host("s3")) && of_s3.contains(&format!("*.{}", aws.host("s3"))), "{of_s3:?}");
}

/// Type, groups and private DNS have surprising defaults.
async fn absent_parameters_have_the_defaults_of_aws(aws: &Target) {
    let network = aws.network().await;
    let silent = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn")).send().await;
    assert_eq!(code(silent), "InvalidParameter", "the type is Gateway");
    let endpoint = aws.new_interface(&network, "mgn").send().await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(endpoint.groups()[0].group_name(), Some("default"));
    assert_eq!(endpoint.private_dns_enabled(), Some(true));
}

async fn a_change_of_subnets_and_groups_keeps_the_other_addresses(aws: &Target) {
    let network = aws.network().await;
    let (third, group) = (aws.subnet(&network.vpc, "10.20.2.0/24", 2).await, aws.group(&network.vpc, "more").await);
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    let before = aws.addresses(&id).await;
    let modify = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).add_subnet_ids(&third);
    modify.add_security_group_ids(&group).remove_security_group_ids(&network.group).send().await.unwrap();
    assert_eq!(state_of(&aws.endpoint(&id).await), "pending");
    let early = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).remove_subnet_ids(&third);
    assert_eq!(code(early.send().await), "IncorrectState");
    aws.available(&id).await;
    let after = aws.addresses(&id).await;
    assert_eq!(after.len(), 3);
    assert!(before.iter().all(|place| after.contains(place)));
    let of_endpoint = interfaces(aws, &id).await;
    let mut groups = of_endpoint.iter().flat_map(NetworkInterface::groups).filter_map(|group| group.group_id());
    assert!(groups.all(|id| id == group));
    let leave = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).remove_subnet_ids(&third);
    leave.send().await.unwrap();
    aws.reaches("the addresses", before, async || aws.addresses(&id).await).await;
}

async fn another_fixed_address_replaces_one_interface(aws: &Target) {
    let network: Network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    let before = aws.endpoint(&id).await.network_interface_ids().to_vec();
    let call = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id);
    call.subnet_configurations(fixed(&network.subnets[0], "10.20.0.77")).send().await.unwrap();
    aws.available(&id).await;
    let after = aws.endpoint(&id).await.network_interface_ids().to_vec();
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 1);
    assert!(aws.addresses(&id).await.contains(&(network.subnets[0].clone(), "10.20.0.77".to_owned())));
}

async fn a_policy_is_set_and_reset(aws: &Target) {
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    let current = async || aws.endpoint(&id).await.policy_document.unwrap();
    let full = current().await;
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).policy_document(policy).send().await.unwrap();
    aws.available(&id).await;
    aws.reaches("the policy", policy.to_owned(), current).await;
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).reset_policy(true).send().await.unwrap();
    aws.reaches("the policy", full, current).await;
}

/// The endpoint is `deleting` and then listed as `deleted` for a while. Until its interfaces are gone, they use the group
/// and the subnet.
async fn a_deleted_endpoint_uses_its_group_until_its_interfaces_are_gone(aws: &Target) {
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    assert_eq!(aws.delete_endpoints(&[&id]).await, []);
    assert_eq!(state_of(&aws.endpoint(&id).await), "deleting");
    let delete_group = async || code(aws.ec2.delete_security_group().group_id(&network.group).send().await);
    assert_eq!(delete_group().await, "DependencyViolation");
    aws.deleted(&id).await;
    let of_vpc = filter("vpc-id", &network.vpc);
    let rest = aws.ec2.describe_network_interfaces().filters(of_vpc).send().await.unwrap();
    assert_eq!(rest.network_interfaces(), []);
    aws.reaches("the deletion of the group", "ok".to_owned(), delete_group).await;
    let read = async || code(aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(&id).send().await);
    aws.reaches("the deleted endpoint", "InvalidVpcEndpointId.NotFound".to_owned(), read).await;
}

async fn a_successful_deletion_lists_the_endpoints_that_remain(aws: &Target) {
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.available(&id).await;
    let unknown = "vpce-00000000000000000";
    let expected = (unknown.to_owned(), "InvalidVpcEndpointId.NotFound".to_owned());
    assert_eq!(aws.delete_endpoints(&[unknown, &id]).await, [expected]);
    assert_eq!(state_of(&aws.endpoint(&id).await), "deleting");
}

async fn a_full_subnet_has_no_room_for_an_endpoint(aws: &Target) {
    let vpc = aws.dns_vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/28", 0).await;
    for _ in 0..11 {
        aws.ec2.create_network_interface().subnet_id(&subnet).send().await.unwrap();
    }
    let network = Network { vpc, subnets: vec![subnet], group: String::new(), route_table: String::new() };
    assert_eq!(code(aws.new_interface(&network, "mgn").send().await), "InsufficientFreeAddressesInSubnet");
}
