//! The world behind HTTP: the protocols of AWS on one port, and a control interface under `/_world/`.
//!
//! Nothing here knows what AWS does; it only reads requests, asks the [`World`](crate::world::World), writes answers, and
//! spoils some of them on request.

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
