//! The subjects for which moto and the emulator differ, with the value of moto.

use super::report::Deviation;

/// The deviations in calls of the AWS SDK.
pub(crate) const IN_CALLS: &[Deviation] = &[
    // moto does no work in the background. It never reports `pending`, `deleting`, `CREATING` or `UPDATING`.
    ("a new endpoint", r#"Some("available")"#),
    ("an endpoint that is being deleted", r#"Some("deleted")"#),
    ("a new resolver", r#"Some("OPERATIONAL")"#),
    ("a resolver while an address is added", r#"Some("OPERATIONAL")"#),
    // A deleted endpoint stays listed as `deleted`, and can be modified.
    ("a deleted endpoint is described", r#""ok""#),
    ("a deleted endpoint is modified", r#""ok""#),
    // moto ignores client tokens and dry runs: both calls create an endpoint.
    ("the same client token gives the same endpoint", "false"),
    ("a client token with other parameters", r#""ok""#),
    ("a dry run", r#""ok""#),
    // Endpoints that AWS rejects.
    ("S3 inbound-only without a gateway", r#""ok""#),
    ("a gateway endpoint of an interface-only service", r#""ok""#),
    ("a second gateway endpoint in a route table", r#""ok""#),
    ("private DNS twice for a service", r#""ok""#),
    ("two subnets in one zone", r#""ok""#),
    ("an unknown group for an endpoint", r#""ok""#),
    ("an unknown service", r#""ok""#),
    ("a policy that is not JSON", r#""ok""#),
    ("a reserved tag key", r#""ok""#),
    ("route tables for an interface endpoint", r#""ok""#),
    ("a fixed address outside of the subnet", r#""ok""#),
    // Properties that an endpoint lacks, and its network interfaces, which AWS does not manage.
    ("private DNS of a gateway endpoint", "Some(true)"),
    ("address type of an endpoint", "None"),
    ("DNS record type of an endpoint", "None"),
    ("number of DNS names of an endpoint", "1"),
    ("the service's own name is a DNS name of an endpoint", "false"),
    ("a fixed address is assigned", "false"),
    ("network interfaces with an address in the subnets", "0"),
    ("type of a network interface", r#"Some("interface")"#),
    ("AWS manages a network interface", "Some(false)"),
    ("status of a network interface", r#"Some("available")"#),
    ("a network interface has the security group", "Some(false)"),
    // Changes that moto answers with `true`, but does not make.
    ("private DNS after it is turned off", "Some(true)"),
    ("the policy denies after it is reset", "true"),
    ("network interfaces after a subnet is added", "2"),
    // Deletion: an unknown endpoint is not an error. A second gateway endpoint removes the route of the first, which
    // then cannot be deleted.
    ("an unknown endpoint is deleted", "[]"),
    ("the first gateway endpoint is deleted", r#""InvalidRoute.NotFound""#),
    // Filters, IDs and pages. Where there is no value or no code, moto answered 500.
    ("an unknown filter of VPCs", r#""no code""#),
    ("endpoints by ID, as a filter", "None"),
    ("endpoints by VPC", "Some(4)"),
    ("endpoints by type", "Some(3)"),
    ("endpoints by state", "Some(4)"),
    ("endpoints on a page of one", "Some(19)"),
    ("a malformed endpoint", r#""InvalidVpcEndpointId.NotFound""#),
    // VPCs, their DHCP options and network ACLs.
    ("two attributes in one call", r#""ok""#),
    ("the DHCP options of a new VPC", r#""InvalidDhcpOptionID.NotFound""#),
    ("name servers of a new VPC", "None"),
    ("an ACL entry for TCP without ports", r#""ok""#),
    ("an ACL entry with the last number", r#""NetworkAclEntryAlreadyExists""#),
    // Security groups.
    ("a group of the same name in capital letters", r#""ok""#),
    ("rules in the answer to two permissions", "1"),
    ("a range with host bits as it is stored", r#"["172.16.9.9/12"]"#),
    ("an invalid port", r#""ok""#),
    ("a rule is revoked again", r#""InvalidPermission.NotFound""#),
    ("a security group that the resolver uses is deleted", r#""ok""#),
    // Resolver. For the address outside of its subnet, the code of the emulator is an assumption, too.
    ("protocols of a resolver", "[]"),
    ("the type of a resolver", "None"),
    ("addresses after one is removed by its ID", "3"),
    ("an address outside of its subnet", r#""InvalidRequestException""#),
    // moto does not connect hosted zones and private DNS, and lets two zones have the same name.
    ("zones of a VPC with the endpoint of MGN", "[]"),
    ("a zone with the name of MGN", r#""ok""#),
    ("a zone of the same name", r#""ok""#),
    ("private DNS where a zone has the name", r#""ok""#),
];

/// The deviations in the calls and observations of the operator's AWS layer.
pub(crate) const IN_THE_AWS_LAYER: &[Deviation] = &[
    // Private DNS: moto does not store the option of S3, and answers changes with success, but does not make them.
    ("the observed endpoint of S3", "Some((true, Available, Enabled, (2, 1, 0), true))"),
    ("the endpoint of MGN after its changes", "(3, Enabled)"),
    // moto does not remove an address that is selected by its ID.
    ("addresses of the resolver after one is removed", "3"),
    // A gateway endpoint that got another route table cannot be deleted: moto expects a route there, but never
    // created it.
    ("the gateway endpoint is deleted", r#""NotFound""#),
    ("gateway endpoints that AWS refused to delete", "None"),
    ("owned resources after the deletion", "(0, 1, 0)"),
];

/// The cases that moto fails, with the first reason.
pub(crate) const IN_CASES: &[(&str, &str)] = &[
    ("client_tokens::the_same_call_with_the_same_token_creates_one_endpoint", "moto ignores client tokens"),
    ("client_tokens::another_call_with_the_same_token_is_rejected", "moto ignores client tokens"),
    ("client_tokens::a_token_is_remembered_after_its_endpoint_is_gone", "a deleted endpoint stays listed"),
    ("client_tokens::route_tables_and_interfaces_have_tokens_too", "moto ignores client tokens"),
    ("dhcp_options::a_new_vpc_has_the_default_set_with_amazon_provided_dns", "a new VPC has no set"),
    ("dhcp_options::a_vpc_can_get_other_name_servers_and_its_first_set_back", "commas do not separate values"),
    ("dhcp_options::invalid_sets_are_rejected", "moto accepts unknown options and invalid values"),
    (
        "gateway_endpoints::a_gateway_is_available_immediately_and_has_a_route_in_its_tables",
        "a gateway endpoint has private DNS",
    ),
    ("gateway_endpoints::a_table_has_one_gateway_per_service", "a table can have two gateway endpoints of a service"),
    ("gateway_endpoints::routes_follow_the_tables_of_the_gateway", "routes do not follow the tables"),
    ("hosted_zones::a_private_zone_is_created_returned_and_deleted", "names keep their capital letters"),
    ("hosted_zones::invalid_zones_are_rejected", "references, names and VPCs are not checked"),
    ("hosted_zones::a_zone_can_have_more_vpcs_but_keeps_the_last_one", "another code for a VPC that is not associated"),
    ("hosted_zones::a_zone_of_the_same_name_conflicts_with_new_private_dns", "zones and private DNS are not connected"),
    (
        "hosted_zones::private_dns_of_an_endpoint_conflicts_with_a_new_zone_of_the_same_name",
        "zones and private DNS are not connected",
    ),
    ("hosted_zones::the_zones_of_endpoints_are_listed_with_their_owner", "zones and private DNS are not connected"),
    ("hosted_zones::zones_of_a_vpc_are_listed_page_by_page", "the list has no pages"),
    ("interface_endpoints::an_endpoint_is_first_pending_and_later_available", "an endpoint is available at once"),
    (
        "interface_endpoints::the_interfaces_are_in_the_subnets_and_have_the_groups",
        "interfaces have another type, and AWS does not manage them",
    ),
    ("interface_endpoints::fixed_addresses_are_used", "fixed addresses are ignored"),
    (
        "interface_endpoints::an_endpoint_has_regional_zonal_and_private_names",
        "an endpoint has one name of another form",
    ),
    (
        "interface_endpoints::absent_parameters_have_the_defaults_of_aws",
        "a gateway endpoint of any service is accepted",
    ),
    (
        "interface_endpoints::a_change_of_subnets_and_groups_keeps_the_other_addresses",
        "no interface is added, and no change takes time",
    ),
    ("interface_endpoints::another_fixed_address_replaces_one_interface", "fixed addresses are ignored"),
    ("interface_endpoints::a_policy_is_set_and_reset", "a policy is not reset"),
    (
        "interface_endpoints::a_deleted_endpoint_uses_its_group_until_its_interfaces_are_gone",
        "an endpoint is deleted at once, and uses no group",
    ),
    (
        "interface_endpoints::a_successful_deletion_lists_the_endpoints_that_remain",
        "an unknown endpoint is not reported",
    ),
    ("interface_endpoints::a_full_subnet_has_no_room_for_an_endpoint", "a subnet is never full"),
    ("invalid_calls::invalid_endpoints_are_rejected", "moto accepts 17 of the 20 calls, or has other codes for them"),
    ("invalid_calls::invalid_changes_are_rejected", "moto accepts six of the seven calls, or has other codes for them"),
    ("invalid_calls::invalid_deletions_are_rejected", "an endpoint does not use its group, which is deleted"),
    ("network_acls::a_subnet_can_get_its_own_acl", "a new ACL has no entries"),
    ("network_acls::entries_are_added_replaced_and_removed_by_number_and_direction", "a new ACL has no entries"),
    ("network_acls::invalid_entries_are_rejected", "entries are not checked"),
    (
        "network_acls::an_unused_acl_can_be_deleted_and_the_default_acl_is_deleted_with_its_vpc",
        "an ACL of another VPC is accepted",
    ),
    ("paging::lists_are_read_page_by_page", "route tables have no pages"),
    ("paging::resolver_lists_have_pages_too", "another code for a page that is too large"),
    ("prefix_lists::lists_of_aws_and_of_the_customer_are_described_together", "a list is complete at once"),
    ("prefix_lists::a_change_of_entries_creates_a_version", "a list is complete at once"),
    ("prefix_lists::a_route_leads_to_a_prefix_list", "a list is complete at once"),
    ("prefix_lists::routes_are_listed_from_the_most_specific_to_prefix_lists", "another order"),
    ("prefix_lists::a_rule_counts_with_the_size_of_its_prefix_list", "a list is complete at once"),
    ("private_dns::a_second_endpoint_of_a_service_cannot_have_private_dns", "zones and private DNS are not connected"),
    ("private_dns::inbound_only_private_dns_of_s3_requires_the_gateway", "the option of S3 is not stored"),
    ("private_dns::the_gateway_cannot_be_deleted_before_the_s3_interface", "the option of S3 is not stored"),
    ("private_dns::inbound_only_can_be_turned_off_and_on", "the option of S3 is not stored"),
    ("private_dns::gateways_reject_inbound_only", "the option of S3 is not stored"),
    ("private_dns::private_dns_requires_both_dns_attributes", "private DNS does not need the attributes of the VPC"),
    (
        "private_dns::private_dns_of_a_service_with_both_types_requires_the_gateway",
        "private DNS does not need a gateway endpoint",
    ),
    ("recorded::the_default_policy_depends_on_the_endpoint_type", "another form of the default policy"),
    (
        "recorded::a_service_without_private_names_and_policies_has_the_default_policy_and_no_names_without_subnets",
        "another base name",
    ),
    ("recorded::s3_is_named_twice_and_has_six_private_names", "S3 has one private name"),
    (
        "recorded::without_private_dns_an_s3_interface_endpoint_has_no_inbound_only_option",
        "the option of S3 is not stored",
    ),
    ("recorded::an_interface_has_a_private_name_if_its_vpc_has_host_names", "a user is the requester of an interface"),
    ("recorded::a_validation_error_of_sts_contains_the_value", "moto accepts any session name"),
    ("recorded::a_malformed_group_has_its_own_resolver_error", "another text"),
    ("resolver::an_endpoint_is_created_and_deleted_in_steps", "an endpoint is operational at once"),
    ("resolver::an_endpoint_has_the_properties_of_its_creation", "an endpoint has no type"),
    ("resolver::an_address_is_added_before_another_one_is_removed", "addresses are not removed by their ID"),
    ("resolver::invalid_endpoints_are_rejected", "another text"),
    ("resolver::a_fifth_endpoint_exceeds_the_quota", "another text"),
    ("resolver::endpoints_are_listed_by_filters", "an endpoint is operational at once"),
    ("resolver::an_update_keeps_absent_parameters", "protocols are not stored"),
    ("resolver::tags_are_read_and_changed_by_arn", "reserved keys are accepted"),
    ("routes::a_route_to_a_gateway_is_listed_filtered_and_deleted", "ranges keep their host bits"),
    ("routes::a_route_is_a_blackhole_without_its_target", "every route is active"),
    ("routes::routes_within_the_vpc_need_an_interface_and_a_whole_subnet", "routes within the VPC are not checked"),
    ("routes::invalid_routes_are_rejected_and_change_nothing", "targets are not checked"),
    ("routes::a_gateway_propagates_into_tables_of_its_vpc", "moto does not know the call"),
    (
        "security_groups::a_new_group_allows_all_outbound_traffic_and_has_a_unique_name",
        "names are compared with their capital letters",
    ),
    ("security_groups::all_rules_of_a_call_are_added_and_returned", "the answer contains one rule"),
    ("security_groups::a_range_is_canonical_and_a_duplicate_fails_the_whole_call", "ranges keep their host bits"),
    ("security_groups::malformed_permissions_are_rejected", "ports, protocols and sources are not checked"),
    ("security_groups::rules_are_revoked_by_id_and_by_permission", "another code for an unknown rule"),
    ("security_groups::a_rule_is_modified_in_place", "a description is not changed"),
    ("security_groups::a_group_in_use_is_not_deleted", "a group that another group names is deleted"),
    ("security_groups::a_group_that_is_associated_with_another_vpc_is_not_deleted", "moto does not know the call"),
    ("tags::invalid_tags_are_rejected", "reserved keys and other kinds are accepted"),
    ("vpc::dns_support_is_on_by_default_and_attributes_are_set_one_at_a_time", "a call can set two attributes"),
    ("vpc::tenancy_can_change_only_to_default", "another code"),
    ("vpc::a_second_block_is_added_to_a_vpc", "blocks can overlap"),
    ("vpc::a_subnet_has_one_route_table_and_prevents_its_deletion", "a subnet can have two route tables"),
    ("vpc::an_interface_uses_its_subnet_its_address_and_its_group", "an address can be used twice"),
    ("vpc::a_region_has_zones_and_prefix_lists", "the list of S3 has no ranges"),
    ("vpc::an_added_block_is_removed_if_no_subnet_is_in_it", "a block in use is removed"),
    ("vpc::a_subnet_with_ipv6_only_has_no_ipv4_block", "moto answers 500"),
    ("vpc::aws_chooses_no_address_in_a_reservation", "reserved addresses are used"),
    (
        "vpn_gateways::a_gateway_is_attached_and_detached_over_time",
        "a gateway has no default ASN, and is attached at once",
    ),
    ("vpn_gateways::a_gateway_has_one_vpc_and_a_vpc_has_one_gateway", "a VPC can have two gateways"),
    ("vpn_gateways::an_attached_gateway_and_its_vpc_cannot_be_deleted", "an attached gateway is deleted"),
    ("vpn_gateways::invalid_gateways_are_rejected", "ASNs are not checked"),
    ("vpn_gateways::gateways_are_filtered_by_vpc_state_and_tags", "a gateway is attached at once"),
];
