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
