//! The MigrationNetwork operator: it builds the private AWS network of a server migration from one Kubernetes object.
//!
//! # Modules
//!
//! | module | contents | rule |
//! |---|---|---|
//! | [`api`] | the Kubernetes API: the two kinds, conditions and their reasons, the CRDs | parses and decides nothing |
//! | [`model`] | the decisions: settings, preflight, desired state, claims, plan, status | no IO, clock or client |
//! | [`aws`] | the AWS SDK behind [`aws::Cloud`], which observes AWS and executes single steps | decides nothing |
//! | [`controller`] | watches, reconciles, events; the Kubernetes API behind [`controller::Store`] | no AWS SDK |
//! | [`graph`] | the picture of a network, as SVG and Mermaid | no IO |
//! | [`hand_off`] | the hand-off of networks in the formats of the on-premises teams | no IO |
//! | [`cli`] | the commands of the binary, and its logs | |
//! | `text` | functions on text | |
//!
//! # Data flow
//!
//! [`controller::reconcile`] reads the network and its class from the API server, and parses both, together with the
//! policies in ConfigMaps, into [`model::settings::Settings`]. [`aws::Cloud::observe`] returns the
//! [observed](model::observed) state. [`model::preflight`] checks it against the settings, and
//! [`model::desired::Desired::resolve`] returns the desired state. [`model::claims`] take in the observed state, and
//! [`model::plan::plan`] returns the steps that can run now. The steps are claimed and executed, and planning
//! repeats until no step can run. [`model::status`] writes the result into the conditions and lists of the network's
//! status, in one update.

pub mod api;
pub mod aws;
pub mod cli;
pub mod controller;
pub mod graph;
pub mod hand_off;
pub mod model;
mod text;
