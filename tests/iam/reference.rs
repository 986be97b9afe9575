//! The Service Authorization Reference, for the actions in the policies: the kinds of resources of each action, and
//! the condition keys that AWS supports for each kind. A request gets no other keys, so that a condition on a key that
//! AWS does not support allows nothing here either.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2", "… Amazon Route
//! 53", "… Amazon Route 53 Resolver", "… AWS Application Migration Service" and "… AWS Security Token Service"; for keys of
//! resources their tables "Resource types".

use anyhow::{Context, Result};

/// A kind of resource, as its ARN names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The action has no resources: a policy must name `*`.
    Any,
    HostedZone,
    NetworkInterface,
    PrefixList,
    ResolverEndpoint,
    Role,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcEndpoint,
}

/// A condition key, or the group of keys for one tag each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// `aws:RequestTag/${TagKey}`
    RequestTag,
    /// `aws:ResourceTag/${TagKey}`
    ResourceTag,
    /// `ec2:CreateAction`
    CreateAction,
    /// `ec2:VpceServiceName`
    ServiceName,
    /// `sts:ExternalId`
    ExternalId,
}

/// What an action may do to a resource, for the tests of what is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads.
    Read,
    /// It creates a resource of the first kind.
    Create,
    /// It changes, tags or deletes an existing resource of the first kind.
    Change,
}

/// An action.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) access: Access,
    pub(crate) resources: &'static [(Kind, &'static [Key])],
}

use Access::{Change, Create, Read};
use Key::{CreateAction, ExternalId, RequestTag, ResourceTag, ServiceName};
use Kind::{
    Any, HostedZone, NetworkInterface, PrefixList, ResolverEndpoint, Role, RouteTable, SecurityGroup, Subnet, Vpc,
    VpcEndpoint,
};

const NO_RESOURCES: &[(Kind, &[Key])] = &[(Any, &[])];
const TAGGED_EC2: &[(Kind, &[Key])] = &[
    (SecurityGroup, &[RequestTag, ResourceTag, CreateAction]),
    (VpcEndpoint, &[RequestTag, ResourceTag, CreateAction]),
];
const UNTAGGED_EC2: &[(Kind, &[Key])] =
    &[(SecurityGroup, &[RequestTag, ResourceTag]), (VpcEndpoint, &[RequestTag, ResourceTag])];

const fn read(name: &'static str) -> Action {
    Action { name, access: Read, resources: NO_RESOURCES }
}

