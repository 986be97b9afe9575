//! Steps: the calls to AWS that a plan can contain, and their effects. Each step is exactly one call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
};

use serde::{Deserialize, Serialize};

use crate::model::{
    failure::CallFailure,
    ids::{
        EndpointId, ResolverAddressId, ResolverId, RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId,
        join,
    },
    observed::{Endpoint, Permission, PrivateDns, ResolverEndpoint, SecurityGroup, parts::Parts},
    ownership::{self, Identity, Tags},
    policy::Policy,
    slot::{EndpointKey, EndpointType, GroupRole, Slot},
};

/// One call that changes something in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Creates the resource of a slot. The claim must be stored before the call is sent.
    Create {
        /// The slot to fill.
        slot: Slot,
        /// The client token, or the unique name in its stead: a function of network, slot and epoch only.
        token: String,
        /// The call's parameters.
        request: CreateRequest,
    },
    /// Adopts an existing resource by adding the network's owner tags.
    Adopt {
        /// The slot that the resource fills from now on.
        slot: Slot,
        /// The ID of the resource.
        id: String,
        /// The resource, in the form that the tagging call takes.
        resource: ResourceId,
        /// The tags to add.
        tags: Tags,
        /// What the resource has now. None if a network of the same name created it, so that it belongs to the network
        /// again.
        had: Option<Parts>,
    },
    /// Gives an adopted resource back by removing the network's tags.
    Release {
        /// The slot that the resource filled.
        slot: Slot,
        /// The ID of the resource.
        id: String,
        /// The resource, in the form that the tagging call takes.
        resource: ResourceId,
        /// The keys of the tags to remove.
        keys: BTreeSet<String>,
    },
    /// Adds ingress rules to an owned security group.
    AuthorizeIngress {
        /// The group's role.
        role: GroupRole,
        /// The group.
        group: SecurityGroupId,
        /// The permissions to add, each with the description that marks the operator's rules.
        permissions: BTreeMap<Permission, String>,
    },
    /// Removes the operator's ingress rules from an owned security group.
    RevokeIngress {
        /// The group's role.
        role: GroupRole,
        /// The group.
        group: SecurityGroupId,
        /// The rules to remove.
        rules: BTreeMap<SecurityGroupRuleId, Permission>,
    },
    /// Changes an endpoint in place.
    ModifyEndpoint {
        /// The service and type of the endpoint.
        key: EndpointKey,
        /// The endpoint.
        endpoint: EndpointId,
        /// The changes.
        change: EndpointChange,
    },
    /// Adds one address to a Resolver endpoint.
    AssociateResolverAddress {
        /// The Resolver endpoint.
        resolver: ResolverId,
        /// The subnet of the new address.
        subnet: SubnetId,
        /// The address. `None` lets AWS choose it.
        ip: Option<Ipv4Addr>,
    },
    /// Removes one address from a Resolver endpoint.
    DisassociateResolverAddress {
        /// The Resolver endpoint.
        resolver: ResolverId,
        /// The ID of the address.
        address: ResolverAddressId,
    },
    /// Adds or overwrites tags.
    SetTags {
        /// The slot of the resource.
        slot: Slot,
        /// The resource.
        resource: ResourceId,
        /// The tags to set.
        tags: Tags,
    },
    /// Removes tags by key.
    RemoveTags {
        /// The slot of the resource.
        slot: Slot,
        /// The resource.
        resource: ResourceId,
        /// The keys of the tags to remove.
        keys: BTreeSet<String>,
    },
    /// Deletes several endpoints in one call, because the rate limit of the call is low: a bucket of 4 that refills
    /// at 0.3 per second.
    DeleteEndpoints {
        /// The endpoints, each with its service and type. Interface endpoints come before the gateway endpoint in the
        /// call.
        endpoints: BTreeMap<EndpointId, EndpointKey>,
    },
    /// Deletes a Resolver endpoint.
    DeleteResolver {
        /// The Resolver endpoint.
        resolver: ResolverId,
    },
    /// Deletes a security group.
    DeleteGroup {
        /// The group's role.
        role: GroupRole,
        /// The group.
        group: SecurityGroupId,
    },
}

impl Step {
    /// The slots that the step changes.
    pub fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Create { slot, .. }
            | Self::Adopt { slot, .. }
            | Self::Release { slot, .. }
            | Self::SetTags { slot, .. }
            | Self::RemoveTags { slot, .. } => vec![*slot],
            Self::AuthorizeIngress { role, .. } | Self::RevokeIngress { role, .. } | Self::DeleteGroup { role, .. } => {
                vec![Slot::Group(*role)]
            }
            Self::ModifyEndpoint { key, .. } => vec![Slot::Endpoint(*key)],
            Self::AssociateResolverAddress { .. }
            | Self::DisassociateResolverAddress { .. }
            | Self::DeleteResolver { .. } => vec![Slot::Resolver],
            Self::DeleteEndpoints { endpoints } => endpoints.values().copied().map(Slot::Endpoint).collect(),
        }
    }

    /// Whether the step changes the addresses of the resources in its slots, or the resources themselves.
    pub fn changes_addresses(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::Adopt { .. }
            | Self::Release { .. }
            | Self::AssociateResolverAddress { .. }
            | Self::DisassociateResolverAddress { .. }
            | Self::DeleteEndpoints { .. }
            | Self::DeleteResolver { .. } => true,
            Self::ModifyEndpoint { change, .. } => {
                let EndpointChange { add_subnets, remove_subnets, addresses, .. } = change;
                !(add_subnets.is_empty() && remove_subnets.is_empty() && addresses.is_empty())
            }
            Self::SetTags { .. }
            | Self::RemoveTags { .. }
            | Self::AuthorizeIngress { .. }
            | Self::RevokeIngress { .. }
            | Self::DeleteGroup { .. } => false,
        }
    }
}

