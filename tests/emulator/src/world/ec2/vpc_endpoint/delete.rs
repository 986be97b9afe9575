//! DeleteVpcEndpoints: one call for several endpoints, which succeeds even if none of them can be deleted.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::State;
use crate::world::{
    Context,
    action::{Action, Service},
    catalogue::EndpointType,
    error::AwsError,
    ids::{ResourceId, VpcEndpointId},
};

/// Deletes endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteVpcEndpoints {
    pub vpc_endpoint_id: Vec<String>,
}

/// The endpoints that were not deleted.
#[derive(Clone, Debug, Serialize)]
pub struct VpcEndpointsDeleted {
    pub unsuccessful: Vec<Unsuccessful>,
}

/// An endpoint that was not deleted, and the reason.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsuccessful {
    pub resource_id: String,
    pub error: Reason,
}

/// The reason why an endpoint was not deleted.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    pub code: String,
    pub message: String,
}

impl Action for DeleteVpcEndpoints {
    const SERVICE: Service = Service::Ec2;
    const NAME: &'static str = "DeleteVpcEndpoints";
    type Answer = VpcEndpointsDeleted;

    fn run(self, context: &mut Context<'_>) -> Result<VpcEndpointsDeleted, AwsError> {
        if self.vpc_endpoint_id.is_empty() {
            return Err(AwsError::missing("VpcEndpointId"));
        }
        for id in &self.vpc_endpoint_id {
            VpcEndpointId::parse(id)?;
        }
        let mut unsuccessful = Vec::new();
        for id in self.vpc_endpoint_id {
            if let Err(AwsError { code, message }) = delete(context, &id) {
                let error = Reason { code: code.into_owned(), message };
                unsuccessful.push(Unsuccessful { resource_id: id, error });
            }
        }
        Ok(VpcEndpointsDeleted { unsuccessful })
    }
}

fn delete(context: &mut Context<'_>, id: &str) -> Result<(), AwsError> {
    let region = context.region();
    let (id, endpoint) = region.vpc_endpoints.find(id, context.sight())?;
    match endpoint.state {
        State::Deleted => return Err(id.not_found()),
        // ASSUMED (`ASSUMPTIONS.md`, "VPC endpoints"): a repeated deletion succeeds.
        State::Deleting => return Ok(()),
        State::PendingAcceptance
        | State::Pending
        | State::Available
        | State::Rejected
        | State::Failed
        | State::Expired => {}
    }
    endpoint.check_managed_by_caller()?;
    let gateway = endpoint.endpoint_type == EndpointType::Gateway;
    // Source: S3 User Guide, "AWS PrivateLink for Amazon S3": "You must maintain this gateway endpoint". Source of code and
    // text: cloudposse/terraform-aws-vpc issue 153, which quotes AWS.
    let leans_on_it = region.vpc_endpoints.values().find(|other| {
        other.vpc == endpoint.vpc
            && other.short_name == endpoint.short_name
            && other.stays()
            && other.private_dns
            && other.inbound_only == Some(true)
    });
    if let Some(other) = leans_on_it.filter(|_| gateway) {
        return Err(AwsError::new(
            "InvalidParameter",
            format!(
                "Gateway endpoint cannot be deleted while Interface endpoint {} for the service has \
                 PrivateDnsOnlyForInboundResolverEndpoint set to true.",
                other.id
            ),
        ));
    }
    let delays = &context.options.delays;
    let due = context.now() + if gateway { delays.gateway_deleting } else { delays.endpoint_deleting };
    let region = context.region_mut();
    if let Some(endpoint) = region.vpc_endpoints.get_mut(&id) {
        endpoint.state = State::Deleting;
        endpoint.due = Some(due);
    }
    region.schedule(due);
    Ok(())
}
