//! The MigrationNetwork operator: from one Kubernetes object to the whole private AWS network of a server migration.
//!
//! # Where to find what
//!
//! | module | what it is | what it must not do |
//! |---|---|---|
//! | [`api`] | what users write and read: the two kinds, conditions and their reasons, the CRDs | parse or decide |
//! | [`model`] | the decisions: settings, preflight, desired, claims, plan, teardown, status | IO, clocks; know a client or SDK |
//! | [`aws`] | the AWS SDK behind [`aws::Cloud`]: observe, carry out one step | decide |
//! | [`controller`] | watch, reconcile, events, probes; the Kubernetes API behind [`controller::Store`] | know the AWS SDK |
//! | [`cli`] | the verbs of the binary, and the reference of the API that one of them writes | |
//! | [`telemetry`] | logs | |
//!
//! # The way of the data
//!
//! [`controller::reconcile`] reads the network afresh, resolves its class, and parses both, with the policies that ConfigMaps
//! hold, into [`model::settings::Settings`]; [`aws::Cloud::observe`] reports what is there; [`model::desired::Desired::resolve`] holds
//! one against the other (the preflight); [`model::claims`] take in what was observed; [`model::plan::plan`] says which
//! steps can run now; they are claimed, carried out, and planned again until none is left; [`model::status`] and
//! [`model::report`] tell what came of it, in one write.

pub mod api;
pub mod aws;
pub mod cli;
pub mod controller;
pub mod model;
mod text;
