//! The lab does what tests rely on, and what lies in `deploy/` is what runs in it.

mod deploy;
mod harness;
