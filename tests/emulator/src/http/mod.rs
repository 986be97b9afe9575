//! The HTTP server of the emulator: the AWS protocols on one port, and a control interface under `/_world/`.
//!
//! This module contains no AWS behavior. It parses requests, passes them to the [`World`](crate::world::World),
//! writes the answers, and applies injected faults.

mod aws;
mod call;
mod clock;
mod connection;
mod control;
mod credentials;
mod direct;
mod faults;
mod in_process;
mod journal;
mod json;
mod query;
mod reply;
mod rest;
mod rest_json;
mod server;
mod shared;
mod xml;

pub use self::{
    clock::Clock,
    direct::{Answer, Direct},
    faults::{Fault, FaultKind, FaultStatus},
    in_process::InProcess,
    journal::Entry,
    server::{Server, ServerOptions},
};
