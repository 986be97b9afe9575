//! What others say of the emulator: moto, a model of AWS that others wrote, and boto3, a client that shares no code with the Rust
//! SDK. `make test-full` runs these tests, as both are installed by pip.

#![allow(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod boto3;
mod moto;
mod python;
