//! The cases: one file for each subject, each with the table of its cases and one function for each of them.
//!
//! A case gets the target, in which it creates what it needs. It may run in an account with other resources, and next to
//! what earlier cases left, so it looks only at what it created itself. What AWS returns may be out of date for a moment:
//! a case waits for what it expects ([`Target::reaches`](crate::Target)) unless the answer to its own call shows it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a case fails by panicking")]

mod catalogue;
mod client_tokens;
mod dhcp_options;
mod gateway_endpoints;
mod hosted_zones;
mod interface_endpoints;
mod invalid_calls;
mod network_acls;
mod paging;
mod prefix_lists;
mod private_dns;
mod recorded;
mod resolver;
mod routes;
mod security_groups;
mod tags;
mod vpc;
mod vpn_gateways;

use crate::case::Case;

const SUBJECTS: &[&[Case]] = &[
    catalogue::CASES,
    client_tokens::CASES,
    dhcp_options::CASES,
    gateway_endpoints::CASES,
    hosted_zones::CASES,
    interface_endpoints::CASES,
    invalid_calls::CASES,
    network_acls::CASES,
    paging::CASES,
    prefix_lists::CASES,
    private_dns::CASES,
    recorded::CASES,
    resolver::CASES,
    routes::CASES,
    security_groups::CASES,
    tags::CASES,
    vpc::CASES,
    vpn_gateways::CASES,
];

/// Returns all cases by subject.
pub fn all() -> impl Iterator<Item = &'static Case> {
    SUBJECTS.iter().copied().flatten()
}
