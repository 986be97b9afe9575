//! CreateHostedZone, GetHostedZone, DeleteHostedZone.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    HostedZone, invalid_input,
    vpc::{Vpc, VpcPlace, check_conflict},
};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::letters,
};

impl HostedZone {
    fn item(&self) -> HostedZoneItem {
        HostedZoneItem {
            id: format!("/hostedzone/{}", self.id),
            name: self.name.clone(),
            caller_reference: self.caller_reference.clone(),
            config: Config { comment: self.comment.clone(), private_zone: Some(true) },
            // The NS and SOA records of the zone. Source: Route 53 API Reference, CreateHostedZone.
            resource_record_set_count: 2,
        }
    }
}

/// A zone in the format of Route 53.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZoneItem {
    pub id: String,
    pub name: String,
    pub caller_reference: String,
    pub config: Config,
    pub resource_record_set_count: u32,
}

/// The configuration of a zone.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Config {
    pub comment: Option<String>,
    /// Ignored in a request: a zone is private if a VPC is given.
    pub private_zone: Option<bool>,
}

/// A change that Route 53 executes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeInfo {
    pub id: String,
    pub status: &'static str,
    pub submitted_at: String,
}

impl ChangeInfo {
    /// Source: Route 53 API Reference, ChangeInfo: a change starts as `PENDING`. In the emulator, it takes effect
    /// immediately.
    pub(super) fn begun(context: &mut Context<'_>) -> Self {
        let number = context.hosted_zones.ids.next_number();
        let submitted_at = context.date(context.now()).to_string();
        Self { id: format!("/change/C0{}", letters(number, 19)), status: "PENDING", submitted_at }
    }
}

/// The answer of actions that return only a change.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Changed {
    pub change_info: ChangeInfo,
}

/// Returns the zone with this ID, which must belong to the caller. That a zone of another account returns the same
/// error as a zone that does not exist is ASSUMED (`ASSUMPTIONS.md`, "Codes").
pub(super) fn own<'a>(context: &'a Context<'_>, id: &str) -> Result<&'a HostedZone, AwsError> {
    let zone = context.hosted_zones.zones.get(id).filter(|zone| zone.owner == context.caller.account);
    zone.ok_or_else(|| no_such_zone(id))
}

pub(super) fn no_such_zone(id: &str) -> AwsError {
    AwsError::new("NoSuchHostedZone", format!("No hosted zone found with ID: {id}"))
}

/// Creates a zone and associates it with a VPC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateHostedZone {
    pub name: String,
    #[serde(rename = "VPC")]
    pub vpc: Option<Vpc>,
    pub caller_reference: String,
    pub hosted_zone_config: Option<Config>,
}

/// The created zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZoneCreated {
    pub hosted_zone: HostedZoneItem,
    pub change_info: ChangeInfo,
    #[serde(rename = "VPC")]
    pub vpc: Vpc,
}

impl Action for CreateHostedZone {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "CreateHostedZone";
    type Answer = HostedZoneCreated;

    /// Source of the codes: Route 53 API Reference, CreateHostedZone.
    fn run(self, context: &mut Context<'_>) -> Result<HostedZoneCreated, AwsError> {
        let name = read_name(&self.name)?;
        if self.caller_reference.is_empty() || self.caller_reference.len() > 128 {
            return Err(invalid_input("CallerReference must have from 1 to 128 characters."));
        }
        let vpc = self.vpc.ok_or_else(|| invalid_input("Public hosted zones are not part of this emulator."))?;
        let is_repeated =
            |zone: &HostedZone| zone.owner == context.caller.account && zone.caller_reference == self.caller_reference;
        if context.hosted_zones.zones.values().any(is_repeated) {
            let message = format!(
                "A hosted zone has already been created with the specified caller reference: {}",
                self.caller_reference
            );
            return Err(AwsError::new("HostedZoneAlreadyExists", message));
        }
        let place = vpc.of_caller(context)?;
        check_conflict(context, &place, &name)?;
        let zone = HostedZone {
            id: context.hosted_zones.mint(),
            owner: context.caller.account.clone(),
            name,
            caller_reference: self.caller_reference,
            comment: self.hosted_zone_config.and_then(|config| config.comment),
            vpcs: BTreeSet::from([place]),
            authorized: BTreeSet::new(),
        };
        let hosted_zone = zone.item();
        context.hosted_zones.zones.insert(zone.id.clone(), zone);
        Ok(HostedZoneCreated { hosted_zone, change_info: ChangeInfo::begun(context), vpc })
    }
}

/// Source: Route 53 Developer Guide, "DNS domain name format": labels have up to 63 characters, and names up to 255.
/// Uppercase letters are stored as lowercase letters, and the final dot is optional.
fn read_name(text: &str) -> Result<String, AwsError> {
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_graphic() && c != '"';
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(allowed);
    if name.len() <= 255 && name.split('.').all(fits) {
        return Ok(format!("{name}."));
    }
    Err(AwsError::new("InvalidDomainName", format!("{text} is not a valid domain name.")))
}

/// Returns a zone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetHostedZone {
    pub id: String,
}

/// A zone and its VPCs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZoneFound {
    pub hosted_zone: HostedZoneItem,
    #[serde(rename = "VPCs")]
    pub vpcs: Vpcs,
}

/// The VPCs of a zone.
#[derive(Clone, Debug, Serialize)]
pub struct Vpcs {
    #[serde(rename = "VPC")]
    pub vpcs: Vec<Vpc>,
}

impl Action for GetHostedZone {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "GetHostedZone";
    type Answer = HostedZoneFound;

    fn run(self, context: &mut Context<'_>) -> Result<HostedZoneFound, AwsError> {
        let zone = own(context, &self.id)?;
        let vpcs = zone.vpcs.iter().map(VpcPlace::item).collect();
        Ok(HostedZoneFound { hosted_zone: zone.item(), vpcs: Vpcs { vpcs } })
    }
}

/// Deletes a zone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteHostedZone {
    pub id: String,
}

impl Action for DeleteHostedZone {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "DeleteHostedZone";
    type Answer = Changed;

    fn run(self, context: &mut Context<'_>) -> Result<Changed, AwsError> {
        let id = own(context, &self.id)?.id.clone();
        context.hosted_zones.zones.remove(&id);
        Ok(Changed { change_info: ChangeInfo::begun(context) })
    }
}
