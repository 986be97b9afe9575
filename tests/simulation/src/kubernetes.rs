//! The Kubernetes API as a pure state machine: the objects that the operator reads and writes, and the rules by which
//! the API server accepts writes.

use std::{collections::BTreeMap, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use mgnet::api::{FINALIZER, MigrationNetwork, MigrationNetworkClass, MigrationNetworkSpec};
use mgnet::controller::{Announcement, Key, ListedNetwork, StoreError, VpcLease};

/// An object that the operator reconciles. Watches report changes of classes and networks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A class, with its name.
    Class(String),
    /// A network.
    Network(Key),
    /// All VPC leases, which no watch reports.
    VpcLeases,
}

/// The way in which a watch reports changes to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Immediately, once.
    #[default]
    Prompt,
    /// After this delay.
    Late(Duration),
    /// Immediately, and a second time after this delay.
    Twice(Duration),
    /// Not at all: the process learns of the change when it lists all objects again, after its watch has expired.
    Missed,
    /// Each change in one of these ways, chosen at random from this seed.
    Anyhow(u64),
}

/// The interval at which a process lists all objects again. Source: kube, `watcher`: the API server ends a watch
/// within five minutes, and the watcher lists when the API server no longer knows its version.
const LISTS_ANEW: Duration = Duration::from_mins(5);

/// The maximum random delay of a report, in seconds.
const LATE: u64 = 30;

impl Watch {
    /// The delays of all reports of a change to a process that has been running for `running`.
    pub(crate) fn delays(self, number: usize, running: Duration) -> Vec<Duration> {
        match self {
            Self::Prompt => vec![Duration::ZERO],
            Self::Late(delay) => vec![delay],
            Self::Twice(delay) => vec![Duration::ZERO, delay],
            Self::Missed => {
                let since = Duration::from_secs(running.as_secs() % LISTS_ANEW.as_secs());
                vec![LISTS_ANEW.saturating_sub(since)]
            }
            Self::Anyhow(seed) => {
                let mut rng = Rng::with_seed(seed.wrapping_add(number as u64));
                let delay = Duration::from_secs(rng.u64(1..=LATE));
                let ways = [Self::Prompt, Self::Late(delay), Self::Twice(delay), Self::Missed];
                ways[rng.usize(..ways.len())].delays(number, running)
            }
        }
    }
}

/// All objects in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Kubernetes {
    /// Networks.
    pub networks: BTreeMap<Key, MigrationNetwork>,
    /// Classes.
    pub classes: BTreeMap<String, MigrationNetworkClass>,
    /// VPC leases.
    pub vpc_leases: BTreeMap<String, VpcLease>,
    /// The values in ConfigMaps, by namespace, name and key.
    pub config_maps: BTreeMap<(String, String, String), String>,
    /// The ConfigMaps with hand-offs.
    pub hand_offs: BTreeMap<Key, ConfigMap>,
    /// All events as text.
    pub events: Vec<String>,
    /// The changes that watches report, in order: of the spec, of annotations and of finalizers, but not of the
    /// status.
    pub changes: Vec<Target>,
    revision: u64,
    uids: u64,
}

impl Kubernetes {
    #[allow(clippy::unnecessary_wraps, reason = "as `metadata` has it")]
    fn next_revision(&mut self) -> Option<String> {
        self.revision += 1;
        Some(self.revision.to_string())
    }

    /// The number of writes that changed an object.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Creates a network as a user does. Does nothing if a network with that name exists.
    pub fn create(&mut self, key: &Key, spec: MigrationNetworkSpec) {
        if self.networks.contains_key(key) {
            return;
        }
        self.uids += 1;
        let mut network = MigrationNetwork::new(&key.name, spec);
        let meta = &mut network.metadata;
        meta.namespace = Some(key.namespace.clone());
        meta.uid = Some(format!("00000000-0000-4000-8000-{:012}", self.uids));
        meta.generation = Some(1);
        // One second apart and in order, because the older network has precedence.
        meta.creation_timestamp = Timestamp::from_second(i64::try_from(self.uids).unwrap_or(0)).ok().map(Time);
        meta.resource_version = self.next_revision();
        self.networks.insert(key.clone(), network);
        self.changes.push(Target::Network(key.clone()));
    }

