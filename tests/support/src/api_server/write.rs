//! Writes, and the rules of `metadata` that apply to them.
//!
//! Source: Kubernetes, `apiserver/pkg/registry/rest` and `apiserver/pkg/registry/generic/registry/store.go`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::apply;
use super::kinds::Kind;
use super::objects::{Key, Objects};
use super::refusal::Refusal;
use super::schema;

/// The field manager of a write, and the part of the object that it writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write<'r> {
    pub(super) manager: &'r str,
    /// `Update` or `Apply`.
    pub(super) operation: &'static str,
    /// Whether only the status is written, rather than everything but the status.
    pub(super) is_status: bool,
}

type Outcome = Result<Arc<Value>, Refusal>;

impl Objects {
    pub(super) fn create(&mut self, kind: &'static Kind, mut key: Key, mut object: Value, write: Write<'_>) -> Outcome {
        if let Some(prefix) = object["metadata"]["generateName"].as_str().filter(|_| key.name.is_empty()) {
            key.name = format!("{prefix}{:05x}", self.revision());
        }
        if key.name.is_empty() {
            return Err(Refusal::invalid("metadata.name: Required value: name or generateName is required"));
        }
        self.check_namespace(kind, &key)?;
        if self.get(&key).is_some() {
            return Err(Refusal::already_exists(kind.plural, &key.name));
        }
        let mut metadata = object["metadata"].take();
        metadata["name"] = json!(key.name);
        if kind.is_namespaced {
            metadata["namespace"] = json!(key.namespace);
        }
        metadata["uid"] = json!(self.next_uid());
        metadata["creationTimestamp"] = json!(self.now());
        for ignored in ["deletionTimestamp", "resourceVersion", "generation", "managedFields"] {
            remove(&mut metadata, ignored);
        }
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.name);
        if kind.is_custom {
            metadata["generation"] = json!(1);
            remove(&mut object, "status");
            prune_and_set_defaults(kind, &mut object)?;
        } else if kind.plural == Kind::namespaces().plural {
            metadata["labels"]["kubernetes.io/metadata.name"] = json!(key.name);
            object["status"] = json!({ "phase": "Active" });
        }
        omit_empty(&mut metadata);
        object["metadata"] = metadata;
        self.record_manager(&mut object, write);
        Ok(self.put(&key, "ADDED", object))
    }

    /// Refuses a new object if its namespace does not exist or is being deleted.
    fn check_namespace(&self, kind: &Kind, key: &Key) -> Result<(), Refusal> {
        if !kind.is_namespaced {
            return Ok(());
        }
        let namespace = self.get(&namespace_key(&key.namespace));
        let namespace = namespace.ok_or_else(|| Refusal::not_found("namespaces", &key.namespace))?;
        if namespace["metadata"].get("deletionTimestamp").is_some() {
            let Key { plural, namespace, name } = key;
            return Err(Refusal::forbidden(format!(
                "{plural} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is \
                 being terminated"
            )));
        }
        Ok(())
    }

    /// Replaces an object, or the part of it that `write` covers.
    pub(super) fn update(&mut self, kind: &'static Kind, key: &Key, wanted: Value, write: Write<'_>) -> Outcome {
        let before = Arc::clone(self.get(key).ok_or_else(|| Refusal::not_found(kind.plural, &key.name))?);
        let (old, new) = (&before["metadata"], &wanted["metadata"]);
        let differs = |field: &str| new.get(field).is_some_and(|wanted| !wanted.is_null() && *wanted != old[field]);
        if differs("uid") || differs("resourceVersion") {
            return Err(Refusal::conflict(kind.plural, &key.name));
        }
        let mut object = if write.is_status {
            let mut object = Value::clone(&before);
            object["status"] = wanted["status"].clone();
            object
        } else {
            with_immutable_fields(kind, &before, wanted)?
        };
        if kind.is_custom {
            prune_and_set_defaults(kind, &mut object)?;
        }
        omit_empty(&mut object["metadata"]);
        if object == *before {
            return Ok(before);
        }
        let is_new_generation = kind.is_custom && !write.is_status && spec(&object) != spec(&before);
        if is_new_generation {
            raise_generation(&mut object);
        }
        self.record_manager(&mut object, write);
        let has_no_finalizers = finalizers(&object).is_empty();
        if has_no_finalizers && kind.is_custom && object["metadata"].get("deletionTimestamp").is_some() {
            return Ok(self.remove(key, object));
        }
        Ok(self.put(key, "MODIFIED", object))
    }

    /// Merges a configuration that a field manager applies into the object, or creates the object.
    pub(super) fn apply(&mut self, kind: &'static Kind, key: &Key, wanted: Value, write: Write<'_>) -> Outcome {
        let Some(before) = self.get(key).cloned() else {
            let created = self.create(kind, key.clone(), wanted.clone(), write)?;
            self.record_applied(key, write.manager, wanted);
            return Ok(created);
        };
        let mut object = Value::clone(&before);
        apply::merge(kind.schema(), &mut object, &self.applied(key, write.manager), &wanted);
        let updated = self.update(kind, key, object, write)?;
        self.record_applied(key, write.manager, wanted);
        Ok(updated)
    }

    /// Deletes an object, or marks it for deletion. Returns `None` if the object is gone.
    pub(super) fn delete(
        &mut self,
        kind: &'static Kind,
        key: &Key,
        preconditions: &Value,
    ) -> Result<Option<Arc<Value>>, Refusal> {
        let before = Arc::clone(self.get(key).ok_or_else(|| Refusal::not_found(kind.plural, &key.name))?);
        for field in ["uid", "resourceVersion"] {
            if preconditions.get(field).is_some_and(|wanted| *wanted != before["metadata"][field]) {
                return Err(Refusal::conflict(kind.plural, &key.name));
            }
        }
        let is_namespace = kind.plural == Kind::namespaces().plural;
        if finalizers(&before).is_empty() && !is_namespace {
            self.remove(key, Value::clone(&before));
            return Ok(None);
        }
        if before["metadata"].get("deletionTimestamp").is_none() {
            let mut object = Value::clone(&before);
            object["metadata"]["deletionTimestamp"] = json!(self.now());
            object["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            if kind.is_custom {
                // Source: Kubernetes, apiserver, `rest.BeforeDelete`: the mark for deletion raises the generation.
                raise_generation(&mut object);
            }
            self.put(key, "MODIFIED", object);
        }
        if is_namespace {
            self.delete_with_contents(&key.name)?;
        }
        Ok(self.get(key).cloned())
    }

    /// Deletes a namespace like kube-controller-manager: first its objects, then the namespace itself.
    fn delete_with_contents(&mut self, namespace: &str) -> Result<(), Refusal> {
        for key in self.keys_in(namespace) {
            let Some(object) = self.get(&key) else { continue };
            let api_version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            if let Some(kind) = Kind::served(group, version, key.plural) {
                self.delete(kind, &key, &Value::Null)?;
            }
        }
        self.delete_if_empty(namespace);
        Ok(())
    }

    fn delete_if_empty(&mut self, namespace: &str) {
        let key = namespace_key(namespace);
        let terminating =
            self.get(&key).filter(|namespace| namespace["metadata"].get("deletionTimestamp").is_some()).cloned();
        if let Some(terminating) = terminating.filter(|_| self.keys_in(namespace).is_empty()) {
            self.put(&key, "DELETED", Value::clone(&terminating));
        }
    }

    fn remove(&mut self, key: &Key, object: Value) -> Arc<Value> {
        let removed = self.put(key, "DELETED", object);
        if !key.namespace.is_empty() {
            self.delete_if_empty(&key.namespace);
        }
        removed
    }

    /// Records the field manager of a write in `managedFields`. The written fields are not recorded.
    fn record_manager(&self, object: &mut Value, write: Write<'_>) {
        let Write { manager, operation, is_status } = write;
        let mut entry = json!({
            "manager": manager, "operation": operation, "time": self.now(), "apiVersion": object["apiVersion"],
            "fieldsType": "FieldsV1", "fieldsV1": {},
        });
        if is_status {
            entry["subresource"] = json!("status");
        }
        let entries = &mut object["metadata"]["managedFields"];
        if !entries.is_array() {
            *entries = json!([]);
        }
        let is_same = |other: &Value| {
            ["manager", "operation", "subresource"].iter().all(|field| other.get(field) == entry.get(field))
        };
        if let Some(entries) = entries.as_array_mut() {
            entries.retain(|other| !is_same(other));
            entries.push(entry);
        }
    }
}

