//! [`Store`] over the real Kubernetes API.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;

use super::store::{Announcement, Key, Store, StoreError};
use crate::api::{DEFAULT_CLASS_ANNOTATION, FIELD_MANAGER, FINALIZER, MigrationNetwork, MigrationNetworkClass};

/// The Kubernetes API as the operator uses it.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
    recorder: Recorder,
}

impl Kubernetes {
    /// Uses that client.
    pub fn new(client: Client) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client.clone(), reporter), client }
    }

    /// The uid of the `kube-system` namespace, which names the cluster for as long as it lives.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn cluster_uid(&self) -> Result<String, StoreError> {
        let namespace = Api::<Namespace>::all(self.client.clone()).get("kube-system").await.map_err(classify)?;
        namespace.uid().ok_or(StoreError::Gone)
    }

    fn networks(&self, namespace: &str) -> Api<MigrationNetwork> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn classes(&self) -> Api<MigrationNetworkClass> {
        Api::all(self.client.clone())
    }
}

impl Store for Kubernetes {
    async fn network(&self, key: &Key) -> Result<Option<MigrationNetwork>, StoreError> {
        found(self.networks(&key.namespace).get(&key.name).await)
    }

    async fn class(&self, name: &str) -> Result<Option<MigrationNetworkClass>, StoreError> {
        found(self.classes().get(name).await)
    }

    async fn default_classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        let mut classes = self.classes().list(&ListParams::default()).await.map_err(classify)?.items;
        classes.retain(|class| class.annotations().get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true"));
        Ok(classes)
    }

    async fn config_map_key(&self, namespace: &str, name: &str, key: &str) -> Result<Option<String>, StoreError> {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), namespace);
        let config_map = found(api.get(name).await)?;
        Ok(config_map.and_then(|config_map| config_map.data?.remove(key)))
    }

    async fn namespace_labels(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let namespace = found(Api::<Namespace>::all(self.client.clone()).get(name).await)?;
        Ok(namespace.map(|namespace| namespace.labels().clone()))
    }

    async fn write_status(&self, network: &MigrationNetwork) -> Result<MigrationNetwork, StoreError> {
        let api = self.networks(&network.namespace().unwrap_or_default());
        api.replace_status(&network.name_any(), &params(), network).await.map_err(classify)
    }

    async fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> Result<Option<MigrationNetwork>, StoreError> {
        let mut finalizers = network.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if present {
            finalizers.push(FINALIZER.to_owned());
        }
        let patch = serde_json::from_value(json!([
            {"op": "test", "path": "/metadata/uid", "value": network.uid()},
            {"op": "test", "path": "/metadata/resourceVersion", "value": network.resource_version()},
            {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
        ]))
        .map_err(|error| StoreError::Other(Box::new(error)))?;
        let api = self.networks(&network.namespace().unwrap_or_default());
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch(&network.name_any(), &params, &Patch::<()>::Json(patch)).await {
            Ok(network) => Ok(Some(network)),
            // A JSON patch whose test fails is answered with 422.
            Err(kube::Error::Api(status)) if status.code == 422 => Err(StoreError::Conflict),
            Err(error) => match classify(error) {
                StoreError::Gone if !present => Ok(None),
                other => Err(other),
            },
        }
    }

    async fn write_class_status(&self, class: &MigrationNetworkClass) -> Result<MigrationNetworkClass, StoreError> {
        self.classes().replace_status(&class.name_any(), &params(), class).await.map_err(classify)
    }

    async fn announce(&self, network: &MigrationNetwork, announcement: Announcement) {
        let event = Event {
            type_: if announcement.warning { EventType::Warning } else { EventType::Normal },
            reason: announcement.reason,
            note: Some(announcement.note.chars().take(1024).collect()),
            action: announcement.action.chars().take(128).collect(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &network.object_ref(&())).await {
            tracing::debug!(%error, "an event was not published");
        }
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn found<T>(answer: kube::Result<T>) -> Result<Option<T>, StoreError> {
    match answer.map_err(classify) {
        Ok(object) => Ok(Some(object)),
        Err(StoreError::Gone) => Ok(None),
        Err(other) => Err(other),
    }
}

fn classify(error: kube::Error) -> StoreError {
    match error {
        kube::Error::Api(status) if status.is_conflict() => StoreError::Conflict,
        kube::Error::Api(status) if status.is_not_found() => StoreError::Gone,
        kube::Error::SerdeError(error) => StoreError::Undecodable(error.to_string()),
        other => StoreError::Other(Box::new(other)),
    }
}
