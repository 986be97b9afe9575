//! What users see and what AWS holds, whatever is asked for and whatever fails: from a spec to AWS to status.
//!
//! Each test has an AWS account, a VPC and a namespace of its own; see the crate `support`. The tests run on the simulated backend,
//! and with `MGNET_BACKEND=real` on a real API server. What only a real one can show is in `tests/e2e`.

mod accounts;
mod addresses;
mod adoption;
mod calls;
mod chains;
mod checks;
mod classes;
mod crashes;
mod create;
mod deletion;
mod drift;
mod edits;
mod existing;
mod faults;
mod limits;
mod lost_answers;
mod plan_mode;
mod policies;
mod preflight;
mod private_dns;
mod services;
mod status;
mod subnets;
mod suspension;
mod tampering;
mod trouble;
mod turns;
mod vpc_leases;
