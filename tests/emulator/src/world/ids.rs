//! Resource IDs: one type per kind of AWS ID, and the generator of new IDs.
//!
//! The generator is a counter behind a fixed mixing function. Its IDs look like those of AWS, and the same calls in
//! the same order produce the same IDs.

use std::fmt;

use serde::{Serialize, Serializer};

use super::error::AwsError;

/// An ID of one kind of resource, with the error codes that AWS uses for it.
pub trait ResourceId: Clone + Ord + fmt::Display + Sized {
    /// The prefix of every ID of this kind, including the hyphen.
    const PREFIX: &'static str;
    /// The error code for a malformed ID.
    const MALFORMED: &'static str;
    /// The error code for an ID of a resource that does not exist.
    const NOT_FOUND: &'static str;
    /// The name of the resource in AWS messages.
    const NOUN: &'static str;

    /// Creates an ID from text that is known to be well formed.
    fn from_text(text: String) -> Self;

    /// Returns the ID as text.
    fn as_str(&self) -> &str;

    /// Parses an ID that a caller sent.
    fn parse(text: &str) -> Result<Self, AwsError> {
        if is_well_formed(text, Self::PREFIX) {
            Ok(Self::from_text(text.to_owned()))
        } else {
            Err(AwsError::new(Self::MALFORMED, format!("Invalid id: \"{text}\" (expecting \"{}...\")", Self::PREFIX)))
        }
    }

    /// Returns the error for an ID of a resource that does not exist.
    fn not_found(&self) -> AwsError {
        AwsError::new(Self::NOT_FOUND, format!("The {} '{self}' does not exist", Self::NOUN))
    }
}

