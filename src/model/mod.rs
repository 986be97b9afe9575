//! The decisions of the operator, without IO: no Kubernetes client, no AWS SDK, no runtime, no clock (a test holds that).
//!
//! The way of the data: [`settings`] parses spec and class; [`observed`] is what AWS reports; [`preflight`] and
//! [`desired`] resolve one against the other; [`claims`] take in what was observed; [`plan`] (or [`teardown`]) says which
//! [`step`]s can run now, and [`resources`] takes in what they did; [`status`] tells it all to people.

pub mod claims;
pub mod desired;
mod edits;
pub mod failure;
pub mod ids;
pub mod limits;
pub mod observed;
pub mod owner;
pub mod plan;
pub mod preflight;
pub mod report;
pub mod resources;
pub mod settings;
pub mod slot;
pub mod status;
pub mod step;
mod surplus;
pub mod teardown;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod vpc_claim;
