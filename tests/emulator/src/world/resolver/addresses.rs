//! The addresses of an endpoint: ListResolverEndpointIpAddresses, Associate..., Disassociate...
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{Address, AddressStatus, IpAddressRequest, OneResolverEndpoint, ResolverEndpoint, Status, attach, checks};
use crate::world::{
    Context,
    action::{Action, Service},
    error::AwsError,
    ids::{ResolverAddressId, ResolverEndpointId, ResourceId, SubnetId},
    paging::Paging,
};

/// Lists the addresses of an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListResolverEndpointIpAddresses {
    pub resolver_endpoint_id: String,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching addresses.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpAddresses {
    pub ip_addresses: Vec<IpAddressItem>,
    pub next_token: Option<String>,
    pub max_results: usize,
}

/// An address in the format of Resolver.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpAddressItem {
    pub ip_id: ResolverAddressId,
    pub subnet_id: SubnetId,
    pub ip: String,
    pub status: AddressStatus,
    pub status_message: &'static str,
    pub creation_time: String,
    pub modification_time: String,
}

impl Address {
    fn item(&self, context: &Context<'_>) -> IpAddressItem {
        IpAddressItem {
            ip_id: self.id.clone(),
            subnet_id: self.subnet.clone(),
            ip: self.ip.to_string(),
            status: self.status,
            status_message: match self.status {
                AddressStatus::Creating => "Creating the IP address.",
                AddressStatus::Attaching => "The IP address is being attached.",
                AddressStatus::Attached => "This IP address is operational.",
                AddressStatus::Detaching | AddressStatus::Deleting => "The IP address is being removed.",
                AddressStatus::FailedResourceGone => "The elastic network interface of the IP address is gone.",
                AddressStatus::FailedCreation => "The IP address could not be created.",
                AddressStatus::RemapDetaching | AddressStatus::RemapAttaching => "The IP address is being moved.",
                AddressStatus::DeleteFailedFasExpired => "The IP address could not be removed: credentials expired.",
                AddressStatus::Updating => "The IP address is being updated.",
                AddressStatus::UpdateFailed => "The IP address could not be updated.",
                AddressStatus::Isolated => "The IP address is isolated.",
            },
            creation_time: context.date(self.created).to_string(),
            modification_time: context.date(self.modified).to_string(),
        }
    }
}

impl Action for ListResolverEndpointIpAddresses {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "ListResolverEndpointIpAddresses";
    type Answer = IpAddresses;

    fn run(self, context: &mut Context<'_>) -> Result<IpAddresses, AwsError> {
        let region = context.region();
        let (_, endpoint) = region.resolver_endpoints.read(&self.resolver_endpoint_id, context.sight())?;
        let (page, next_token) = Paging::resolver(Self::NAME).cut(
            endpoint.addresses.values(),
            |address| address.id.as_str(),
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        let max_results = page.len();
        let ip_addresses = page.into_iter().map(|address| address.item(context)).collect();
        Ok(IpAddresses { ip_addresses, next_token, max_results })
    }
}

/// An address to add or remove.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpAddressUpdate {
    pub ip_id: Option<String>,
    pub subnet_id: Option<String>,
    pub ip: Option<String>,
}

/// Adds one address to an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AssociateResolverEndpointIpAddress {
    pub resolver_endpoint_id: String,
    pub ip_address: IpAddressUpdate,
}

/// Returns an endpoint whose addresses can be changed now.
///
/// ASSUMED (`ASSUMPTIONS.md`, "Resolver"): only one change at a time, and none while AWS repairs the endpoint. Another
/// change is rejected with an `InvalidRequestException`.
pub(super) fn ready<'a>(
    context: &'a Context<'_>,
    id: &str,
) -> Result<(ResolverEndpointId, &'a ResolverEndpoint), AwsError> {
    let (id, endpoint) = context.region().resolver_endpoints.find(id, context.sight())?;
    match endpoint.status {
        Status::Operational | Status::ActionNeeded => Ok((id, endpoint)),
        Status::Creating | Status::Updating | Status::AutoRecovering | Status::Deleting => Err(checks::request(
            format!("The resolver endpoint '{id}' cannot be changed while its status is {}.", endpoint.status.as_str()),
        )),
    }
}

fn begin_update(context: &mut Context<'_>, id: &ResolverEndpointId) -> Result<OneResolverEndpoint, AwsError> {
    let now = context.now();
    let due = now + context.options.delays.resolver_updating;
    let region = context.region_mut();
    let endpoint = region.resolver_endpoints.get_mut(id).ok_or_else(|| id.not_found())?;
    endpoint.status = Status::Updating;
    "Updating the Resolver Endpoint".clone_into(&mut endpoint.status_message);
    endpoint.modified = now;
    endpoint.due = Some(due);
    let endpoint = endpoint.clone();
    region.schedule(due);
    Ok(OneResolverEndpoint { resolver_endpoint: endpoint.item(context) })
}

