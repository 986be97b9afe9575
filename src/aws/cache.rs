//! A cache of the last answers about each VPC or prefix list, for observations that do not need newer ones.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

/// The last answer about each resource, by its ID, and the time at which AWS returned it.
#[derive(Debug)]
pub(super) struct Cache<K, T>(Mutex<HashMap<K, (Instant, Arc<T>)>>);

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, T> Cache<K, T> {
    pub(super) fn of(&self, id: &K) -> Option<(Instant, Arc<T>)> {
        self.answers().get(id).cloned()
    }

    pub(super) fn keep(&self, id: &K, answer: T) {
        self.answers().insert(id.clone(), (Instant::now(), Arc::new(answer)));
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<K, (Instant, Arc<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
