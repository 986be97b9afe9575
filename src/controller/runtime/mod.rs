//! The runtime of reconciles: watches, the queue, the guard, back-off, probes and metrics.

pub(crate) mod backoff;
pub(crate) mod fair_queue;
pub mod guard;
pub(crate) mod http;
pub(crate) mod metrics;
pub(crate) mod metrics_endpoint;
pub(crate) mod readiness;
pub(crate) mod watch;

use std::time::Duration;

/// When to reconcile an object again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// After this delay.
    After(Duration),
    /// Only when the object changes.
    OnChange,
}
