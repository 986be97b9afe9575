//! `managementPolicy: Plan`: which calls 'Enforce' would make, how long they take and what they cost.

pub mod cost;
pub mod forecast;
pub mod status;
