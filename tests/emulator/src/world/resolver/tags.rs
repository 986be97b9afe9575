//! TagResource, UntagResource, ListTagsForResource: the tags of endpoints, which no other call returns.
#![allow(missing_docs, reason = "fields carry the names of the Route 53 API Reference, which documents them")]

use serde::{Deserialize, Serialize};

use super::{arn, checks};
use crate::world::{
    Context,
    action::{Action, Empty, Service},
    error::AwsError,
    ids::ResolverEndpointId,
    paging::Paging,
    tags::Tag,
};

/// Adds or overwrites tags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TagResource {
    pub resource_arn: String,
    pub tags: Vec<Tag>,
}

/// Returns the endpoint that an ARN names.
fn named(context: &Context<'_>, text: &str) -> Result<ResolverEndpointId, AwsError> {
    let unknown =
        || AwsError::new("ResourceNotFoundException", format!("The resource with ARN '{text}' does not exist."));
    let id = text.rsplit('/').next().unwrap_or_default();
    let (id, _) = context.region().resolver_endpoints.find(id, context.sight()).map_err(|_| unknown())?;
    if text == arn(context, &id) { Ok(id) } else { Err(unknown()) }
}

impl Action for TagResource {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "TagResource";
    type Answer = Empty;

    fn run(self, context: &mut Context<'_>) -> Result<Empty, AwsError> {
        let id = named(context, &self.resource_arn)?;
        checks::check_tags(&self.tags)?;
        if let Some(endpoint) = context.region_mut().resolver_endpoints.get_mut(&id) {
            endpoint.tags.extend(self.tags.into_iter().map(|tag| (tag.key, tag.value)));
        }
        Ok(Empty {})
    }
}

/// Removes tags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UntagResource {
    pub resource_arn: String,
    pub tag_keys: Vec<String>,
}

impl Action for UntagResource {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "UntagResource";
    type Answer = Empty;

    fn run(self, context: &mut Context<'_>) -> Result<Empty, AwsError> {
        let id = named(context, &self.resource_arn)?;
        if let Some(endpoint) = context.region_mut().resolver_endpoints.get_mut(&id) {
            endpoint.tags.retain(|key, _| !self.tag_keys.contains(key));
        }
        Ok(Empty {})
    }
}

/// Lists the tags of one endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ListTagsForResource {
    pub resource_arn: String,
    pub max_results: Option<i32>,
    pub next_token: Option<String>,
}

/// The matching tags.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceTags {
    pub tags: Vec<Tag>,
    pub next_token: Option<String>,
}

impl Action for ListTagsForResource {
    const SERVICE: Service = Service::Resolver;
    const NAME: &'static str = "ListTagsForResource";
    type Answer = ResourceTags;

    fn run(self, context: &mut Context<'_>) -> Result<ResourceTags, AwsError> {
        let id = named(context, &self.resource_arn)?;
        let tags = context.region().resolver_endpoints.get(&id).map(|endpoint| &endpoint.tags);
        let all = tags.into_iter().flatten().map(|(key, value)| Tag::new(key, value));
        let (tags, next_token) = Paging::resolver(Self::NAME).cut(
            all,
            |tag| &tag.key,
            self.max_results,
            self.next_token.as_deref(),
            context.options.max_page,
        )?;
        Ok(ResourceTags { tags, next_token })
    }
}