    /// Creates a class as an administrator does.
    pub fn create_class(&mut self, mut class: MigrationNetworkClass) {
        let name = class.name_any();
        class.metadata.uid = Some(format!("class-{name}"));
        class.metadata.generation = Some(1);
        class.metadata.resource_version = self.next_revision();
        self.classes.insert(name.clone(), class);
        self.changes.push(Target::Class(name));
    }

    /// Changes the spec or the annotations of a network as a user does. Does nothing if the network does not exist.
    pub fn edit(&mut self, key: &Key, change: impl FnOnce(&mut MigrationNetwork)) {
        let revision = self.next_revision();
        let Some(network) = self.networks.get_mut(key) else { return };
        let before = network.spec.clone();
        change(network);
        if before != network.spec {
            network.metadata.generation = network.metadata.generation.map(|generation| generation + 1);
        }
        network.metadata.resource_version = revision;
        self.changes.push(Target::Network(key.clone()));
    }

    /// Changes a class as an administrator does.
    pub fn edit_class(&mut self, name: &str, change: impl FnOnce(&mut MigrationNetworkClass)) {
        let revision = self.next_revision();
        let Some(class) = self.classes.get_mut(name) else { return };
        let before = class.spec.clone();
        change(class);
        if before != class.spec {
            class.metadata.generation = class.metadata.generation.map(|generation| generation + 1);
        }
        class.metadata.resource_version = revision;
        self.changes.push(Target::Class(name.to_owned()));
        // The change of a class also triggers a reconcile of its networks.
        self.changes.extend(self.networks.keys().cloned().map(Target::Network));
    }

    /// Deletes a network as a user does: it is removed immediately, or when its last finalizer is removed.
    pub fn delete(&mut self, key: &Key) {
        let revision = self.next_revision();
        let Some(network) = self.networks.get_mut(key) else { return };
        if network.finalizers().is_empty() {
            self.remove(key);
        } else if network.metadata.deletion_timestamp.is_none() {
            network.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            // Source: Kubernetes, apiserver, `rest.BeforeDelete`: setting `deletionTimestamp` raises the generation.
            network.metadata.generation = network.metadata.generation.map(|generation| generation + 1);
            network.metadata.resource_version = revision;
        }
        self.changes.push(Target::Network(key.clone()));
    }

    fn stored(&mut self, network: &MigrationNetwork) -> Result<&mut MigrationNetwork, StoreError> {
        let stored = self.networks.get_mut(&key_of(network)).ok_or(StoreError::Gone)?;
        if stored.uid() != network.uid() || stored.resource_version() != network.resource_version() {
            return Err(StoreError::Conflict);
        }
        Ok(stored)
    }

    pub(crate) fn write_status(&mut self, network: &MigrationNetwork) -> Result<MigrationNetwork, StoreError> {
        let stored = self.stored(network)?;
        // An update without changes is not stored, and creates no new version.
        if stored.status != network.status {
            stored.status.clone_from(&network.status);
            let revision = self.next_revision();
            self.stored(network)?.metadata.resource_version = revision;
            return Ok(self.networks[&key_of(network)].clone());
        }
        Ok(stored.clone())
    }

    pub(crate) fn set_finalizer(
        &mut self,
        network: &MigrationNetwork,
        present: bool,
    ) -> Result<Option<MigrationNetwork>, StoreError> {
        let revision = self.next_revision();
        let key = key_of(network);
        let stored = match self.stored(network) {
            Err(StoreError::Gone) if !present => return Ok(None),
            other => other?,
        };
        if present && stored.metadata.deletion_timestamp.is_some() {
            // Source: Kubernetes, `ValidateObjectMetaUpdate`: no new finalizer once the object is being deleted.
            return Err(StoreError::Conflict);
        }
        let mut finalizers = stored.metadata.finalizers.take().unwrap_or_default();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if present {
            finalizers.push(FINALIZER.to_owned());
        }
        let is_free = finalizers.is_empty();
        stored.metadata.finalizers = Some(finalizers);
        stored.metadata.resource_version = revision;
        let stored = stored.clone();
        self.changes.push(Target::Network(key.clone()));
        if is_free && stored.metadata.deletion_timestamp.is_some() {
            self.remove(&key);
        }
        Ok(Some(stored))
    }

    fn stored_class(&mut self, class: &MigrationNetworkClass) -> Result<&mut MigrationNetworkClass, StoreError> {
        let stored = self.classes.get_mut(&class.name_any()).ok_or(StoreError::Gone)?;
        if stored.resource_version() != class.resource_version() {
            return Err(StoreError::Conflict);
        }
        Ok(stored)
    }

