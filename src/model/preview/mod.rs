//! Previews a network with `managementPolicy: Plan`: the calls that 'Enforce' would make, their duration and their
//! cost.

pub mod cost;
pub mod forecast;
pub mod status;
