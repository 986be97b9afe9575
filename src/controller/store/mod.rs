//! The interface to the Kubernetes API: everything that a reconcile reads or writes there. Tests replace it by a fake.

mod config_map;
pub(crate) mod kubernetes;
mod vpc_lease;

use std::{collections::BTreeMap, fmt, future::Future};

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use crate::api::{MigrationNetwork, MigrationNetworkClass};

/// The namespace and name of a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The network's namespace.
    pub namespace: String,
    /// The network's name.
    pub name: String,
}

impl Key {
    /// Returns the key of the object with this metadata.
    pub(crate) fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The error of a read from or a write to the Kubernetes API.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object was changed or replaced since it was read. The caller reads it again.
    #[error("the object has changed since it was read")]
    Conflict,
    /// The object does not exist.
    #[error("the object does not exist")]
    Gone,
    /// The stored object does not match the schema of its kind.
    #[error("the stored object cannot be read: {0}")]
    Undecodable(String),
    /// The API server rejects the object, for example because it exceeds a bound of the schema.
    #[error("the API server rejects the object: {0}")]
    Invalid(String),
    /// The API server does not allow the request, for example because a right is missing.
    #[error("the API server denies the request: {0}")]
    Denied(String),
    /// Any other failure of a request.
    #[error("Kubernetes API request failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The content of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Whether the event is a warning that requires attention.
    pub warning: bool,
    /// The event's reason.
    pub reason: String,
    /// The action and its object, in a word or two. Kubernetes merges events with the same reason and action.
    pub action: String,
    /// The message.
    pub note: String,
}

/// A VPC lease as it is stored: the right of one network to manage a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcLease {
    /// The name of the Lease object.
    pub name: String,
    /// The UID of the network that holds the lease.
    pub holder: String,
    /// The namespace and name of the holder, for users and for a quick check of its existence. No decision depends on
    /// it alone.
    pub network: Option<Key>,
    /// The `resourceVersion` that a write must match. None if the lease is not stored yet.
    pub version: Option<String>,
}

/// The number of objects on a page of a list. A page is in memory as a whole before its objects are reduced to what their
/// reader keeps. In memory, a network has more than 100 kB, half of them for the owners of its fields.
pub(crate) const PAGE: u32 = 10;

/// A network in a list.
#[derive(Clone, Debug)]
pub struct ListedNetwork {
    /// The network's UID.
    pub uid: String,
    /// The network, reduced. None if the stored object cannot be decoded.
    pub network: Option<MigrationNetwork>,
}

