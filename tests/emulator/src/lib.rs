//! A strict model of the AWS services that a migration network uses, with an HTTP server for real AWS SDKs.
//!
//! * [`world`] is the model: EC2, MGN, Route 53, Route 53 Resolver and STS as a pure state machine without IO, clock or
//!   randomness. Each kind of resource has its own module, named after the AWS term.
//! * [`http`] is the server: the protocols of the five services on one port, and a control interface under `/_world/`.
//!
//! Each behavior names its source. Behaviors without a source are marked ASSUMED and listed in `ASSUMPTIONS.md`.

pub mod http;
pub mod world;

pub use http::{Clock, Server, ServerOptions};
