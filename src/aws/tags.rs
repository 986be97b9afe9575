//! Tags: read from each answer, sent with each create call, and changed on existing resources.

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

    /// Removes tags by key, regardless of their values.
    pub(super) async fn remove_tags(
        &self,
        resource: &ResourceId,
        keys: &BTreeSet<String>,
    ) -> Result<Effect, CallFailure> {
        // `DeleteTags` without tags would delete all tags of the resource.
        if keys.is_empty() {
            return Ok(Effect::Accepted);
        }
        match resource {
            ResourceId::Ec2(id) => {
                // With a value, even an empty one, AWS would delete only a tag with that value.
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

/// Reads the tags of an EC2 answer.
pub(super) fn from_ec2(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// Reads the tags of a Resolver answer.
pub(super) fn from_resolver(tags: Vec<ResolverTag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Returns the tag parameter of an EC2 create call.
pub(super) fn specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(to_ec2(tags))).build()
}

fn to_ec2(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tag parameter of a Resolver call.
pub(super) fn to_resolver(tags: &Tags, action: Action) -> Result<Vec<ResolverTag>, CallFailure> {
    tags.iter()
        .map(|(key, value)| ResolverTag::builder().key(key).value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| not_built(action, &error))
}

/// Returns the failure of a request that the SDK rejects before it is sent.
pub(super) fn not_built(action: Action, error: &dyn std::error::Error) -> CallFailure {
    CallFailure {
        class: FailureClass::Invalid,
        operation: action.to_string(),
        code: "RequestNotBuilt".to_owned(),
        message: error.to_string(),
        request_id: None,
    }
}
