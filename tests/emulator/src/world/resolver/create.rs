//! CreateResolverEndpoint.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    AddressStatus, Direction, IpAddressRequest, OneResolverEndpoint, Protocol, ResolverEndpoint, Status, attach, checks,
};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::VpcId,
    options::RepeatedRequest,
    tags::{Tag, Tags},
};

/// Creates an endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateResolverEndpoint {
    pub creator_request_id: String,
    pub name: Option<String>,
    pub security_group_ids: Vec<String>,
    pub direction: Direction,
    pub ip_addresses: Vec<IpAddressRequest>,
    pub resolver_endpoint_type: Option<String>,
    pub protocols: Option<Vec<Protocol>>,
    #[serde(default)]
    pub tags: Vec<Tag>,
}

impl Action for CreateResolverEndpoint {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "CreateResolverEndpoint";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        if !(1..=255).contains(&self.creator_request_id.len()) {
            return Err(checks::constraint("creatorRequestId", "Member must have length between 1 and 255"));
        }
        if let Some(answer) = self.repeated(context)? {
            return Ok(answer);
        }
        if let Some(name) = &self.name {
            checks::check_name(name)?;
        }
        check_type(self.resolver_endpoint_type.as_deref())?;
        let protocols = match &self.protocols {
            None => BTreeSet::from([Protocol::Do53]),
            Some(protocols) => protocols.iter().copied().collect(),
        };
        checks::check_protocols(self.direction, &protocols)?;
        checks::check_tags(&self.tags)?;
        self.check_count(context)?;
        let places: Vec<_> = checks::addresses(context, &self.ip_addresses)?
            .into_iter()
            .map(|(subnet, address)| (subnet.clone(), address))
            .collect();
        let vpc = common_vpc(context, places.iter().map(|(subnet, _)| &subnet.vpc))?;
        let groups = checks::groups(context, &self.security_group_ids, &vpc)?;
        check_quota(context)?;

        let now = context.now();
        let due = now + context.options.delays.resolver_creating;
        let region = context.region_mut();
        let id = region.ids.mint_resolver_endpoint(self.direction.is_inbound());
        let mut addresses = BTreeMap::new();
        for (subnet, ip) in &places {
            let address = attach(region, &id, &groups, (subnet, *ip), (AddressStatus::Creating, now));
            addresses.insert(address.id.clone(), address);
        }
        let endpoint = ResolverEndpoint {
            id: id.clone(),
            creator_request_id: self.creator_request_id.clone(),
            name: self.name,
            direction: self.direction,
            vpc,
            groups,
            status: Status::Creating,
            status_message: "[Trace id: 1-00000000-000000000000000000000000] Creating the Resolver Endpoint".to_owned(),
            protocols,
            addresses,
            tags: self.tags.into_iter().map(|tag| (tag.key, tag.value)).collect::<Tags>(),
            created: now,
            modified: now,
            due: Some(due),
        };
        region.creator_request_ids.insert(self.creator_request_id, id.clone());
        region.resolver_endpoints.insert(id, endpoint.clone(), now);
        region.schedule(due);
        Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) })
    }
}

impl CreateResolverEndpoint {
    /// A known ID is rejected. Source: aws/aws-cdk issue 5012, which quotes AWS. That the ID of a deleted endpoint
    /// remains known is ASSUMED (`ASSUMPTIONS.md`, "Client tokens").
    fn repeated(&self, context: &Context<'_>) -> Result<Option<OneResolverEndpoint>, AwsError> {
        let region = context.region();
        let Some(earlier) = region.creator_request_ids.get(&self.creator_request_id) else { return Ok(None) };
        let message = format!("Resolver endpoint with creator request ID '{}' already exists", self.creator_request_id);
        match (context.options.creator_request_id, region.resolver_endpoints.get(earlier)) {
            (RepeatedRequest::Return, Some(endpoint)) => {
                Ok(Some(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) }))
            }
            (RepeatedRequest::Refuse | RepeatedRequest::Return, _) => {
                Err(AwsError::new("ResourceExistsException", message))
            }
        }
    }

    /// Source: hashicorp/terraform-provider-aws issue 6563 quotes `RSLVR-00400`; Route 53 quotas: six addresses.
    fn check_count(&self, context: &Context<'_>) -> Result<(), AwsError> {
        let most = context.options.quotas.addresses_per_resolver_endpoint;
        if self.ip_addresses.len() < 2 {
            return Err(checks::request("[RSLVR-00400] Resolver endpoint need to have at least 2 IP addresses."));
        }
        if self.ip_addresses.len() > most {
            let message = format!("A resolver endpoint can have at most {most} IP addresses.");
            return Err(AwsError::new("LimitExceededException", message));
        }
        Ok(())
    }
}

/// Checks the VPC of the subnets. Source: Route 53 Developer Guide, "Considerations": the VPC cannot have dedicated
/// tenancy.
fn common_vpc<'a>(context: &Context<'_>, mut vpcs: impl Iterator<Item = &'a VpcId>) -> Result<VpcId, AwsError> {
    let first = vpcs.next().ok_or_else(|| checks::request("[RSLVR-00400] An IP address is missing."))?;
    if vpcs.any(|vpc| vpc != first) {
        return Err(checks::parameter("All subnets of a resolver endpoint must be in the same VPC."));
    }
    if context.region().vpcs.get(first).is_some_and(|vpc| vpc.tenancy == "dedicated") {
        return Err(checks::request(format!("The VPC '{first}' has dedicated instance tenancy.")));
    }
    Ok(first.clone())
}

/// All subnets of the emulator are IPv4 only.
pub(super) fn check_type(asked: Option<&str>) -> Result<(), AwsError> {
    match asked {
        None | Some("IPV4") => Ok(()),
        Some(other @ ("IPV6" | "DUALSTACK")) => {
            Err(checks::parameter(format!("The subnets do not support the resolver endpoint type {other}.")))
        }
        Some(_) => Err(checks::constraint(
            "resolverEndpointType",
            "Member must satisfy enum value set: [IPV6, DUALSTACK, IPV4]",
        )),
    }
}

/// Source: Route 53 quotas: 4 endpoints for each account and Region. `RSLVR-00309` is quoted in
/// hashicorp/terraform-provider-aws issue 40480.
fn check_quota(context: &Context<'_>) -> Result<(), AwsError> {
    let most = context.options.quotas.resolver_endpoints_per_region;
    if context.region().resolver_endpoints.values().count() < most {
        return Ok(());
    }
    let account = &context.caller.account;
    let message = format!("[RSLVR-00309] Account '{account}' exceeded 'max-endpoints'.");
    Err(AwsError::new("LimitExceededException", message))
}
