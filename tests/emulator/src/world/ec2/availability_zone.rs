//! DescribeAvailabilityZones.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    filters::{self, Filter, Filterable, TagFilters},
    tags::Tags,
    zones::{self, Zone},
};

/// Lists the zones of the Region.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeAvailabilityZones {
    #[serde(default)]
    pub zone_name: Vec<String>,
    #[serde(default)]
    pub zone_id: Vec<String>,
    /// Whether to list zones that are not opted in; the emulator has none.
    pub all_availability_zones: Option<bool>,
    #[serde(default)]
    pub filter: Vec<Filter>,
}

/// The matching zones.
#[derive(Clone, Debug, Serialize)]
pub struct AvailabilityZones {
    #[serde(rename = "availabilityZoneInfo")]
    pub zones: Vec<AvailabilityZone>,
}

/// A zone in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AvailabilityZone {
    pub zone_name: String,
    pub zone_id: String,
    pub zone_state: &'static str,
    pub zone_type: &'static str,
    pub region_name: String,
    pub group_name: String,
    pub network_border_group: String,
    pub opt_in_status: &'static str,
    #[serde(rename = "messageSet")]
    pub messages: [String; 0],
}

impl Filterable for Zone {
    const FILTERS: &'static [&'static str] =
        &["opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];
    const TAGS: TagFilters = TagFilters::None;

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "opt-in-status" => vec!["opt-in-not-required".to_owned()],
            "region-name" => vec![self.name.trim_end_matches(char::is_alphabetic).to_owned()],
            "state" => vec!["available".to_owned()],
            "zone-id" => vec![self.id.clone()],
            "zone-name" => vec![self.name.clone()],
            "zone-type" => vec!["availability-zone".to_owned()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeAvailabilityZones {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeAvailabilityZones";
    type Answer = AvailabilityZones;

    fn run(self, context: &mut Context<'_>) -> Result<AvailabilityZones, AwsError> {
        filters::check::<Zone>(&self.filter)?;
        let region = &context.caller.region;
        let all = zones::of(region);
        for wanted in &self.zone_name {
            if !all.iter().any(|zone| zone.name == *wanted) {
                return Err(AwsError::value(format!("Invalid availability zone: [{wanted}]")));
            }
        }
        for wanted in &self.zone_id {
            if !all.iter().any(|zone| zone.id == *wanted) {
                return Err(AwsError::value(format!("Invalid availability zone-id: [{wanted}]")));
            }
        }
        let zones = all
            .into_iter()
            .filter(|zone| self.zone_name.is_empty() || self.zone_name.contains(&zone.name))
            .filter(|zone| self.zone_id.is_empty() || self.zone_id.contains(&zone.id))
            .filter(|zone| filters::matches(zone, &self.filter, context.region()))
            .map(|zone| AvailabilityZone {
                zone_name: zone.name,
                zone_id: zone.id,
                zone_state: "available",
                zone_type: "availability-zone",
                region_name: region.clone(),
                group_name: format!("{region}-zg-1"),
                network_border_group: region.clone(),
                opt_in_status: "opt-in-not-required",
                messages: [],
            })
            .collect();
        Ok(AvailabilityZones { zones })
    }
}
