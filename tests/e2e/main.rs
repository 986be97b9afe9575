//! Tests of the operator as a process on a real API server: behavior that only such a server can show, and the
//! interplay of all parts.
//!
//! The subjects are rules and refusals of the API server, columns, server-side apply, RBAC and tenants, watches, kills,
//! elections and deployment. `tests/behavior` tests which resources a spec results in.

mod admission;
mod api_faults;
mod columns;
mod config_maps;
mod connections;
mod deletion_orders;
mod demo;
mod deploy;
mod diffs;
mod disturbed;
mod fixed_fields;
mod hand_off_config_maps;
mod harness;
mod kills;
mod leaders;
mod metrics_authentication;
mod orphans;
mod panics;
mod poison;
mod reconcile_requests;
mod restarts;
mod tenants;
mod traces;
mod transfer;
mod upgrades;
mod watches;
