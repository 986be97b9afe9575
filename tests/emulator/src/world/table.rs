//! The resources of one kind, and how late a caller sees that one came or went.
//!
//! EC2 is eventually consistent: a describe right after a create may not find the resource. Source: EC2 API Reference,
//! "Eventual consistency". A table keeps the truth; [`Lag`] says how far behind it callers are.

use std::{collections::BTreeMap, time::Duration};

use super::{error::AwsError, ids::ResourceId};

/// How far behind the truth a caller's view is. Zero in both fields means that callers see the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lag {
    /// For so long a new resource is not listed, and its id answers `*.NotFound`.
    pub new_invisible_for: Duration,
    /// For so long a deleted resource is still listed, as it was when it was deleted.
    pub deleted_visible_for: Duration,
}

/// The moment a caller looks, and how far behind the truth it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    /// World time.
    pub(crate) now: Duration,
    /// The caller's lag.
    pub(crate) lag: Lag,
}

/// Resources by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, Row<V>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row<V> {
    value: V,
    /// `None`: it was there from the start.
    born: Option<Duration>,
    gone: Option<Duration>,
}

impl<V> Row<V> {
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
    /// Adds a resource that is born now.
    pub(crate) fn insert(&mut self, id: K, value: V, now: Duration) {
        self.rows.insert(id, Row { value, born: Some(now), gone: None });
    }

    /// Adds a resource that nobody made, and that everybody always sees.
    pub(crate) fn insert_from_the_start(&mut self, id: K, value: V) {
        self.rows.insert(id, Row { value, born: None, gone: None });
    }

    /// Removes a resource; callers with a lag go on seeing it for a while.
    pub(crate) fn remove(&mut self, id: &K, sight: Sight) {
        if sight.lag.deleted_visible_for.is_zero() {
            self.rows.remove(id);
        } else if let Some(row) = self.rows.get_mut(id) {
            row.gone = Some(sight.now);
        }
        self.rows.retain(|_, row| row.gone.is_none_or(|gone| sight.now < gone + sight.lag.deleted_visible_for));
    }

    /// The resource, if it exists in truth.
    pub(crate) fn get(&self, id: &K) -> Option<&V> {
        self.rows.get(id).filter(|row| row.gone.is_none()).map(|row| &row.value)
    }

    /// The resource, if it exists in truth, to be changed.
    pub(crate) fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        self.rows.get_mut(id).filter(|row| row.gone.is_none()).map(|row| &mut row.value)
    }

    /// All that exist in truth, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().filter(|(_, row)| row.gone.is_none()).map(|(id, row)| (id, &row.value))
    }

    /// All that exist in truth, by id, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.rows.iter_mut().filter(|(_, row)| row.gone.is_none()).map(|(id, row)| (id, &mut row.value))
    }

    /// All that exist in truth.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// All that a caller sees listed, by id.
    pub(crate) fn listed(&self, sight: Sight) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter().filter(move |(_, row)| row.is_visible(sight)).map(|(id, row)| (id, &row.value))
    }

    /// The resource that a caller names in order to read it: also one that is gone, while it is still seen.
    pub(crate) fn read(&self, text: &str, sight: Sight) -> Result<(K, &V), AwsError> {
        let id = K::parse(text)?;
        match self.rows.get(&id).filter(|row| row.is_visible(sight)) {
            Some(row) => Ok((id, &row.value)),
            None => Err(id.not_found()),
        }
    }

    /// The resource that a caller names in order to use or change it: it must exist, and be visible to the caller.
    ///
    /// Source: EC2 API Reference, "Eventual consistency": a call that uses a resource just created may answer NotFound.
    pub(crate) fn find(&self, text: &str, sight: Sight) -> Result<(K, &V), AwsError> {
        let id = K::parse(text)?;
        match self.rows.get(&id).filter(|row| row.gone.is_none() && row.is_visible(sight)) {
            Some(row) => Ok((id, &row.value)),
            None => Err(id.not_found()),
        }
    }
}
