//! Tests of the model: each reads as sentences about what the operator decides.

mod claims;
mod plan;
mod preflight;
mod status;
mod vpc_claim;
