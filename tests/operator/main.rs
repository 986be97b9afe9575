//! The operator as a process, on a real API server, against the emulator of AWS: what users see and what AWS holds.
//!
//! Each test has an AWS account, a VPC and a namespace of its own; see `lab`. What fails, crashes and goes away is told
//! beside this, in `failures.rs`.

mod accounts;
mod addresses;
mod adoption;
mod calls;
mod chains;
mod checks;
mod classes;
mod create;
mod diffs;
mod drift;
mod edits;
mod existing;
mod limits;
mod neighbours;
mod orphans;
mod plan_mode;
mod policies;
mod preflight;
mod private_dns;
mod services;
mod status;
mod subnets;
mod support;
mod tenants;
mod turns;
mod vpc_leases;
