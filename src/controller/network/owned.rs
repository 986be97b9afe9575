//! Finds the resources that a network owns in an account by their owner tags alone, independent of its spec and status.

use std::sync::Arc;

use crate::{
    aws::{Account, Cloud, Clouds},
    controller::context::Context,
    model::{failure::CallFailure, observed::Resources, ownership::Identity},
};

/// Finds all resources with the network's owner tag in an account and Region.
pub(crate) async fn find_owned<C: Clouds, S>(
    context: &Context<C, S>,
    account: &Account,
    identity: &Identity,
) -> Result<(Arc<C::Cloud>, Resources), CallFailure> {
    let cloud = context.clouds.connect(account).await?;
    let resources = cloud.find_owned(identity).await?;
    Ok((cloud, resources))
}

/// Whether the network owns resources in an account and Region, independent of its status.
pub(crate) async fn owns_resources_in<C: Clouds, S>(
    context: &Context<C, S>,
    account: &Account,
    identity: &Identity,
) -> bool {
    find_owned(context, account, identity).await.is_ok_and(|(_, resources)| resources.any_held(identity))
}
