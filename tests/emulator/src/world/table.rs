//! The resources of one kind, and how late callers see that a resource was created, changed or deleted.
//!
//! EC2 is eventually consistent: a describe call right after a create call may not find the resource. Source: EC2 API
//! Reference, "Eventual consistency". A table holds the true state, and [`Lag`] defines how late callers see it.

use std::{collections::BTreeMap, time::Duration};

use super::{error::AwsError, ids::ResourceId};

/// How late a caller sees the true state. Zero in all fields means no lag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lag {
    /// The time for which a new resource is not listed, and its ID returns `*.NotFound`.
    pub new_invisible_for: Duration,
    /// The time for which a changed resource is still listed as it was before.
    pub changes_invisible_for: Duration,
    /// The time for which a deleted resource is still listed, in its last state.
    pub deleted_visible_for: Duration,
}

/// The time of a call, and the lag of its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// The world time.
    pub(crate) now: Duration,
    /// The caller's lag.
    pub(crate) lag: Lag,
}

/// The resources by ID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, Row<V>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row<V> {
    value: V,
    /// The value before the last change, and the time of that change; `None` without a lag.
    before: Option<(V, Duration)>,
    /// The creation time; `None` if the resource existed from the start.
    born: Option<Duration>,
    gone: Option<Duration>,
}

impl<V> Row<V> {
    fn new(value: V, born: Option<Duration>) -> Self {
        Self { value, before: None, born, gone: None }
    }

    /// Returns the value that a caller sees.
    fn seen(&self, sight: Sight) -> &V {
        match &self.before {
            Some((before, at)) if sight.now < *at + sight.lag.changes_invisible_for => before,
            Some(_) | None => &self.value,
        }
    }

    fn is_visible(&self, sight: Sight) -> bool {
        match self.gone {
            None => self.born.is_none_or(|born| sight.now >= born + sight.lag.new_invisible_for),
            Some(gone) => sight.now < gone + sight.lag.deleted_visible_for,
        }
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<K: ResourceId, V> Table<K, V> {
    /// Adds a resource that is created now.
    pub(crate) fn insert(&mut self, id: K, value: V, now: Duration) {
        self.rows.insert(id, Row::new(value, Some(now)));
    }

    /// Adds a resource that exists from the start and is always visible.
    pub(crate) fn insert_from_the_start(&mut self, id: K, value: V) {
        self.rows.insert(id, Row::new(value, None));
    }

    /// Removes a resource. Callers with a lag still see it for a while.
    pub(crate) fn remove(&mut self, id: &K, sight: Sight) {
        if sight.lag.deleted_visible_for.is_zero() {
            self.rows.remove(id);
        } else if let Some(row) = self.rows.get_mut(id) {
            row.gone = Some(sight.now);
        }
        self.rows.retain(|_, row| row.gone.is_none_or(|gone| sight.now < gone + sight.lag.deleted_visible_for));
    }

    /// Returns the resource, if it truly exists.
    pub(crate) fn get(&self, id: &K) -> Option<&V> {
        self.rows.get(id).filter(|row| row.gone.is_none()).map(|row| &row.value)
    }

    /// Returns the resource for changes, if it truly exists.
    pub(crate) fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        self.rows.get_mut(id).filter(|row| row.gone.is_none()).map(|row| &mut row.value)
    }

    /// Returns the resource, if it truly exists, for a change by a caller. Callers with a lag still see it unchanged for a
    /// while.
    pub(crate) fn change(&mut self, id: &K, sight: Sight) -> Option<&mut V>
    where
        V: Clone,
    {
        let row = self.rows.get_mut(id).filter(|row| row.gone.is_none())?;
        let lags = !sight.lag.changes_invisible_for.is_zero();
        row.before = lags.then(|| (row.value.clone(), sight.now));
        Some(&mut row.value)
    }

    /// Returns all existing resources by ID.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().filter(|(_, row)| row.gone.is_none()).map(|(id, row)| (id, &row.value))
    }

    /// Returns all existing resources by ID for changes.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut().filter(|(_, row)| row.gone.is_none()).map(|(id, row)| (id, &mut row.value))
    }

    /// Returns all existing resources.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Returns all resources that a caller sees in lists, by ID.
    pub(crate) fn listed(&self, sight: Sight) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().filter(move |(_, row)| row.is_visible(sight)).map(move |(id, row)| (id, row.seen(sight)))
    }

    /// Returns a resource that a caller names in order to read it. It may be deleted but still visible.
    pub(crate) fn read(&self, text: &str, sight: Sight) -> Result<(K, &V), AwsError> {
        let id = K::parse(text)?;
        match self.rows.get(&id).filter(|row| row.is_visible(sight)) {
            Some(row) => Ok((id, row.seen(sight))),
            None => Err(id.not_found()),
        }
    }

    /// Returns a resource that a caller names in order to use or change it. It must exist and be visible to the
    /// caller.
    ///
    /// Source: EC2 API Reference, "Eventual consistency": a call that uses a new resource may return NotFound.
    pub(crate) fn find(&self, text: &str, sight: Sight) -> Result<(K, &V), AwsError> {
        let id = K::parse(text)?;
        match self.rows.get(&id).filter(|row| row.gone.is_none() && row.is_visible(sight)) {
            Some(row) => Ok((id, &row.value)),
            None => Err(id.not_found()),
        }
    }
}
