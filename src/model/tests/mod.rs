//! Tests of the model: each reads as sentences about what the operator decides.

mod checks;
mod claims;
mod found;
mod network_acl;
mod plan;
mod preflight;
mod routes;
mod status;
