//! The stored objects, and the history of their changes for watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::kinds::Kind;

/// The key of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) plural: &'static str,
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A change that a watch delivers.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) key: Key,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) type_: &'static str,
    pub(super) object: Arc<Value>,
}

/// All objects, and the history of their changes.
#[derive(Debug)]
pub(super) struct Objects {
    present: BTreeMap<Key, Arc<Value>>,
    /// The last configuration that each field manager applied.
    applied: BTreeMap<(Key, String), Value>,
    changes: Vec<Change>,
    revision: u64,
    uids: u64,
    /// The number of the cluster, which makes UIDs unique among all clusters of a test.
    cluster: u16,
    /// The time of the cluster and the runtime's time, both at the start.
    clock: (Timestamp, Instant),
}

impl Objects {
    pub(super) fn new(cluster: u16) -> Self {
        Self {
            present: BTreeMap::new(),
            applied: BTreeMap::new(),
            changes: Vec::new(),
            revision: 0,
            uids: 0,
            cluster,
            clock: (Timestamp::now(), Instant::now()),
        }
    }

    /// Creates a namespace that exists from the beginning.
    pub(super) fn make_namespace(&mut self, name: &str) {
        let kind = Kind::namespaces();
        let key = Key { plural: kind.plural, namespace: String::new(), name: name.to_owned() };
        let metadata = json!({
            "name": name,
            "uid": self.next_uid(),
            "creationTimestamp": self.now(),
            "labels": { "kubernetes.io/metadata.name": name },
        });
        let namespace = json!({
            "apiVersion": "v1", "kind": kind.name, "metadata": metadata, "status": { "phase": "Active" },
        });
        self.put(&key, "ADDED", namespace);
    }

    /// Returns the time in the format of `metadata`: in seconds.
    pub(super) fn now(&self) -> String {
        let (began, at) = self.clock;
        let passed = SignedDuration::try_from(at.elapsed()).unwrap_or(SignedDuration::ZERO);
        let now = began.checked_add(passed).unwrap_or(began);
        Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }

    pub(super) fn next_uid(&mut self) -> String {
        self.uids += 1;
        format!("{:08x}-{:04x}-4000-8000-{:012x}", self.uids, self.cluster, self.uids)
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.present.get(key)
    }

    /// Lists the objects of a kind in one namespace or in all.
    pub(super) fn list<'s>(
        &'s self,
        kind: &'s Kind,
        namespace: Option<&'s str>,
    ) -> impl Iterator<Item = (&'s Key, &'s Arc<Value>)> {
        self.present.iter().filter(move |(key, _)| {
            key.plural == kind.plural && namespace.is_none_or(|namespace| namespace == key.namespace)
        })
    }

    /// Returns the keys of all objects in a namespace.
    pub(super) fn keys_in(&self, namespace: &str) -> Vec<Key> {
        self.present.keys().filter(|key| key.namespace == namespace).cloned().collect()
    }

    /// Stores an object under the next resource version.
    pub(super) fn put(&mut self, key: &Key, type_: &'static str, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        if type_ == "DELETED" {
            self.present.remove(key);
            self.applied.retain(|(of, _), _| of != key);
        } else {
            self.present.insert(key.clone(), Arc::clone(&object));
        }
        let change = Change { revision: self.revision, key: key.clone(), type_, object: Arc::clone(&object) };
        self.changes.push(change);
        object
    }

    /// Returns the last configuration that a field manager applied; null if there is none.
    pub(super) fn applied(&self, key: &Key, manager: &str) -> Value {
        self.applied.get(&(key.clone(), manager.to_owned())).cloned().unwrap_or_default()
    }

    pub(super) fn record_applied(&mut self, key: &Key, manager: &str, configuration: Value) {
        self.applied.insert((key.clone(), manager.to_owned()), configuration);
    }

    /// Returns the changes after a revision.
    pub(super) fn changes_after(&self, revision: u64) -> &[Change] {
        &self.changes[self.changes.partition_point(|change| change.revision <= revision)..]
    }
}