/// A create call with all parameters except the client token. A claim records it, so that the operator can repeat the
/// call unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum CreateRequest {
    /// `ec2:CreateSecurityGroup`
    SecurityGroup {
        /// The VPC.
        vpc: VpcId,
        /// The name, which is unique in the VPC. It replaces the client token, which this call does not have.
        name: String,
        /// The description.
        description: String,
        /// The tags.
        tags: Tags,
    },
    /// `ec2:CreateVpcEndpoint` of type Interface
    InterfaceEndpoint {
        /// The VPC.
        vpc: VpcId,
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// The subnets, one per zone.
        subnets: BTreeSet<SubnetId>,
        /// The fixed addresses, by subnet.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
        /// The security groups.
        groups: BTreeSet<SecurityGroupId>,
        /// The private DNS setting.
        private_dns: PrivateDns,
        /// The endpoint policy.
        policy: Policy,
        /// The tags.
        tags: Tags,
    },
    /// `ec2:CreateVpcEndpoint` of type Gateway
    GatewayEndpoint {
        /// The VPC.
        vpc: VpcId,
        /// `com.amazonaws.<region>.<service>`
        service_name: String,
        /// The route tables that get a route to the endpoint.
        route_tables: BTreeSet<RouteTableId>,
        /// The endpoint policy.
        policy: Policy,
        /// The tags.
        tags: Tags,
    },
    /// `route53resolver:CreateResolverEndpoint`, direction INBOUND
    Resolver {
        /// The name: at most 64 characters of `a-zA-Z0-9-_' `.
        name: String,
        /// One address per subnet. `None` lets AWS choose it.
        addresses: BTreeMap<SubnetId, Option<Ipv4Addr>>,
        /// The security group, which cannot be changed later.
        group: SecurityGroupId,
        /// The tags.
        tags: Tags,
    },
}

impl CreateRequest {
    /// The tags of the created resource.
    pub const fn tags(&self) -> &Tags {
        match self {
            Self::SecurityGroup { tags, .. }
            | Self::InterfaceEndpoint { tags, .. }
            | Self::GatewayEndpoint { tags, .. }
            | Self::Resolver { tags, .. } => tags,
        }
    }

    /// Whether the request creates the resource of this slot for this network. A recorded request comes from status,
    /// which others can write. A request that does not fit is not sent.
    pub fn fits(&self, slot: Slot, identity: &Identity) -> bool {
        let kind = match (self, slot) {
            (Self::SecurityGroup { .. }, Slot::Group(_)) | (Self::Resolver { .. }, Slot::Resolver) => true,
            (Self::InterfaceEndpoint { .. }, Slot::Endpoint(key)) => key.endpoint_type == EndpointType::Interface,
            (Self::GatewayEndpoint { .. }, Slot::Endpoint(key)) => key.endpoint_type == EndpointType::Gateway,
            (
                Self::SecurityGroup { .. }
                | Self::InterfaceEndpoint { .. }
                | Self::GatewayEndpoint { .. }
                | Self::Resolver { .. },
                _,
            ) => false,
        };
        kind && identity.owns(self.tags()) && self.tags().get(ownership::SLOT_TAG) == Some(&slot.to_string())
    }
}

/// The changes of one `ModifyVpcEndpoint` call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Subnets to add.
    pub add_subnets: BTreeSet<SubnetId>,
    /// Subnets to remove.
    pub remove_subnets: BTreeSet<SubnetId>,
    /// Security groups to add.
    pub add_groups: BTreeSet<SecurityGroupId>,
    /// Security groups to remove.
    pub remove_groups: BTreeSet<SecurityGroupId>,
    /// Route tables to add.
    pub add_route_tables: BTreeSet<RouteTableId>,
    /// Route tables to remove.
    pub remove_route_tables: BTreeSet<RouteTableId>,
    /// The private DNS setting to apply, if it differs.
    pub private_dns: Option<PrivateDns>,
    /// The fixed addresses of added subnets, and of subnets whose address changes.
    pub addresses: BTreeMap<SubnetId, Ipv4Addr>,
    /// The policy to apply, if it differs.
    pub policy: Option<Policy>,
}

