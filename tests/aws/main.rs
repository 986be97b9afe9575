//! Tests the AWS layer with the emulator, through the real SDK and real HTTP: it observes what it created, with no more
//! calls than necessary, and distinguishes every class of failure.

#![allow(clippy::expect_used, reason = "a test fails if it cannot be set up")]

mod changing;
mod failing;
mod identity;
mod observing;
mod replication_templates;
mod site;
