//! Implements [`Store`] with the real Kubernetes API.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ObjectReference};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::json;

use crate::text::truncate;
use crate::{
    api::{FIELD_MANAGER, FINALIZER, MigrationNetwork, MigrationNetworkClass},
    controller::store::{Announcement, Key, Store, StoreError},
};

/// A client of the Kubernetes API with the operations that the operator needs.
#[derive(Clone)]
pub struct Kubernetes {
    pub(crate) client: Client,
    /// The operator's own namespace, which contains the VPC leases.
    pub(crate) namespace: String,
    recorder: Recorder,
}

impl Kubernetes {
    /// Creates a store that uses the client, and keeps VPC leases in the namespace.
    pub fn new(client: Client, namespace: String) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client.clone(), reporter), client, namespace }
    }

    /// Reads the UID of the `kube-system` namespace, which identifies the cluster for its whole lifetime.
    ///
    /// # Errors
    /// If the namespace cannot be read.
    pub async fn cluster_uid(&self) -> Result<String, StoreError> {
        let namespace = Api::<Namespace>::all(self.client.clone()).get("kube-system").await.map_err(classify)?;
        namespace.uid().ok_or(StoreError::Gone)
    }

    fn networks_in(&self, namespace: &str) -> Api<MigrationNetwork> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn all_classes(&self) -> Api<MigrationNetworkClass> {
        Api::all(self.client.clone())
    }
}

impl Store for Kubernetes {
    async fn network(&self, key: &Key) -> Result<Option<MigrationNetwork>, StoreError> {
        found(self.networks_in(&key.namespace).get(&key.name).await)
    }

    async fn class(&self, name: &str) -> Result<Option<MigrationNetworkClass>, StoreError> {
        found(self.all_classes().get(name).await)
    }

    async fn classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        Ok(self.all_classes().list(&ListParams::default()).await.map_err(classify)?.items)
    }

    async fn default_classes(&self) -> Result<Vec<MigrationNetworkClass>, StoreError> {
        let mut classes = self.classes().await?;
        classes.retain(MigrationNetworkClass::is_marked_default);
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
        let api = self.networks_in(&network.namespace().unwrap_or_default());
        api.replace_status(&network.name_any(), &params(), network).await.map_err(classify)
    }

    async fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> Result<Option<MigrationNetwork>, StoreError> {
        let api = self.networks_in(&network.namespace().unwrap_or_default());
        patch_finalizer(&api, network, present).await
    }

    async fn set_class_finalizer(&self, class: &MigrationNetworkClass, present: bool) -> Result<(), StoreError> {
        patch_finalizer(&self.all_classes(), class, present).await.map(|_| ())
    }

    async fn write_class_status(&self, class: &MigrationNetworkClass) -> Result<MigrationNetworkClass, StoreError> {
        self.all_classes().replace_status(&class.name_any(), &params(), class).await.map_err(classify)
    }

    async fn announce(&self, network: &MigrationNetwork, announcement: Announcement) {
        self.publish(&network.object_ref(&()), announcement).await;
    }

    async fn announce_on_class(&self, class: &MigrationNetworkClass, announcement: Announcement) {
        self.publish(&class.object_ref(&()), announcement).await;
    }
}

impl Kubernetes {
    /// Publishes an event. For an object without a namespace, such as a class, the event is created in namespace
    /// `default`.
    async fn publish(&self, object: &ObjectReference, announcement: Announcement) {
        let event = Event {
            type_: if announcement.warning { EventType::Warning } else { EventType::Normal },
            reason: announcement.reason,
            note: Some(truncate(&announcement.note, 1024)),
            action: truncate(&announcement.action, 128),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, object).await {
            tracing::debug!(%error, "event could not be published");
        }
    }
}

/// Sends a patch that tests UID and `resourceVersion`, so that a newer object with the same name is not changed.
async fn patch_finalizer<K>(api: &Api<K>, object: &K, present: bool) -> Result<Option<K>, StoreError>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if present {
        finalizers.push(FINALIZER.to_owned());
    }
    let patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "test", "path": "/metadata/resourceVersion", "value": object.resource_version()},
        {"op": "add", "path": "/metadata/finalizers", "value": finalizers},
    ]))
    .map_err(|error| StoreError::Other(Box::new(error)))?;
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch(&object.name_any(), &params, &Patch::<()>::Json(patch)).await {
        Ok(object) => Ok(Some(object)),
        // The API server answers a JSON patch whose test fails with 422.
        Err(kube::Error::Api(status)) if status.code == 422 => Err(StoreError::Conflict),
        Err(error) => match classify(error) {
            StoreError::Gone if !present => Ok(None),
            other => Err(other),
        },
    }
}

pub(crate) fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

pub(crate) fn found<T>(answer: kube::Result<T>) -> Result<Option<T>, StoreError> {
    match answer.map_err(classify) {
        Ok(object) => Ok(Some(object)),
        Err(StoreError::Gone) => Ok(None),
        Err(other) => Err(other),
    }
}

pub(crate) fn classify(error: kube::Error) -> StoreError {
    match error {
        kube::Error::Api(status) if status.is_conflict() => StoreError::Conflict,
        kube::Error::Api(status) if status.is_not_found() => StoreError::Gone,
        kube::Error::Api(status) if status.is_forbidden() => StoreError::Denied(status.message.clone()),
        kube::Error::Api(status) if status.code == 422 => StoreError::Invalid(status.message.clone()),
        kube::Error::SerdeError(error) => StoreError::Undecodable(error.to_string()),
        other => StoreError::Other(Box::new(other)),
    }
}
