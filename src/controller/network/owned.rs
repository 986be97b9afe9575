//! Finds the resources that a network owns in an account by their owner tags, independent of its spec. Its claims only
//! narrow the search for Resolver endpoints.

use std::sync::Arc;

use crate::{
    aws::{Account, Cloud, Clouds, ResolverSearch},
    controller::context::Context,
    model::{claims::Claims, failure::CallFailure, observed::Resources, ownership::Identity},
};

/// Finds all resources with the network's owner tag in an account and Region.
pub(crate) async fn find_owned<C: Clouds, S>(
    context: &Context<C, S>,
    account: &Account,
    identity: &Identity,
    claims: &Claims,
) -> Result<(Arc<C::Cloud>, Resources), CallFailure> {
    let cloud = context.clouds.connect(account).await?;
    let resources = cloud.find_owned(identity, &ResolverSearch::of(claims)).await?;
    Ok((cloud, resources))
}

/// Whether the network owns resources in an account and Region.
pub(crate) async fn owns_resources_in<C: Clouds, S>(
    context: &Context<C, S>,
    account: &Account,
    identity: &Identity,
    claims: &Claims,
) -> bool {
    find_owned(context, account, identity, claims).await.is_ok_and(|(_, resources)| resources.any_held(identity))
}