/// IDs have 17 hexadecimal digits, or 8 if created before 2016. Source: EC2 User Guide, "Resource IDs".
fn is_well_formed(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

macro_rules! resource_ids {
    ($($(#[$doc:meta])* $name:ident { $prefix:literal, $malformed:literal, $not_found:literal, $noun:literal })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl ResourceId for $name {
            const PREFIX: &'static str = $prefix;
            const MALFORMED: &'static str = $malformed;
            const NOT_FOUND: &'static str = $not_found;
            const NOUN: &'static str = $noun;

            fn from_text(text: String) -> Self {
                Self(text)
            }

            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    )* };
}

// Source of the codes: EC2 API Reference, "Error codes". The spelling (ID, Id) differs from kind to kind there too.
resource_ids! {
    /// A VPC.
    VpcId { "vpc-", "InvalidVpcId.Malformed", "InvalidVpcID.NotFound", "vpc ID" }
    /// An association of a CIDR block with a VPC.
    VpcCidrAssociationId { "vpc-cidr-assoc-", "InvalidParameterValue", "InvalidVpcCidrBlockAssociationID.NotFound",
        "vpc CIDR block association ID" }
    /// A subnet.
    SubnetId { "subnet-", "InvalidSubnetId.Malformed", "InvalidSubnetID.NotFound", "subnet ID" }
    /// A reserved block of a subnet.
    SubnetCidrReservationId { "scr-", "InvalidSubnetCidrReservationId.Malformed",
        "InvalidSubnetCidrReservationID.NotFound", "subnet CIDR reservation ID" }
    /// A route table.
    RouteTableId { "rtb-", "InvalidRouteTableId.Malformed", "InvalidRouteTableID.NotFound", "routeTable ID" }
    /// An association of a route table with a subnet, or of the main route table with its VPC.
    RouteTableAssociationId { "rtbassoc-", "InvalidAssociationId.Malformed", "InvalidAssociationID.NotFound",
        "association ID" }
    /// A security group.
    SecurityGroupId { "sg-", "InvalidGroupId.Malformed", "InvalidGroup.NotFound", "security group" }
    /// A rule of a security group.
    SecurityGroupRuleId { "sgr-", "InvalidSecurityGroupRuleId.Malformed", "InvalidSecurityGroupRuleId.NotFound",
        "security group rule ID" }
    /// A network ACL.
    NetworkAclId { "acl-", "InvalidNetworkAclId.Malformed", "InvalidNetworkAclID.NotFound", "networkAcl ID" }
    /// An association of a network ACL with a subnet.
    NetworkAclAssociationId { "aclassoc-", "InvalidAssociationId.Malformed", "InvalidAssociationID.NotFound",
        "association ID" }
    /// An elastic network interface.
    NetworkInterfaceId { "eni-", "InvalidNetworkInterfaceId.Malformed", "InvalidNetworkInterfaceID.NotFound",
        "networkInterface ID" }
    /// A VPC endpoint.
    VpcEndpointId { "vpce-", "InvalidVpcEndpointId.Malformed", "InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id" }
    /// A virtual private gateway.
    VpnGatewayId { "vgw-", "InvalidVpnGatewayID.Malformed", "InvalidVpnGatewayID.NotFound", "vpnGateway ID" }
    /// A set of DHCP options.
    DhcpOptionsId { "dopt-", "InvalidDhcpOptionsId.Malformed", "InvalidDhcpOptionID.NotFound", "dhcpOption ID" }
    /// A prefix list.
    PrefixListId { "pl-", "InvalidPrefixListId.Malformed", "InvalidPrefixListID.NotFound", "prefix list ID" }
    /// A replication configuration template of MGN.
    ReplicationTemplateId { "rct-", "ValidationException", "ResourceNotFoundException",
        "replication configuration template" }
    /// An address of a Resolver endpoint.
    ResolverAddressId { "rni-", "ResourceNotFoundException", "ResourceNotFoundException", "resolver endpoint IP address" }
}

/// A Resolver endpoint: `rslvr-in-...` or `rslvr-out-...`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResolverEndpointId(String);

impl ResourceId for ResolverEndpointId {
    const PREFIX: &'static str = "rslvr-";
    // Source: Route 53 API Reference, GetResolverEndpoint: the only code for an endpoint that does not exist.
    const MALFORMED: &'static str = "ResourceNotFoundException";
    const NOT_FOUND: &'static str = "ResourceNotFoundException";
    const NOUN: &'static str = "resolver endpoint";

    fn from_text(text: String) -> Self {
        Self(text)
    }

    fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, AwsError> {
        Ok(Self(text.to_owned()))
    }

    fn not_found(&self) -> AwsError {
        AwsError::new(Self::NOT_FOUND, format!("Resolver endpoint with ID '{self}' does not exist."))
    }
}

impl fmt::Display for ResolverEndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ResolverEndpointId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Generates IDs from a counter and a seed, so that the IDs of two Regions never collide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ids {
    seed: u64,
    minted: u64,
}

impl Ids {
    /// Creates a generator whose IDs depend on `name` and on the number of earlier IDs.
    pub fn new(name: &str) -> Self {
        Self { seed: hash(name), minted: 0 }
    }

    /// Returns the next ID of a kind.
    pub fn mint<T: ResourceId>(&mut self) -> T {
        let number = self.next_number();
        T::from_text(format!("{}0{number:016x}", T::PREFIX))
    }

    /// Returns the next ID of a Resolver endpoint, inbound or outbound.
    pub fn mint_resolver_endpoint(&mut self, inbound: bool) -> ResolverEndpointId {
        let direction = if inbound { "in" } else { "out" };
        let number = self.next_number();
        ResolverEndpointId(format!("rslvr-{direction}-0{number:016x}"))
    }

    /// Returns the next pseudorandom number.
    pub fn next_number(&mut self) -> u64 {
        self.minted += 1;
        mix(self.seed ^ mix(self.minted))
    }
}

/// Computes FNV-1a, a hash that is stable across versions of Rust, unlike `DefaultHasher`.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Computes the finalizer of SplitMix64: every bit of the input changes about half of the output.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Returns `length` characters of capital letters and digits, as in access keys and hosted zone IDs.
pub(crate) fn letters(mut number: u64, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (0..length)
        .map(|_| {
            number = mix(number);
            char::from(ALPHABET[usize::from(number.to_le_bytes()[0] & 31)])
        })
        .collect()
}
