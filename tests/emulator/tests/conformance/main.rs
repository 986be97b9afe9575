//! The behavior of the emulator, tested with real SDK clients: one file for each subject, and one test with a source
//! for each behavior.
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
mod invalid_calls;
mod mgn;
mod network_acls;
mod paging;
mod prefix_lists;
mod private_dns;
mod protocol;
mod recorded;
mod resolver;
mod routes;
mod security_groups;
mod sharing;
mod sts;
mod support;
mod tags;
mod throttling;
mod views;
mod vpc;
mod vpn_gateways;
