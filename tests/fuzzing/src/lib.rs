//! What may come from outside, however wrong: specs, policies, ranges, and what AWS answers.
//!
//! Each target is a function of bytes that panics if something is not as it should be: [`plans`], [`policies`], [`ranges`],
//! [`refusals`], [`answers`]. `make fuzz` has libFuzzer look for such bytes; `tests/targets.rs` runs the same functions on a stable
//! compiler over what was found before (`fuzz/corpus`) and over seeded inputs.
//!
//! Most inputs are read as [`Choices`] rather than as text, so that few of them are refused at the first comma. [`objects`] makes
//! specs out of choices by the schema of the CRDs.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a target panics where something is not as it should be"
)]

pub mod answers;
mod choices;
pub mod objects;
pub mod plans;
pub mod policies;
pub mod ranges;
pub mod refusals;
mod wire;

pub use choices::Choices;

/// A target by its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `cargo fuzz` names it.
    pub name: &'static str,
    /// Panics on bytes with which something is not as it should be.
    pub check: fn(&[u8]),
    /// How many seeded inputs take about ten seconds without optimisation, on one core.
    pub inputs: u64,
}

/// All of them.
pub const TARGETS: [Target; 5] = [
    Target { name: "answers", check: answers::check, inputs: 200 },
    Target { name: "plans", check: plans::check, inputs: 2_000 },
    Target { name: "policies", check: policies::check, inputs: 10_000 },
    Target { name: "ranges", check: ranges::check, inputs: 10_000 },
    Target { name: "refusals", check: refusals::check, inputs: 500 },
];
