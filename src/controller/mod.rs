//! The only code that runs against the Kubernetes API.
//!
//! [`run()`] watches both kinds. Every reconcile of a network ([`reconcile()`]) or a class runs inside the guard, so that one
//! bad object hurts only itself. Of several processes the one reconciles that [`Election`] finds. [`Store`] is the seam behind which the Kubernetes API lies.

mod backoff;
mod class;
mod class_limits;
mod class_use;
mod context;
mod election;
mod ending;
mod events;
mod guard;
mod kubernetes;
mod leases;
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
mod vpc_claim;

pub use context::{Context, Settings};
pub use election::{Election, LEASE, Lost, RELEASE_WITHIN, Timing};
pub use ending::{Error, Next};
pub use kubernetes::Kubernetes;
pub use probes::{Readiness, serve};
pub use reconcile::reconcile;
pub use run::{Options, run};
pub use store::{Announcement, Key, Store, StoreError};
pub use vpc_claim::{Listed, VpcClaim, VpcClaims};
