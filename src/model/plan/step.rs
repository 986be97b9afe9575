//! Steps: the writes to AWS that a plan can ask for, and what they answer. Each is exactly one call.

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
    observed::{Endpoint, Permission, PrivateDns, ResolverEndpoint, SecurityGroup},
    ownership::{self, Identity, Tags},
    policy::Policy,
    slot::{EndpointKey, EndpointType, GroupRole, Slot},
};

/// One write to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Creates what fills a slot. Its claim must have been stored before.
    Create {
        /// The slot to fill.
        slot: Slot,
        /// The client token, or the name that does its work; a function of network, slot and epoch.
        token: String,
        /// The call's parameters.
        request: CreateRequest,
    },
    /// Makes a resource that is there already the network's own, by its tags.
    Adopt {
        /// The slot that it fills from now on.
        slot: Slot,
        /// Its id.
        id: String,
        /// The resource.
        resource: ResourceId,
        /// The network's tags.
        tags: Tags,
    },
    /// Adds ingress rules to a group of ours.
    AuthorizeIngress {
        /// The group's role.
        role: GroupRole,
        /// The group.
        group: SecurityGroupId,
        /// What to admit, each with the description that marks it as ours.
        permissions: BTreeMap<Permission, String>,
    },
    /// Removes ingress rules of ours from a group of ours.
    RevokeIngress {
        /// The group's role.
        role: GroupRole,
        /// The group.
        group: SecurityGroupId,
        /// The rules.
        rules: BTreeMap<SecurityGroupRuleId, Permission>,
    },
    /// Changes an endpoint in place.
    ModifyEndpoint {
        /// Which of the network's endpoints it is.
        key: EndpointKey,
        /// The endpoint.
        endpoint: EndpointId,
        /// All that changes.
        change: EndpointChange,
    },
    /// Adds one address to a Resolver endpoint.
    AssociateResolverAddress {
        /// The Resolver endpoint.
        resolver: ResolverId,
        /// The subnet of the new address.
        subnet: SubnetId,
        /// The address; none lets AWS choose.
        ip: Option<Ipv4Addr>,
    },
    /// Removes one address from a Resolver endpoint.
    DisassociateResolverAddress {
        /// The Resolver endpoint.
        resolver: ResolverId,
        /// The address.
        address: ResolverAddressId,
    },
    /// Adds or overwrites tags.
    SetTags {
        /// The slot whose resource is tagged.
        slot: Slot,
        /// The resource.
        resource: ResourceId,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags by key.
    RemoveTags {
        /// The slot whose resource is untagged.
        slot: Slot,
        /// The resource.
        resource: ResourceId,
        /// The keys.
        keys: BTreeSet<String>,
    },
    /// Deletes endpoints, all in one call: the call's bucket holds 4 and refills at 0.3 a second.
    DeleteEndpoints {
        /// The endpoints, with what each one is; interface endpoints are sent before the gateway endpoint.
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
    /// The slots that the step works on.
    pub fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Create { slot, .. }
            | Self::Adopt { slot, .. }
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
}

/// A create call with all its parameters but the token. What a claim records, so that it can be sent again unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum CreateRequest {
    /// `ec2:CreateSecurityGroup`
    SecurityGroup {
        /// The VPC.
        vpc: VpcId,
        /// The name, unique in the VPC: the call has no token.
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
        /// One subnet a zone.
        subnets: BTreeSet<SubnetId>,
        /// Fixed addresses in some of them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        addresses: BTreeMap<SubnetId, Ipv4Addr>,
        /// The groups.
        groups: BTreeSet<SecurityGroupId>,
        /// Private DNS.
        private_dns: PrivateDns,
        /// What it lets through.
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
        /// The route tables that get its route.
        route_tables: BTreeSet<RouteTableId>,
        /// What it lets through.
        policy: Policy,
        /// The tags.
        tags: Tags,
    },
    /// `route53resolver:CreateResolverEndpoint`, direction INBOUND
    Resolver {
        /// The name: at most 64 characters of `a-zA-Z0-9-_' `.
        name: String,
        /// One address in each; none lets AWS choose it.
        addresses: BTreeMap<SubnetId, Option<Ipv4Addr>>,
        /// The group, for life.
        group: SecurityGroupId,
        /// The tags.
        tags: Tags,
    },
}

