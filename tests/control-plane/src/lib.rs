//! A real Kubernetes control plane on the loopback interface, for tests and for the demo.
//!
//! [`ControlPlane::start`] starts etcd, kube-apiserver and kube-controller-manager (of the versions that `go.mod` pins,
//! unless this machine has others) on free ports, with a data folder of their own and with RBAC. There are no nodes:
//! Pods are stored, but never run, so an operator under test is started as an ordinary process with a kubeconfig.
//! Everything else is real: schema defaults, CEL rules, field selectors, conflicts, watches, finalizers.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let control_plane = control_plane::ControlPlane::start()?;
//! control_plane.kubectl().args(["get", "namespaces"]).status()?;
//! # Ok(()) }
//! ```
//!
//! The first start on a machine may build the programs, which takes minutes; see `build.sh` beside this crate. All
//! servers end when the value is dropped, and also when the process that holds it is killed: see [`supervised`], which
//! also starts other programs of a test (the operator, the AWS emulator).
//!
//! [`Assets`] finds the programs, [`control_plane`](ControlPlane) has flags and readiness, and [`supervised`] starts
//! and ends processes. This crate does not depend on the operator.

mod assets;
mod control_plane;
mod data_folder;
mod kubeconfig;
pub mod supervised;

pub use assets::Assets;
pub use control_plane::{ControlPlane, Server};
pub use supervised::Supervised;
