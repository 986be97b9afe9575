//! ListHostedZonesByVPC.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{endpoint_zones, invalid_input, vpc::Vpc};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    paging::Paging,
};

/// Lists the private hosted zones that are associated with a VPC, whatever their owner.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListHostedZonesByVpc {
    #[serde(rename = "VPCId")]
    pub vpc_id: String,
    #[serde(rename = "VPCRegion")]
    pub vpc_region: String,
    pub max_items: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching zones.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZonesOfVpc {
    pub hosted_zone_summaries: HostedZoneSummaries,
    pub max_items: i32,
    pub next_token: Option<String>,
}

/// The zones of one page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZoneSummaries {
    pub hosted_zone_summary: Vec<HostedZoneSummary>,
}

/// A zone and its owner.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostedZoneSummary {
    pub hosted_zone_id: String,
    pub name: String,
    pub owner: HostedZoneOwner,
}

/// The owner of a zone: an account or a service.
#[derive(Clone, Debug, Serialize)]
pub enum HostedZoneOwner {
    OwningAccount(String),
    OwningService(&'static str),
}

impl Action for ListHostedZonesByVpc {
    const SERVICE: Service = Service::Route53;
    const NAME: &'static str = "ListHostedZonesByVPC";
    type Answer = HostedZonesOfVpc;

    /// Source: Route 53 API Reference, ListHostedZonesByVPC: "regardless of which AWS account or AWS service owns the
    /// hosted zones". That this includes the zones of VPC endpoints, the name of their owner, and the code for a VPC
    /// of another account are ASSUMED (`ASSUMPTIONS.md`, "Hosted zones" and "Codes").
    fn run(self, context: &mut Context<'_>) -> Result<HostedZonesOfVpc, AwsError> {
        let Self { vpc_id, vpc_region, max_items, next_token } = self;
        let vpc = Vpc { region: vpc_region, id: vpc_id };
        let place = vpc.of_caller(context).map_err(|error| invalid_input(error.message))?;
        let of_accounts = context.hosted_zones.of_vpc(&place.region, &place.vpc);
        let mut zones: BTreeMap<String, (String, HostedZoneOwner)> = of_accounts
            .map(|zone| (zone.id.clone(), (zone.name.clone(), HostedZoneOwner::OwningAccount(zone.owner.clone()))))
            .collect();
        if context.options.endpoint_zones_listed
            && let Some(region) = context.region_of(&context.caller.account, &place.region)
        {
            let of_endpoints = endpoint_zones(region, &place.vpc).into_iter();
            zones.extend(
                of_endpoints.map(|(id, name)| (id, (name, HostedZoneOwner::OwningService("vpce.amazonaws.com")))),
            );
        }
        let rows = zones.into_iter().map(|(id, (name, owner))| HostedZoneSummary { hosted_zone_id: id, name, owner });
        let (page, next_token) = Paging::route53(Self::NAME).cut(
            rows,
            |zone| &zone.hosted_zone_id,
            max_items,
            next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(HostedZonesOfVpc {
            hosted_zone_summaries: HostedZoneSummaries { hosted_zone_summary: page },
            max_items: max_items.unwrap_or(100),
            next_token,
        })
    }
}
