//! DescribeVpcEndpoints.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{VpcEndpoint, VpcEndpointItem};
use crate::world::{
    Context, Region,
    action::{Action, Service},
    error::AwsError,
    filters::{self, Filter, Filterable},
    ids::ResourceId,
    paging::Paging,
    tags::Tags,
};

/// Lists endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeVpcEndpoints {
    #[serde(default)]
    pub vpc_endpoint_id: Vec<String>,
    #[serde(default)]
    pub filter: Vec<Filter>,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching endpoints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpoints {
    #[serde(rename = "vpcEndpointSet")]
    pub endpoints: Vec<VpcEndpointItem>,
    pub next_token: Option<String>,
}

impl Filterable for VpcEndpoint {
    const FILTERS: &'static [&'static str] =
        &["ip-address-type", "service-name", "vpc-endpoint-id", "vpc-endpoint-state", "vpc-endpoint-type", "vpc-id"];

    fn values(&self, filter: &str, _: &Region) -> Vec<String> {
        match filter {
            "ip-address-type" => vec!["ipv4".to_owned()],
            "service-name" => vec![self.service_name.clone()],
            "vpc-endpoint-id" => vec![self.id.to_string()],
            "vpc-endpoint-state" => vec![self.state.as_str().to_owned()],
            "vpc-endpoint-type" => vec![self.endpoint_type.as_str().to_owned()],
            "vpc-id" => vec![self.vpc.to_string()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.tags)
    }
}

impl Action for DescribeVpcEndpoints {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DescribeVpcEndpoints";
    type Answer = VpcEndpoints;

    fn run(self, context: &mut Context<'_>) -> Result<VpcEndpoints, AwsError> {
        let region = context.region();
        let rows =
            filters::select(&region.vpc_endpoints, &self.vpc_endpoint_id, &self.filter, region, context.sight())?;
        let (page, next_token) = Paging::endpoints(Self::NAME).cut(
            rows,
            |endpoint| endpoint.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(VpcEndpoints { endpoints: page.into_iter().map(|endpoint| endpoint.item(context)).collect(), next_token })
    }
}
