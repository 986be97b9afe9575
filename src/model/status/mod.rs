//! What a network's status reports: conditions and the inventory.

mod approval;
pub mod conditions;
pub mod inventory;
mod verdict;
mod waiting;
mod who_must_act;

pub use verdict::{StepFailure, Verdict};
pub use who_must_act::WhoMustAct;
