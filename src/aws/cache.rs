//! A cache of the last answers about each VPC, for observations that do not need newer ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::model::ids::VpcId;

/// The last answer about each VPC, and the time at which AWS returned it.
#[derive(Debug)]
pub(super) struct Cache<T>(Mutex<HashMap<VpcId, (Instant, Arc<T>)>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Cache<T> {
    pub(super) fn of(&self, vpc: &VpcId) -> Option<(Instant, Arc<T>)> {
        self.answers().get(vpc).cloned()
    }

    pub(super) fn keep(&self, vpc: &VpcId, answer: T) {
        self.answers().insert(vpc.clone(), (Instant::now(), Arc::new(answer)));
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<VpcId, (Instant, Arc<T>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
