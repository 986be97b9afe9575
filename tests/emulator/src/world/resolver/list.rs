//! GetResolverEndpoint and ListResolverEndpoints.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{OneResolverEndpoint, ResolverEndpoint, ResolverEndpointItem, checks};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    filters::Filter,
    ids::ResourceId,
    paging::Paging,
};

/// Reads one endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct GetResolverEndpoint {
    pub resolver_endpoint_id: String,
}

impl Action for GetResolverEndpoint {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "GetResolverEndpoint";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        let (_, endpoint) = context.region().resolver_endpoints.read(&self.resolver_endpoint_id, context.sight())?;
        Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) })
    }
}

/// Lists endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListResolverEndpoints {
    #[serde(default)]
    pub filters: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching endpoints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResolverEndpoints {
    pub resolver_endpoints: Vec<ResolverEndpointItem>,
    pub next_token: Option<String>,
    pub max_results: usize,
}

impl Action for ListResolverEndpoints {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "ListResolverEndpoints";
    type Answer = ResolverEndpoints;

    fn run(self, context: &mut Context<'_>) -> Result<ResolverEndpoints, AwsError> {
        let mut rows: Vec<&ResolverEndpoint> = Vec::new();
        for (_, endpoint) in context.region().resolver_endpoints.listed(context.sight()) {
            rows.push(endpoint);
        }
        for filter in &self.filters {
            check_filter(filter)?;
            rows.retain(|endpoint| values(endpoint, &filter.name).iter().any(|value| filter.values.contains(value)));
        }
        let (page, next_token) = Paging::resolver(Self::NAME).cut(
            rows,
            |endpoint| endpoint.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let max_results = page.len();
        let resolver_endpoints = page.into_iter().map(|endpoint| endpoint.item(context)).collect();
        Ok(ResolverEndpoints { resolver_endpoints, next_token, max_results })
    }
}

/// Source: aws-sdk-route53resolver, `Filter::name`, which also lists the older names in capital letters. The code is
/// ASSUMED (`ASSUMPTIONS.md`, "Codes").
fn check_filter(filter: &Filter) -> Result<(), AwsError> {
    const KNOWN: [&str; 7] =
        ["CreatorRequestId", "Direction", "HostVPCId", "IpAddressCount", "Name", "SecurityGroupIds", "Status"];
    let known = KNOWN.contains(&canonical(&filter.name));
    if known && !filter.values.is_empty() {
        return Ok(());
    }
    Err(checks::parameter(format!("The filter '{}' is invalid.", filter.name)))
}

fn canonical(name: &str) -> &str {
    match name {
        "CREATOR_REQUEST_ID" => "CreatorRequestId",
        "DIRECTION" => "Direction",
        "HOST_VPC_ID" => "HostVPCId",
        "IP_ADDRESS_COUNT" => "IpAddressCount",
        "NAME" => "Name",
        "SECURITY_GROUP_IDS" => "SecurityGroupIds",
        "STATUS" => "Status",
        other => other,
    }
}

fn values(endpoint: &ResolverEndpoint, filter: &str) -> Vec<String> {
    match canonical(filter) {
        "CreatorRequestId" => vec![endpoint.creator_request_id.clone()],
        "Direction" => vec![endpoint.direction.as_str().to_owned()],
        "HostVPCId" => vec![endpoint.vpc.to_string()],
        "IpAddressCount" => vec![endpoint.addresses.len().to_string()],
        "Name" => endpoint.name.clone().into_iter().collect(),
        "SecurityGroupIds" => endpoint.groups.iter().map(ToString::to_string).collect(),
        "Status" => vec![endpoint.status.as_str().to_owned()],
        _ => Vec::new(),
    }
}
