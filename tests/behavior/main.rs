//! The behavior that users see, from a spec through AWS to status: the resources in AWS and the reported status, for
//! every kind of request and of failure.
//!
//! Each test has its own AWS account, VPC and namespace: see the crate `support`. The tests run on the simulated
//! backend and, with `MGNET_BACKEND=real`, on a real API server. `tests/e2e` contains the tests that need a real API
//! server.

mod accounts;
mod addresses;
mod adoption;
mod calls;
mod chains;
mod checks;
mod classes;
mod connector;
mod crashes;
mod create;
mod deletion;
mod drift;
mod edits;
mod existing;
mod failures;
mod fairness;
mod faults;
mod graph;
mod limits;
mod lost_answers;
mod on_premises;
mod on_premises_config_map;
mod plan_mode;
mod policies;
mod preflight;
mod private_dns;
mod ready_means_ready;
mod reconcile_requests;
mod refusals;
mod replication_template;
mod resolver_repair;
mod restores;
mod roles;
mod services;
mod status;
mod subnets;
mod suspension;
mod tampering;
mod transfer;
mod version_skew;
mod vpc_leases;
