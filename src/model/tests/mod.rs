//! Tests of the model: each reads as sentences about what the operator decides.

mod addresses;
mod adoption;
mod claims;
mod endpoints;
mod existing;
mod forecast;
mod limits;
mod paths;
mod plan;
mod planned;
mod preflight;
mod status;
mod values;
mod vpc_claim;
