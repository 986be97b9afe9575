//! The operator as a process on a real API server: what only such a server can show, and that the parts fit.
//!
//! Rules and refusals of the API server, columns, server-side apply, RBAC and tenants, watches, kills, elections, deployment. What
//! comes of a spec is in `tests/behavior`.

mod admission;
mod api_faults;
mod columns;
mod deletion_orders;
mod deploy;
mod diffs;
mod disturbed;
mod fixed_fields;
mod harness;
mod kills;
mod leaders;
mod orphans;
mod panics;
mod poison;
mod restarts;
mod tenants;
mod watches;
