//! Amazon Route 53 Resolver: endpoints, their addresses, and their status changes over time.
//!
//! Source of states: aws-sdk-route53resolver, `ResolverEndpointStatus` and `IpAddressStatus`.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

pub mod addresses;
mod checks;
pub mod create;
pub mod delete;
pub mod list;
pub mod tags;
pub mod update;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Context, Region,
    ec2::{
        network_interface::{Draft, Kind, NetworkInterface},
        subnet::Subnet,
    },
    ids::{NetworkInterfaceId, ResolverAddressId, ResolverEndpointId, ResourceId, SecurityGroupId, SubnetId, VpcId},
    options::Options,
    table::Sight,
    tags::Tags,
    zones,
};

/// A Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResolverEndpoint {
    pub id: ResolverEndpointId,
    pub creator_request_id: String,
    pub name: Option<String>,
    pub direction: Direction,
    pub vpc: VpcId,
    pub groups: BTreeSet<SecurityGroupId>,
    pub status: Status,
    pub status_message: String,
    pub protocols: BTreeSet<Protocol>,
    pub addresses: BTreeMap<ResolverAddressId, Address>,
    pub tags: Tags,
    created: Duration,
    modified: Duration,
    due: Option<Duration>,
}

/// The direction of DNS queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    Inbound,
    Outbound,
    InboundDelegation,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "INBOUND",
            Self::Outbound => "OUTBOUND",
            Self::InboundDelegation => "INBOUND_DELEGATION",
        }
    }

    fn is_inbound(self) -> bool {
        !matches!(self, Self::Outbound)
    }
}

/// The status of an endpoint.
///
/// Source: aws-sdk-route53resolver, `ResolverEndpointStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Creating,
    Operational,
    Updating,
    AutoRecovering,
    ActionNeeded,
    Deleting,
}

impl Status {
    /// Returns the value in AWS requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Operational => "OPERATIONAL",
            Self::Updating => "UPDATING",
            Self::AutoRecovering => "AUTO_RECOVERING",
            Self::ActionNeeded => "ACTION_NEEDED",
            Self::Deleting => "DELETING",
        }
    }
}

/// The protocol of DNS queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    Do53,
    DoH,
    #[serde(rename = "DoH-FIPS")]
    DoHFips,
}

/// An address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub id: ResolverAddressId,
    pub subnet: SubnetId,
    pub ip: Ipv4Addr,
    pub interface: NetworkInterfaceId,
    pub status: AddressStatus,
    created: Duration,
    modified: Duration,
}

/// The status of an address.
///
/// Source: aws-sdk-route53resolver, `IpAddressStatus`, without the status of Outposts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AddressStatus {
    Creating,
    FailedCreation,
    Attaching,
    Attached,
    RemapDetaching,
    RemapAttaching,
    Detaching,
    FailedResourceGone,
    Deleting,
    DeleteFailedFasExpired,
    Updating,
    UpdateFailed,
    Isolated,
}

impl AddressStatus {
    /// Returns the value in AWS requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::FailedCreation => "FAILED_CREATION",
            Self::Attaching => "ATTACHING",
            Self::Attached => "ATTACHED",
            Self::RemapDetaching => "REMAP_DETACHING",
            Self::RemapAttaching => "REMAP_ATTACHING",
            Self::Detaching => "DETACHING",
            Self::FailedResourceGone => "FAILED_RESOURCE_GONE",
            Self::Deleting => "DELETING",
            Self::DeleteFailedFasExpired => "DELETE_FAILED_FAS_EXPIRED",
            Self::Updating => "UPDATING",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::Isolated => "ISOLATED",
        }
    }

    /// Whether the address has no network interface.
    fn has_lost_its_interface(self) -> bool {
        matches!(self, Self::FailedCreation | Self::FailedResourceGone)
    }
}

impl ResolverEndpoint {
    /// Returns the time of the next scheduled status change.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Returns the addresses that are not being removed.
    fn staying(&self) -> impl Iterator<Item = &Address> {
        self.addresses
            .values()
            .filter(|address| !matches!(address.status, AddressStatus::Detaching | AddressStatus::Deleting))
    }

    fn item(&self, context: &Context<'_>) -> ResolverEndpointItem {
        ResolverEndpointItem {
            id: self.id.clone(),
            creator_request_id: self.creator_request_id.clone(),
            arn: arn(context, &self.id),
            name: self.name.clone(),
            security_group_ids: self.groups.iter().cloned().collect(),
            direction: self.direction,
            ip_address_count: self.addresses.len(),
            host_vpc_id: self.vpc.clone(),
            status: self.status,
            status_message: self.status_message.clone(),
            creation_time: context.date(self.created).to_string(),
            modification_time: context.date(self.modified).to_string(),
            resolver_endpoint_type: "IPV4",
            protocols: self.protocols.iter().copied().collect(),
        }
    }
}

fn arn(context: &Context<'_>, id: &ResolverEndpointId) -> String {
    let (region, account) = (&context.caller.region, &context.caller.account);
    format!("arn:{}:route53resolver:{region}:{account}:resolver-endpoint/{id}", zones::partition(region))
}

