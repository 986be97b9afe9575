//! AssociateVPCWithHostedZone, DisassociateVPCFromHostedZone, and CreateVPCAssociationAuthorization for VPCs of other accounts.
//!
//! Source, unless noted otherwise: Route 53 API Reference, the pages of these actions.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{
    vpc::{Vpc, check_conflict},
    zone::{ChangeInfo, Changed, no_such_zone, own},
};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
};

/// Associates a VPC of the caller with its own zone, or with a zone whose account has authorized it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateVpcWithHostedZone {
    pub hosted_zone_id: String,
    #[serde(rename = "VPC")]
    pub vpc: Vpc,
    pub comment: Option<String>,
}

impl Action for AssociateVpcWithHostedZone {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "AssociateVPCWithHostedZone";
    type Answer = Changed;

    fn run(self, context: &mut Context<'_>) -> Result<Changed, AwsError> {
        let zones = &context.hosted_zones.zones;
        let zone = zones.get(&self.hosted_zone_id).ok_or_else(|| no_such_zone(&self.hosted_zone_id))?;
        let place = self.vpc.of_caller(context)?;
        if zone.owner != context.caller.account && !zone.authorized.contains(&place) {
            let message = format!("The VPC: {} has not authorized to associate with your hosted zone.", place.vpc);
            return Err(AwsError::new("NotAuthorizedException", message));
        }
        check_conflict(context, &place, &zone.name)?;
        if let Some(zone) = context.hosted_zones.zones.get_mut(&self.hosted_zone_id) {
            zone.vpcs.insert(place);
        }
        Ok(Changed { change_info: ChangeInfo::begun(context) })
    }
}

/// Ends an association. The account of the zone or of the VPC can do so.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateVpcFromHostedZone {
    pub hosted_zone_id: String,
    #[serde(rename = "VPC")]
    pub vpc: Vpc,
    pub comment: Option<String>,
}

impl Action for DisassociateVpcFromHostedZone {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "DisassociateVPCFromHostedZone";
    type Answer = Changed;

    fn run(self, context: &mut Context<'_>) -> Result<Changed, AwsError> {
        let zones = &context.hosted_zones.zones;
        let zone = zones.get(&self.hosted_zone_id).ok_or_else(|| no_such_zone(&self.hosted_zone_id))?;
        let place = if zone.owner == context.caller.account { self.vpc.place() } else { self.vpc.of_caller(context) }?;
        if !zone.vpcs.contains(&place) {
            let message = format!("The VPC: {} is not associated with the hosted zone {}.", place.vpc, zone.id);
            return Err(AwsError::new("VPCAssociationNotFound", message));
        }
        if zone.vpcs.len() == 1 {
            let message = format!("The VPC: {} is the last VPC that is associated with the hosted zone.", place.vpc);
            return Err(AwsError::new("LastVPCAssociation", message));
        }
        if let Some(zone) = context.hosted_zones.zones.get_mut(&self.hosted_zone_id) {
            zone.vpcs.remove(&place);
        }
        Ok(Changed { change_info: ChangeInfo::begun(context) })
    }
}

/// Authorizes the association of another account's VPC with a zone of the caller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateVpcAssociationAuthorization {
    pub hosted_zone_id: String,
    #[serde(rename = "VPC")]
    pub vpc: Vpc,
}

/// The authorization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcAssociationAuthorized {
    pub hosted_zone_id: String,
    #[serde(rename = "VPC")]
    pub vpc: Vpc,
}

impl Action for CreateVpcAssociationAuthorization {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "CreateVPCAssociationAuthorization";
    type Answer = VpcAssociationAuthorized;

    fn run(self, context: &mut Context<'_>) -> Result<VpcAssociationAuthorized, AwsError> {
        let id = own(context, &self.hosted_zone_id)?.id.clone();
        let place = self.vpc.place()?;
        if let Some(zone) = context.hosted_zones.zones.get_mut(&id) {
            zone.authorized.insert(place);
        }
        Ok(VpcAssociationAuthorized { hosted_zone_id: id, vpc: self.vpc })
    }
}
