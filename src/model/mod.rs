//! The decisions of the operator, without IO: no Kubernetes client, no AWS SDK, no runtime, no clock (a test holds that).
//!
//! The way of the data: [`settings`] (with [`endpoint_settings`] and [`policy`]) parses spec and class; [`observed`] is what
//! AWS reports; [`preflight`] (with `existing`, for what is only used, and `fixed_addresses`) and [`desired`] resolve one
//! against the other; [`claims`] take in what was observed; [`plan`] (with `adoption`, `edits` and `surplus`; or
//! [`teardown`]) says which [`step`]s can run now, and [`resources`] takes in what they did; [`forecast`] says beforehand which
//! all of them would be; [`status`] and [`report`] tell it all to people.

mod adoption;
mod approval;
mod calls;
pub mod claims;
pub mod cost;
pub mod desired;
mod edits;
pub mod endpoint_settings;
mod existing;
pub mod failure;
mod fixed_addresses;
pub mod forecast;
pub mod ids;
pub mod limits;
pub mod observed;
pub mod owner;
pub mod plan;
pub mod planned;
pub mod policy;
pub mod preflight;
pub mod rates;
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
