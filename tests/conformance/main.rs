//! Tests of the emulator with independent code: moto, another model of AWS, and boto3, a client that shares no code
//! with the Rust SDK. `make test-full` runs these tests, because both are installed by pip.

#![allow(clippy::expect_used, reason = "a test fails if it cannot be set up")]

mod boto3;
mod moto;
mod python;
