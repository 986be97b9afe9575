//! Reserved IPv4 blocks of subnets: CreateSubnetCidrReservation, DeleteSubnetCidrReservation, GetSubnetCidrReservations.
//!
//! Source: EC2 API Reference, the action of the same name; VPC User Guide, "Subnet CIDR reservations".
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::{ResourceId, SubnetCidrReservationId, SubnetId},
};

/// A reserved block, from which AWS chooses no addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CidrReservation {
    pub cidr: Ipv4Net,
    /// Whether the block is for prefixes; otherwise, callers choose single addresses in it.
    pub prefix: bool,
    pub description: Option<String>,
}

/// A reserved block in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationItem {
    pub subnet_cidr_reservation_id: SubnetCidrReservationId,
    pub subnet_id: SubnetId,
    pub cidr: String,
    pub reservation_type: &'static str,
    pub owner_id: String,
    pub description: Option<String>,
}

fn item(
    context: &Context<'_>,
    subnet: &SubnetId,
    id: &SubnetCidrReservationId,
    reservation: &CidrReservation,
) -> ReservationItem {
    ReservationItem {
        subnet_cidr_reservation_id: id.clone(),
        subnet_id: subnet.clone(),
        cidr: reservation.cidr.to_string(),
        reservation_type: if reservation.prefix { "prefix" } else { "explicit" },
        owner_id: context.caller.account.clone(),
        description: reservation.description.clone(),
    }
}

/// Reserves a block.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateSubnetCidrReservation {
    pub subnet_id: String,
    pub cidr: String,
    pub reservation_type: String,
    pub description: Option<String>,
}

/// The reserved block.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationCreated {
    pub subnet_cidr_reservation: ReservationItem,
}

impl Action for CreateSubnetCidrReservation {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "CreateSubnetCidrReservation";
    type Answer = ReservationCreated;

    /// The codes are ASSUMED (`ASSUMPTIONS.md`, "Codes").
    fn run(self, context: &mut Context<'_>) -> Result<ReservationCreated, AwsError> {
        let (subnet_id, subnet) = context.own(|region| &region.subnets, &self.subnet_id, Self::NAME)?;
        let cidr: Ipv4Net =
            self.cidr.parse().map_err(|_| AwsError::value(format!("The CIDR {} is not valid.", self.cidr)))?;
        let prefix = match self.reservation_type.as_str() {
            "prefix" => true,
            "explicit" => false,
            other => return Err(AwsError::value(format!("Value ({other}) for parameter reservationType is invalid."))),
        };
        let overlaps = |other: &CidrReservation| other.cidr.contains(&cidr) || cidr.contains(&other.cidr);
        if !subnet.cidr.is_some_and(|of_subnet| of_subnet.contains(&cidr)) || subnet.reservations.values().any(overlaps)
        {
            return Err(AwsError::value(format!("The CIDR {cidr} is outside of the subnet, or is reserved already.")));
        }
        let reservation = CidrReservation { cidr: cidr.trunc(), prefix, description: self.description };
        let region = context.region_mut();
        let id: SubnetCidrReservationId = region.ids.mint();
        if let Some(subnet) = region.subnets.get_mut(&subnet_id) {
            subnet.reservations.insert(id.clone(), reservation.clone());
        }
        Ok(ReservationCreated { subnet_cidr_reservation: item(context, &subnet_id, &id, &reservation) })
    }
}

/// Ends the reservation of a block.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteSubnetCidrReservation {
    pub subnet_cidr_reservation_id: String,
}

/// The block that was reserved.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservationDeleted {
    pub deleted_subnet_cidr_reservation: ReservationItem,
}

impl Action for DeleteSubnetCidrReservation {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteSubnetCidrReservation";
    type Answer = ReservationDeleted;

    fn run(self, context: &mut Context<'_>) -> Result<ReservationDeleted, AwsError> {
        let id = SubnetCidrReservationId::parse(&self.subnet_cidr_reservation_id)?;
        let subnets = context.region_mut().subnets.iter_mut();
        let found =
            subnets.into_iter().find_map(|(_, subnet)| Some((subnet.id.clone(), subnet.reservations.remove(&id)?)));
        let (subnet, reservation) = found.ok_or_else(|| id.not_found())?;
        Ok(ReservationDeleted { deleted_subnet_cidr_reservation: item(context, &subnet, &id, &reservation) })
    }
}

/// Lists the reserved blocks of a subnet.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetSubnetCidrReservations {
    pub subnet_id: String,
}

/// The reserved blocks. The emulator has no IPv6 reservations.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservations {
    #[serde(rename = "subnetIpv4CidrReservationSet")]
    pub ipv4: Vec<ReservationItem>,
    #[serde(rename = "subnetIpv6CidrReservationSet")]
    pub ipv6: Vec<ReservationItem>,
}

impl Action for GetSubnetCidrReservations {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "GetSubnetCidrReservations";
    type Answer = Reservations;

    fn run(self, context: &mut Context<'_>) -> Result<Reservations, AwsError> {
        let (id, subnet) = context.own(|region| &region.subnets, &self.subnet_id, Self::NAME)?;
        let items = subnet.reservations.iter().map(|(key, reservation)| item(context, &id, key, reservation));
        Ok(Reservations { ipv4: items.collect(), ipv6: Vec::new() })
    }
}