/// An endpoint in the format of Resolver.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResolverEndpointItem {
    pub id: ResolverEndpointId,
    pub creator_request_id: String,
    pub arn: String,
    pub name: Option<String>,
    pub security_group_ids: Vec<SecurityGroupId>,
    pub direction: Direction,
    pub ip_address_count: usize,
    #[serde(rename = "HostVPCId")]
    pub host_vpc_id: VpcId,
    pub status: Status,
    pub status_message: String,
    pub creation_time: String,
    pub modification_time: String,
    pub resolver_endpoint_type: &'static str,
    pub protocols: Vec<Protocol>,
}

/// The answer of the calls that return one endpoint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OneResolverEndpoint {
    pub resolver_endpoint: ResolverEndpointItem,
}

/// A subnet, and an address in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IpAddressRequest {
    pub subnet_id: String,
    pub ip: Option<String>,
}

/// Creates an interface in a subnet, with an address that is known to be free.
fn attach(
    region: &mut Region,
    endpoint: &ResolverEndpointId,
    groups: &BTreeSet<SecurityGroupId>,
    (subnet, ip): (&Subnet, Ipv4Addr),
    (status, now): (AddressStatus, Duration),
) -> Address {
    let id: ResolverAddressId = region.ids.mint();
    let interface: NetworkInterfaceId = region.ids.mint();
    let draft = Draft {
        address: ip,
        groups: groups.clone(),
        // ASSUMED (`ASSUMPTIONS.md`, "Resolver"): the description that the EC2 console shows for such interfaces.
        description: format!("Route 53 Resolver: {endpoint}:{id}"),
        kind: Kind::Resolver,
        tags: Tags::new(),
    };
    region.network_interfaces.insert(interface.clone(), NetworkInterface::place(interface.clone(), subnet, draft), now);
    Address { id, subnet: subnet.id.clone(), ip, interface, status, created: now, modified: now }
}

impl Region {
    /// Executes the status changes of endpoints that are due.
    pub(crate) fn settle_resolver_endpoints(&mut self, sight: Sight, options: &Options) {
        let due: Vec<ResolverEndpointId> = self
            .resolver_endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.due.is_some_and(|due| due <= sight.now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.settle_resolver_endpoint(&id, sight, options);
        }
    }

    fn settle_resolver_endpoint(&mut self, id: &ResolverEndpointId, sight: Sight, options: &Options) {
        let Some(endpoint) = self.resolver_endpoints.get_mut(id) else { return };
        let Some(at) = endpoint.due.take() else { return };
        let sight = Sight { now: at, ..sight };
        match endpoint.status {
            Status::Creating | Status::Updating => {
                endpoint.modified = at;
                let leaving = |address: &Address| address.status == AddressStatus::Detaching;
                let gone: Vec<_> =
                    endpoint.addresses.values().filter(|a| leaving(a)).map(|a| a.interface.clone()).collect();
                endpoint.addresses.retain(|_, address| !leaving(address));
                for address in endpoint.addresses.values_mut() {
                    if matches!(address.status, AddressStatus::Creating | AddressStatus::Attaching) {
                        address.status = AddressStatus::Attached;
                        address.modified = at;
                    }
                }
                let broken = endpoint.addresses.values().any(|a| a.status.has_lost_its_interface());
                (endpoint.status, endpoint.status_message) = if broken {
                    (Status::ActionNeeded, ACTION_NEEDED.to_owned())
                } else {
                    (Status::Operational, "This Resolver Endpoint is operational.".to_owned())
                };
                for interface in &gone {
                    self.network_interfaces.remove(interface, sight);
                }
            }
            Status::Deleting => {
                let gone: Vec<_> = endpoint.addresses.values().map(|address| address.interface.clone()).collect();
                for interface in &gone {
                    self.network_interfaces.remove(interface, sight);
                }
                self.resolver_endpoints.remove(id, sight);
                if options.client_tokens == super::options::TokenMemory::ForgetDeleted {
                    self.creator_request_ids.retain(|_, endpoint| endpoint != id);
                }
            }
            Status::Operational | Status::AutoRecovering | Status::ActionNeeded => {}
        }
    }

    /// Sets the status of an address, which AWS does on its own or after a privileged user deleted the interface. Returns
    /// whether the address exists.
    ///
    /// Source: aws-sdk-route53resolver, `ResolverEndpoint::status`: `ACTION_NEEDED` when an interface was deleted.
    pub(crate) fn set_resolver_address_status(&mut self, id: &str, status: AddressStatus, sight: Sight) -> bool {
        let found = self.resolver_endpoints.iter_mut().find_map(|(_, endpoint)| {
            let id = endpoint.addresses.keys().find(|address| address.as_str() == id)?.clone();
            Some((endpoint, id))
        });
        let Some((endpoint, id)) = found else { return false };
        let Some(address) = endpoint.addresses.get_mut(&id) else { return false };
        address.status = status;
        if status.has_lost_its_interface() {
            let interface = address.interface.clone();
            endpoint.status = Status::ActionNeeded;
            ACTION_NEEDED.clone_into(&mut endpoint.status_message);
            self.network_interfaces.remove(&interface, sight);
        }
        true
    }

    /// Sets the status of an endpoint, which AWS does on its own. Returns whether the endpoint exists.
    pub(crate) fn set_resolver_status(&mut self, id: &str, status: Status) -> bool {
        let Some((_, endpoint)) = self.resolver_endpoints.iter_mut().find(|(known, _)| known.as_str() == id) else {
            return false;
        };
        endpoint.status = status;
        endpoint.due = None;
        true
    }
}

const ACTION_NEEDED: &str = "This Resolver Endpoint is unhealthy: an elastic network interface was deleted.";
