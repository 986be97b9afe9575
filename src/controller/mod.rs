//! The only code that runs against the Kubernetes API.
//!
//! [`run()`] watches both kinds. Every reconcile of a network ([`network`]) or a class ([`class`]) runs inside the guard
//! ([`runtime::guard`]), so that one bad object hurts only itself. Of several replicas the leader reconciles
//! ([`leader_election`]); it also searches AWS for orphans ([`orphans`]). [`Store`] is the seam behind which the Kubernetes
//! API lies.

pub(crate) mod class;
mod context;
mod leader_election;
pub(crate) mod network;
pub mod orphans;
mod run;
pub mod runtime;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub use class::usage::{Use, count};
pub use context::{Context, Settings};
pub use leader_election::{Election, LEASE, Lost, RELEASE_WITHIN, Timing};
pub use network::{
    reconcile,
    requeue::{Error, Next},
    vpc_lease::{Listed, VpcClaim, VpcClaims},
};
pub use run::{Options, run};
pub use runtime::{
    guard,
    http::{Readiness, serve},
    metrics::Metrics,
};
pub use store::{Announcement, Key, Store, StoreError, kubernetes::Kubernetes};
