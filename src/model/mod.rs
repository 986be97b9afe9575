//! The decisions of the operator, without IO: no Kubernetes client, no AWS SDK, no runtime, no clock (a test holds that).
//!
//! The way of the data: [`settings`] (with [`endpoint_settings`] and [`policy`]) parses spec and class; [`observed`] is what
//! AWS reports; [`preflight`] (its checks are in [`checks`]) and [`desired`] resolve one
//! against the other; [`claims`] take in what was observed; [`plan`] (with `adoption`, `edits` and `surplus`; or
//! [`teardown`]) says which [`step`]s can run now, and [`resources`] takes in what they did; [`forecast`] says beforehand which
//! all of them would be; [`status`] and [`report`] tell it all to people. [`orphans`] stands apart: what is left of networks that are gone.

pub mod claims;
pub mod desired;
pub mod failure;
pub mod ids;
pub mod ingress;
pub mod observed;
pub mod orphans;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod preflight;
pub mod preview;
pub mod request_rates;
pub mod settings;
pub mod slot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod vpc_lease;
