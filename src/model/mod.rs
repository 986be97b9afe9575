//! The decisions of the operator, without IO: no Kubernetes client, no AWS SDK, no runtime, no clock. A test enforces
//! that.
//!
//! The flow of data:
//!
//! - [`settings`] (with [`policy`]) parses the spec and the class, and [`observed`] holds what AWS reports.
//! - [`preflight`] and [`desired`] resolve the settings against the observed VPC.
//! - [`claims`], with the records of [`adoptions`], are updated from the observation.
//! - [`plan`] returns the steps that can run now, and [`observed::resources`] applies their effects. [`preview`]
//!   returns all steps in advance.
//! - [`on_premises`] derives the work of the on-premises teams, the hand-off.
//! - [`status`] reports the result, and [`replication_template`] what MGN's own template has to be.
//!
//! [`transfer`] describes how a network moves to another cluster. [`orphans`] is separate: it finds the resources of networks that no longer exist.

pub mod access;
pub mod adoptions;
pub mod claims;
pub mod desired;
pub mod failure;
pub mod ids;
pub mod ingress;
pub mod mgn_buckets;
pub mod observed;
pub mod on_premises;
pub mod orphans;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod preflight;
pub mod preview;
pub mod replication_template;
pub mod request_rates;
pub mod settings;
pub mod slot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod vpc_lease;
