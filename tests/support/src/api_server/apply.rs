//! Server-side apply: the configuration of a field manager is merged into the object. Fields that the manager applied
//! before, but no longer applies, are removed, unless another writer has changed them since.
//!
//! Source: Kubernetes documentation, "Server-Side Apply", "Merge strategy". Conflicts between managers are not modeled.

use serde_json::{Map, Value};

use super::schema::field;

/// Merges `new` into `live`. It replaces `last`, the previous configuration of the same manager, or null.
pub(super) fn merge(schema: &Value, live: &mut Value, last: &Value, new: &Value) {
    match (&mut *live, new) {
        (Value::Object(members), Value::Object(wanted)) => {
            for (name, value) in wanted {
                let present = members.entry(name.clone()).or_insert(Value::Null);
                merge(field(schema, name), present, &last[name], value);
            }
            for (name, value) in last.as_object().unwrap_or(&Map::new()) {
                if !wanted.contains_key(name) {
                    remove_field(members, name, value);
                }
            }
        }
        (Value::Array(items), Value::Array(wanted)) => match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => merge_set(items, last, wanted),
            Some("map") => merge_map(schema, items, last, wanted),
            _ => wanted.clone_into(items),
        },
        _ => new.clone_into(live),
    }
}

/// Removes a field as far as it still has the applied value.
fn remove_field(members: &mut Map<String, Value>, name: &str, last: &Value) {
    let Some(live) = members.get_mut(name) else { return };
    let is_empty = match (&mut *live, last) {
        (Value::Object(inner), Value::Object(last)) => {
            last.iter().for_each(|(name, last)| remove_field(inner, name, last));
            inner.is_empty()
        }
        (live, last) => live == last,
    };
    if is_empty {
        members.remove(name);
    }
}

fn merge_set(items: &mut Vec<Value>, last: &Value, wanted: &[Value]) {
    let dropped = |item: &Value| last.as_array().is_some_and(|last| last.contains(item)) && !wanted.contains(item);
    items.retain(|item| !dropped(item));
    *items = in_order(items, wanted, |one, other| one == other, |_, item| item.clone());
}

fn merge_map(schema: &Value, items: &mut Vec<Value>, last: &Value, wanted: &[Value]) {
    let keys: Vec<&str> =
        schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let same = |one: &Value, other: &Value| keys.iter().all(|key| one[key] == other[key]);
    let last = last.as_array().map_or(&[][..], Vec::as_slice);
    let is_in = |list: &[Value], item: &Value| list.iter().any(|other| same(item, other));
    items.retain(|item| !is_in(last, item) || is_in(wanted, item));
    *items = in_order(items, wanted, same, |present, item| {
        let before = last.iter().find(|other| same(item, other)).unwrap_or(&Value::Null);
        let mut merged = present.cloned().unwrap_or_default();
        merge(&schema["items"], &mut merged, before, item);
        merged
    });
}

/// Merges two lists. The `wanted` items keep their order, and an item that is only in `present` precedes the item
/// that follows it in that list.
///
/// Source: structured-merge-diff, `typed/merge.go`, `visitListItems`.
fn in_order(
    present: &[Value],
    wanted: &[Value],
    same: impl Fn(&Value, &Value) -> bool,
    merged: impl Fn(Option<&Value>, &Value) -> Value,
) -> Vec<Value> {
    let (mut present_left, mut wanted_left, mut all) =
        (present.iter().peekable(), wanted.iter().peekable(), Vec::new());
    loop {
        let is_wanted = |item: &Value, wanted: &[Value]| wanted.iter().any(|other| same(item, other));
        let taken = wanted.len() - wanted_left.len();
        if present_left.next_if(|item| is_wanted(item, &wanted[..taken])).is_some() {
            continue;
        }
        if let Some(item) = present_left.next_if(|item| !is_wanted(item, wanted)) {
            all.push(item.clone());
        } else if let Some(item) = wanted_left.next() {
            all.push(merged(present.iter().find(|other| same(item, other)), item));
        } else {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_no_longer_applied_are_removed_and_fields_of_others_stay() {
        let schema = json!({ "properties": { "spec": { "properties": {
            "set": { "x-kubernetes-list-type": "set" },
            "map": { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {} },
        } } } });
        let last =
            json!({ "spec": { "set": ["a", "b"], "map": [{ "name": "x", "at": 1 }, { "name": "y" }], "old": 1 } });
        let mut live = last.clone();
        live["spec"]["set"] = json!(["a", "b", "theirs"]);
        live["spec"]["theirs"] = json!(true);
        live["spec"]["map"][0]["theirs"] = json!(2);
        let new = json!({ "spec": { "set": ["b", "c"], "map": [{ "name": "x", "at": 3 }] } });
        merge(&schema, &mut live, &last, &new);
        let wanted = json!({ "spec": {
            "set": ["b", "theirs", "c"], "map": [{ "name": "x", "at": 3, "theirs": 2 }], "theirs": true,
        } });
        assert_eq!(live, wanted);
    }
}
