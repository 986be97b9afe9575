//! Tests of the model: each reads as sentences about what the operator decides.

mod claims;
mod limits;
mod plan;
mod preflight;
mod status;
mod vpc_claim;
