//! Implements [`ConfigMaps`] with the real Kubernetes API. Tenants may create, edit and delete the same ConfigMaps at any time,
//! so every write names the version that it follows.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};

use crate::{
    api::FIELD_MANAGER,
    controller::store::{
        ConfigMaps, Key, StoreError,
        kubernetes::{Kubernetes, classify, found, params},
    },
};

impl Kubernetes {
    fn config_maps_in(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

impl ConfigMaps for Kubernetes {
    async fn config_map(&self, key: &Key) -> Result<Option<ConfigMap>, StoreError> {
        found(self.config_maps_in(&key.namespace).get(&key.name).await)
    }

    async fn create_config_map(&self, config_map: &ConfigMap) -> Result<ConfigMap, StoreError> {
        let api = self.config_maps_in(&config_map.namespace().unwrap_or_default());
        match api.create(&params(), config_map).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(StoreError::Conflict),
            created => created.map_err(classify),
        }
    }

    async fn apply_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let api = self.config_maps_in(&config_map.namespace().unwrap_or_default());
        // Forced, because the operator restores what another writer has changed.
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch(&config_map.name_any(), &params, &Patch::Apply(config_map)).await.map_err(classify) {
            // Server-side apply would create the object, but not with a `resourceVersion`.
            Err(StoreError::Gone) => Err(StoreError::Conflict),
            applied => applied.map(drop),
        }
    }

    async fn delete_config_map(&self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let api = self.config_maps_in(&config_map.namespace().unwrap_or_default());
        let unchanged = Preconditions { resource_version: config_map.resource_version(), uid: config_map.uid() };
        match api.delete(&config_map.name_any(), &DeleteParams::default().preconditions(unchanged)).await {
            Ok(_) => Ok(()),
            Err(error) => match classify(error) {
                StoreError::Gone => Ok(()),
                other => Err(other),
            },
        }
    }
}
