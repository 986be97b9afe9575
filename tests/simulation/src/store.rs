//! Implements the operator's interface to Kubernetes on the state machine of the stage.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use mgnet::{
    api::{MigrationNetwork, MigrationNetworkClass},
    controller::{Announcement, ConfigMaps, Key, ListedNetwork, Store, StoreError, VpcLease, VpcLeases},
};
use serde_json::json;

use crate::{kubernetes::Kubernetes, stage::Seat};

/// The Kubernetes API as one process sees it.
#[derive(Clone, Debug)]
pub struct Stored(pub Arc<Seat>);

/// Returns a written object as text, as any reader of the cluster can see it.
#[allow(clippy::unnecessary_wraps, reason = "choice points take an option")]
fn text(told: impl serde::Serialize) -> Option<String> {
    Some(json!(told).to_string())
}

impl Store for Stored {
    async fn network(&self, key: &Key) -> Result<Option<MigrationNetwork>, StoreError> {
        self.0.kubernetes("network", None, |kubernetes| Ok(kubernetes.networks.get(key).cloned())).await
    }

    async fn class(&self, name: &str) -> Result<Option<MigrationNetworkClass>, StoreError> {
        self.0.kubernetes("class", None, |kubernetes| Ok(kubernetes.classes.get(name).cloned())).await
    }

    async fn classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        self.0.kubernetes("classes", None, |kubernetes| Ok(kubernetes.classes.values().cloned().collect())).await
    }

    async fn default_classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        let mut classes = self.classes().await?;
        classes.retain(MigrationNetworkClass::is_marked_default);
        Ok(classes)
    }

    async fn config_map_key(&self, namespace: &str, name: &str, key: &str) -> Result<Option<String>, StoreError> {
        let place = (namespace.to_owned(), name.to_owned(), key.to_owned());
        self.0.kubernetes("ConfigMap", None, |kubernetes| Ok(kubernetes.config_maps.get(&place).cloned())).await
    }

    async fn namespace_labels(&self, _: &str) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        self.0.kubernetes("namespace", None, |_| Ok(Some(BTreeMap::new()))).await
    }

    async fn write_status(&self, network: &MigrationNetwork) -> Result<MigrationNetwork, StoreError> {
        self.0.kubernetes("status", text(network), |kubernetes| kubernetes.write_status(network)).await
    }

    async fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> Result<Option<MigrationNetwork>, StoreError> {
        let call = if present { "finalizer added" } else { "finalizer removed" };
        self.0.kubernetes(call, text(network), |kubernetes| kubernetes.set_finalizer(network, present)).await
    }

    async fn set_class_finalizer(&self, class: &MigrationNetworkClass, present: bool) -> Result<(), StoreError> {
        let call = if present { "class finalizer added" } else { "class finalizer removed" };
        self.0.kubernetes(call, text(class), |kubernetes| kubernetes.set_class_finalizer(class, present)).await
    }

    async fn write_class_status(&self, class: &MigrationNetworkClass) -> Result<MigrationNetworkClass, StoreError> {
        self.0.kubernetes("class status", text(class), |kubernetes| kubernetes.write_class_status(class)).await
    }

    /// Does nothing: only the search for orphans publishes events on classes, and it does not run here.
    async fn announce_on_class(&self, _: &MigrationNetworkClass, _: Announcement) {}

    async fn announce(&self, network: &MigrationNetwork, announcement: Announcement) {
        let told = format!("{announcement:?}");
        let announced = self.0.kubernetes("event", Some(told), |kubernetes| {
            kubernetes.announce(network, &announcement);
            Ok(())
        });
        // A lost event is not sent again.
        drop(announced.await);
    }
}

impl ConfigMaps for Stored {
    async fn config_map(&self, key: &Key) -> Result<Option<ConfigMap>, StoreError> {
        self.0.kubernetes("hand-off", None, |kubernetes| Ok(kubernetes.hand_offs.get(key).cloned())).await
    }

    async fn create_config_map(&self, config_map: &ConfigMap) -> Result<ConfigMap, StoreError> {
        let told = text(config_map);
        self.0.kubernetes("hand-off created", told, |kubernetes| kubernetes.create_config_map(config_map)).await
    }

    async fn apply_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let told = text(config_map);
        self.0.kubernetes("hand-off applied", told, |kubernetes| kubernetes.apply_config_map(config_map)).await
    }

    async fn delete_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let told = text(config_map);
        self.0.kubernetes("hand-off deleted", told, |kubernetes| kubernetes.delete_config_map(config_map)).await
    }
}

impl VpcLeases for Stored {
    async fn vpc_lease(&self, name: &str) -> Result<Option<VpcLease>, StoreError> {
        self.0.kubernetes("VPC lease", None, |kubernetes| Ok(kubernetes.vpc_leases.get(name).cloned())).await
    }

    async fn vpc_leases(&self, holder: Option<&str>) -> Result<Vec<VpcLease>, StoreError> {
        let is_held = |lease: &&VpcLease| holder.is_none_or(|holder| lease.holder == holder);
        let held = |kubernetes: &mut Kubernetes| kubernetes.vpc_leases.values().filter(is_held).cloned().collect();
        self.0.kubernetes("VPC leases", None, |kubernetes| Ok(held(kubernetes))).await
    }

    async fn acquire_vpc_lease(&self, lease: &VpcLease) -> Result<(), StoreError> {
        let told = Some(format!("{lease:?}"));
        self.0.kubernetes("VPC lease acquired", told, |kubernetes| kubernetes.acquire_vpc_lease(lease)).await
    }

    async fn release_vpc_lease(&self, lease: &VpcLease) -> Result<(), StoreError> {
        let told = Some(format!("{lease:?}"));
        self.0.kubernetes("VPC lease released", told, |kubernetes| kubernetes.release_vpc_lease(lease)).await
    }

    async fn network_uid(&self, key: &Key) -> Result<Option<String>, StoreError> {
        self.0.kubernetes("uid", None, |kubernetes| Ok(kubernetes.networks.get(key).and_then(ResourceExt::uid))).await
    }

    async fn networks(&self, namespace: Option<&str>) -> Result<Vec<ListedNetwork>, StoreError> {
        self.0.kubernetes("networks", None, |kubernetes| Ok(kubernetes.list(namespace))).await
    }
}
