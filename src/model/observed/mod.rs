//! What AWS reports now. Values only: `crate::aws` fills them, everything else in `model` reads them.

pub mod network_acl;
pub mod resources;
pub mod routes;
pub mod surroundings;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::model::{
    ids::{
        EndpointId, NetworkInterfaceId, ResolverAddressId, ResolverId, RouteTableId, SecurityGroupId,
        SecurityGroupRuleId, SubnetId, VpcId, ZoneId,
    },
    observed::{routes::Route, surroundings::Surroundings},
    ownership::Tags,
    policy::Policy,
    slot::EndpointKey,
};

pub use crate::api::PrivateDns;

/// One complete observation: the VPC with its surroundings, and every resource in it that a network could own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// What the network's VPC selector matches.
    pub vpcs: Vec<Vpc>,
    /// All subnets of the VPC, if exactly one matched.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// Subnets that the network names and that are in other VPCs.
    pub subnets_elsewhere: BTreeMap<SubnetId, VpcId>,
    /// All route tables of the VPC.
    pub route_tables: Vec<RouteTable>,
    /// The endpoint services that the Region offers, of those a network can ask for.
    pub services: BTreeMap<EndpointKey, ServiceOffer>,
    /// What is read seldom.
    pub surroundings: Surroundings,
    /// All Resolver endpoints of the account in the Region, inbound or not.
    pub resolvers_in_region: BTreeSet<ResolverId>,
    /// The resources.
    pub resources: Resources,
}

/// A VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// All its IPv4 ranges, secondary ones included.
    pub cidrs: BTreeSet<Ipv4Net>,
    /// `enableDnsSupport`
    pub dns_support: bool,
    /// `enableDnsHostnames`
    pub dns_hostnames: bool,
    /// The id of its DHCP options.
    pub dhcp_options: Option<String>,
    /// Whether instances run on hardware of their own unless they say otherwise (instance tenancy `dedicated`).
    pub dedicated: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The zone's id.
    pub zone: ZoneId,
    /// The zone's name in this account, for people.
    pub zone_name: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// `AvailableIpAddressCount`
    pub available_addresses: u32,
    /// The other account that shares it with this one; none for a subnet of the account's own.
    pub shared_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// Whether subnets without an association of their own use it.
    pub main: bool,
    /// Subnets that are associated with it explicitly.
    pub subnets: BTreeSet<SubnetId>,
    /// Its IPv4 routes.
    pub routes: Vec<Route>,
}

/// An endpoint service as the Region offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOffer {
    /// `com.amazonaws.<region>.<service>`
    pub name: String,
    /// The zones it can be reached in, by id.
    pub zones: BTreeSet<ZoneId>,
    /// The names that private DNS answers for it, without `*.` and the final dot.
    pub private_dns_names: BTreeSet<String>,
}

/// The resources found, the network's own and others'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Security groups: all of the VPC. The rules are only known of those that matter to the network.
    pub groups: BTreeMap<SecurityGroupId, SecurityGroup>,
    /// VPC endpoints.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Resolver inbound endpoints.
    pub resolvers: BTreeMap<ResolverId, ResolverEndpoint>,
    /// Those that are listed, and that AWS did not find when it was asked for their tags or addresses: whose they are is not
    /// known.
    pub unread_resolvers: BTreeSet<ResolverId>,
    /// Network interfaces of the network's endpoints, what else holds one of its groups, and what has one of the addresses
    /// that it asks for.
    pub interfaces: BTreeMap<NetworkInterfaceId, NetworkInterface>,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its name, unique in the VPC.
    pub name: String,
    /// Its ingress rules; egress is left as AWS makes it.
    pub ingress: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// A security group rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id; none for a rule that was added a moment ago and not read back yet.
    pub id: Option<SecurityGroupRuleId>,
    /// What it admits, if it is of the form that this operator writes.
    pub permission: Option<Permission>,
    /// What it admits, in whatever form.
    pub traffic: Traffic,
    /// Its description, which marks the operator's own rules.
    pub description: String,
    /// The rule as a person reads it.
    pub text: String,
}

/// What a rule admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The protocol; none for all of them, or for one that is of no interest here together with an empty range of ports.
    pub protocol: Option<Protocol>,
    /// The ports, from and to.
    pub ports: (u16, u16),
    /// Where it comes from; none if that cannot be known from the rule alone: a prefix list, another group.
    pub source: Option<Ipv4Net>,
}

impl Traffic {
    fn is_of(&self, permission: Permission) -> bool {
        self.protocol.is_none_or(|protocol| protocol == permission.protocol)
            && (self.ports.0..=self.ports.1).contains(&permission.port)
    }
}

impl From<Permission> for Traffic {
    fn from(permission: Permission) -> Self {
        let Permission { protocol, port, source } = permission;
        Self { protocol: Some(protocol), ports: (port, port), source: Some(source) }
    }
}

/// Whether groups admit something together. Rules whose sources cannot be known are given the benefit of the doubt.
pub fn admit<'a>(groups: impl IntoIterator<Item = &'a SecurityGroup>, wanted: Permission) -> bool {
    let rules: Vec<&Rule> =
        groups.into_iter().flat_map(|group| &group.ingress).filter(|rule| rule.traffic.is_of(wanted)).collect();
    let ranges: Vec<Ipv4Net> = rules.iter().filter_map(|rule| rule.traffic.source).collect();
    rules.iter().any(|rule| rule.traffic.source.is_none())
        || Ipv4Net::aggregate(&ranges).iter().any(|range| range.contains(&wanted.source))
}

