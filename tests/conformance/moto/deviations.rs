//! What moto answers otherwise than the emulator, and with what.

use super::report::Deviation;

/// Of the calls that a person, or any client, makes.
pub(crate) const OF_THE_API: &[Deviation] = &[
    // Nothing happens in the background: there is no `pending`, `deleting`, `CREATING`, `UPDATING`.
    ("a new endpoint", r#"Some("available")"#),
    ("an endpoint that goes", r#"Some("deleted")"#),
    ("a new resolver", r#"Some("OPERATIONAL")"#),
    ("a resolver that gets an address", r#"Some("OPERATIONAL")"#),
    // What was deleted stays listed as `deleted`, and can be changed.
    ("an endpoint that is gone", r#""ok""#),
    ("an endpoint that is gone is changed", r#""ok""#),
    // Neither client tokens nor dry runs: both make an endpoint.
    ("the same client token gives the same endpoint", "false"),
    ("a client token with other parameters", r#""ok""#),
    ("a dry run", r#""ok""#),
    // Endpoints that AWS refuses.
    ("S3 inbound-only without a gateway", r#""ok""#),
    ("a gateway of an interface-only service", r#""ok""#),
    ("a second gateway in a table", r#""ok""#),
    ("private DNS twice for a service", r#""ok""#),
    ("two subnets in one zone", r#""ok""#),
    ("an unknown group for an endpoint", r#""ok""#),
    ("an unknown service", r#""ok""#),
    ("a policy that is no JSON", r#""ok""#),
    ("a reserved tag key", r#""ok""#),
    ("route tables for an interface endpoint", r#""ok""#),
    ("a fixed address outside of the subnet", r#""ok""#),
    // What an endpoint does not have, and its network interfaces, which are those of nobody.
    ("private DNS of a gateway", "Some(true)"),
    ("its address type", "None"),
    ("its DNS records", "None"),
    ("how many names it has", "1"),
    ("the service's own name is one", "false"),
    ("a fixed address is given", "false"),
    ("they have addresses of the subnets", "0"),
    ("their type", r#"Some("interface")"#),
    ("AWS manages them", "Some(false)"),
    ("their status", r#"Some("available")"#),
    ("they have the group", "Some(false)"),
    // Changes that are answered with `true` and not made.
    ("private DNS after that", "Some(true)"),
    ("the policy is still as it was set", "true"),
    ("network interfaces after that", "2"),
    // Deleting: an unknown endpoint is no news; a second gateway takes the route of the first away, which then cannot be deleted.
    ("an unknown endpoint is deleted", "[]"),
    ("the first gateway is deleted", r#""InvalidRoute.NotFound""#),
    // Filters, ids and pages. Where nothing is answered, the answer was 500.
    ("an unknown filter of VPCs", r#""no code""#),
    ("endpoints by id, as a filter", "None"),
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
    ("that range as it is stored", r#"["172.16.9.9/12"]"#),
    ("a port that is none", r#""ok""#),
    ("and once more", r#""InvalidPermission.NotFound""#),
    ("a group that the resolver has", r#""ok""#),
    // Resolver. The code for the address outside is moto's word against an assumption of the emulator.
    ("protocols of a resolver", "[]"),
    ("the type of a resolver", "None"),
    ("addresses after that removal", "3"),
    ("an address outside of its subnet", r#""InvalidRequestException""#),
    // Hosted zones and private DNS know nothing of each other, and a name may be taken twice.
    ("zones of a VPC with the endpoint of MGN", "[]"),
    ("a zone with the name of MGN", r#""ok""#),
    ("a zone of the same name", r#""ok""#),
    ("private DNS where a zone has the name", r#""ok""#),
];

/// Of what the operator's AWS layer does and observes.
pub(crate) const OF_THE_OPERATOR: &[Deviation] = &[
    // Private DNS: the choice of S3 is not stored, and changes are answered and not made.
    ("the endpoint of S3 as it is observed", "Some((true, Available, Enabled, (2, 1, 0), true))"),
    ("MGN after its changes", "(3, Enabled)"),
    // An address that is named by its id is not removed.
    ("addresses after that", "3"),
    // A gateway that was given another route table cannot be deleted: its route is looked for there, and was never made.
    ("the gateway is deleted", r#""NotFound""#),
    ("gateways that stay", "None"),
    ("what is owned after all", "(0, 1, 0)"),
];
