//! Fuzz targets for all external input, valid or not: specs, policies, ranges, and the answers of AWS.
//!
//! Each target is a function of bytes that panics if a property does not hold: [`plans`], [`policies`], [`ranges`],
//! [`refusals`], [`answers`]. `make fuzz` runs libFuzzer, which searches for such bytes. `tests/targets.rs` runs the
//! same functions with a stable compiler on earlier findings (`fuzz/corpus`) and on inputs generated from seeds.
//!
//! Most inputs are read as [`Choices`] instead of text, because a parser would reject most texts at the first comma.
//! [`objects`] generates specs from choices, according to the schema of the CRDs.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a target panics if a property does not hold")]

pub mod answers;
mod choices;
pub mod objects;
pub mod plans;
pub mod policies;
pub mod ranges;
pub mod refusals;
mod wire;

pub use choices::Choices;

/// A target with its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target in `cargo fuzz`.
    pub name: &'static str,
    /// Panics if a property does not hold for these bytes.
    pub check: fn(&[u8]),
    /// The number of seeded inputs that take about ten seconds without optimization, on one core.
    pub inputs: u64,
}

/// All targets.
pub const TARGETS: [Target; 5] = [
    Target { name: "answers", check: answers::check, inputs: 200 },
    Target { name: "plans", check: plans::check, inputs: 2_000 },
    Target { name: "policies", check: policies::check, inputs: 10_000 },
    Target { name: "ranges", check: ranges::check, inputs: 10_000 },
    Target { name: "refusals", check: refusals::check, inputs: 500 },
];
