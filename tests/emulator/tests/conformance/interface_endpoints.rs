//! Interface endpoints: their states, interfaces, addresses and names.

use aws_sdk_ec2::types::{NetworkInterfaceStatus, NetworkInterfaceType, VpcEndpointType};
use emulator::world::options::ServiceRule;

use crate::support::{Aws, Network, code, filter, fixed, state_of};

/// Source: EC2 API Reference, CreateVpcEndpoint, example 2: the answer is `pending` and already contains the
/// interfaces. AWS sends values with a lowercase first letter (awslabs/aws-sdk-rust issue 619).
#[tokio::test]
async fn an_endpoint_is_first_pending_and_later_available() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    let endpoint = aws.endpoint(&id).await;
    assert_eq!(state_of(&endpoint), "pending");
    assert_eq!(endpoint.network_interface_ids().len(), 2);
    aws.advance(59);
    assert_eq!(state_of(&aws.endpoint(&id).await), "pending");
    aws.advance(1);
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
    let by_state = filter("vpc-endpoint-state", "available");
    let found = aws.ec2.describe_vpc_endpoints().filters(by_state).send().await.unwrap();
    assert_eq!(found.vpc_endpoints().len(), 1);
}

/// Source: AWS PrivateLink guide, "Access an AWS service using an interface VPC endpoint": an interface in each subnet, with
/// the groups of the endpoint, managed by the requester.
#[tokio::test]
async fn the_interfaces_are_in_the_subnets_and_have_the_groups() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    let ids = aws.endpoint(&id).await.network_interface_ids().to_vec();
    let found = aws.ec2.describe_network_interfaces().set_network_interface_ids(Some(ids)).send().await.unwrap();
    for interface in found.network_interfaces() {
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
    assert_eq!(found.network_interfaces().len(), 2);
}

/// Source: EC2 API Reference, CreateVpcEndpoint, SubnetConfigurations.
#[tokio::test]
async fn fixed_addresses_are_used() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let create = |address: &str| {
        let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
        let call = call.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(false);
        call.subnet_ids(&network.subnets[0]).subnet_configurations(fixed(&network.subnets[0], address)).send()
    };
    assert_eq!(code(create("10.20.0.3").await), "InvalidParameterValue", "reserved");
    assert_eq!(code(create("10.20.1.10").await), "InvalidParameterValue", "of another subnet");
    create("10.20.0.10").await.unwrap();
    assert_eq!(code(create("10.20.0.10").await), "InvalidIPAddress.InUse");
    assert_eq!(aws.state().network_interfaces[0].address.to_string(), "10.20.0.10");
}

/// Source: AWS PrivateLink guide (regional, zonal and private names); S3 User Guide, "AWS PrivateLink for Amazon S3" (names
/// that begin with `*.`).
#[tokio::test]
async fn an_endpoint_has_regional_zonal_and_private_names() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    aws.s3_gateway(&network).await;
    let (mgn, s3) = (aws.interface_endpoint(&network, "mgn").await, aws.interface_endpoint(&network, "s3").await);
    let names = |endpoint: aws_sdk_ec2::types::VpcEndpoint| -> Vec<String> {
        endpoint.dns_entries().iter().filter_map(|entry| entry.dns_name().map(ToOwned::to_owned)).collect()
    };
    let of_mgn = names(aws.endpoint(&mgn).await);
    assert!(of_mgn[0].starts_with(&format!("{mgn}-")) && of_mgn[0].ends_with(".mgn.ap-northeast-1.vpce.amazonaws.com"));
    assert!(of_mgn.iter().any(|name| name.contains("-ap-northeast-1c.mgn.")));
    assert_eq!(of_mgn.last().map(String::as_str), Some("mgn.ap-northeast-1.amazonaws.com"));
    let of_s3 = names(aws.endpoint(&s3).await);
    assert!(of_s3[0].starts_with(&format!("*.{s3}-")) && of_s3[0].ends_with(".s3.ap-northeast-1.vpce.amazonaws.com"));
    assert!(of_s3.contains(&"s3.ap-northeast-1.amazonaws.com".to_owned()));
    assert!(of_s3.contains(&"*.s3.ap-northeast-1.amazonaws.com".to_owned()));
}

/// Source: EC2 API Reference, CreateVpcEndpoint: type, groups and private DNS have surprising defaults.
#[tokio::test]
async fn absent_parameters_have_the_defaults_of_aws() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let silent = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn")).send().await;
    assert_eq!(code(silent), "InvalidParameter", "the type is Gateway");
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("mgn"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    let endpoint = call.send().await.unwrap().vpc_endpoint.unwrap();
    assert_eq!(endpoint.groups()[0].group_name(), Some("default"));
    assert_eq!(endpoint.private_dns_enabled(), Some(true));
}

fn addresses(aws: &Aws, endpoint: &str) -> Vec<(String, String)> {
    let state = aws.state();
    let endpoint = state.vpc_endpoints.iter().find(|other| other.id.to_string() == endpoint).unwrap();
    let show = |eni: &emulator::world::state::Interface| (eni.subnet.to_string(), eni.address.to_string());
    endpoint.network_interfaces.iter().map(show).collect()
}

