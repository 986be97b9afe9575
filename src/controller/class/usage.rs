//! Determines which networks use a class.

use kube::ResourceExt;

use crate::{
    api::{ConditionType, MigrationNetwork, MigrationNetworkClass, conditions::is_true},
    controller::store::{Store, StoreError},
    model::claims::Claims,
};

/// The number of networks that use a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// All networks that use the class.
    pub networks: i32,
    /// The networks among them that are Ready.
    pub ready: i32,
}

/// Counts the networks that use the class.
pub fn count<'a>(networks: impl IntoIterator<Item = &'a MigrationNetwork>, class: &MigrationNetworkClass) -> Use {
    let name = class.name_any();
    let is_default = class.is_marked_default();
    let mut found = Use::default();
    for network in networks.into_iter().filter(|network| uses(network, &name, is_default)) {
        let status = network.status.as_ref();
        let is_ready = status.is_some_and(|status| is_true(&status.conditions, ConditionType::Ready));
        found.networks = found.networks.saturating_add(1);
        found.ready = found.ready.saturating_add(i32::from(is_ready));
    }
    found
}

/// Whether no network uses the class, according to a list from the API instead of the cache.
pub(crate) async fn is_unused<S: Store>(store: &S, class: &MigrationNetworkClass) -> Result<bool, StoreError> {
    let listed = match store.networks(None).await {
        // The CRD of networks is deleted, and all networks with it.
        Err(StoreError::Gone) => return Ok(true),
        listed => listed?,
    };
    Ok(count(listed.iter().filter_map(|listed| listed.network.as_ref()), class).networks == 0)
}

/// Whether a network uses the class: the class is its class, and has admitted it or may have built it. Only status shows
/// that. Tenants write names and finalizers, and could block the deletion of a class with them.
fn uses(network: &MigrationNetwork, class: &str, is_default: bool) -> bool {
    let status = network.status.as_ref();
    let admitted = status.is_some_and(|status| is_true(&status.conditions, ConditionType::Accepted));
    is_of(network, class, is_default) && (admitted || may_have_resources(network))
}

/// Whether the network's class is this one.
pub(crate) fn is_of(network: &MigrationNetwork, class: &str, is_default: bool) -> bool {
    let recorded = network.status.as_ref().and_then(|status| status.class_name.as_deref());
    match network.spec.migration_network_class_name.as_deref().or(recorded) {
        Some(name) => name == class,
        None => is_default,
    }
}

/// Whether the network may have resources in AWS, according to the claims in its status.
pub(crate) fn may_have_resources(network: &MigrationNetwork) -> bool {
    let uid = network.metadata.uid.as_deref().unwrap_or_default();
    network.status.as_ref().is_some_and(|status| !Claims::from_status(uid, &status.claims).all_resolved())
}
