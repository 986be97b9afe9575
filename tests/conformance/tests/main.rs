//! The cases against the emulator and moto, the path of an AWS account with both of them in its place, and boto3 as a
//! client of the emulator, which shares no code with the Rust SDK. `make test-full` runs the tests with moto and boto3,
//! because both are installed by pip.

#![allow(clippy::expect_used, reason = "a test fails if it cannot be set up")]

mod account;
mod boto3;
mod emulator;
mod foreign;
mod moto;
mod program;
mod python;