/// Returns the new object with the present values of the fields that clients cannot write.
fn with_immutable_fields(kind: &Kind, before: &Value, mut object: Value) -> Result<Value, Refusal> {
    let old = &before["metadata"];
    let is_being_deleted = old.get("deletionTimestamp").is_some();
    let added = finalizers(&object).iter().any(|one| !finalizers(before).contains(one));
    if is_being_deleted && added {
        return Err(Refusal::invalid(
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted",
        ));
    }
    for field in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
    ] {
        match old.get(field) {
            Some(value) => object["metadata"][field] = value.clone(),
            None => remove(&mut object["metadata"], field),
        }
    }
    if kind.is_custom {
        object["status"] = before["status"].clone();
    }
    object["apiVersion"] = before["apiVersion"].clone();
    object["kind"] = before["kind"].clone();
    Ok(object)
}

fn namespace_key(name: &str) -> Key {
    Key { plural: Kind::namespaces().plural, namespace: String::new(), name: name.to_owned() }
}

/// Brings an object of a CRD into its stored form, and refuses one that exceeds the bounds of its schema.
fn prune_and_set_defaults(kind: &Kind, object: &mut Value) -> Result<(), Refusal> {
    let Some(members) = object.as_object_mut() else { return Ok(()) };
    let meta = ["apiVersion", "kind", "metadata"].map(|name| (name, members.remove(name)));
    schema::prune(kind.schema(), object);
    schema::set_defaults(kind.schema(), object);
    let exceeded = schema::exceeded_bound(kind.schema(), object, "");
    for (name, value) in meta {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    exceeded.map_or(Ok(()), |bound| Err(Refusal::invalid(format!("{} is invalid: {bound}", kind.plural))))
}

/// Removes empty fields of metadata, which Kubernetes omits.
fn omit_empty(metadata: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if let Some(members) = metadata.as_object_mut() {
        members.retain(|_, value| !is_empty(value));
    }
}

/// Returns the fields whose changes raise the generation.
fn spec(object: &Value) -> Vec<(&String, &Value)> {
    let members = object.as_object().into_iter().flatten();
    members.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")).collect()
}

fn raise_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_u64().unwrap_or(0);
    object["metadata"]["generation"] = json!(generation + 1);
}

fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"].as_array().map_or(&[][..], Vec::as_slice)
}

fn remove(object: &mut Value, name: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(name);
    }
}
