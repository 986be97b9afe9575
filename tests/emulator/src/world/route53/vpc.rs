//! VPCs in the requests and answers of Route 53.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::endpoint_zones;
use crate::world::{
    Context,
    error::AwsError,
    ids::{ResourceId, VpcId},
};

/// A VPC and its Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    #[serde(rename = "VPCRegion")]
    pub region: String,
    #[serde(rename = "VPCId")]
    pub id: String,
}

/// A VPC that exists, or existed when it was associated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VpcPlace {
    pub(crate) region: String,
    pub(crate) vpc: VpcId,
}

impl VpcPlace {
    pub(super) fn item(&self) -> Vpc {
        Vpc { region: self.region.clone(), id: self.vpc.to_string() }
    }
}

impl Vpc {
    /// Returns the VPC ID if it is well formed.
    pub(super) fn place(&self) -> Result<VpcPlace, AwsError> {
        let vpc = VpcId::parse(&self.id).map_err(|_| self.invalid())?;
        Ok(VpcPlace { region: self.region.clone(), vpc })
    }

    /// Returns the VPC, which must belong to the caller.
    ///
    /// Source: Route 53 API Reference, CreateHostedZone: "The VPC ID that you specified either isn't a valid ID or
    /// the current account is not authorized to access this VPC." A participant is not authorized: VPC User Guide,
    /// "Share your VPC".
    pub(super) fn of_caller(&self, context: &Context<'_>) -> Result<VpcPlace, AwsError> {
        let place = self.place()?;
        let region = context.region_of(&context.caller.account, &place.region);
        match region.and_then(|region| region.vpcs.get(&place.vpc)) {
            Some(_) => Ok(place),
            None => Err(self.invalid()),
        }
    }

    fn invalid(&self) -> AwsError {
        let Self { region, id } = self;
        AwsError::new("InvalidVPCId", format!("The VPC: {id} in region {region} that you provided is not authorized."))
    }
}

/// Checks that a VPC of the caller can be associated with a zone of this name.
///
/// Source: Route 53 API Reference, `ConflictingDomainExists`; hashicorp/terraform-provider-aws issue 37783 quotes it for the
/// zone of an endpoint. That only the same name conflicts is ASSUMED (`ASSUMPTIONS.md`, "Hosted zones").
pub(super) fn check_conflict(context: &Context<'_>, place: &VpcPlace, name: &str) -> Result<(), AwsError> {
    let zone_of_account = context.hosted_zones.of_vpc(&place.region, &place.vpc).find(|zone| zone.name == name);
    let zone_of_endpoint = || {
        let region = context.region_of(&context.caller.account, &place.region)?;
        endpoint_zones(region, &place.vpc).into_iter().find(|(_, zone)| zone == name).map(|(id, _)| id)
    };
    let Some(id) = zone_of_account.map(|zone| zone.id.clone()).or_else(zone_of_endpoint) else { return Ok(()) };
    let VpcPlace { region, vpc } = place;
    let message = format!(
        "The VPC {vpc} in region {region} has already been associated with the hosted zone {id} with the same domain name."
    );
    Err(AwsError::new("ConflictingDomainExists", message))
}
