//! IPv4 addresses: the CIDR blocks of requests, and the free addresses of a subnet.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{
    Region,
    ec2::subnet::Subnet,
    error::AwsError,
    ids::{NetworkInterfaceId, ResourceId},
};

/// Parses the CIDR block of a VPC or subnet: /16 to /28. Host bits are cleared.
///
/// Source: VPC User Guide, "VPC CIDR blocks" and "Subnet CIDR blocks". EC2 API Reference, CreateVpc, documents the
/// cleared host bits: "we modify 100.68.0.18/18 to 100.68.0.0/18".
pub(crate) fn parse_block(text: &str, out_of_range: &'static str) -> Result<Ipv4Net, AwsError> {
    let block: Ipv4Net = text.parse().map_err(|_| {
        let message = format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
        AwsError::value(message)
    })?;
    if (16..=28).contains(&block.prefix_len()) {
        Ok(block.trunc())
    } else {
        Err(AwsError::new(out_of_range, format!("The CIDR '{text}' is invalid.")))
    }
}

/// The reason why an address cannot be used in a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The address is outside the subnet.
    OutOfRange,
    /// The address is one of the five that AWS reserves.
    Reserved,
    /// A network interface uses the address.
    InUse,
}

impl Unavailable {
    /// Returns the EC2 error. Source of `InvalidIPAddress.InUse`: EC2 API Reference, "Error codes".
    pub(crate) fn ec2_error(self, address: Ipv4Addr) -> AwsError {
        match self {
            Self::OutOfRange => {
                AwsError::value(format!("Address {address} does not fall within the subnet's address range"))
            }
            Self::Reserved => AwsError::value(format!("Address {address} is in subnet's reserved address range")),
            Self::InUse => AwsError::new("InvalidIPAddress.InUse", format!("Address {address} is in use.")),
        }
    }
}

/// Returns the reason why an address cannot be used in a subnet, if there is one.
pub(crate) fn obstacle(region: &Region, subnet: &Subnet, address: Ipv4Addr) -> Option<Unavailable> {
    let Some(cidr) = subnet.cidr.filter(|cidr| cidr.contains(&address)) else { return Some(Unavailable::OutOfRange) };
    if is_reserved(cidr, address) {
        Some(Unavailable::Reserved)
    } else if taken(region, subnet).any(|used| used == address) {
        Some(Unavailable::InUse)
    } else {
        None
    }
}

/// Source: VPC User Guide, "Subnet CIDR blocks": the first four addresses and the last one.
fn is_reserved(block: Ipv4Net, address: Ipv4Addr) -> bool {
    u32::from(address) < u32::from(block.network()) + 4 || address == block.broadcast()
}

fn taken(region: &Region, subnet: &Subnet) -> impl Iterator<Item = Ipv4Addr> {
    let of_subnet = region.network_interfaces.values().filter(|interface| interface.subnet == subnet.id);
    of_subnet.map(|interface| interface.address)
}

/// Returns the number of free IPv4 addresses in a subnet, including those in CIDR reservations. That a subnet with IPv6 only
/// has none is ASSUMED (`ASSUMPTIONS.md`, "Subnets").
pub(crate) fn free_count(region: &Region, subnet: &Subnet) -> usize {
    let Some(cidr) = subnet.cidr else { return 0 };
    let size = 1_usize << (32 - u32::from(cidr.prefix_len()));
    (size - 5).saturating_sub(taken(region, subnet).count())
}

/// Returns a free address of a subnet that is not in `kept`. AWS chooses at random, the emulator by `seed`.
///
/// Source: VPC User Guide, "Subnet CIDR reservations": AWS does not choose a reserved address.
pub(crate) fn choose(region: &Region, subnet: &Subnet, kept: &[Ipv4Addr], seed: u64) -> Result<Ipv4Addr, AwsError> {
    let cidr = subnet.cidr.ok_or_else(|| no_free_address(subnet))?;
    let used: std::collections::BTreeSet<Ipv4Addr> =
        taken(region, subnet).chain(kept.iter().copied().filter(|address| cidr.contains(address))).collect();
    let reserved = |address: &Ipv4Addr| subnet.reservations.values().any(|one| one.cidr.contains(address));
    let first = u32::from(cidr.network()) + 4;
    let count = u32::from(cidr.broadcast()) - first;
    let start = u32::try_from(seed % u64::from(count)).unwrap_or(0);
    (0..count)
        .map(|step| Ipv4Addr::from(first + (start + step) % count))
        .find(|address| !used.contains(address) && !reserved(address))
        .ok_or_else(|| no_free_address(subnet))
}

/// Source: EC2 API Reference, "Error codes".
pub(crate) fn no_free_address(subnet: &Subnet) -> AwsError {
    AwsError::new(
        "InsufficientFreeAddressesInSubnet",
        format!(
            "The specified subnet does not have enough free addresses to satisfy the request: {}",
            subnet.id.as_str()
        ),
    )
}

/// Returns the MAC address of an interface; each interface of an account has its own.
pub(crate) fn mac_of(id: &NetworkInterfaceId) -> String {
    let bytes = super::ids::hash(id.as_str()).to_le_bytes();
    format!("06:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4])
}
