//! A strict model of the parts of AWS that a migration network is made of, and an HTTP front that real AWS SDKs can talk to.
//!
//! * [`world`] is the model: EC2, Route 53, Route 53 Resolver and STS as a pure state machine, without IO, clock and
//!   randomness. Each kind of resource has a module of its own, named as AWS names it.
//! * [`http`] is the front: the protocols of the four services on one port, and a control interface under `/_world/`.
//!
//! Every behaviour names its source. What is only assumed is marked so, and listed in `ASSUMPTIONS.md`.

pub mod http;
pub mod world;

pub use http::{Clock, Server, ServerOptions};
