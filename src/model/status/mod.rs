//! Derives the status of a network, its conditions and its inventory, and the conditions of a class.

mod approval;
pub mod class;
pub mod conditions;
pub mod inventory;
mod verdict;
mod waiting;
mod who_must_act;

pub use verdict::{ResolverHealth, StepFailure, Verdict};
pub use who_must_act::WhoMustAct;
