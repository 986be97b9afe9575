//! The only code that runs against the Kubernetes API.
//!
//! [`run()`] watches both kinds. Every reconcile of a network ([`reconcile()`]) or a class runs inside the guard, so that one
//! bad object hurts only itself. Of several processes the one reconciles that [`Election`] finds; that one also
//! looks for what networks that are gone have left in AWS ([`orphans`]). [`Store`] is the seam behind which the Kubernetes API lies.

mod backoff;
mod class;
mod class_limits;
mod class_use;
mod context;
mod election;
mod ending;
mod events;
pub mod guard;
mod kubernetes;
mod leases;
mod metrics;
pub mod orphans;
mod planning;
mod probes;
mod reconcile;
mod run;
mod steps;
mod store;
mod subject;
mod teardown;
#[cfg(test)]
mod tests;
mod turns;
mod vpc_claim;
mod watching;

pub use class_use::{Use, count};
pub use context::{Context, Settings};
pub use election::{Election, LEASE, Lost, RELEASE_WITHIN, Timing};
pub use ending::{Error, Next};
pub use kubernetes::Kubernetes;
pub use metrics::Metrics;
pub use probes::{Readiness, serve};
pub use reconcile::reconcile;
pub use run::{Options, run};
pub use store::{Announcement, Key, Store, StoreError};
pub use vpc_claim::{Listed, VpcClaim, VpcClaims};
