//! The replication configuration templates of MGN. MGN applies the template of an account and Region to every new source
//! server.

use std::collections::BTreeSet;

use crate::model::ids::{ReplicationTemplateId, SecurityGroupId, SubnetId, VpcId};

/// The templates of an account and Region, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReplicationTemplates {
    /// They could not be read.
    #[default]
    Unread,
    /// The operator has no permission to read them.
    NotPermitted,
    /// All templates. There is none where MGN is not initialized.
    Read(Vec<ReplicationTemplate>),
}

/// The settings of a template that concern the network. A field is `None` if AWS does not report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationTemplate {
    /// The ID of the template.
    pub id: ReplicationTemplateId,
    /// `dataPlaneRouting`
    pub routing: Option<Routing>,
    /// `createPublicIP`
    pub creates_public_ip: Option<bool>,
    /// `stagingAreaSubnetId`
    pub subnet: Option<SubnetId>,
    /// The VPC of the subnet. `None` if the subnet does not exist.
    pub vpc: Option<VpcId>,
    /// `associateDefaultSecurityGroup`: whether replication servers have MGN's own group.
    pub has_default_group: Option<bool>,
    /// `replicationServersSecurityGroupsIDs`
    pub groups: BTreeSet<SecurityGroupId>,
    /// Whether `internetProtocol` is `IPV6`.
    pub is_ipv6: bool,
}

/// The way of replication traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routing {
    /// `PRIVATE_IP`: over the private network.
    PrivateIp,
    /// Another word of AWS, such as `PUBLIC_IP`.
    Other(String),
}
