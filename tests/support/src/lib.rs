//! The environment that tests, `make demo`, `make up` and `make bench` share: a real Kubernetes control plane with the
//! operator's CRDs and RBAC installed, an AWS emulator, and the operator as a process that uses both.
//!
//! A test reads like this:
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let lab = support::Lab::shared().await?; // one for all tests of the process
//! let site = lab.site("proxies").await?; // an AWS account, a VPC, a namespace and a class, for this test alone
//!
//! let network = site.network("tokyo").proxies(["10.9.0.0/24"]).apply().await?;
//! network.until_ready().await?;
//!
//! network.edit(serde_json::json!({ "proxyCIDRs": null })).await?;
//! network.until_ready().await?;
//!
//! network.delete_and_wait().await?;
//! # Ok(()) }
//! ```
//!
//! The main types: [`Lab`] runs the parts, [`Site`] belongs to one test, [`Network`] edits an object and waits for its
//! conditions, [`Summary`] compares the resources in AWS with the expected ones, [`EmulatorControl`] reads the log of
//! calls and orders faults. Every status of every network is checked against the rules of kstatus, and so is the result
//! of Argo CD's health script for it; a wait fails if a status breaks a rule.

mod api_proxy;
mod api_server;
mod aws;
mod aws_in_process;
pub mod class_limits;
pub mod corruption;
mod emulator;
mod emulator_control;
pub mod failing;
mod folder;
pub mod foreign;
mod forward_proxy;
mod gate;
pub mod health;
pub mod history;
mod http;
mod instance_metadata;
mod inventory;
pub mod kstatus;
mod kubernetes;
#[allow(clippy::module_inception, reason = "the crate is the lab's environment, the module the lab itself")]
mod lab;
mod landing;
pub mod lua;
pub mod mgn;
pub mod misread;
mod network;
mod operator;
mod options;
mod programs;
mod server_certificate;
mod shared;
mod simulated;
mod site;
pub mod state;
mod statuses;
mod summary;
mod tenant;
mod tls_front;
mod trace_collector;
pub mod waiting;

pub use api_proxy::{ApiCall, ApiFault, ApiProxy, CallSite, Conduct, Order, Verb};
pub use api_server::ApiServer;
pub use aws::Aws;
pub use aws_in_process::received;
pub use emulator_control::{Call, EmulatorControl, count_by_action};
pub use forward_proxy::ForwardProxy;
pub use gate::Gate;
pub use instance_metadata::InstanceMetadata;
pub use inventory::Inventory;
pub use kubernetes::{OPERATOR_NAMESPACE, OPERATOR_SERVICE_ACCOUNT, repository};
pub use lab::Lab;
pub use landing::{Landing, PREMISES, SUBNET_TAG, Use, VPC_CIDR, VPC_NAME, make_vpc, route_to_premises};
pub use network::{Network, NetworkBuilder};
pub use operator::Operator;
pub use options::{Clock, Delays, LabOptions, OperatorOptions};
pub use programs::target_folder;
pub use server_certificate::{ServerCertificate, get_by_tls};
pub use shared::ExclusiveLab;
pub use site::{SOURCES, Site, SiteBuilder};
pub use summary::{Expected, Summary};
pub use tenant::{Tenant, send};
pub use tls_front::TlsFront;
pub use trace_collector::{TraceCollector, TraceSpan};

pub use ::emulator::http::{Fault, FaultKind};