impl Action for AssociateResolverEndpointIpAddress {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "AssociateResolverEndpointIpAddress";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        let (id, endpoint) = ready(context, &self.resolver_endpoint_id)?;
        let IpAddressUpdate { ip_id, subnet_id, ip } = self.ip_address;
        // Source: aws-sdk-route53resolver, `IpAddressUpdate::ip_id`: only for the removal of an address.
        if ip_id.is_some() {
            return Err(checks::parameter("IpId must not be given when an IP address is associated."));
        }
        let subnet_id = subnet_id.ok_or_else(|| checks::parameter("SubnetId must be given."))?;
        let most = context.options.quotas.addresses_per_resolver_endpoint;
        if endpoint.addresses.len() >= most {
            let message = format!("A resolver endpoint can have at most {most} IP addresses.");
            return Err(AwsError::new("LimitExceededException", message));
        }
        // ASSUMED (`ASSUMPTIONS.md`, "Resolver"): the option `lost_address_reuse`.
        let reusable =
            |address: &Address| context.options.lost_address_reuse && address.status.has_lost_its_interface();
        let same =
            |address: &&Address| !reusable(address) && ip.as_deref().is_some_and(|ip| ip == address.ip.to_string());
        if endpoint.addresses.values().any(|address| same(&address)) {
            let message = format!("The resolver endpoint '{id}' already has this IP address.");
            return Err(AwsError::new("ResourceExistsException", message));
        }
        let (vpc, groups) = (endpoint.vpc.clone(), endpoint.groups.clone());
        let request = [IpAddressRequest { subnet_id, ip }];
        let places: Vec<_> = checks::addresses(context, &request)?
            .into_iter()
            .map(|(subnet, address)| (subnet.clone(), address))
            .collect();
        let (now, sight) = (context.now(), context.sight());
        for (subnet, ip) in &places {
            if subnet.vpc != vpc {
                return Err(checks::parameter(format!("The subnet '{}' is not in the VPC '{vpc}'.", subnet.id)));
            }
            let region = context.region_mut();
            let address = attach(region, &id, &groups, (subnet, *ip), (AddressStatus::Attaching, now));
            if let Some(endpoint) = region.resolver_endpoints.change(&id, sight) {
                endpoint.addresses.insert(address.id.clone(), address);
            }
        }
        begin_update(context, &id)
    }
}

/// Removes one address from an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DisassociateResolverEndpointIpAddress {
    pub resolver_endpoint_id: String,
    pub ip_address: IpAddressUpdate,
}

impl Action for DisassociateResolverEndpointIpAddress {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "DisassociateResolverEndpointIpAddress";
    type Answer = OneResolverEndpoint;

    fn run(self, context: &mut Context<'_>) -> Result<OneResolverEndpoint, AwsError> {
        let (id, endpoint) = ready(context, &self.resolver_endpoint_id)?;
        let IpAddressUpdate { ip_id, subnet_id, ip } = self.ip_address;
        if ip_id.is_none() && subnet_id.is_none() {
            return Err(checks::parameter("IpId or SubnetId must be given."));
        }
        let is_meant = |address: &&Address| {
            ip_id.as_deref().is_none_or(|id| id == address.id.as_str())
                && subnet_id.as_deref().is_none_or(|id| id == address.subnet.as_str())
                && ip.as_deref().is_none_or(|ip| ip == address.ip.to_string())
        };
        let found = endpoint.staying().find(is_meant).ok_or_else(|| {
            AwsError::new("ResourceNotFoundException", format!("The IP address is not associated with '{id}'."))
        })?;
        // Source: hashicorp/terraform-provider-aws `internal/service/route53resolver/endpoint.go`: clients add
        // addresses before they remove others, so that two remain.
        if endpoint.staying().count() <= 2 {
            return Err(checks::request("[RSLVR-00400] Resolver endpoint need to have at least 2 IP addresses."));
        }
        let leaving = found.id.clone();
        let (now, sight) = (context.now(), context.sight());
        if let Some(endpoint) = context.region_mut().resolver_endpoints.change(&id, sight)
            && let Some(address) = endpoint.addresses.get_mut(&leaving)
        {
            address.status = AddressStatus::Detaching;
            address.modified = now;
        }
        begin_update(context, &id)
    }
}
