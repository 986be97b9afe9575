//! Tests of the model: each reads as sentences about what the operator decides.

mod claims;
mod forecast;
mod plan;
mod planned;
mod preflight;
mod status;