const fn action(name: &'static str, access: Access, resources: &'static [(Kind, &'static [Key])]) -> Action {
    Action { name, access, resources }
}

/// All actions that the policies may name, sorted by name.
pub(crate) const ACTIONS: [Action; 41] = [
    action("ec2:AuthorizeSecurityGroupIngress", Change, &[(SecurityGroup, &[ResourceTag])]),
    action(
        "ec2:CreateNetworkInterface",
        Create,
        &[(NetworkInterface, &[RequestTag]), (SecurityGroup, &[ResourceTag]), (Subnet, &[ResourceTag])],
    ),
    action("ec2:CreateNetworkInterfacePermission", Change, &[(NetworkInterface, &[ResourceTag])]),
    action("ec2:CreateSecurityGroup", Create, &[(SecurityGroup, &[RequestTag]), (Vpc, &[ResourceTag])]),
    action("ec2:CreateTags", Change, TAGGED_EC2),
    action(
        "ec2:CreateVpcEndpoint",
        Create,
        &[
            (VpcEndpoint, &[RequestTag, ServiceName]),
            (RouteTable, &[ResourceTag]),
            (SecurityGroup, &[ResourceTag]),
            (Subnet, &[ResourceTag]),
            (Vpc, &[ResourceTag]),
        ],
    ),
    action("ec2:DeleteNetworkInterface", Change, &[(NetworkInterface, &[ResourceTag])]),
    action("ec2:DeleteSecurityGroup", Change, &[(SecurityGroup, &[ResourceTag])]),
    action("ec2:DeleteTags", Change, UNTAGGED_EC2),
    action("ec2:DeleteVpcEndpoints", Change, &[(VpcEndpoint, &[ResourceTag, ServiceName])]),
    read("ec2:DescribeAvailabilityZones"),
    read("ec2:DescribeDhcpOptions"),
    read("ec2:DescribeManagedPrefixLists"),
    read("ec2:DescribeNetworkAcls"),
    read("ec2:DescribeNetworkInterfaces"),
    read("ec2:DescribeRouteTables"),
    read("ec2:DescribeSecurityGroupRules"),
    read("ec2:DescribeSecurityGroupVpcAssociations"),
    read("ec2:DescribeSecurityGroups"),
    read("ec2:DescribeSubnets"),
    action("ec2:DescribeVpcAttribute", Read, &[(Vpc, &[ResourceTag])]),
    read("ec2:DescribeVpcEndpointServices"),
    read("ec2:DescribeVpcEndpoints"),
    read("ec2:DescribeVpcs"),
    action("ec2:GetManagedPrefixListEntries", Read, &[(PrefixList, &[ResourceTag])]),
    action(
        "ec2:ModifyNetworkInterfaceAttribute",
        Change,
        &[(NetworkInterface, &[ResourceTag]), (SecurityGroup, &[ResourceTag])],
    ),
    action(
        "ec2:ModifyVpcEndpoint",
        Change,
        &[
            (VpcEndpoint, &[ResourceTag]),
            (RouteTable, &[ResourceTag]),
            (SecurityGroup, &[ResourceTag]),
            (Subnet, &[ResourceTag]),
        ],
    ),
    action("ec2:RevokeSecurityGroupIngress", Change, &[(SecurityGroup, &[ResourceTag])]),
    read("mgn:DescribeReplicationConfigurationTemplates"),
    action("route53:AssociateVPCWithHostedZone", Change, &[(HostedZone, &[])]),
    read("route53:ListHostedZonesByVPC"),
    action("route53resolver:AssociateResolverEndpointIpAddress", Change, &[(ResolverEndpoint, &[ResourceTag])]),
    action("route53resolver:CreateResolverEndpoint", Create, &[(ResolverEndpoint, &[RequestTag])]),
    action("route53resolver:DeleteResolverEndpoint", Change, &[(ResolverEndpoint, &[ResourceTag])]),
    action("route53resolver:DisassociateResolverEndpointIpAddress", Change, &[(ResolverEndpoint, &[ResourceTag])]),
    action("route53resolver:ListResolverEndpointIpAddresses", Read, &[(ResolverEndpoint, &[ResourceTag])]),
    read("route53resolver:ListResolverEndpoints"),
    action("route53resolver:ListTagsForResource", Read, &[(ResolverEndpoint, &[ResourceTag])]),
    action("route53resolver:TagResource", Change, &[(ResolverEndpoint, &[RequestTag, ResourceTag])]),
    action("route53resolver:UntagResource", Change, &[(ResolverEndpoint, &[ResourceTag])]),
    action("sts:AssumeRole", Change, &[(Role, &[ExternalId])]),
];

/// Finds an action by its name, such as `ec2:CreateTags`.
pub(crate) fn find(name: &str) -> Result<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name).with_context(|| format!("the reference does not list '{name}'"))
}

impl Action {
    /// The keys that AWS supports for a kind of resource of this action.
    pub(crate) fn keys(&self, kind: Kind) -> Result<&'static [Key]> {
        let found = self.resources.iter().find(|(listed, _)| *listed == kind);
        Ok(found.with_context(|| format!("{} has no resource of the kind {kind:?}", self.name))?.1)
    }
}

impl Kind {
    /// Returns the ARN of a resource. IDs of resources that a call creates are not known yet: EC2 authorizes them as
    /// `*`, and Route 53 Resolver as an empty ID.
    pub(crate) fn arn(self, region: &str, account: &str, id: &str) -> String {
        let (service, region, account, name) = match self {
            Self::Any => return "*".to_owned(),
            Self::HostedZone => ("route53", "", "", "hostedzone"),
            Self::NetworkInterface => ("ec2", region, account, "network-interface"),
            Self::ResolverEndpoint => ("route53resolver", region, account, "resolver-endpoint"),
            Self::Role => ("iam", "", account, "role"),
            Self::RouteTable => ("ec2", region, account, "route-table"),
            Self::SecurityGroup => ("ec2", region, account, "security-group"),
            Self::Subnet => ("ec2", region, account, "subnet"),
            Self::PrefixList => ("ec2", region, account, "prefix-list"),
            Self::Vpc => ("ec2", region, account, "vpc"),
            Self::VpcEndpoint => ("ec2", region, account, "vpc-endpoint"),
        };
        format!("arn:aws:{service}:{region}:{account}:{name}/{id}")
    }
}
