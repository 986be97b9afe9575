//! Implements [`VpcLeases`] with the real Kubernetes API: Leases in the operator's own namespace, where tenants have
//! no rights.
//!
//! The Leases have no duration, because a VPC lease does not expire: it ends with its network.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Preconditions},
    core::DeserializeGuard,
};

use crate::{
    api::{FIELD_MANAGER, MigrationNetwork},
    controller::{
        projection::reduce,
        store::{
            Key, ListedNetwork, PAGE, StoreError, VpcLease, VpcLeases,
            kubernetes::{Kubernetes, classify, found, params},
        },
    },
    model::ownership::OWNER_TAG,
};

/// The annotation that shows users which network holds a VPC lease: `namespace/name`.
const NETWORK_ANNOTATION: &str = "mgnet.dev/network";

impl Kubernetes {
    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Whether the API server serves the kind, according to its discovery API. A 404 for a path of the kind is not
    /// sufficient evidence: its body is plain text, and a proxy could have sent it.
    async fn has_kind<K: Resource<DynamicType = ()>>(&self) -> Result<bool, StoreError> {
        let served = self.client.list_api_group_resources(&K::api_version(&())).await.map_err(classify)?;
        Ok(served.resources.iter().any(|resource| resource.name == K::plural(&())))
    }

    /// Checks that VPC leases can be read.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn check_vpc_leases(&self) -> Result<(), StoreError> {
        self.vpc_lease("none").await.map(|_| ())
    }
}

/// Converts a Lease object to a VPC lease.
fn vpc_lease(lease: Lease) -> VpcLease {
    let network = lease.annotations().get(NETWORK_ANNOTATION).and_then(|text| {
        let (namespace, name) = text.split_once('/')?;
        let is_name =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        (is_name(namespace) && is_name(name)).then(|| Key { namespace: namespace.to_owned(), name: name.to_owned() })
    });
    let (name, version) = (lease.name_any(), lease.resource_version());
    let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
    VpcLease { name, holder, network, version }
}

impl VpcLeases for Kubernetes {
    async fn vpc_lease(&self, name: &str) -> Result<Option<VpcLease>, StoreError> {
        Ok(found(self.leases().get(name).await)?.map(vpc_lease))
    }

    async fn vpc_leases(&self, holder: Option<&str>) -> Result<Vec<VpcLease>, StoreError> {
        // Only the Leases of VPCs have the label.
        let label = holder.map_or_else(|| OWNER_TAG.to_owned(), |holder| format!("{OWNER_TAG}={holder}"));
        Ok(self
            .leases()
            .list(&ListParams::default().labels(&label))
            .await
            .map_err(classify)?
            .into_iter()
            .map(vpc_lease)
            .collect())
    }

    async fn acquire_vpc_lease(&self, desired: &VpcLease) -> Result<(), StoreError> {
        let annotation = desired.network.as_ref().map(|key| (NETWORK_ANNOTATION.to_owned(), key.to_string()));
        let labels = [("app.kubernetes.io/managed-by", FIELD_MANAGER), (OWNER_TAG, &desired.holder)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(desired.name.clone()),
                annotations: annotation.map(|annotation| BTreeMap::from([annotation])),
                labels: Some(BTreeMap::from(labels)),
                resource_version: desired.version.clone(),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(desired.holder.clone()),
                acquire_time: Some(MicroTime(jiff::Timestamp::now())),
                ..LeaseSpec::default()
            }),
        };
        let answer = if desired.version.is_some() {
            self.leases().replace(&desired.name, &params(), &lease).await
        } else {
            self.leases().create(&params(), &lease).await
        };
        match answer {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(StoreError::Conflict),
            Err(error @ kube::Error::Api(_)) if desired.version.is_none() => match classify(error) {
                // A creation fails with 404 if the namespace does not exist.
                StoreError::Gone => Err(StoreError::Other(
                    format!("namespace '{}' for VPC leases does not exist; correct `--namespace`", self.namespace)
                        .into(),
                )),
                other => Err(other),
            },
            Err(error) => Err(classify(error)),
        }
    }

    async fn release_vpc_lease(&self, lease: &VpcLease) -> Result<(), StoreError> {
        let unchanged = Preconditions { resource_version: lease.version.clone(), uid: None };
        match self.leases().delete(&lease.name, &DeleteParams::default().preconditions(unchanged)).await {
            Ok(_) => Ok(()),
            Err(error) => match classify(error) {
                // The lease existed a moment ago, and the finalizer of its network is removed next. The retry reads
                // again whether the lease exists.
                StoreError::Gone => Err(StoreError::Conflict),
                other => Err(other),
            },
        }
    }

    async fn network_uid(&self, key: &Key) -> Result<Option<String>, StoreError> {
        let networks: Api<MigrationNetwork> = Api::namespaced(self.client.clone(), &key.namespace);
        Ok(found(networks.get_metadata(&key.name).await)?.and_then(|network| network.uid()))
    }

    async fn networks(&self, namespace: Option<&str>) -> Result<Vec<ListedNetwork>, StoreError> {
        type Guarded = DeserializeGuard<MigrationNetwork>;
        let networks: Api<Guarded> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut all = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let listed = match networks.list(&page).await {
                Err(kube::Error::Api(status)) if status.code == 404 && !self.has_kind::<MigrationNetwork>().await? => {
                    return Err(StoreError::Gone);
                }
                listed => listed.map_err(classify)?,
            };
            let next = listed.metadata.continue_.clone().filter(|next| !next.is_empty());
            all.extend(listed.into_iter().map(|network| ListedNetwork {
                uid: network.uid().unwrap_or_default(),
                network: network.0.ok().map(reduce),
            }));
            let Some(next) = next else { return Ok(all) };
            page = page.continue_token(&next);
        }
    }
}
