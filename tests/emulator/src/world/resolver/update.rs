//! UpdateResolverEndpoint. It cannot change security groups.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{OneResolverEndpoint, Protocol, addresses::ready, checks, create::check_type};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::ResourceId,
};

/// Changes the name or the protocols of an endpoint. Absent parameters stay unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UpdateResolverEndpoint {
    pub resolver_endpoint_id: String,
    pub name: Option<String>,
    pub resolver_endpoint_type: Option<String>,
    pub protocols: Option<Vec<Protocol>>,
}

impl Action for UpdateResolverEndpoint {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "UpdateResolverEndpoint";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        let (id, endpoint) = ready(context, &self.resolver_endpoint_id)?;
        if let Some(name) = &self.name {
            checks::check_name(name)?;
        }
        check_type(self.resolver_endpoint_type.as_deref())?;
        let protocols = match &self.protocols {
            None => endpoint.protocols.clone(),
            Some(protocols) => protocols.iter().copied().collect(),
        };
        checks::check_protocols(endpoint.direction, &protocols)?;
        // Source: Route 53 API Reference, UpdateResolverEndpoint: a direct change from only Do53 to only DoH or
        // DoH-FIPS is not possible.
        let only_do53 = BTreeSet::from([Protocol::Do53]);
        if endpoint.protocols == only_do53 && !protocols.contains(&Protocol::Do53) {
            let message =
                "The protocol of an inbound endpoint cannot be changed from only Do53 to only DoH or DoH-FIPS.";
            return Err(checks::request(message));
        }
        let name = self.name.or_else(|| endpoint.name.clone());
        let (now, sight) = (context.now(), context.sight());
        let endpoint = context.region_mut().resolver_endpoints.change(&id, sight).ok_or_else(|| id.not_found())?;
        endpoint.name = name;
        endpoint.protocols = protocols;
        endpoint.modified = now;
        let endpoint = endpoint.clone();
        Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) })
    }
}