/// The store of VPC leases.
pub trait VpcLeases: Send + Sync + 'static {
    /// Reads the lease of that name, if it exists.
    fn vpc_lease(&self, name: &str) -> impl Future<Output = Result<Option<VpcLease>, StoreError>> + Send;

    /// Creates the lease if it has no version, or replaces the stored lease if that has the same version.
    ///
    /// # Errors
    /// `Conflict` if another write came first.
    fn acquire_vpc_lease(&self, lease: &VpcLease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists all leases, or those that the network with the UID `holder` holds.
    fn vpc_leases(&self, holder: Option<&str>) -> impl Future<Output = Result<Vec<VpcLease>, StoreError>> + Send;

    /// Deletes a lease on condition that it has not changed.
    ///
    /// # Errors
    /// `Conflict` if the lease has changed or does not exist.
    fn release_vpc_lease(&self, lease: &VpcLease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads the UID of the network of that name, if it exists, whether or not the rest of it can be decoded.
    fn network_uid(&self, key: &Key) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Lists all networks, or those of one namespace, each without its endpoints, policies and recorded requests.
    ///
    /// # Errors
    /// `Gone` if the cluster does not serve the kind.
    fn networks(&self, namespace: Option<&str>) -> impl Future<Output = Result<Vec<ListedNetwork>, StoreError>> + Send;
}

/// The store of the ConfigMaps with hand-offs, which are in the namespaces of tenants.
pub trait ConfigMaps: Send + Sync + 'static {
    /// Reads a ConfigMap, if it exists.
    fn config_map(&self, key: &Key) -> impl Future<Output = Result<Option<ConfigMap>, StoreError>> + Send;

    /// Creates a ConfigMap, and returns it as it is stored.
    ///
    /// # Errors
    /// `Conflict` if a ConfigMap of that name exists.
    fn create_config_map(&self, config_map: &ConfigMap) -> impl Future<Output = Result<ConfigMap, StoreError>> + Send;

    /// Applies the fields of a ConfigMap on condition that the stored one has the same `resourceVersion`. Fields that the
    /// operator applied before, and that are missing now, are removed. Fields of other writers stay.
    ///
    /// # Errors
    /// `Conflict` if the ConfigMap has changed or does not exist.
    fn apply_config_map(&self, config_map: &ConfigMap) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes a ConfigMap on condition that it has not changed. Deleting one that does not exist succeeds.
    ///
    /// # Errors
    /// `Conflict` if the ConfigMap has changed.
    fn delete_config_map(&self, config_map: &ConfigMap) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The store of networks, classes and namespaces. Every read is a new request, because a cache may be outdated.
pub trait Store: VpcLeases + ConfigMaps {
    /// Reads the network, if it exists.
    fn network(&self, key: &Key) -> impl Future<Output = Result<Option<MigrationNetwork>, StoreError>> + Send;

    /// Reads the class, if it exists.
    fn class(&self, name: &str) -> impl Future<Output = Result<Option<MigrationNetworkClass>, StoreError>> + Send;

    /// Lists all classes.
    fn classes(&self) -> impl Future<Output = Result<Vec<MigrationNetworkClass>, StoreError>> + Send;

    /// Lists the classes that are marked as the default.
    fn default_classes(&self) -> impl Future<Output = Result<Vec<MigrationNetworkClass>, StoreError>> + Send;

    /// Reads the value of a key of a ConfigMap, if both exist.
    fn config_map_key(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// Reads the labels of a namespace, if it exists.
    fn namespace_labels(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<BTreeMap<String, String>>, StoreError>> + Send;

    /// Stores the network's status on condition that the object has not changed since it was read.
    ///
    /// # Errors
    /// `Conflict` if the object has changed.
    fn write_status(
        &self,
        network: &MigrationNetwork,
    ) -> impl Future<Output = Result<MigrationNetwork, StoreError>> + Send;

    /// Adds or removes the operator's finalizer, on condition that the object is the same (UID) and unchanged
    /// (`resourceVersion`). Returns None if the finalizer was to be removed and the object no longer exists.
    ///
    /// # Errors
    /// `Conflict` if the object is another one or has changed.
    fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> impl Future<Output = Result<Option<MigrationNetwork>, StoreError>> + Send;

    /// Adds or removes the operator's finalizer of a class, on the same condition. Removing it from a class that does
    /// not exist succeeds.
    ///
    /// # Errors
    /// `Conflict` if the class has changed, `Gone` if the finalizer was to be added and the class does not exist.
    fn set_class_finalizer(
        &self,
        class: &MigrationNetworkClass,
        present: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores the class's status on condition that the object has not changed since it was read.
    ///
    /// # Errors
    /// `Conflict` if the class has changed.
    fn write_class_status(
        &self,
        class: &MigrationNetworkClass,
    ) -> impl Future<Output = Result<MigrationNetworkClass, StoreError>> + Send;

    /// Publishes an event on the network. A failure is only logged, because events merely accompany status.
    fn announce(&self, network: &MigrationNetwork, announcement: Announcement) -> impl Future<Output = ()> + Send;

    /// Publishes an event on a class. A failure is only logged.
    fn announce_on_class(
        &self,
        class: &MigrationNetworkClass,
        announcement: Announcement,
    ) -> impl Future<Output = ()> + Send;
}
