//! Selects the networks that an edit of another object triggers: of their class, or of a ConfigMap with their policies.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::reflector::{ObjectRef, Store as Cache},
};

use super::dispatch::Guarded;
use crate::{
    api::{MigrationNetwork, MigrationNetworkClass},
    model::settings::endpoints::policy_references,
};

/// The networks of a class. Their defaults, their account and their admission depend on it.
pub(super) fn networks_of(
    networks: &Cache<Guarded<MigrationNetwork>>,
    class: &Guarded<MigrationNetworkClass>,
) -> Vec<ObjectRef<Guarded<MigrationNetwork>>> {
    let name = class.name_any();
    let uses = |network: &MigrationNetwork| match &network.spec.migration_network_class_name {
        Some(named) => *named == name,
        // A network that names no class may wait for a default class, or use the one that was the default.
        None => true,
    };
    networks
        .state()
        .into_iter()
        .filter(|network| network.0.as_ref().is_ok_and(&uses))
        .map(|network| ObjectRef::from_obj(network.as_ref()))
        .collect()
}

/// The networks that have a policy in a ConfigMap.
pub(super) fn networks_with_policy_in(
    networks: &Cache<Guarded<MigrationNetwork>>,
    classes: &Cache<Guarded<MigrationNetworkClass>>,
    config_map: &PartialObjectMeta<ConfigMap>,
) -> Vec<ObjectRef<Guarded<MigrationNetwork>>> {
    let (namespace, name) = (config_map.namespace(), config_map.name_any());
    let classes = classes.state();
    // A network that names no class may use any of them.
    let refers = |network: &MigrationNetwork| {
        classes.iter().filter_map(|class| class.0.as_ref().ok()).any(|class| {
            let named = network.spec.migration_network_class_name.as_ref();
            named.is_none_or(|named| *named == class.name_any())
                && policy_references(&network.spec, &class.spec).iter().any(|(referred, _)| *referred == name)
        })
    };
    networks
        .state()
        .into_iter()
        .filter(|network| network.meta().namespace == namespace && network.0.as_ref().is_ok_and(refers))
        .map(|network| ObjectRef::from_obj(network.as_ref()))
        .collect()
}