impl CreateRequest {
    /// The tags that the resource is created with.
    pub const fn tags(&self) -> &Tags {
        match self {
            Self::SecurityGroup { tags, .. }
            | Self::InterfaceEndpoint { tags, .. }
            | Self::GatewayEndpoint { tags, .. }
            | Self::Resolver { tags, .. } => tags,
        }
    }

    /// Whether the request fills that slot of that network. A recorded request comes from status, which others may have
    /// written: one that does not fit is not sent.
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

/// What one `ModifyVpcEndpoint` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// Subnets to add.
    pub add_subnets: BTreeSet<SubnetId>,
    /// Subnets to remove.
    pub remove_subnets: BTreeSet<SubnetId>,
    /// Groups to add.
    pub add_groups: BTreeSet<SecurityGroupId>,
    /// Groups to remove.
    pub remove_groups: BTreeSet<SecurityGroupId>,
    /// Route tables to add.
    pub add_route_tables: BTreeSet<RouteTableId>,
    /// Route tables to remove.
    pub remove_route_tables: BTreeSet<RouteTableId>,
    /// Private DNS to set, where it differs.
    pub private_dns: Option<PrivateDns>,
    /// Fixed addresses of subnets that are added, or whose address is to be another.
    pub addresses: BTreeMap<SubnetId, Ipv4Addr>,
    /// The policy to set, where it differs.
    pub policy: Option<Policy>,
}

impl EndpointChange {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The id of a resource that can be tagged, in the form that its service's tagging call takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceId {
    /// An EC2 resource, by its id.
    Ec2(String),
    /// A Resolver endpoint, by its ARN.
    ResolverArn(String),
}

/// What a step that AWS accepted answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A group exists now.
    GroupCreated(SecurityGroupId, SecurityGroup),
    /// An endpoint exists now.
    EndpointCreated(EndpointId, Endpoint),
    /// A Resolver endpoint exists now.
    ResolverCreated(ResolverId, ResolverEndpoint),
    /// Endpoints are going, all but these: `DeleteVpcEndpoints` answers 200 and lists what it refused.
    EndpointsDeleting {
        /// Why each of these stays. One that was not found is among them: it may only not be visible yet.
        refused: BTreeMap<EndpointId, CallFailure>,
    },
    /// The call was accepted and says nothing more.
    Accepted,
}

impl fmt::Display for Step {
    /// One line, as logs and plans show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { slot, request, .. } => write!(f, "create {slot}: {request}"),
            Self::Adopt { slot, id, .. } => write!(f, "adopt {id} as {slot}"),
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
                let places = subnets.iter().map(|subnet| at(subnet, addresses.get(subnet).copied()));
                write!(f, "{service_name} in {} with {}, ", join(places), join(groups))?;
                write!(f, "private DNS {private_dns:?}{}", restricted(policy))
            }
            Self::GatewayEndpoint { service_name, route_tables, policy, .. } => {
                write!(f, "{service_name} in {}{}", join(route_tables), restricted(policy))
            }
            Self::Resolver { addresses, group, .. } => {
                let places = addresses.iter().map(|(subnet, ip)| at(subnet, *ip));
                write!(f, "inbound in {} with {group}", join(places))
            }
        }
    }
}

fn at(subnet: &SubnetId, ip: Option<Ipv4Addr>) -> String {
    ip.map_or_else(|| subnet.to_string(), |ip| format!("{subnet} at {ip}"))
}

/// A word on a policy that is not AWS's own.
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
