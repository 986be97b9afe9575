//! The controller: watches networks and classes, and reconciles them. No other module calls the Kubernetes API.
//!
//! [`run()`] watches both kinds. Every reconcile of a network ([`network`]) or a class ([`class`]) runs inside the
//! guard ([`runtime::guard`]), so that one bad object affects only itself. Only the leader reconciles
//! ([`leader_election`]) and searches AWS for orphans ([`orphans`]). All access to the Kubernetes API passes through
//! [`Store`].

pub(crate) mod class;
mod context;
mod dispatch;
mod leader_election;
pub(crate) mod network;
pub mod orphans;
mod projection;
mod reconcile_request;
mod run;
pub mod runtime;
mod stop;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod wake;

pub use class::usage::{Use, count};
pub use context::{Context, Settings};
pub use dispatch::{Dispatch, Guarded, KnownNetworks};
pub use leader_election::{Election, LEASE, Lost, RELEASE_WITHIN, Timing};
pub use network::reconcile;
pub use run::{RunOptions, run};
pub use runtime::{
    Next, guard,
    http::{Reports, serve_probes},
    metrics::Metrics,
    metrics_endpoint::{Certificate, CertificateError, MetricsAccess, Readers, serve_metrics},
    readiness::Readiness,
};
pub use store::{
    Announcement, ConfigMaps, Key, ListedNetwork, Store, StoreError, VpcLease, VpcLeases, kubernetes::Kubernetes,
};
