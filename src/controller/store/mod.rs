//! The narrow seam to the Kubernetes API: everything that a reconcile reads or writes there.

pub(crate) mod kubernetes;
mod vpc_lease;

use std::{collections::BTreeMap, fmt, future::Future};

use crate::api::{MigrationNetwork, MigrationNetworkClass};

/// Which network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What a write or read of the Kubernetes API can fail with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object was changed or replaced since it was read: look at it again.
    #[error("the object has changed since it was read")]
    Conflict,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// The object stored there is not of the kind's form.
    #[error("the stored object cannot be read: {0}")]
    Undecodable(String),
    /// Everything else.
    #[error("the Kubernetes API did not do it")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Something worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Whether somebody should look.
    pub warning: bool,
    /// The event's reason.
    pub reason: String,
    /// What was done to what, in a word or two. Events with the same reason and action are counted as one.
    pub action: String,
    /// The message.
    pub note: String,
}

/// A VPC lease as it is stored: the right of one network to manage a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcLease {
    /// Its name.
    pub name: String,
    /// The uid of the network that holds it.
    pub holder: String,
    /// The network of that uid, for people, and to see quickly whether it still exists. Nothing else rests on it.
    pub network: Option<Key>,
    /// The `resourceVersion` that a write must match; none if it is not stored yet.
    pub version: Option<String>,
}

/// A network in a list.
#[derive(Clone, Debug)]
pub struct ListedNetwork {
    /// Its uid.
    pub uid: String,
    /// The network, unless what is stored cannot be read.
    pub network: Option<MigrationNetwork>,
}

/// The store of VPC leases.
pub trait VpcLeases: Send + Sync + 'static {
    /// The lease of that name, if it exists.
    fn vpc_lease(&self, name: &str) -> impl Future<Output = Result<Option<VpcLease>, StoreError>> + Send;

    /// Creates a lease that has no version, or replaces the one that has exactly that version.
    ///
    /// # Errors
    /// `Conflict` if another write came first.
    fn acquire_vpc_lease(&self, claim: &VpcLease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All leases, or those that a network holds, by its UID.
    fn vpc_leases(&self, holder: Option<&str>) -> impl Future<Output = Result<Vec<VpcLease>, StoreError>> + Send;

    /// Deletes a lease, if it has not changed.
    ///
    /// # Errors
    /// `Conflict` if it has changed, or is gone.
    fn release_vpc_lease(&self, claim: &VpcLease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The UID of the network of that name, if it exists, whether or not the rest of it can be decoded.
    fn network_uid(&self, key: &Key) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// All networks, or those of one namespace.
    ///
    /// # Errors
    /// `Gone` if the cluster does not serve the kind.
    fn networks(&self, namespace: Option<&str>) -> impl Future<Output = Result<Vec<ListedNetwork>, StoreError>> + Send;
}

/// Networks, classes and namespaces, always read afresh: a cache may show the past.
pub trait Store: VpcLeases {
    /// The network, if it exists.
    fn network(&self, key: &Key) -> impl Future<Output = Result<Option<MigrationNetwork>, StoreError>> + Send;

    /// The class, if it exists.
    fn class(&self, name: &str) -> impl Future<Output = Result<Option<MigrationNetworkClass>, StoreError>> + Send;

    /// All classes.
    fn classes(&self) -> impl Future<Output = Result<Vec<MigrationNetworkClass>, StoreError>> + Send;

    /// The classes that are marked as default.
    fn default_classes(&self) -> impl Future<Output = Result<Vec<MigrationNetworkClass>, StoreError>> + Send;

    /// What a key of a ConfigMap holds, if both exist.
    fn config_map_key(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// The labels of a namespace, if it exists.
    fn namespace_labels(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<BTreeMap<String, String>>, StoreError>> + Send;

    /// Stores the network's status, on condition that nobody has changed the object since it was read.
    ///
    /// # Errors
    /// `Conflict` if somebody has.
    fn write_status(
        &self,
        network: &MigrationNetwork,
    ) -> impl Future<Output = Result<MigrationNetwork, StoreError>> + Send;

    /// Adds or removes the operator's finalizer, on condition that the object is the same (uid) and unchanged
    /// (resourceVersion). None if it went with its finalizer.
    ///
    /// # Errors
    /// `Conflict` if it is not.
    fn set_finalizer(
        &self,
        network: &MigrationNetwork,
        present: bool,
    ) -> impl Future<Output = Result<Option<MigrationNetwork>, StoreError>> + Send;

    /// Adds or removes the operator's finalizer of a class, on the same condition. No error if the class is gone and it was
    /// to be removed.
    ///
    /// # Errors
    /// `Conflict` if somebody has changed the class, `Gone` if it was to be added and the class is gone.
    fn set_class_finalizer(
        &self,
        class: &MigrationNetworkClass,
        present: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores the class's status, on the same condition.
    ///
    /// # Errors
    /// `Conflict` if somebody has changed the class.
    fn write_class_status(
        &self,
        class: &MigrationNetworkClass,
    ) -> impl Future<Output = Result<MigrationNetworkClass, StoreError>> + Send;

    /// Publishes an event on the network. Failure is logged and otherwise ignored: events only accompany status.
    fn announce(&self, network: &MigrationNetwork, announcement: Announcement) -> impl Future<Output = ()> + Send;

    /// The same on a class.
    fn announce_on_class(
        &self,
        class: &MigrationNetworkClass,
        announcement: Announcement,
    ) -> impl Future<Output = ()> + Send;
}
