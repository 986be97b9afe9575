//! Runs Argo CD's own controllers against a real API server with the real operator: the Applications in `deploy/argocd`
//! are applied with the URLs of Git repositories on this machine.
//!
//! `make test-full` runs these tests: `tests/tools/build.sh argocd` compiles Argo CD for some minutes, and they need redis,
//! which `tests/gitops/install.sh` installs.

mod application;
mod cluster;
mod deletion;
mod edits;
mod git;
mod lua;
mod processes;
mod rest;
mod sync;