impl EndpointChange {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The ID of a resource that can be tagged, in the form that the tagging call of its service takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceId {
    /// The ID of an EC2 resource.
    Ec2(String),
    /// The ARN of a Resolver endpoint.
    ResolverArn(String),
}

/// The answer of AWS to a step that it accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A security group was created.
    GroupCreated(SecurityGroupId, SecurityGroup),
    /// A VPC endpoint was created.
    EndpointCreated(EndpointId, Endpoint),
    /// A Resolver endpoint was created.
    ResolverCreated(ResolverId, ResolverEndpoint),
    /// AWS deletes all endpoints of the call except the refused ones: `DeleteVpcEndpoints` answers 200 and lists those.
    EndpointsDeleting {
        /// The failure of each refused endpoint. It includes endpoints that AWS did not find, which may only not be
        /// visible yet.
        refused: BTreeMap<EndpointId, CallFailure>,
    },
    /// AWS accepted the call, and the answer contains nothing else.
    Accepted,
}

impl fmt::Display for Step {
    /// Writes the step in one line, as logs and plans show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { slot, request, .. } => write!(f, "create {slot}: {request}"),
            Self::Adopt { slot, id, .. } => write!(f, "adopt {id} as {slot}"),
            Self::Release { slot, id, .. } => write!(f, "release {id} ({slot})"),
            Self::AuthorizeIngress { group, permissions, .. } => {
                write!(f, "authorize on {group}: {}", join(permissions.keys()))
            }
            Self::RevokeIngress { group, rules, .. } => write!(f, "revoke on {group}: {}", join(rules.values())),
            Self::ModifyEndpoint { key, endpoint, change } => write!(f, "modify {endpoint} ({key}): {change}"),
            Self::AssociateResolverAddress { resolver, subnet, ip } => {
                write!(f, "add to {resolver}: address in {}", at(subnet, *ip))
            }
            Self::DisassociateResolverAddress { resolver, address } => {
                write!(f, "remove from {resolver}: address {address}")
            }
            Self::SetTags { slot, tags, .. } => write!(f, "tag {slot}: {}", join(tags.keys())),
            Self::RemoveTags { slot, keys, .. } => write!(f, "untag {slot}: {}", join(keys)),
            Self::DeleteEndpoints { endpoints } => {
                write!(f, "delete {}", join(endpoints.iter().map(|(id, key)| format!("{id} ({key})"))))
            }
            Self::DeleteResolver { resolver } => write!(f, "delete {resolver}"),
            Self::DeleteGroup { group, .. } => write!(f, "delete {group}"),
        }
    }
}

impl fmt::Display for CreateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityGroup { vpc, name, .. } => write!(f, "group '{name}' in {vpc}"),
            Self::InterfaceEndpoint { service_name, subnets, addresses, groups, private_dns, policy, .. } => {
                let subnets = subnets.iter().map(|subnet| at(subnet, addresses.get(subnet).copied()));
                write!(f, "{service_name} in {} with {}, ", join(subnets), join(groups))?;
                write!(f, "private DNS {private_dns:?}{}", restricted(policy))
            }
            Self::GatewayEndpoint { service_name, route_tables, policy, .. } => {
                write!(f, "{service_name} in {}{}", join(route_tables), restricted(policy))
            }
            Self::Resolver { addresses, group, .. } => {
                let addresses = addresses.iter().map(|(subnet, ip)| at(subnet, *ip));
                write!(f, "inbound in {} with {group}", join(addresses))
            }
        }
    }
}

/// A subnet, with its fixed address if it has one.
fn at(subnet: &SubnetId, ip: Option<Ipv4Addr>) -> String {
    ip.map_or_else(|| subnet.to_string(), |ip| format!("{subnet} at {ip}"))
}

/// A note about a policy, unless it is the default policy of AWS.
fn restricted(policy: &Policy) -> String {
    match policy {
        Policy::FullAccess => String::new(),
        Policy::Document(document) => format!(", a policy of {} characters", document.chars().count()),
    }
}

impl fmt::Display for EndpointChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            add_subnets,
            remove_subnets,
            add_groups,
            remove_groups,
            add_route_tables,
            remove_route_tables,
            private_dns,
            addresses,
            policy,
        } = self;
        let mut parts = Vec::new();
        let mut list = |sign: char, ids: Vec<String>| parts.extend(ids.into_iter().map(|id| format!("{sign}{id}")));
        list('+', add_subnets.iter().map(ToString::to_string).collect());
        list('-', remove_subnets.iter().map(ToString::to_string).collect());
        list('+', add_groups.iter().map(ToString::to_string).collect());
        list('-', remove_groups.iter().map(ToString::to_string).collect());
        list('+', add_route_tables.iter().map(ToString::to_string).collect());
        list('-', remove_route_tables.iter().map(ToString::to_string).collect());
        parts.extend(private_dns.map(|private_dns| format!("private DNS {private_dns:?}")));
        parts.extend(addresses.iter().map(|(subnet, ip)| at(subnet, Some(*ip))));
        parts.extend(policy.as_ref().map(|policy| match policy {
            Policy::FullAccess => "full access".to_owned(),
            Policy::Document(document) => format!("a policy of {} characters", document.chars().count()),
        }));
        f.write_str(&parts.join(" "))
    }
}
