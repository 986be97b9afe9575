//! The network interfaces of an interface endpoint, one in each of its subnets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::SubnetConfiguration;
use crate::world::{
    Context, address,
    catalogue::{EndpointType, Offer},
    ec2::{
        network_interface::{Draft, Kind, NetworkInterface},
        subnet::Subnet,
    },
    error::AwsError,
    ids::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcEndpointId, VpcId},
    tags::Tags,
};

/// A subnet, and the address of the new interface in it.
pub(super) struct NewInterface {
    pub(super) subnet: Subnet,
    pub(super) address: Ipv4Addr,
}

/// Returns the subnets of a request, with the fixed addresses.
pub(super) fn requested(
    ids: &[String],
    configurations: &[SubnetConfiguration],
) -> Result<BTreeMap<String, Option<Ipv4Addr>>, AwsError> {
    let mut subnets: BTreeMap<String, Option<Ipv4Addr>> = ids.iter().map(|id| (id.clone(), None)).collect();
    for SubnetConfiguration { subnet_id, ipv4 } in configurations {
        let address = ipv4.as_deref().map(|text| {
            text.parse::<Ipv4Addr>().map_err(|_| AwsError::value(format!("invalid value for parameter Ipv4: {text}")))
        });
        subnets.insert(subnet_id.clone(), address.transpose()?);
    }
    Ok(subnets)
}

/// Checks new subnets of an endpoint against the VPC, the service and each other, and chooses their addresses.
///
/// `zones` are the zones that the endpoint already uses.
pub(super) fn choose(
    context: &Context<'_>,
    vpc: &VpcId,
    offer: &Offer,
    requested: &BTreeMap<String, Option<Ipv4Addr>>,
    mut zones: BTreeSet<String>,
) -> Result<Vec<NewInterface>, AwsError> {
    let region = context.region();
    let mut seeds = region.ids.clone();
    let mut subnets = Vec::new();
    for (id, fixed) in requested {
        let (id, subnet) = region.subnets.find(id, context.sight())?;
        if subnet.vpc != *vpc {
            return Err(AwsError::parameter(format!("Subnet {id} and VPC {vpc} belong to different networks.")));
        }
        // Source: EC2 API Reference, "Error codes": one subnet for each zone.
        if !zones.insert(subnet.zone_id.clone()) {
            return Err(AwsError::new(
                "DuplicateSubnetsInSameZone",
                format!(
                    "Found another VPC endpoint subnet in the availability zone of {id}. You can specify only one subnet per \
                     Availability Zone."
                ),
            ));
        }
        // Source: terraform-aws-modules/terraform-aws-vpc issue 785, which quotes AWS.
        if offer.endpoint_type == EndpointType::Interface && !offer.zones.iter().any(|zone| zone.id == subnet.zone_id) {
            return Err(AwsError::parameter(format!(
                "The VPC endpoint service {} does not support the availability zone of the subnet: {id}.",
                offer.service_name
            )));
        }
        subnets.push((subnet, *fixed));
    }
    let fixed: Vec<Ipv4Addr> = subnets.iter().filter_map(|(_, fixed)| *fixed).collect();
    let mut new_interfaces = Vec::new();
    for (subnet, asked) in subnets {
        let address = match asked {
            Some(address) => match address::obstacle(region, subnet, address) {
                None => address,
                Some(obstacle) => return Err(obstacle.ec2_error(address)),
            },
            None => address::choose(region, subnet, &fixed, seeds.next_number())?,
        };
        new_interfaces.push(NewInterface { subnet: subnet.clone(), address });
    }
    Ok(new_interfaces)
}

/// Creates the interfaces.
pub(super) fn place(
    context: &mut Context<'_>,
    endpoint: &VpcEndpointId,
    groups: &BTreeSet<SecurityGroupId>,
    new_interfaces: Vec<NewInterface>,
) -> BTreeMap<SubnetId, NetworkInterfaceId> {
    let now = context.now();
    let region = context.region_mut();
    let mut interfaces = BTreeMap::new();
    for NewInterface { subnet, address } in new_interfaces {
        let id: NetworkInterfaceId = region.ids.mint();
        let draft = Draft {
            address,
            groups: groups.clone(),
            description: format!("VPC Endpoint Interface {endpoint}"),
            kind: Kind::VpcEndpoint,
            tags: Tags::new(),
        };
        region.network_interfaces.insert(id.clone(), NetworkInterface::place(id.clone(), &subnet, draft), now);
        interfaces.insert(subnet.id, id);
    }
    interfaces
}