/// Transport protocols that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl Protocol {
    /// As EC2 writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What one ingress rule admits. Compared canonically: EC2 stores a range with its host bits cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// The protocol.
    pub protocol: Protocol,
    /// The one port.
    pub port: u16,
    /// The range it comes from.
    pub source: Ipv4Net,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} from {}", self.protocol.as_str(), self.port, self.source)
    }
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `com.amazonaws.<region>.<service>`
    pub service_name: String,
    /// Which of a network's endpoints it could be, if it is of a service and type that networks use.
    pub key: Option<EndpointKey>,
    /// How far it is.
    pub state: EndpointState,
    /// AWS's reason for a failure, where it gave one.
    pub failure: Option<String>,
    /// Subnets of an interface endpoint.
    pub subnets: BTreeSet<SubnetId>,
    /// Groups of an interface endpoint.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Route tables of a gateway endpoint.
    pub route_tables: BTreeSet<RouteTableId>,
    /// Its network interfaces.
    pub interfaces: BTreeSet<NetworkInterfaceId>,
    /// Private DNS of an interface endpoint.
    pub private_dns: PrivateDns,
    /// What it lets through.
    pub policy: Policy,
    /// The names under which it can be reached.
    pub dns_names: BTreeSet<String>,
    /// Its tags.
    pub tags: Tags,
}

/// The state of a VPC endpoint.
///
/// EC2 writes it in lower camel case where its own model has Pascal case, so the SDK's enum never matches
/// (awslabs/aws-sdk-rust#619): it is read from text, whatever the case, and what is unknown counts as under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointState {
    /// Being made or changed.
    Pending,
    /// In use.
    Available,
    /// Going.
    Deleting,
    /// Gone, and listed for a while.
    Deleted,
    /// `failed`, `rejected`, `expired`, `partial`: it will not become available by waiting.
    Failed(String),
    /// A word that this version does not know: taken as under way.
    Unknown(String),
}

impl EndpointState {
    /// Reads AWS's word.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "pending" | "pendingacceptance" => Self::Pending,
            "available" => Self::Available,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            "failed" | "rejected" | "expired" | "partial" => Self::Failed(text.to_owned()),
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The state as status and messages show it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::Available => "Available",
            Self::Deleting => "Deleting",
            Self::Deleted => "Deleted",
            Self::Failed(word) | Self::Unknown(word) => word,
        }
    }
}

/// A Route 53 Resolver inbound endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverEndpoint {
    /// Its ARN, by which it is tagged.
    pub arn: String,
    /// How far it is.
    pub state: ResolverState,
    /// AWS's words on the state.
    pub message: String,
    /// Its groups, for life.
    pub groups: BTreeSet<SecurityGroupId>,
    /// Its addresses.
    pub addresses: BTreeMap<ResolverAddressId, ResolverAddress>,
    /// Its tags.
    pub tags: Tags,
}

/// The state of a Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResolverState {
    /// Being made.
    Creating,
    /// In use.
    Operational,
    /// Addresses are changing; it answers meanwhile.
    Updating,
    /// It works with fewer addresses while AWS repairs it.
    AutoRecovering,
    /// Somebody removed one of its network interfaces.
    ActionNeeded,
    /// Going.
    Deleting,
    /// A word that this version does not know: taken as under way.
    Unknown(String),
}

impl ResolverState {
    /// Reads AWS's word.
    pub fn parse(text: &str) -> Self {
        match text {
            "CREATING" => Self::Creating,
            "OPERATIONAL" => Self::Operational,
            "UPDATING" => Self::Updating,
            "AUTO_RECOVERING" => Self::AutoRecovering,
            "ACTION_NEEDED" => Self::ActionNeeded,
            "DELETING" => Self::Deleting,
            _ => Self::Unknown(text.to_owned()),
        }
    }

    /// The state as status and messages show it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Creating => "Creating",
            Self::Operational => "Operational",
            Self::Updating => "Updating",
            Self::AutoRecovering => "AutoRecovering",
            Self::ActionNeeded => "ActionNeeded",
            Self::Deleting => "Deleting",
            Self::Unknown(word) => word,
        }
    }
}

/// One address of a Resolver endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverAddress {
    /// Its subnet.
    pub subnet: SubnetId,
    /// The address, once AWS has chosen it.
    pub ip: Option<String>,
    /// AWS's word for its state.
    pub state: String,
}

impl ResolverAddress {
    /// Whether it answers.
    pub fn is_attached(&self) -> bool {
        self.state == "ATTACHED"
    }

    /// Whether it is broken for good: only another address in its place helps.
    pub fn is_broken(&self) -> bool {
        self.state.starts_with("FAILED_")
    }

    /// Whether it is on its way out.
    pub fn is_leaving(&self) -> bool {
        matches!(self.state.as_str(), "DETACHING" | "REMAP_DETACHING" | "DELETING")
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its first private address.
    pub ip: String,
    /// Its groups.
    pub groups: BTreeSet<SecurityGroupId>,
    /// What AWS says it is for.
    pub description: String,
}