    pub(crate) fn set_class_finalizer(
        &mut self,
        class: &MigrationNetworkClass,
        present: bool,
    ) -> Result<(), StoreError> {
        let revision = self.next_revision();
        let stored = match self.stored_class(class) {
            Err(StoreError::Gone) if !present => return Ok(()),
            other => other?,
        };
        stored.metadata.finalizers = present.then(|| vec![FINALIZER.to_owned()]);
        stored.metadata.resource_version = revision;
        let is_going = stored.metadata.deletion_timestamp.is_some();
        self.changes.push(Target::Class(class.name_any()));
        if is_going && !present {
            self.classes.remove(&class.name_any());
        }
        Ok(())
    }

    pub(crate) fn write_class_status(
        &mut self,
        class: &MigrationNetworkClass,
    ) -> Result<MigrationNetworkClass, StoreError> {
        let stored = self.stored_class(class)?;
        if stored.status != class.status {
            stored.status.clone_from(&class.status);
            let revision = self.next_revision();
            self.stored_class(class)?.metadata.resource_version = revision;
        }
        Ok(self.classes[&class.name_any()].clone())
    }

    pub(crate) fn acquire_vpc_lease(&mut self, lease: &VpcLease) -> Result<(), StoreError> {
        let version = self.next_revision();
        let stored = self.vpc_leases.get(&lease.name).and_then(|stored| stored.version.clone());
        if stored != lease.version {
            return Err(StoreError::Conflict);
        }
        self.vpc_leases.insert(lease.name.clone(), VpcLease { version, ..lease.clone() });
        Ok(())
    }

    pub(crate) fn release_vpc_lease(&mut self, lease: &VpcLease) -> Result<(), StoreError> {
        if self.vpc_leases.get(&lease.name).is_none_or(|stored| stored.version != lease.version) {
            return Err(StoreError::Conflict);
        }
        self.vpc_leases.remove(&lease.name);
        Ok(())
    }

    pub(crate) fn create_config_map(&mut self, config_map: &ConfigMap) -> Result<ConfigMap, StoreError> {
        let key = key_of(config_map);
        if self.hand_offs.contains_key(&key) {
            return Err(StoreError::Conflict);
        }
        let mut stored = config_map.clone();
        stored.metadata.resource_version = self.next_revision();
        self.hand_offs.insert(key, stored.clone());
        Ok(stored)
    }

    /// Replaces the ConfigMap, because no other client has applied fields of it.
    pub(crate) fn apply_config_map(&mut self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let stored = self.hand_offs.get(&key_of(config_map)).ok_or(StoreError::Conflict)?;
        if stored.resource_version() != config_map.resource_version() {
            return Err(StoreError::Conflict);
        }
        self.hand_offs.remove(&key_of(config_map));
        self.create_config_map(config_map).map(drop)
    }

    pub(crate) fn delete_config_map(&mut self, config_map: &ConfigMap) -> Result<(), StoreError> {
        let Some(stored) = self.hand_offs.get(&key_of(config_map)) else { return Ok(()) };
        if stored.resource_version() != config_map.resource_version() {
            return Err(StoreError::Conflict);
        }
        self.hand_offs.remove(&key_of(config_map));
        self.revision += 1;
        Ok(())
    }

    /// Removes a network, and what it owns, as the garbage collector of Kubernetes does.
    fn remove(&mut self, key: &Key) {
        let uid = self.networks.remove(key).and_then(|network| network.uid()).unwrap_or_default();
        self.hand_offs.retain(|_, config_map| config_map.owner_references().iter().all(|owner| owner.uid != uid));
    }

    pub(crate) fn list(&self, namespace: Option<&str>) -> Vec<ListedNetwork> {
        let networks = self.networks.iter().filter(|(key, _)| namespace.is_none_or(|wanted| wanted == key.namespace));
        networks
            .map(|(_, network)| ListedNetwork {
                uid: network.uid().unwrap_or_default(),
                network: Some(network.clone()),
            })
            .collect()
    }

    pub(crate) fn announce(&mut self, network: &MigrationNetwork, announcement: &Announcement) {
        let Announcement { reason, action, note, .. } = announcement;
        self.revision += 1;
        self.events.push(format!("{}: {reason} {action}: {note}", network.name_any()));
    }
}

/// Returns the namespace and name of an object.
pub fn key_of(object: &impl ResourceExt) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}
