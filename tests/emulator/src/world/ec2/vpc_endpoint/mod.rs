//! VPC endpoints: their properties, their format in answers, and their state changes over time.
#![allow(missing_docs, reason = "fields carry the names of the EC2 API Reference, which documents them")]

mod checks;
pub mod create;
pub mod delete;
pub mod describe;
mod dns;
mod interfaces;
pub mod modify;
mod policy;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::dns::DnsEntry;
use crate::world::{
    Context, Region,
    catalogue::EndpointType,
    ec2::security_group::{self, GroupIdentifier},
    error::AwsError,
    ids::{
        NetworkInterfaceId, PrefixListId, ResourceId, RouteTableId, SecurityGroupId, SubnetId, VpcEndpointId, VpcId,
    },
    options::Options,
    table::Sight,
    tags::{self, TagItem, Tags},
};

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VpcEndpoint {
    pub id: VpcEndpointId,
    pub vpc: VpcId,
    pub service_name: String,
    pub endpoint_type: EndpointType,
    pub state: State,
    pub route_tables: BTreeSet<RouteTableId>,
    pub subnets: BTreeMap<SubnetId, NetworkInterfaceId>,
    pub groups: BTreeSet<SecurityGroupId>,
    pub private_dns: bool,
    /// `PrivateDnsOnlyForInboundResolverEndpoint`; `None` for services that do not have it, and as long as neither a caller
    /// nor private DNS sets it. Source: an answer of DescribeVpcEndpoints that cloud-custodian recorded in 2026, with an S3
    /// interface endpoint without private DNS.
    pub inbound_only: Option<bool>,
    /// `DnsRecordIpType`.
    pub record_ip_type: String,
    pub policy: String,
    pub tags: Tags,
    /// Whether an AWS service created the endpoint for the account, and manages it.
    pub requester_managed: bool,
    /// The prefix list that a gateway endpoint routes to.
    pub prefix_list: Option<PrefixListId>,
    /// The private DNS names, which resolve if private DNS is enabled.
    pub private_names: Vec<String>,
    short_name: &'static str,
    created: Duration,
    due: Option<Duration>,
    /// The reason why the endpoint will fail instead of becoming available.
    fails: Option<String>,
    last_error: Option<String>,
}

/// The states of an endpoint. AWS sends them with a lowercase first letter, unlike the enum of the API model.
///
/// Source: EC2 API Reference, DescribeVpcEndpoints, examples; awslabs/aws-sdk-rust issue 619.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    PendingAcceptance,
    Pending,
    Available,
    Deleting,
    Deleted,
    Rejected,
    Failed,
    Expired,
}

impl State {
    /// Returns the value in AWS requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingAcceptance => "pendingAcceptance",
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl VpcEndpoint {
    /// Whether the endpoint is not `deleted`. A `deleted` endpoint has no effect and is only listed.
    pub fn exists(&self) -> bool {
        self.state != State::Deleted
    }

    /// Whether the endpoint exists and is not being deleted.
    pub(crate) fn stays(&self) -> bool {
        !matches!(self.state, State::Deleting | State::Deleted)
    }

    /// Returns the time of the next scheduled state change.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Whether this is a gateway endpoint with a route in a table.
    pub(crate) fn routes_through(&self, table: &RouteTableId) -> bool {
        self.endpoint_type == EndpointType::Gateway && self.stays() && self.route_tables.contains(table)
    }

    /// Checks that the caller may change or delete the endpoint.
    ///
    /// Source: gruntwork-io/cloud-nuke pull request 1037; public reports quote the text, with the code `InvalidParameter`, for
    /// DeleteVpcEndpoints. That ModifyVpcEndpoint returns the same is ASSUMED (`ASSUMPTIONS.md`, "Codes").
    fn check_managed_by_caller(&self) -> Result<(), AwsError> {
        if !self.requester_managed {
            return Ok(());
        }
        Err(AwsError::parameter(format!(
            "Operation is not allowed for requester-managed VPC endpoints for the service {}.",
            self.service_name
        )))
    }

    fn item(&self, context: &Context<'_>) -> VpcEndpointItem {
        let region = context.region();
        let interface = self.endpoint_type == EndpointType::Interface;
        VpcEndpointItem {
            vpc_endpoint_id: self.id.clone(),
            vpc_endpoint_type: self.endpoint_type.as_str(),
            vpc_id: self.vpc.clone(),
            service_name: self.service_name.clone(),
            service_region: context.caller.region.clone(),
            state: self.state.as_str(),
            policy_document: self.policy.clone(),
            route_table_ids: self.route_tables.iter().cloned().collect(),
            subnet_ids: self.subnets.keys().cloned().collect(),
            groups: security_group::identifiers(region, &self.groups),
            ip_address_type: "ipv4",
            dns_options: DnsOptions {
                dns_record_ip_type: self.record_ip_type.clone(),
                private_dns_only_for_inbound_resolver_endpoint: self.inbound_only,
            },
            private_dns_enabled: interface && self.private_dns,
            requester_managed: self.requester_managed,
            network_interface_ids: self.subnets.values().cloned().collect(),
            dns_entries: dns::entries(self, region, &context.caller.region),
            creation_timestamp: context.date(self.created).to_string(),
            tags: tags::items(&self.tags),
            owner_id: context.caller.account.clone(),
            last_error: self
                .last_error
                .as_ref()
                .map(|message| LastError { code: "InternalError", message: message.clone() }),
            failure_reason: self.last_error.clone(),
        }
    }
}

/// An endpoint in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VpcEndpointItem {
    pub vpc_endpoint_id: VpcEndpointId,
    pub vpc_endpoint_type: &'static str,
    pub vpc_id: VpcId,
    pub service_name: String,
    pub service_region: String,
    pub state: &'static str,
    pub policy_document: String,
    #[serde(rename = "routeTableIdSet")]
    pub route_table_ids: Vec<RouteTableId>,
    #[serde(rename = "subnetIdSet")]
    pub subnet_ids: Vec<SubnetId>,
    #[serde(rename = "groupSet")]
    pub groups: Vec<GroupIdentifier>,
    pub ip_address_type: &'static str,
    pub dns_options: DnsOptions,
    pub private_dns_enabled: bool,
    pub requester_managed: bool,
    #[serde(rename = "networkInterfaceIdSet")]
    pub network_interface_ids: Vec<NetworkInterfaceId>,
    #[serde(rename = "dnsEntrySet")]
    pub dns_entries: Vec<DnsEntry>,
    pub creation_timestamp: String,
    #[serde(rename = "tagSet")]
    pub tags: Vec<TagItem>,
    pub owner_id: String,
    pub last_error: Option<LastError>,
    pub failure_reason: Option<String>,
}

