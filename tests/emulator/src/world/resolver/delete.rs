//! DeleteResolverEndpoint.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::Deserialize;

use super::{AddressStatus, OneResolverEndpoint, Status, checks};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::ResourceId,
};

/// Deletes an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteResolverEndpoint {
    pub resolver_endpoint_id: String,
}

impl Action for DeleteResolverEndpoint {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "DeleteResolverEndpoint";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        let (id, endpoint) = context.region().resolver_endpoints.find(&self.resolver_endpoint_id, context.sight())?;
        match endpoint.status {
            Status::Operational | Status::AutoRecovering | Status::ActionNeeded => {}
            // ASSUMED (`ASSUMPTIONS.md`, "Resolver"): an endpoint cannot be deleted while it is created or changed; a
            // repeated deletion succeeds, and restarts a deletion that is stuck.
            Status::Deleting if endpoint.due.is_none() => {}
            Status::Deleting => return Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) }),
            Status::Creating | Status::Updating => {
                return Err(checks::request(format!(
                    "The resolver endpoint '{id}' cannot be deleted while its status is {}.",
                    endpoint.status.as_str()
                )));
            }
        }
        let now = context.now();
        let due = now + context.options.delays.resolver_deleting;
        let region = context.region_mut();
        let endpoint = region.resolver_endpoints.get_mut(&id).ok_or_else(|| id.not_found())?;
        endpoint.status = Status::Deleting;
        "Deleting the Resolver Endpoint".clone_into(&mut endpoint.status_message);
        endpoint.modified = now;
        endpoint.due = Some(due);
        for address in endpoint.addresses.values_mut() {
            address.status = AddressStatus::Deleting;
        }
        let endpoint = endpoint.clone();
        region.schedule(due);
        Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) })
    }
}