/// Source: EC2 API Reference, ModifyVpcEndpoint; hashicorp/terraform-provider-aws waits for `available` after a
/// modification.
#[tokio::test]
async fn a_change_of_subnets_and_groups_keeps_the_other_addresses() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let (third, group) = (aws.subnet(&network.vpc, "10.20.2.0/24", "d").await, aws.group(&network.vpc, "more").await);
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    let before = addresses(&aws, &id);
    let modify = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).add_subnet_ids(&third);
    modify.add_security_group_ids(&group).remove_security_group_ids(&network.group).send().await.unwrap();
    assert_eq!(state_of(&aws.endpoint(&id).await), "pending");
    assert_eq!(code(aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).send().await), "IncorrectState");
    aws.advance(15);
    assert_eq!(state_of(&aws.endpoint(&id).await), "available");
    let after = addresses(&aws, &id);
    assert_eq!(after.len(), 3);
    assert!(before.iter().all(|place| after.contains(place)));
    let state = aws.state();
    assert!(state.network_interfaces.iter().all(|eni| eni.groups.iter().all(|id| id.to_string() == group)));
    let leave = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).remove_subnet_ids(&third);
    leave.send().await.unwrap();
    assert_eq!(addresses(&aws, &id), before);
}

/// Source: EC2 API Reference, ModifyVpcEndpoint, SubnetConfigurations: another fixed address replaces the interface.
#[tokio::test]
async fn another_fixed_address_replaces_one_interface() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    let before = aws.endpoint(&id).await.network_interface_ids().to_vec();
    let call = aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id);
    call.subnet_configurations(fixed(&network.subnets[0], "10.20.0.77")).send().await.unwrap();
    let after = aws.endpoint(&id).await.network_interface_ids().to_vec();
    assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 1);
    assert!(addresses(&aws, &id).contains(&(network.subnets[0].clone(), "10.20.0.77".to_owned())));
}

/// Source: EC2 API Reference, ModifyVpcEndpoint: PolicyDocument and ResetPolicy.
#[tokio::test]
async fn a_policy_is_set_and_reset() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    let full = aws.endpoint(&id).await.policy_document.unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).policy_document(policy).send().await.unwrap();
    aws.advance(15);
    assert_eq!(aws.endpoint(&id).await.policy_document.as_deref(), Some(policy));
    aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(&id).reset_policy(true).send().await.unwrap();
    assert_eq!(aws.endpoint(&id).await.policy_document.unwrap(), full);
}

/// Source: EC2 API Reference, DeleteVpcEndpoints; hashicorp/terraform-provider-aws waits until the endpoint is gone.
/// The endpoint is `deleting` and then listed as `deleted` for a while. Until its interfaces are gone, they use the
/// group and the subnet.
#[tokio::test]
async fn a_deleted_endpoint_uses_its_group_until_its_interfaces_are_gone() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    assert_eq!(aws.delete_endpoints(&[&id]).await, []);
    assert_eq!(state_of(&aws.endpoint(&id).await), "deleting");
    assert_eq!(code(aws.ec2.delete_security_group().group_id(&network.group).send().await), "DependencyViolation");
    aws.advance(60);
    assert_eq!(state_of(&aws.endpoint(&id).await), "deleted");
    assert!(aws.state().network_interfaces.is_empty());
    assert_eq!(code(aws.ec2.delete_security_group().group_id(&network.group).send().await), "ok");
    aws.advance(60);
    let gone = aws.ec2.describe_vpc_endpoints().vpc_endpoint_ids(&id).send().await;
    assert_eq!(code(gone), "InvalidVpcEndpointId.NotFound");
}

/// Source: EC2 API Reference, DeleteVpcEndpoints: the call succeeds and lists the endpoints that it did not delete.
#[tokio::test]
async fn a_successful_deletion_lists_the_endpoints_that_remain() {
    let aws = Aws::start().await;
    let network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    let unknown = "vpce-00000000000000000";
    let expected = (unknown.to_owned(), "InvalidVpcEndpointId.NotFound".to_owned());
    assert_eq!(aws.delete_endpoints(&[unknown, &id]).await, [expected]);
    assert_eq!(state_of(&aws.endpoint(&id).await), "deleting");
}

/// Source: AWS PrivateLink guide, "Quotas"; EC2 API Reference, "Error codes" (`VpcEndpointLimitExceeded`).
#[tokio::test]
async fn endpoints_have_a_quota() {
    let aws = Aws::with(|options| options.quotas.interface_endpoints_per_vpc = 1).await;
    let network = aws.network().await;
    aws.interface_endpoint(&network, "mgn").await;
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&network.vpc).service_name(aws.service("ec2"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&network.subnets[0]);
    assert_eq!(code(call.send().await), "VpcEndpointLimitExceeded");
}

/// Source: EC2 API Reference, "Error codes" (`InsufficientFreeAddressesInSubnet`).
#[tokio::test]
async fn a_full_subnet_has_no_room_for_an_endpoint() {
    let aws = Aws::start().await;
    let vpc = aws.dns_vpc("10.20.0.0/16").await;
    let subnet = aws.subnet(&vpc, "10.20.0.0/28", "a").await;
    for _ in 0..11 {
        aws.ec2.create_network_interface().subnet_id(&subnet).send().await.unwrap();
    }
    let call = aws.ec2.create_vpc_endpoint().vpc_id(&vpc).service_name(aws.service("mgn"));
    let call = call.vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(&subnet);
    assert_eq!(code(call.send().await), "InsufficientFreeAddressesInSubnet");
}

/// A test can make the endpoints of a service fail. Source: aws-sdk-ec2, `State::Failed` and
/// `VpcEndpoint::last_error`.
#[tokio::test]
async fn an_endpoint_can_fail() {
    let aws = Aws::with(|options| {
        let rule = ServiceRule { fails: Some("no capacity".to_owned()), ..ServiceRule::default() };
        options.services.insert("ap-northeast-1/mgn".to_owned(), rule);
    })
    .await;
    let network: Network = aws.network().await;
    let id = aws.interface_endpoint(&network, "mgn").await;
    aws.advance(60);
    let endpoint = aws.endpoint(&id).await;
    assert_eq!(state_of(&endpoint), "failed");
    assert_eq!(endpoint.last_error().and_then(|error| error.message()), Some("no capacity"));
}
