//! What the emulator does and AWS does not offer to a client, tested with real SDK clients: options, faults, its clock, the
//! control interface and the state of the world, and what needs two accounts, another partition or an exhausted quota.
//! What AWS does in one account is in `tests/conformance`, whose cases run against the emulator too.
//!
//! All tests are in one program, because linking the EC2 SDK takes longer than all of these tests.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod client_tokens;
mod control;
mod dhcp_options;
mod direct;
mod endpoint_states;
mod faults;
mod gateway_endpoints;
mod hosted_zones;
mod interface_endpoints;
mod mgn;
mod network_acls;
mod paging;
mod private_dns;
mod protocol;
mod recorded;
mod resolver;
mod routes;
mod sharing;
mod sts;
mod support;
mod throttling;
mod views;
