//! Reconciles over a Kubernetes and an AWS in memory: what is written in which order, and what happens when it fails.

mod classes;
mod config_maps;
mod election;
mod fakes;
mod guard;
mod metrics;
mod orphans;
mod planning;
mod reconcile;
mod reconcile_requests;
mod vpc_leases;
