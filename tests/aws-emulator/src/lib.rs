//! A strict model of the parts of AWS that a migration network is made of.
//!
//! * [`world`] is the model: EC2, Route 53 Resolver and STS as a pure state machine.
pub mod world;
