//! DescribeVpcEndpointServices.
//!
//! Source of the fields, and of the names with one entry for each endpoint type: answers that cloud-custodian recorded in 2026
//! (`tests/data/placebo`).
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use crate::world::{
    Context, Region,
    action::{Action, Service},
    catalogue::{self, EndpointType, Offer},
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids,
    paging::Paging,
    tags::Tags,
    zones,
};

/// Lists the services that offer VPC endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcEndpointServices {
    #[serde(default)]
    pub service_name: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching services.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointServices {
    #[serde(rename = "serviceNameSet")]
    pub names: Vec<String>,
    #[serde(rename = "serviceDetailSet")]
    pub details: Vec<ServiceDetail>,
    pub next_token: Option<String>,
}

/// A service with one endpoint type.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDetail {
    pub service_name: String,
    pub service_id: String,
    pub service_region: String,
    #[serde(rename = "serviceType")]
    pub service_types: Vec<ServiceType>,
    #[serde(rename = "availabilityZoneSet")]
    pub zones: Vec<String>,
    #[serde(rename = "availabilityZoneIdSet")]
    pub zone_ids: Vec<String>,
    pub owner: &'static str,
    #[serde(rename = "baseEndpointDnsNameSet")]
    pub base_endpoint_dns_names: Vec<String>,
    pub private_dns_name: Option<String>,
    #[serde(rename = "privateDnsNameSet")]
    pub private_dns_names: Vec<PrivateDnsName>,
    pub private_dns_name_verification_state: Option<&'static str>,
    pub vpc_endpoint_policy_supported: bool,
    pub acceptance_required: bool,
    pub manages_vpc_endpoints: bool,
    #[serde(rename = "supportedIpAddressTypeSet")]
    pub supported_ip_address_types: Vec<&'static str>,
    #[serde(rename = "tagSet")]
    pub tags: Vec<String>,
    #[serde(skip)]
    place: String,
}

/// An endpoint type.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceType {
    pub service_type: &'static str,
}

/// A private DNS name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsName {
    pub private_dns_name: String,
}

impl ServiceDetail {
    fn of(mut offer: Offer, region: &str) -> Self {
        // A service has a name either with or without a wildcard.
        let wildcards: Vec<String> =
            offer.private_names.iter().filter_map(|name| name.strip_prefix("*.")).map(str::to_owned).collect();
        offer.private_names.retain(|name| !wildcards.contains(name));
        let place = format!("{} {}", offer.service_name, offer.endpoint_type.as_str());
        let base = match offer.endpoint_type {
            EndpointType::Interface => catalogue::endpoint_domain(offer.short_name, region),
            EndpointType::Gateway => format!("{}.{region}.{}", offer.short_name, zones::dns_suffix(region)),
        };
        Self {
            service_id: format!("vpce-svc-0{:016x}", ids::hash(&place)),
            service_name: offer.service_name,
            service_region: region.to_owned(),
            service_types: vec![ServiceType { service_type: offer.endpoint_type.as_str() }],
            zones: offer.zones.iter().map(|zone| zone.name.clone()).collect(),
            zone_ids: offer.zones.iter().map(|zone| zone.id.clone()).collect(),
            owner: "amazon",
            base_endpoint_dns_names: vec![base],
            private_dns_name_verification_state: (!offer.private_names.is_empty()).then_some("verified"),
            private_dns_name: offer.private_names.first().cloned(),
            private_dns_names: offer
                .private_names
                .into_iter()
                .map(|private_dns_name| PrivateDnsName { private_dns_name })
                .collect(),
            vpc_endpoint_policy_supported: offer.policies,
            acceptance_required: offer.acceptance_required,
            manages_vpc_endpoints: false,
            // The subnets of the emulator have IPv4 only, whatever a service supports.
            supported_ip_address_types: vec!["ipv6", "ipv4"],
            tags: Vec::new(),
            place,
        }
    }
}

impl Filterable for ServiceDetail {
    const FILTERS: &'static [&'static str] =
        &["owner", "service-name", "service-region", "service-type", "supported-ip-address-types"];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "owner" => vec![self.owner.to_owned()],
            "service-name" => vec![self.service_name.clone()],
            "service-region" => vec![self.service_region.clone()],
            "service-type" => self.service_types.iter().map(|kind| kind.service_type.to_owned()).collect(),
            "supported-ip-address-types" => {
                self.supported_ip_address_types.iter().map(|&kind| kind.to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

impl Action for DescribeVpcEndpointServices {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeVpcEndpointServices";
    type Answer = EndpointServices;

    fn run(self, context: &mut Context<'_>) -> Result<EndpointServices, AwsError> {
        filters::check::<ServiceDetail>(&self.filter)?;
        let region = &context.caller.region;
        let mut details: Vec<ServiceDetail> = catalogue::offers(region, context.options)
            .into_iter()
            .map(|offer| ServiceDetail::of(offer, region))
            .collect();
        details.sort_by(|a, b| a.place.cmp(&b.place));
        for name in &self.service_name {
            if !details.iter().any(|detail| detail.service_name == *name) {
                return Err(unknown_service(name));
            }
        }
        details.retain(|detail| self.service_name.is_empty() || self.service_name.contains(&detail.service_name));
        details.retain(|detail| filters::matches(detail, &self.filter, context.region()));
        let (details, next_token) = Paging::endpoints(Self::NAME).cut(
            details,
            |detail| &detail.place,
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let names = details.iter().map(|detail| detail.service_name.clone()).collect();
        Ok(EndpointServices { names, details, next_token })
    }
}

/// Source: EC2 API Reference, "Error codes".
pub(crate) fn unknown_service(name: &str) -> AwsError {
    AwsError::new("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
}