/// The DNS options of an endpoint in the format of EC2.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsOptions {
    pub dns_record_ip_type: String,
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
}

/// The reason why an endpoint failed.
#[derive(Clone, Debug, Serialize)]
pub struct LastError {
    pub code: &'static str,
    pub message: String,
}

/// The DNS options of a request.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DnsOptionsRequest {
    pub dns_record_ip_type: Option<String>,
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
}

/// A subnet of a request, and the requested address of the interface in it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SubnetConfiguration {
    pub subnet_id: String,
    pub ipv4: Option<String>,
}

impl Region {
    /// Executes the state changes of endpoints that are due.
    pub(crate) fn settle_vpc_endpoints(&mut self, sight: Sight, options: &Options) {
        let due: Vec<VpcEndpointId> = self
            .vpc_endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.due.is_some_and(|due| due <= sight.now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.settle_vpc_endpoint(&id, sight, options);
        }
    }

    /// Sets the state of an endpoint, which the owner of its service or AWS does. In state `pending`, it becomes `available`
    /// after a while. Returns whether the endpoint exists.
    pub(crate) fn set_endpoint_state(&mut self, id: &str, state: State, now: Duration, options: &Options) -> bool {
        let found = self.vpc_endpoints.iter_mut().find(|(known, _)| known.as_str() == id);
        let Some((_, endpoint)) = found.filter(|(_, endpoint)| endpoint.exists()) else { return false };
        let delays = &options.delays;
        endpoint.state = state;
        endpoint.due = match state {
            State::Pending => Some(now + delays.endpoint_creating),
            State::Deleting => Some(now + delays.endpoint_deleting),
            State::Deleted => Some(now + delays.endpoint_listed_deleted),
            State::PendingAcceptance | State::Available | State::Rejected | State::Failed | State::Expired => None,
        };
        if let Some(due) = endpoint.due {
            self.schedule(due);
        }
        true
    }

    /// Makes an endpoint one that an AWS service created for the account, or one of the account. Returns whether the endpoint
    /// exists.
    pub(crate) fn set_requester_managed(&mut self, id: &str, managed: bool) -> bool {
        let found = self.vpc_endpoints.iter_mut().find(|(known, _)| known.as_str() == id);
        found.map(|(_, endpoint)| endpoint.requester_managed = managed).is_some()
    }

    fn settle_vpc_endpoint(&mut self, id: &VpcEndpointId, sight: Sight, options: &Options) {
        while let Some(endpoint) = self.vpc_endpoints.get_mut(id) {
            let Some(due) = endpoint.due.take_if(|due| *due <= sight.now) else { return };
            match endpoint.state {
                State::Pending => {
                    endpoint.last_error.clone_from(&endpoint.fails);
                    endpoint.state = if endpoint.fails.is_some() { State::Failed } else { State::Available };
                }
                State::Deleting => {
                    endpoint.state = State::Deleted;
                    endpoint.due = Some(due + options.delays.endpoint_listed_deleted);
                    let interfaces: Vec<NetworkInterfaceId> = endpoint.subnets.values().cloned().collect();
                    let at = Sight { now: due, ..sight };
                    for interface in &interfaces {
                        self.network_interfaces.remove(interface, at);
                    }
                    self.tokens.resource_gone(id.as_str(), options.client_tokens);
                }
                State::Deleted => {
                    let past = endpoint.clone();
                    if self.tokens.knows(id.as_str()) {
                        self.past_vpc_endpoints.insert(id.clone(), past);
                    }
                    self.vpc_endpoints.remove(id, Sight { now: due, ..sight });
                }
                State::PendingAcceptance | State::Available | State::Rejected | State::Failed | State::Expired => {}
            }
        }
    }
}
