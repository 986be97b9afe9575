//! Deletion of a network whose AWS account is gone for good, or whose role can never be assumed again.
//!
//! Only the platform team can allow it, with an annotation on the class. The network is deleted, and the resources that its
//! status names are reported: in the status of the class, and in events.

use std::collections::BTreeSet;

use kube::ResourceExt;

use super::{object::NetworkObject, vpc_lease};
use crate::{
    api::{ACCOUNT_GONE_ANNOTATION, AbandonedNetwork, MigrationNetworkClass, MigrationNetworkStatus},
    aws::Account,
    controller::{
        stop::Stop,
        store::{Announcement, Store, StoreError},
    },
};

/// The most entries of `status.abandoned`, and of the resources of one of them.
const MOST: usize = 64;

/// Returns the class and the account, if the annotation of the class names every account that may hold resources of the
/// network.
pub(super) fn allowed<'a>(
    class: Option<&'a MigrationNetworkClass>,
    accounts: &'a [Account],
) -> Option<(&'a MigrationNetworkClass, &'a Account)> {
    let (class, account) = (class?, accounts.first()?);
    let gone = class.annotations().get(ACCOUNT_GONE_ANNOTATION)?;
    accounts.iter().all(|account| account.id == *gone).then_some((class, account))
}

/// Reports the resources of the network, and removes its finalizer.
pub(super) async fn abandon<S: Store>(
    object: &NetworkObject<'_, S>,
    class: &MigrationNetworkClass,
    account: &Account,
) -> Stop {
    let resources: Vec<String> = object.network.status.iter().flat_map(named_resources).collect();
    let listed = if resources.is_empty() { "none".to_owned() } else { resources.join(", ") };
    let entry = AbandonedNetwork {
        uid: object.uid(),
        network: object.key().to_string(),
        account_id: account.id.clone(),
        region: account.region.clone(),
        resources: resources.into_iter().take(MOST).collect(),
    };
    if let Err(error) = record(object.store, &class.name_any(), entry).await {
        return error.into();
    }
    let announcement = Announcement {
        warning: true,
        reason: "AccountGone".to_owned(),
        action: "Abandon".to_owned(),
        note: format!(
            "network {} is deleted without access to account {}, as the annotation {ACCOUNT_GONE_ANNOTATION} allows; \
             resources that its status names: {listed}",
            object.key(),
            account.id
        ),
    };
    tracing::warn!(note = announcement.note, "a network is abandoned");
    object.store.announce(&object.network, announcement.clone()).await;
    object.store.announce_on_class(class, announcement).await;
    vpc_lease::release_with_finalizer(object).await
}

/// Adds the entry to the status of the class, once.
async fn record<S: Store>(store: &S, class: &str, entry: AbandonedNetwork) -> Result<(), StoreError> {
    let Some(mut class) = store.class(class).await? else { return Ok(()) };
    let abandoned = &mut class.status.get_or_insert_default().abandoned;
    if abandoned.iter().any(|known| known.uid == entry.uid) {
        return Ok(());
    }
    abandoned.push(entry);
    // The oldest entries make room.
    let excess = abandoned.len().saturating_sub(MOST);
    abandoned.drain(..excess);
    store.write_class_status(&class).await?;
    Ok(())
}

/// The IDs of the network's own resources that its status names.
fn named_resources(status: &MigrationNetworkStatus) -> BTreeSet<String> {
    status.claims.iter().filter_map(|claim| claim.id.clone()).collect()
}
