//! Runs Flux's own kustomize-controller against a real API server with the real operator: the manifests in `deploy/flux` are
//! applied as they are, and commits to the repositories that they name are artifacts that this test serves, in place of
//! source-controller.
//!
//! `make test-full` runs these tests, because `tests/tools/build.sh flux` compiles the controller for some minutes.

mod artifacts;
mod cluster;
mod deletion;
mod edits;
mod kustomization;
mod rest;
mod stages;
