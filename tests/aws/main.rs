//! The AWS layer against a model of AWS, through the real SDK and real HTTP: what it makes is what it then sees, with no
//! more calls than that needs; and every way of failing is told apart.

#![allow(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod changing;
mod failing;
mod identity;
mod observing;
mod site;
