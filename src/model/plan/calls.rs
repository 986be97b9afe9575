//! Describes each step as an AWS call: its action, its resources and its complete parameters.

use crate::model::{
    plan::step::{CreateRequest, ResourceId, Step},
    request_rates::Action,
};

impl Step {
    /// The AWS action that carries out the step.
    pub const fn action(&self) -> Action {
        match self {
            Self::Create { request, .. } => match request {
                CreateRequest::SecurityGroup { .. } => Action::ec2("CreateSecurityGroup"),
                CreateRequest::InterfaceEndpoint { .. } | CreateRequest::GatewayEndpoint { .. } => {
                    Action::ec2("CreateVpcEndpoint")
                }
                CreateRequest::Resolver { .. } => Action::resolver("CreateResolverEndpoint"),
            },
            Self::AuthorizeIngress { .. } => Action::ec2("AuthorizeSecurityGroupIngress"),
            Self::RevokeIngress { .. } => Action::ec2("RevokeSecurityGroupIngress"),
            Self::ModifyEndpoint { .. } => Action::ec2("ModifyVpcEndpoint"),
            Self::AssociateResolverAddress { .. } => Action::resolver("AssociateResolverEndpointIpAddress"),
            Self::DisassociateResolverAddress { .. } => Action::resolver("DisassociateResolverEndpointIpAddress"),
            Self::Adopt { resource: ResourceId::Ec2(_), .. } | Self::SetTags { resource: ResourceId::Ec2(_), .. } => {
                Action::ec2("CreateTags")
            }
            Self::Adopt { resource: ResourceId::ResolverArn(_), .. }
            | Self::SetTags { resource: ResourceId::ResolverArn(_), .. } => Action::resolver("TagResource"),
            Self::RemoveTags { resource: ResourceId::Ec2(_), .. }
            | Self::Release { resource: ResourceId::Ec2(_), .. } => Action::ec2("DeleteTags"),
            Self::RemoveTags { resource: ResourceId::ResolverArn(_), .. }
            | Self::Release { resource: ResourceId::ResolverArn(_), .. } => Action::resolver("UntagResource"),
            Self::DeleteEndpoints { .. } => Action::ec2("DeleteVpcEndpoints"),
            Self::DeleteResolver { .. } => Action::resolver("DeleteResolverEndpoint"),
            Self::DeleteGroup { .. } => Action::ec2("DeleteSecurityGroup"),
        }
    }

    /// The IDs of the resources that the step changes, in the order of [`Step::slots`]. Empty for a creation.
    pub fn resource_ids(&self) -> Vec<String> {
        match self {
            Self::Create { .. } => Vec::new(),
            Self::AuthorizeIngress { group, .. }
            | Self::RevokeIngress { group, .. }
            | Self::DeleteGroup { group, .. } => vec![group.to_string()],
            Self::ModifyEndpoint { endpoint, .. } => vec![endpoint.to_string()],
            Self::AssociateResolverAddress { resolver, .. }
            | Self::DisassociateResolverAddress { resolver, .. }
            | Self::DeleteResolver { resolver } => vec![resolver.to_string()],
            Self::Adopt { id, .. } | Self::Release { id, .. } => vec![id.clone()],
            Self::SetTags { resource, .. } | Self::RemoveTags { resource, .. } => vec![match resource {
                ResourceId::Ec2(id) | ResourceId::ResolverArn(id) => id.clone(),
            }],
            Self::DeleteEndpoints { endpoints } => endpoints.keys().map(ToString::to_string).collect(),
        }
    }

    /// The complete step as text, including tags. Two steps with different calls have different texts.
    pub fn in_full(&self) -> String {
        let more = match self {
            // Serialization to JSON cannot fail, because requests are plain data.
            Self::Create { request, .. } => serde_json::to_string(request).unwrap_or_default(),
            Self::AuthorizeIngress { permissions, .. } => format!("{permissions:?}"),
            Self::ModifyEndpoint { change, .. } => format!("{:?}", change.policy),
            Self::Adopt { tags, .. } | Self::SetTags { tags, .. } => format!("{tags:?}"),
            Self::Release { keys, .. } => format!("{keys:?}"),
            // The `Display` form of these steps is already complete.
            Self::RevokeIngress { .. }
            | Self::AssociateResolverAddress { .. }
            | Self::DisassociateResolverAddress { .. }
            | Self::RemoveTags { .. }
            | Self::DeleteEndpoints { .. }
            | Self::DeleteResolver { .. }
            | Self::DeleteGroup { .. } => String::new(),
        };
        format!("{} {} {self} {more}", self.action(), self.resource_ids().join(","))
    }
}
