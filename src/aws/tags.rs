//! Tags: read from every answer, sent with every create call, and changed on what exists.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use aws_sdk_route53resolver::types::Tag as ResolverTag;

use crate::{
    aws::{request::Action, session::Session},
    model::{
        failure::{CallFailure, FailureClass},
        ownership::Tags,
        plan::step::{Effect, ResourceId},
    },
};

impl Session {
    /// Adds or overwrites tags.
    pub(super) async fn set_tags(&self, resource: &ResourceId, tags: &Tags) -> Result<Effect, CallFailure> {
        if tags.is_empty() {
            return Ok(Effect::Accepted);
        }
        match resource {
            ResourceId::Ec2(id) => {
                let request = self.ec2.create_tags().resources(id).set_tags(Some(to_ec2(tags)));
                self.caller.call(Action::ec2("CreateTags"), || request.clone().send()).await?;
            }
            ResourceId::ResolverArn(arn) => {
                let action = Action::resolver("TagResource");
                let tags = to_resolver(tags, action)?;
                let request = self.resolver.tag_resource().resource_arn(arn).set_tags(Some(tags));
                self.caller.call(action, || request.clone().send()).await?;
            }
        }
        Ok(Effect::Accepted)
    }

    /// Removes tags, whatever their values.
    pub(super) async fn remove_tags(
        &self,
        resource: &ResourceId,
        keys: &BTreeSet<String>,
    ) -> Result<Effect, CallFailure> {
        // DeleteTags without tags deletes them all.
        if keys.is_empty() {
            return Ok(Effect::Accepted);
        }
        match resource {
            ResourceId::Ec2(id) => {
                // With a value, even an empty one, only a tag of that value would be deleted.
                let tags = keys.iter().map(|key| Tag::builder().key(key).build()).collect();
                let request = self.ec2.delete_tags().resources(id).set_tags(Some(tags));
                self.caller.call(Action::ec2("DeleteTags"), || request.clone().send()).await?;
            }
            ResourceId::ResolverArn(arn) => {
                let keys = keys.iter().cloned().collect();
                let request = self.resolver.untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
                self.caller.call(Action::resolver("UntagResource"), || request.clone().send()).await?;
            }
        }
        Ok(Effect::Accepted)
    }
}

/// Tags of an answer of EC2.
pub(super) fn from_ec2(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// Tags of an answer of Resolver.
pub(super) fn from_resolver(tags: Vec<ResolverTag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags to create an EC2 resource with.
pub(super) fn specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(to_ec2(tags))).build()
}

fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tags for Resolver.
pub(super) fn to_resolver(tags: &Tags, action: Action) -> Result<Vec<ResolverTag>, CallFailure> {
    tags.iter()
        .map(|(key, value)| ResolverTag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| not_built(action, &error))
}

/// The failure for a request that is wrong before it is sent.
pub(super) fn not_built(action: Action, error: &dyn std::error::Error) -> CallFailure {
    CallFailure {
        class: FailureClass::Invalid,
        operation: action.to_string(),
        code: "RequestNotBuilt".to_owned(),
        message: error.to_string(),
    }
}
